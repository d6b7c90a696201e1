// How a SimulatedRestServer answers lists, in its styles of paging, and the feed of changes.
#include <castiel_sync/testing/simulated_rest_server.hpp>

#include <castiel_sync/testing/scripted_transport.hpp>

#include "rest_record.hpp"
#include "rest_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync::testing {
namespace {

using Paging = SimulatedRestServerOptions::Paging;

HttpAnswer bad_request(const Error& error) { return rest_error(400, "bad_request", error.message); }

// Opaque to the client: where the page before has ended.
std::string cursor_after(const std::string& id) { return "after." + id; }

// The same list, further on.
std::string url_after(const RestRequest& request, const std::string& cursor) {
    std::string url = fmt::format("{}?cursor={}", request.url, percent_encode(cursor));
    for (const auto& [name, value] : request.parameters)
        if (name != "cursor") url += fmt::format("&{}={}", percent_encode(name), percent_encode(value));
    return url;
}

// Where in the list a page begins, as the request says in the way of this style.
Result<std::size_t> begin_of_page(const RestRequest& request, Paging paging, const std::vector<std::string>& ids,
                                  std::size_t limit) {
    if (paging == Paging::keyset) return std::size_t{0};
    if (paging == Paging::page || paging == Paging::offset) {
        const bool pages = paging == Paging::page;
        auto number = request.number(pages ? "page" : "offset", pages ? 1 : 0);
        if (!number) return number.error();
        if (!pages) return std::min<std::size_t>(*number, ids.size());
        if (*number == 0) return Error(ErrorCode::invalid_request, "pages are counted from 1");
        return *number - 1 > ids.size() ? ids.size() : std::min((*number - 1) * limit, ids.size());
    }
    const std::string* cursor = request.parameter("cursor");
    if (!cursor) return std::size_t{0};
    const std::string_view mark = "after.";
    if (!cursor->starts_with(mark)) return Error(ErrorCode::invalid_request, "this is no cursor");
    return static_cast<std::size_t>(std::ranges::upper_bound(ids, cursor->substr(mark.size())) - ids.begin());
}

} // namespace

Result<std::vector<std::string>> SimulatedRestServer::listed_ids(const RestRequest& request) const {
    std::vector<std::string> ids = system_.ids(request.entity);
    const bool keyset = options_.paging == Paging::keyset;
    const std::string* since_text = request.parameter("updated_since");
    const std::string* after = keyset ? request.parameter("after_id") : nullptr;
    if (!since_text) {
        if (after) std::erase_if(ids, [&](const std::string& id) { return id <= *after; });
        return ids;
    }
    const auto since = parse_timestamp(*since_text);
    if (!since || !system_.options().tells_modified_at)
        return Error(ErrorCode::invalid_request, "updated_since is no time, or nobody knows when records changed");
    const auto changed = [&](const std::string& id) { return *system_.find_row(request.entity, id)->modified_at; };
    std::erase_if(ids, [&](const std::string& id) {
        return changed(id) < *since || (after && changed(id) == *since && id <= *after);
    });
    if (keyset) std::ranges::sort(ids, {}, [&](const std::string& id) { return std::pair(changed(id), id); });
    return ids;
}

HttpAnswer SimulatedRestServer::list(const RestRequest& request) {
    const auto ids = listed_ids(request);
    if (!ids) return bad_request(ids.error());
    auto limit = request.number("limit", options_.max_page_size);
    if (!limit) return bad_request(limit.error());
    *limit = std::clamp<std::uint64_t>(*limit, 1, options_.max_page_size);
    const auto begin = begin_of_page(request, options_.paging, *ids, *limit);
    if (!begin) return bad_request(begin.error());
    const std::size_t end = std::min<std::size_t>(*begin + *limit, ids->size());
    json::array records;
    for (std::size_t place = *begin; place < end; ++place)
        records.push_back(rest_record(fetch(request, (*ids)[place])));
    const bool more = end < ids->size();
    const std::string next = more ? cursor_after((*ids)[end - 1]) : "";
    if (options_.paging == Paging::link) {
        HttpAnswer answer = json_answer(200, records);
        if (more) answer.headers.add("Link", fmt::format("<{}>; rel=\"next\"", url_after(request, next)));
        return answer;
    }
    json::object body{{"data", std::move(records)}};
    switch (options_.paging) {
    case Paging::page:
        body["page"] = *begin / *limit + 1;
        body["pages"] = (ids->size() + *limit - 1) / *limit;
        [[fallthrough]];
    case Paging::offset:
        body["total"] = ids->size();
        break;
    case Paging::cursor:
        body["next_cursor"] = more ? json::value(next) : json::value(nullptr);
        break;
    default:
        body["has_more"] = more;
    }
    return json_answer(200, body);
}

HttpAnswer SimulatedRestServer::changes(const RestRequest& request) {
    const AdapterCapabilities& capabilities = system_.options().capabilities;
    if (!capabilities.change_feed) return rest_error(404, "not_found", "there is no feed of changes");
    const auto since = request.number("since", 0);
    const auto limit = request.number("limit", options_.max_page_size);
    if (!since || !limit) return bad_request(since ? limit.error() : since.error());
    if (*since < first_change_) return rest_error(410, "gone", "these changes were forgotten; read the list");
    PullRequest pull;
    pull.entity = request.entity;
    pull.cursor = system_.cursor_at(*since);
    pull.max_records =
        std::clamp<std::size_t>(*limit, 1, std::min(options_.max_page_size, capabilities.max_page_records));
    const auto page = system_.pull(options_.actor, pull);
    if (!page) return bad_request(page.error());
    std::map<std::uint64_t, json::value> changes; // by sequence
    const auto add = [&](const std::string& id, bool deleted, json::value record) {
        const std::uint64_t sequence = system_.position(request.entity, id);
        json::object change{
            {"sequence", sequence}, {"id", rest_id(id, system_.options().integer_ids)}, {"deleted", deleted}};
        if (!deleted) change["record"] = std::move(record);
        changes.emplace(sequence, std::move(change));
    };
    for (const Record& record : page->records) {
        FetchedRecord fetched;
        fetched.presence = FetchedRecord::Presence::present;
        fetched.record = record;
        add(record.id, record.deleted, rest_record(fetched));
    }
    for (const RecordFault& fault : page->faults)
        add(fault.id, false, "broken");
    json::array listed;
    for (auto& [sequence, change] : changes)
        listed.push_back(std::move(change));
    return json_answer(200, {{"changes", std::move(listed)},
                             {"next", system_.position_of_cursor(page->next).value_or(*since)},
                             {"has_more", page->has_more}});
}

} // namespace castiel_sync::testing
