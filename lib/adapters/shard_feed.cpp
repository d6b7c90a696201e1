#include <adapters/shard_feed.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t max_slice = 500;
// A page holds no more text than this, but always one slice.
constexpr std::size_t max_page_text = 8 * 1024 * 1024;
// A page that finds only old tombstones ends after so many slices, so that its caller may stop.
constexpr std::size_t max_slices = 20;

bool take_part(std::string_view& text, std::string_view& part) {
    const std::size_t end = text.find('.');
    part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return end != std::string_view::npos;
}

bool read_number(std::string_view text, std::uint64_t& number) {
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    return fault == std::errc() && end == text.data() + text.size();
}

Error expired(std::string message) { return Error(ErrorCode::cursor_expired, std::move(message)); }

// Puts one document on the page; answers its sequence.
std::uint64_t add_to_page(const Document& document, const ShardCursor& cursor, RecordPage& page) {
    const auto sequence = static_cast<std::uint64_t>(std::get<std::int64_t>(document.index[1]));
    auto stored = read_shard_document(document);
    if (!stored) {
        RecordFault fault;
        fault.id = document.id;
        fault.place = fmt::format("shard {}", document.id);
        fault.error = Error(ErrorCode::invalid_record, stored.error().message);
        page.faults.push_back(std::move(fault));
    } else if (!stored->deleted() || !cursor.listing || sequence > cursor.began) {
        page.records.push_back(to_record(std::move(*stored)));
    }
    return sequence;
}

} // namespace

std::string ShardCursor::text() const {
    return listing ? fmt::format("1.l.{}.{}.{}", epoch, position, began) : fmt::format("1.f.{}.{}.0", epoch, position);
}

Result<ShardCursor> ShardCursor::parse(std::string_view text) {
    ShardCursor cursor;
    std::string_view version;
    std::string_view mode;
    std::string_view epoch;
    std::string_view position;
    const bool whole = take_part(text, version) && take_part(text, mode) && take_part(text, epoch) &&
                       take_part(text, position) && version == "1" && (mode == "l" || mode == "f");
    cursor.listing = mode == "l";
    cursor.epoch = epoch;
    if (!whole || !read_number(position, cursor.position) || !read_number(text, cursor.began))
        return expired("this is no cursor of the local shards; list from the beginning");
    return cursor;
}

Result<ShardCursor> begin_feed(std::string_view text, const ShardSequence& sequence, Timestamp now) {
    if (text.empty()) {
        ShardCursor cursor;
        cursor.epoch = sequence.epoch;
        cursor.began = sequence.last;
        return cursor;
    }
    auto cursor = ShardCursor::parse(text);
    if (!cursor) return cursor;
    // A cursor without an epoch was made before the tenant's first shard.
    if (cursor->epoch.empty()) cursor->epoch = sequence.epoch;
    if (cursor->epoch != sequence.epoch || cursor->position > sequence.last || cursor->began > sequence.last)
        return expired("this cursor belongs to another store of shards, or to a later state of this one; list from "
                       "the beginning");
    const std::uint64_t met = cursor->listing ? std::max(cursor->position, cursor->began) : cursor->position;
    if (met < sequence.horizon_at(now))
        return expired(fmt::format("deletions since this cursor have been forgotten after {} days; list from the "
                                   "beginning",
                                   tombstone_retention.count()));
    return cursor;
}

Async<Result<ShardSlice>> read_slice(Store& store, std::string tenant_id, std::string shard_type_id,
                                     std::uint64_t position, std::size_t limit) {
    Query query;
    if (!shard_type_id.empty())
        query.conditions.emplace_back("shard_type_id", Condition::Comparison::equal, IndexValue(shard_type_id));
    query.conditions.emplace_back("sequence", Condition::Comparison::greater,
                                  IndexValue(static_cast<std::int64_t>(position)));
    query.order.push_back(Order{"sequence", false});
    query.limit = limit;
    auto page = co_await store.query(std::move(tenant_id), std::string(shard_kind), std::move(query));
    if (!page) co_return page.error();
    ShardSlice slice;
    slice.documents = std::move(page->documents);
    slice.complete = page->continuation.empty();
    for (const Document& document : slice.documents)
        if (document.index.size() != 3 || !std::holds_alternative<std::int64_t>(document.index[1]))
            co_return Error(ErrorCode::corrupted, fmt::format("the stored shard {} has no sequence number; restore the "
                                                              "store from a backup",
                                                              document.id));
    co_return slice;
}

Record to_record(StoredShard stored) {
    Record record;
    record.deleted = stored.deleted();
    record.id = std::move(stored.shard.id);
    if (!record.deleted) record.fields = std::move(stored.shard.structured_data);
    record.version = std::move(stored.shard.etag);
    record.modified_at = stored.shard.updated_at;
    return record;
}

Async<Result<RecordPage>> pull_shards(Runtime runtime, Store& store, std::string tenant_id, PullRequest request) {
    ShardWriter reader(runtime, store, tenant_id);
    // Read before the shards: what is numbered up to here is visible to every later query.
    auto sequence = co_await reader.read_sequence();
    if (!sequence) co_return sequence.error();
    auto begun = begin_feed(request.cursor, *sequence, runtime.clock->now());
    if (!begun) co_return begun.error();
    ShardCursor cursor = std::move(*begun);

    RecordPage page;
    page.listing = cursor.listing;
    if (const auto living = sequence->living.find(request.entity); living != sequence->living.end())
        page.total = living->second;
    else
        page.total = 0;
    page.has_more = true;
    std::size_t text = 0;
    for (std::size_t slices = 0; slices < max_slices && page.has_more; ++slices) {
        const std::size_t met = page.records.size() + page.faults.size();
        if (met >= request.max_records || text > max_page_text) break;
        auto slice = co_await read_slice(store, tenant_id, request.entity, cursor.position,
                                         std::min(max_slice, request.max_records - met));
        if (!slice) co_return slice.error();
        for (const Document& document : slice->documents) {
            text += document.body.size();
            cursor.position = add_to_page(document, cursor, page);
        }
        page.has_more = !slice->complete;
    }
    if (!page.has_more) {
        cursor.position = std::max(cursor.position, sequence->last);
        cursor.listing = false;
    }
    page.next = cursor.text();
    co_return page;
}

} // namespace castiel_sync
