#include <adapters/rest/rest_adapter.hpp>

#include <adapters/rest/values.hpp>
#include <core/http_date.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

using Kind = RestPaging::Kind;

constexpr std::size_t most_payload_bytes = 64 * 1024;

std::optional<Timestamp> server_time(const HttpHeaders& headers, Timestamp now) {
    const std::string* date = headers.find("Date");
    return date == nullptr ? std::nullopt : parse_http_date(*date, now);
}

RecordFault fault_of(const json::value& row, const std::string& id, const std::string& place, Error error) {
    RecordFault fault;
    fault.id = id;
    fault.place = place;
    fault.error = Error(error.code, fmt::format("{}: {}", place, error.message));
    fault.payload = to_json(row);
    if (fault.payload.size() > most_payload_bytes) fault.payload.resize(most_payload_bytes);
    return fault;
}

// Of a page of which a part was answered before. Where it was read anew it may be another one: it goes on after the row
// that was answered last, if that can only have moved up, and is answered as a whole otherwise. Twice does no harm.
std::size_t first_unanswered(const RestPage& page, const RestCursor& cursor) {
    const std::uint64_t first = page.skipped + cursor.skip;
    if (cursor.skip == 0) return page.skipped;
    const auto found = std::find(page.ids.begin(), page.ids.end(), cursor.last);
    if (first <= page.ids.size() && page.ids[first - 1] == cursor.last) return first;
    const auto after = static_cast<std::size_t>(found - page.ids.begin()) + 1;
    return cursor.last.empty() || found == page.ids.end() || after > first ? page.skipped : after;
}

bool is_url(const RestRows& rows) { return rows.paging.kind == Kind::link || rows.paging.kind == Kind::next_url; }

} // namespace

Async<Result<>> RestAdapter::begin(const RestEntity& entity, const std::string& name, RestCursor& cursor) {
    cursor.feed = !entity.list;
    if (!entity.list || !entity.changes || !entity.changes->position) co_return Result<>();
    // Before the first page: what changes while the listing is read is met by the feed.
    auto call = exchange_.call_of(*entity.changes->position, exchange_.variables(name));
    if (!call) co_return call.error();
    auto reply = co_await ask(RestAction::position, std::move(*call));
    if (!reply) co_return reply.error();
    auto position = value_at(entity.changes->position_at, reply->headers, reply->body);
    if (!position || position->is_structured())
        co_return Error(ErrorCode::corrupted,
                        fmt::format("{}, and tells no position where the description says (changes.position.at)",
                                    reply->summary));
    cursor.position = std::move(*position);
    co_return Result<>();
}

Async<Result<RestPage>> RestAdapter::read_rows(const RestEntity& entity, const std::string& name, const RestRows& rows,
                                               RestCursor& cursor, std::string& place) {
    RestPageRequest wanted = page_request(rows, cursor);
    json::object variables = exchange_.variables(name);
    for (auto& member : wanted.variables)
        variables.insert_or_assign(member.key(), std::move(member.value()));
    if (cursor.feed && !cursor.position.is_null()) {
        const auto* text = cursor.position.if_string();
        const bool by_time = entity.changes->by == RestChanges::By::timestamp;
        const auto since = by_time && text != nullptr ? parse_timestamp(*text) : std::nullopt;
        variables.emplace("since", since ? entity.changes->format.write(*since) : cursor.position);
    }
    auto call = exchange_.call_of(rows.request, variables);
    if (!call) co_return call.error();
    if (!wanted.url.empty()) {
        call = exchange_.follow(std::move(*call), wanted.url);
        if (!call) co_return call.error();
    }
    place = fmt::format("{} {}", call->method, call->url.substr(0, call->url.find('?')));
    const std::string held_for = cursor.skip > 0 ? call->method + call->url + call->body : std::string();
    if (held_ && cursor.skip > 0 && held_for == held_for_) {
        RestPage page = std::move(*held_);
        held_.reset();
        co_return page;
    }
    held_.reset();
    held_for_ = call->method + call->url + call->body;
    const RestAction action = cursor.feed ? RestAction::changes : RestAction::list;
    const auto asked = exchange_.runtime().clock->monotonic();
    auto reply = co_await ask(action, std::move(*call));
    if (!reply) {
        Error error = reply.error();
        if (error.code == ErrorCode::not_found) {
            const bool resumed = cursor.feed || !cursor.at.is_null();
            error.code = resumed ? ErrorCode::cursor_expired : ErrorCode::invalid_configuration;
        }
        co_return error;
    }
    const bool by_time = entity.changes && entity.changes->by == RestChanges::By::timestamp;
    if (by_time && cursor.pages == 0 && cursor.skip == 0) {
        // The clock was read when the answer was ready, and what it holds was looked up before: when it was asked for.
        cursor.began = server_time(reply->headers, exchange_.runtime().clock->now());
        if (cursor.began)
            *cursor.began -=
                std::chrono::ceil<std::chrono::seconds>(exchange_.runtime().clock->monotonic() - asked);
    }
    co_return read_page(rows, entity, std::move(reply->body), std::move(reply->headers), place);
}

Async<Result<RecordPage>> RestAdapter::pull(PullRequest request) {
    auto found = entity_of(request.entity);
    if (!found) co_return found.error();
    const RestEntity& entity = **found;
    start_clock();
    RestCursor cursor;
    if (request.cursor.empty()) {
        auto begun = co_await begin(entity, request.entity, cursor);
        if (!begun) co_return begun.error();
    } else {
        auto parsed = RestCursor::parse(request.cursor);
        if (!parsed) co_return parsed.error();
        cursor = std::move(*parsed);
    }
    if ((cursor.feed && !entity.changes) || (!cursor.feed && !entity.list))
        co_return Error(ErrorCode::cursor_expired, "the description has changed since the cursor was written");
    const RestRows& rows = cursor.feed ? entity.changes->rows : *entity.list;
    const std::size_t most = std::max<std::size_t>(request.max_records, 1);
    if (cursor.size == 0)
        cursor.size = rows.request.uses("limit") ? std::min(most, rows.largest_page) : rows.page_size;
    for (int attempt = 0;; ++attempt) {
        std::string place;
        auto page = co_await read_rows(entity, request.entity, rows, cursor, place);
        if (!page) co_return page.error();
        if (rows.paging.inclusive && !cursor.at.is_null() && !page->rows.empty()) {
            const auto* first = page->rows.front().if_object();
            const json::value* key = first == nullptr ? nullptr : rows.paging.key->find(*first);
            // Of several that share the key, any may come first: only the very one that was met is passed over.
            const std::string& id = page->ids.front();
            const bool met = id.empty() || (!cursor.anchors.empty() && id == cursor.anchors.back());
            page->skipped = key != nullptr && equal_values(*key, cursor.at) && met ? 1 : 0;
            co_return finish_page(entity, rows, std::move(cursor), std::move(*page), most, place);
        }
        const bool by_offset = rows.paging.kind == Kind::offset && page_request(rows, cursor).overlap > 0;
        std::optional<std::size_t> dropped = 0;
        if (by_offset) dropped = rows_to_drop(cursor.anchors, page->ids);
        if (dropped) {
            page->skipped = *dropped;
            co_return finish_page(entity, rows, std::move(cursor), std::move(*page), most, place);
        }
        // Rows before this page were taken away, and those behind them moved up: look for the last ones that were met.
        constexpr int looks = 3;
        const auto at = static_cast<std::uint64_t>(cursor.at.is_int64() ? cursor.at.get_int64() : 0);
        const std::uint64_t back = attempt < looks ? std::min<std::uint64_t>(at, cursor.size) : at;
        cursor.at = static_cast<std::int64_t>(at - back);
        if (at == back) {
            cursor.anchors.clear();
            cursor.at = nullptr;
            if (++cursor.restarts > 20)
                co_return Error(ErrorCode::corrupted,
                                fmt::format("{}: records change their places from page to page; have the system sort "
                                            "them by what does not change (docs/rest-adapter.md, paging)",
                                            place));
        }
    }
}

// Where a pass goes on, or what begins after it. True: there is more to pull at once.
Result<bool> RestAdapter::go_on(const RestEntity& entity, const RestRows& rows, RestCursor& cursor,
                                const RestPage& page, const std::string& place) {
    const RestChanges* changes = entity.changes ? &*entity.changes : nullptr;
    if (cursor.feed && changes->by == RestChanges::By::sequence) {
        auto next = value_at(*changes->next, page.headers, page.body);
        if (!next || next->is_structured())
            return Error(ErrorCode::corrupted,
                         fmt::format("{}: the answer does not tell how the feed goes on (changes.next)", place));
        const bool same = equal_values(*next, cursor.position);
        bool more = page.received > 0 && (rows.request.uses("limit") ? page.received >= cursor.size : !same);
        if (rows.more) more = holds(*rows.more, page.body);
        if (more && goes_in_circles(cursor, *next))
            return Error(
                ErrorCode::corrupted,
                fmt::format("{}: the feed comes back to where it has been; it would be read without end", place));
        RestCursor after;
        after.feed = true;
        after.position = std::move(*next);
        if (more) {
            after.size = cursor.size;
            after.pages = cursor.pages + 1;
            after.mark = std::move(cursor.mark);
        }
        cursor = std::move(after);
        return more;
    }
    auto step = next_step(rows, cursor, page, place);
    if (!step) return step.error();
    if (step->at) {
        cursor.at = std::move(*step->at);
        cursor.skip = 0;
        cursor.last.clear();
        if (const auto* url = cursor.at.if_string(); url != nullptr && is_url(rows))
            cursor.at = json::string(exchange_.without_credentials(*url));
        return true;
    }
    RestCursor after;
    if (changes != nullptr && changes->by == RestChanges::By::timestamp) {
        // Never beyond what the system's clock said when the pass began: what was changed later may not have been met.
        if (!cursor.began)
            return Error(ErrorCode::unsupported,
                         fmt::format("{}: the answer has no Date header, which a feed by timestamp needs: only the "
                                     "system's own clock tells from when to go on",
                                     place));
        Timestamp until = *cursor.began;
        if (cursor.feed) until = std::min(until, cursor.newest.value_or(Timestamp()));
        until -= changes->overlap;
        const auto* before = cursor.feed ? cursor.position.if_string() : nullptr;
        const auto position = before == nullptr ? std::nullopt : parse_timestamp(*before);
        after.feed = true;
        after.position = json::string(to_string(position ? std::max(*position, until) : until));
    } else if (changes != nullptr) {
        after.feed = true;
        after.position = cursor.position;
    }
    cursor = std::move(after);
    return false;
}

Result<RecordPage> RestAdapter::finish_page(const RestEntity& entity, const RestRows& rows, RestCursor cursor,
                                            RestPage page, std::size_t most, const std::string& place) {
    RecordPage answer;
    answer.listing = !cursor.feed;
    const std::size_t first = first_unanswered(page, cursor);
    const std::size_t end = first + std::min(page.rows.size() - first, most);
    for (std::size_t index = first; index < end; ++index) {
        const json::value& row = page.rows[index];
        if (const auto gone = page.deleted.find(index); gone != page.deleted.end()) {
            answer.records.push_back(gone->second);
            continue;
        }
        auto told = read_row(entity, row);
        if (!told) {
            const std::string where = fmt::format("{}, {} {}", place, page.ids[index].empty() ? "row" : "record",
                                                  page.ids[index].empty() ? std::to_string(index) : page.ids[index]);
            answer.faults.push_back(fault_of(row, page.ids[index], where, told.error()));
            continue;
        }
        std::optional<Record>& record = *told;
        if (!record) continue; // ignored
        if (record->modified_at && (!cursor.newest || *record->modified_at > *cursor.newest))
            cursor.newest = record->modified_at;
        // What a listing marks as deleted is not there.
        if (record->deleted && !cursor.feed) continue;
        answer.records.push_back(std::move(*record));
    }
    if (end < page.rows.size()) {
        cursor.skip = end - page.skipped;
        cursor.last = page.ids[end - 1];
        auto next = cursor.write(place);
        if (!next) return next.error();
        answer.next = std::move(*next);
        answer.has_more = true;
        held_ = std::move(page);
        return answer;
    }
    if (!cursor.feed) answer.total = total_of(rows, page);
    auto more = go_on(entity, rows, cursor, page, place);
    if (!more) return more.error();
    auto next = cursor.write(place);
    if (!next) return next.error();
    answer.has_more = *more;
    answer.next = std::move(*next);
    return answer;
}

} // namespace castiel_sync
