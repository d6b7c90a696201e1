// Cursors and continuations that come back from a store or a caller: refused, or they lead to a place in the list that
// they belong to, and on from there to its end.
#include "fuzzing.hpp"

#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/stores/sqlite.hpp>

#include <adapters/shard_feed.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;

namespace {

constexpr int most_pages = 60; // every list here is shorter
constexpr std::string_view partition = "tenant";
constexpr Timestamp present = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);

class FixedClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() override { return present; }
    [[nodiscard]] std::chrono::nanoseconds monotonic() override { return {}; }
    Async<void> sleep_for(std::chrono::nanoseconds) override { co_return; }
};

const std::array item_kinds{KindDeclaration{"item", {"category", "rank"}, {{{"category", "rank"}}, {{"rank"}}}}};

const std::array<IndexValue, 4> index_values{IndexValue(), IndexValue(std::int64_t{-1}), IndexValue(std::string()),
                                             IndexValue(std::string("b\0c", 3))};

// Everything that is paged through here, made once and only read.
struct World {
    World()
        : memory(make_memory_store(clock, item_kinds)), shard_store(make_memory_store(clock)),
          random(make_seeded_random(1)) {
        make_lines();
        make_shards();
        SqliteOptions options;
        options.path = folder.file("store.db");
        options.synchronous_full = false;
        options.now = [] { return present; };
        options.kinds = item_kinds;
        auto opened = open_sqlite_store(std::move(options));
        require(opened.has_value(), "a store can be made", opened ? "" : opened.error().message);
        sqlite = std::move(*opened);
        std::vector<Write> writes;
        for (std::size_t place = 0; place < index_values.size() * index_values.size(); ++place) {
            Document document;
            document.kind = "item";
            document.id = "id" + std::to_string(place * 7 % 100);
            document.index = {index_values[place % index_values.size()], index_values[place / index_values.size()]};
            document.body = "{}";
            writes.push_back(put(std::move(document)));
        }
        require(sqlite->commit(std::string(partition), writes).has_value(), "a store takes documents");
        require(run(loop, memory->commit(std::string(partition), writes)).has_value(), "a store takes documents");
    }

    void make_lines() {
        std::ofstream file(folder.file("items.jsonl"), std::ios::binary);
        for (int line = 0; line < 12; ++line)
            file << R"({"id":)" << (line % 2 == 0 ? "\"r" + std::to_string(line) + '"' : std::to_string(line)) << "}\n";
        file << "{\"id\":\"r0\"}\nno JSON\nno JSON\n{\"id\":\"\"}\n{\"id\":\"a.b\"}\n" << "{\"id\":\"\\u0000\"}\n";
        file.close();
        JsonlOptions options;
        options.path = folder.path();
        lines = make_jsonl_adapter(std::move(options));
    }

    void make_shards() {
        LocalShards local(runtime(), *shard_store, std::string(partition));
        for (int place = 0; place < 9; ++place) {
            Shard shard;
            shard.id = "shard" + std::to_string(place);
            shard.shard_type_id = place % 4 == 3 ? "other" : "type";
            require(run(loop, local.put(shard, "")).has_value(), "a shard can be written");
        }
        for (const char* id : {"shard1", "shard6"})
            require(run(loop, local.remove("type", id, "")).has_value(), "a shard can be deleted");
        AdapterContext context;
        context.runtime = runtime();
        context.tenant_id = partition;
        shards = local_shards_factory(*shard_store)(context).value();
    }

    [[nodiscard]] Runtime runtime() { return {loop.get_executor(), &clock, random.get()}; }

    TemporaryFolder folder;
    boost::asio::io_context loop;
    FixedClock clock;
    std::unique_ptr<Store> memory;
    std::unique_ptr<Store> shard_store;
    std::unique_ptr<Random> random;
    std::shared_ptr<BlockingStore> sqlite;
    std::shared_ptr<BlockingAdapter> lines;
    std::unique_ptr<Adapter> shards;
};

World& world() {
    static World made;
    return made;
}

struct Listing {
    std::vector<std::string> records;
    std::vector<std::string> faults;
    bool refused = false;
};

// From the cursor to the end.
template <class Pull>
Listing list_from(std::string cursor, std::size_t page_size, Pull&& pull) {
    Listing listing;
    for (int pages = 0; pages < most_pages; ++pages) {
        PullRequest request;
        request.cursor = cursor;
        request.max_records = page_size;
        const Result<RecordPage> page = pull(std::move(request));
        if (!page) {
            require_readable(page.error());
            require(pages == 0, "a cursor of the adapter's own making is taken", cursor);
            require(page.error().code == ErrorCode::cursor_expired, "a cursor that can't be resumed is expired",
                    page.error().message);
            listing.refused = true;
            return listing;
        }
        require(page->records.size() + page->faults.size() <= page_size, "a page is no longer than asked for");
        require(!page->next.empty(), "a page says where the next one begins");
        for (const Record& record : page->records)
            listing.records.push_back(record.id);
        for (const RecordFault& fault : page->faults)
            listing.faults.push_back(fault.place);
        if (!page->has_more) return listing;
        cursor = page->next;
    }
    require(false, "a listing ends", cursor);
    return listing;
}

bool is_suffix(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
    return part.size() <= whole.size() && std::equal(part.rbegin(), part.rend(), whole.rbegin());
}

void check_lines(const std::string& cursor, std::size_t page_size) {
    const auto pull = [](PullRequest request) {
        request.entity = "items";
        return world().lines->pull(request);
    };
    static const Listing whole = list_from("", 100, pull);
    require(whole.records.size() == 12 && whole.faults.size() == 6, "every line is listed");
    const Listing rest = list_from(cursor, page_size, pull);
    if (rest.refused) return;
    require(is_suffix(rest.records, whole.records) && is_suffix(rest.faults, whole.faults),
            "what follows a cursor is the end of the listing", cursor);
}

void check_shards(const std::string& text, std::size_t page_size) {
    const auto parsed = ShardCursor::parse(text);
    if (parsed) {
        const auto again = ShardCursor::parse(parsed->text());
        require(again && again->text() == parsed->text(), "a cursor survives being written", text);
    }
    const auto pull = [](PullRequest request) {
        request.entity = "type";
        return run(world().loop, world().shards->pull(std::move(request)));
    };
    const Listing rest = list_from(text, page_size, pull);
    if (rest.refused || text.empty()) return;
    require(parsed.has_value(), "only a cursor is resumed", text);
    constexpr std::uint64_t last = 11; // shard n was the write n + 1; then came the deletions
    require(parsed->position <= last && parsed->began <= last, "no cursor knows more than was written", text);
    std::vector<std::string> expected;
    for (const std::uint64_t place : {0U, 2U, 4U, 5U, 8U})
        if (place + 1 > parsed->position) expected.push_back("shard" + std::to_string(place));
    const std::uint64_t known = parsed->listing ? std::max(parsed->position, parsed->began) : parsed->position;
    if (known < last - 1) expected.emplace_back("shard1");
    if (known < last) expected.emplace_back("shard6");
    require(rest.records == expected, "what was written behind a cursor is told, and nothing else", text);
}

Query draw_query(FuzzedDataProvider& input, bool ordered) {
    Query query;
    for (auto left = input.ConsumeIntegralInRange(0, 2); left > 0; --left) {
        const std::string field = input.ConsumeBool() ? "category" : "rank";
        const auto how = static_cast<Condition::Comparison>(input.ConsumeIntegralInRange(0, 5));
        if (how == Condition::Comparison::any_of)
            query.conditions.emplace_back(field, std::vector{input.PickValueInArray(index_values),
                                                             input.PickValueInArray(index_values)});
        else
            query.conditions.emplace_back(field, how, input.PickValueInArray(index_values));
    }
    if (ordered)
        for (auto left = input.ConsumeIntegralInRange(0, 2); left > 0; --left)
            query.order.push_back({input.ConsumeBool() ? "category" : "rank", input.ConsumeBool()});
    query.limit = input.ConsumeIntegralInRange<std::size_t>(1, 5);
    return query;
}

// The form in which stores write continuations, with whatever values.
class Forger {
public:
    void number(std::uint64_t value) {
        for (int shift = 56; shift >= 0; shift -= 8)
            byte(static_cast<unsigned>(value >> shift));
    }
    void text(std::string_view value) {
        number(value.size());
        for (const char each : value)
            byte(static_cast<unsigned char>(each));
    }
    void value(const IndexValue& each) {
        byte(static_cast<unsigned>(each.index()));
        if (const auto* integer = std::get_if<std::int64_t>(&each)) number(static_cast<std::uint64_t>(*integer));
        if (const auto* words = std::get_if<std::string>(&each)) text(*words);
    }
    [[nodiscard]] const std::string& written() const { return written_; }

private:
    void byte(unsigned value) {
        constexpr std::string_view digits = "0123456789abcdef";
        written_ += digits[value >> 4 & 15];
        written_ += digits[value & 15];
    }
    std::string written_;
};

// `real`: one that the same query answered, so that its beginning is the query's own.
std::string draw_continuation(FuzzedDataProvider& input, const std::string& real, std::size_t values) {
    if (real.empty() || input.ConsumeBool()) return input.ConsumeRemainingBytesAsString();
    Forger forger;
    forger.text(input.ConsumeBool() ? partition : "");
    for (std::size_t left = values; left > 0; --left)
        forger.value(input.PickValueInArray(index_values));
    forger.text(input.ConsumeRandomLengthString(6));
    forger.text(input.ConsumeRemainingBytesAsString());
    return real.substr(0, 16) + forger.written();
}

struct Walk {
    std::vector<std::string> ids;
    std::string second; // where the second page begins
    bool refused = false;
};

template <class Ask>
Walk walk(Query query, Ask&& ask) {
    Walk result;
    for (int pages = 0; pages < most_pages; ++pages) {
        auto page = ask(query);
        if (!page) {
            require_readable(page.error());
            require(page.error().code == ErrorCode::invalid_request, "a faulty question is the caller's fault",
                    page.error().message);
            require(pages == 0, "a continuation of the store's own making is taken", page.error().message);
            result.refused = true;
            return result;
        }
        require(page->first.size() <= query.limit, "a page is no longer than asked for");
        result.ids.insert(result.ids.end(), page->first.begin(), page->first.end());
        if (pages == 0) result.second = page->second;
        if (page->second.empty()) return result;
        query.continuation = page->second;
    }
    require(false, "a query ends");
    return result;
}

bool is_part(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
    auto place = whole.begin();
    for (const std::string& each : part) {
        place = std::find(place, whole.end(), each);
        if (place == whole.end()) return false;
        ++place;
    }
    return true;
}

using Page = Result<std::pair<std::vector<std::string>, std::string>>;

Page page_of(Result<DocumentPage> answer) {
    if (!answer) return answer.error();
    std::pair<std::vector<std::string>, std::string> page;
    for (const Document& document : answer->documents)
        page.first.push_back(document.id);
    page.second = std::move(answer->continuation);
    return page;
}

Page page_of(Result<ScanPage> answer) {
    if (!answer) return answer.error();
    std::pair<std::vector<std::string>, std::string> page;
    for (const ScannedDocument& scanned : answer->documents)
        page.first.push_back(scanned.document.id);
    page.second = std::move(answer->continuation);
    return page;
}

// Walks through the query, and again from a place that was forged.
template <class Ask>
std::vector<std::string> check_walk(FuzzedDataProvider& input, Query query, Ask&& ask) {
    const Walk whole = walk(query, ask);
    if (whole.refused) return {"refused"};
    query.continuation = draw_continuation(input, whole.second, query.order.size());
    const Walk rest = walk(query, ask);
    require(is_part(rest.ids, whole.ids), "a continuation leads to a place in its own list");
    return whole.ids;
}

void check_stores(FuzzedDataProvider& input) {
    const bool scans = input.ConsumeBool();
    const bool sqlite_forged = input.ConsumeBool();
    const Query query = draw_query(input, !scans);
    const auto ask_memory = [&](const Query& asked) {
        return scans ? page_of(run(world().loop, world().memory->scan("item", asked)))
                     : page_of(run(world().loop, world().memory->query(std::string(partition), "item", asked)));
    };
    const auto ask_sqlite = [&](const Query& asked) {
        return scans ? page_of(world().sqlite->scan("item", asked))
                     : page_of(world().sqlite->query(std::string(partition), "item", asked));
    };
    FuzzedDataProvider nothing(nullptr, 0);
    auto in_memory = check_walk(sqlite_forged ? nothing : input, query, ask_memory);
    auto on_disk = check_walk(sqlite_forged ? input : nothing, query, ask_sqlite);
    if (scans) { // in whatever order
        std::sort(in_memory.begin(), in_memory.end());
        std::sort(on_disk.begin(), on_disk.end());
    }
    require(in_memory == on_disk, "both stores answer the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    const auto which = input.ConsumeIntegralInRange(0, 3);
    if (which >= 2) return check_stores(input), 0;
    const auto page_size = input.ConsumeIntegralInRange<std::size_t>(1, 7);
    const std::string cursor = input.ConsumeRemainingBytesAsString();
    which == 0 ? check_lines(cursor, page_size) : check_shards(cursor, page_size);
    return 0;
}
