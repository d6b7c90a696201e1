#include <adapters/rest/paging.hpp>

#include <adapters/rest/values.hpp>
#include <core/mapping_reader.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace castiel_sync {
namespace {

using Kind = RestPaging::Kind;

constexpr std::uint64_t most_pages = 1'000'000;
constexpr std::uint64_t most_restarts = 20;
constexpr std::size_t kept_anchors = 3;

Error contradiction(const std::string& place, std::string_view what) {
    return {ErrorCode::corrupted, fmt::format("{}: {}", place, what)};
}

std::uint64_t number_at(const json::value& at, std::int64_t first) {
    return static_cast<std::uint64_t>(at.is_int64() ? std::max<std::int64_t>(at.get_int64(), 0) : first);
}

bool overlaps(const RestRows& rows, const RestCursor& cursor) {
    if (cursor.at.is_null()) return false;
    if (rows.paging.inclusive) return true;
    // A page of a single row has no room for one of the page before.
    return rows.paging.kind == Kind::offset && !cursor.anchors.empty() && rows.largest_page > 1;
}

} // namespace

std::optional<std::uint64_t> total_of(const RestRows& rows, const RestPage& page) {
    if (!rows.total) return std::nullopt;
    const auto value = value_at(*rows.total, page.headers, page.body);
    if (!value) return std::nullopt;
    json::value number = *value;
    if (const auto* text = value->if_string())
        if (auto parsed = parse_json(*text)) number = std::move(*parsed);
    if (!number.is_number()) return std::nullopt;
    boost::system::error_code refused;
    const auto count = number.to_number<std::int64_t>(refused); // no cursor carries more
    return refused || count < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(count));
}

namespace {

// By numbers: the rows of a page are those at its place, so that a row that is taken away moves all that follow it.
Result<RestStep> next_counted(const RestRows& rows, RestCursor& cursor, const RestPage& page,
                              std::optional<std::uint64_t> total, const std::string& place) {
    const auto cut_off = [&] {
        return contradiction(place,
                             fmt::format("the page is empty, and {} records in all are more than came before it; where "
                                         "the total counts what is not shown, leave it out",
                                         *total));
    };
    RestStep step;
    const std::uint64_t size = std::max<std::uint64_t>(cursor.size, 1);
    if (rows.paging.kind == Kind::offset) {
        const std::uint64_t overlap = overlaps(rows, cursor) ? 1 : 0;
        const std::uint64_t end = number_at(cursor.at, 0) - overlap + page.received;
        if (total && end >= *total) return step;
        if (page.received <= overlap) return total ? Result<RestStep>(cut_off()) : step;
        step.at = static_cast<std::int64_t>(end);
        return step;
    }
    const std::uint64_t number = number_at(cursor.at, rows.paging.first);
    const std::uint64_t before = number - std::min(number, static_cast<std::uint64_t>(rows.paging.first));
    // Rows that are gone may have stood before this page, and then as many moved from it to pages that were read.
    const std::uint64_t lost = total && cursor.total && *total < *cursor.total ? *cursor.total - *total : 0;
    const std::uint64_t back = std::min((lost + size - 1) / size, before);
    if (back > 0) {
        step.moved = true;
        step.at = static_cast<std::int64_t>(number - back);
        return step;
    }
    if (total && (before + 1) * size >= *total) return step;
    if (page.received == 0) return total ? Result<RestStep>(cut_off()) : step;
    step.at = static_cast<std::int64_t>(number + 1);
    return step;
}

Result<RestStep> next_told(const RestRows& rows, RestCursor& cursor, const RestPage& page, const std::string& place) {
    RestStep step;
    if (rows.paging.kind == Kind::link) {
        const std::string link = next_link(page.headers);
        if (!link.empty()) step.at = json::string(link);
    } else {
        auto next = value_at(rows.paging.next, page.headers, page.body);
        if (next && next->is_structured())
            return contradiction(place, fmt::format("what should name the next page is {}", describe_kind(*next)));
        if (next && *next != false) step.at = std::move(*next);
    }
    if (step.at && (equal_values(*step.at, cursor.at) || goes_in_circles(cursor, *step.at)))
        return contradiction(place, "the page names a page as the next one that has been read before; it would be read "
                                    "without end");
    return step;
}

Result<RestStep> next_key(const RestRows& rows, RestCursor& cursor, const RestPage& page, const std::string& place) {
    RestStep step;
    if (page.rows.size() <= page.skipped) return step;
    const auto* last = page.rows.back().if_object();
    const json::value* key = last == nullptr ? nullptr : rows.paging.key->find(*last);
    if (key == nullptr || !scalar_text(*key))
        return contradiction(place, "the last record has no member to go on from (paging.key)");
    if (equal_values(*key, cursor.at) || goes_in_circles(cursor, *key))
        return contradiction(place, "the page ends with the key that it was to begin after; more records share it than "
                                    "a page holds, or the system does not sort by it");
    step.at = *key;
    return step;
}

} // namespace

RestPageRequest page_request(const RestRows& rows, const RestCursor& cursor) {
    RestPageRequest request;
    request.overlap = overlaps(rows, cursor) ? 1 : 0;
    // A size that the request does not state is the system's own, with the row of the page before among it.
    const std::uint64_t besides = rows.request.uses("limit") ? request.overlap : 0;
    request.size = std::min<std::size_t>(cursor.size + besides, std::max<std::size_t>(rows.largest_page, 1));
    request.variables.emplace("limit", static_cast<std::int64_t>(request.size));
    switch (rows.paging.kind) {
    case Kind::none:
        break;
    case Kind::page:
        request.variables.emplace("page", static_cast<std::int64_t>(number_at(cursor.at, rows.paging.first)));
        break;
    case Kind::offset:
        request.variables.emplace("offset",
                                  static_cast<std::int64_t>(number_at(cursor.at, 0) - request.overlap));
        break;
    case Kind::cursor:
        if (!cursor.at.is_null()) request.variables.emplace("cursor", cursor.at);
        break;
    case Kind::keyset:
        if (!cursor.at.is_null()) request.variables.emplace("after", cursor.at);
        break;
    case Kind::link:
    case Kind::next_url:
        if (const auto* url = cursor.at.if_string()) request.url = *url;
        break;
    }
    return request;
}

Result<RestStep> next_step(const RestRows& rows, RestCursor& cursor, const RestPage& page, const std::string& place) {
    const auto total = total_of(rows, page);
    if (cursor.pages == 0 && page.received == 0 && total.value_or(0) > 0)
        return contradiction(place, fmt::format("the page is empty, and tells of {} records in all", *total));
    if (++cursor.pages > most_pages)
        return contradiction(place, fmt::format("has more than {} pages; this has no end", most_pages));
    const Kind kind = rows.paging.kind;
    const bool full = page.received >= page_request(rows, cursor).size;
    // What an answer says of the end goes before what it holds: a last page may well repeat a token or end with a key
    // that others share.
    const bool over = (rows.short_page_is_last && !full) || (rows.more && !holds(*rows.more, page.body));
    // A system that gives pages of another length than it was asked for has more of them, or fewer.
    if (kind == Kind::page && cursor.pages == 1 && page.received > 0 && total.value_or(0) > page.received)
        cursor.size = page.received;
    RestStep step;
    if (kind == Kind::page || kind == Kind::offset) {
        auto next = next_counted(rows, cursor, page, total, place);
        if (!next && !over) return next.error();
        if (next && (next->moved || !over)) step = std::move(*next);
    } else if (!over && kind != Kind::none) {
        auto next = kind == Kind::keyset ? next_key(rows, cursor, page, place) : next_told(rows, cursor, page, place);
        if (!next) return next.error();
        step = std::move(*next);
    }
    if (step.moved && ++cursor.restarts > most_restarts)
        return contradiction(place, "records change their places from page to page; have the system sort them by what "
                                    "does not change (docs/rest-adapter.md, paging)");
    cursor.total = total;
    cursor.anchors.clear();
    if (kind == Kind::offset || rows.paging.inclusive)
        for (std::size_t index = page.ids.size() - std::min(page.ids.size(), kept_anchors); index < page.ids.size();
             ++index)
            if (!page.ids[index].empty()) cursor.anchors.push_back(page.ids[index]);
    return step;
}

namespace {

// As find_in, for taking things out.
json::value* find_mutable(const std::optional<Path>& path, json::value& value) {
    json::value* found = &value;
    if (!path) return found;
    for (const Path::Segment& segment : path->segments()) {
        if (auto* object = found->if_object())
            found = object->if_contains(segment.name);
        else if (found->is_array() && segment.index)
            found = found->get_array().if_contains(*segment.index);
        else
            return nullptr;
        if (found == nullptr) return nullptr;
    }
    return found;
}

} // namespace

Result<RestPage> read_page(const RestRows& rows, const RestEntity& entity, json::value body, HttpHeaders headers,
                           const std::string& place) {
    RestPage page;
    json::value* found = find_mutable(rows.records, body);
    if (found == nullptr || !found->is_array())
        return contradiction(place,
                             fmt::format("the answer has no list of records where the description says; there is "
                                         "{}. That is not taken for an empty page",
                                         found == nullptr ? "nothing" : describe_kind(*found)));
    json::array& list = found->get_array();
    page.received = list.size();
    page.rows.reserve(list.size());
    for (json::value& row : list) {
        if (rows.deleted_row && row.is_object() && holds(rows.deleted_row->when, row)) {
            const json::value* id = rows.deleted_row->id.find(row.get_object());
            const auto text = id == nullptr ? std::nullopt : scalar_text(*id);
            if (!text || text->empty() || text->size() > max_record_id_bytes)
                return contradiction(place,
                                     "a row tells of a deletion and not of which record (changes.deletedRow.id)");
            Record& gone = page.deleted[page.rows.size()];
            gone.id = *text;
            gone.integer_id = id->is_number();
            gone.deleted = true;
            page.ids.push_back(*text);
            page.rows.emplace_back(nullptr);
            continue;
        }
        const json::value* named = rows.row_id && row.is_object() ? rows.row_id->find(row.get_object()) : nullptr;
        const std::string beside = named == nullptr ? std::string() : scalar_text(*named).value_or("");
        json::value* record = find_mutable(rows.record, row);
        json::value taken = record == nullptr ? json::value(nullptr) : std::move(*record);
        const auto* fields = taken.if_object();
        const json::value* id = fields == nullptr ? nullptr : entity.id.find(*fields);
        page.ids.push_back(id == nullptr ? beside : scalar_text(*id).value_or(beside));
        if (page.ids.back().size() > max_record_id_bytes) page.ids.back().clear(); // it is no id
        page.rows.push_back(std::move(taken));
    }
    list.clear();
    page.body = std::move(body);
    page.headers = std::move(headers);
    return page;
}

std::optional<std::size_t> rows_to_drop(const std::vector<std::string>& anchors, const std::vector<std::string>& ids) {
    for (auto anchor = anchors.rbegin(); anchor != anchors.rend(); ++anchor) {
        const auto found = std::find(ids.begin(), ids.end(), *anchor);
        if (found == ids.end()) continue;
        // Further down than expected stands what was put in before, with the anchors together; or an anchor that has
        // moved by itself, behind rows that nobody has met.
        const bool among_anchors = found == ids.begin() ||
                                   std::find(anchors.begin(), anchors.end(), *std::prev(found)) != anchors.end();
        if (among_anchors) return static_cast<std::size_t>(found - ids.begin()) + 1;
    }
    return std::nullopt;
}

} // namespace castiel_sync
