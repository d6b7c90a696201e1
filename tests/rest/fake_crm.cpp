#include "fake_crm.hpp"

#include <core/http_date.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace rest_test {

using namespace castiel_sync;
using testing::json_answer;

namespace {

constexpr std::string_view computed[] = {"id", "revision", "changed", "gone"};

json::value merged(json::value target, const json::value& patch) {
    if (!patch.is_object()) return patch;
    json::object result = target.is_object() ? std::move(target.get_object()) : json::object();
    for (const auto& member : patch.get_object()) {
        if (member.value().is_null()) {
            result.erase(member.key());
            continue;
        }
        json::value& place = result[member.key()];
        place = merged(std::move(place), member.value());
    }
    return result;
}

HttpAnswer refusal(unsigned status, std::string message) {
    return json_answer(status, {{"error", {{"message", std::move(message)}}}});
}

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return {};
    return value->is_string() ? std::string(value->get_string()) : to_json(*value);
}

std::string tag_in(const HttpCall& call) {
    const std::string* tag = call.headers.find("If-Match");
    return tag == nullptr || tag->size() < 3 ? std::string() : tag->substr(1, tag->size() - 2);
}

} // namespace

void FakeCrm::clear() {
    rows_.clear();
    made_.clear();
}

json::object FakeCrm::shown(const std::string& id, const Row& row) const {
    json::object object = row.gone ? json::object() : row.fields;
    object["id"] = id;
    object["revision"] = std::to_string(row.sequence);
    object["changed"] = to_string(row.changed);
    if (row.gone) object["gone"] = true;
    if (row.shows_key) object["madeWith"] = row.key;
    return object;
}

void FakeCrm::write(const std::string& id, json::object fields, bool gone) {
    for (const std::string_view name : computed)
        fields.erase(name);
    fields.erase("madeWith");
    Row& row = rows_[id];
    row.fields = std::move(fields);
    row.sequence = ++sequence_;
    row.changed = clock_.now();
    row.gone = gone;
}

bool FakeCrm::is_current(const std::string& id, const std::string& revision) const {
    const auto row = rows_.find(id);
    return revision.empty() || (row != rows_.end() && std::to_string(row->second.sequence) == revision);
}

HttpAnswer FakeCrm::answer(const HttpCall& call) {
    const Asked asked(call);
    HttpAnswer answer;
    if (asked.path == "/contacts")
        answer = asked.method == "POST" ? create(call) : list(asked);
    else if (asked.path == "/changes")
        answer = changes(asked);
    else if (asked.path == "/position")
        answer = json_answer(200, {{"now", sequence_}});
    else if (asked.path == "/batch")
        answer = batch(call);
    else
        answer = one(asked, call);
    answer.headers.add("Date", to_http_date(clock_.now()));
    return answer;
}

FakeCrm::Rows FakeCrm::found(const Asked& asked) const {
    Rows found;
    const auto since = parse_timestamp(asked.parameter("since").value_or(""));
    const auto ids = asked.parameter("ids");
    const auto key = asked.parameter("key");
    for (const auto& row : rows_) {
        if (row.second.gone && !since) continue;
        if (since && row.second.changed < *since) continue;
        if (ids && ("," + *ids + ",").find("," + row.first + ",") == std::string::npos) continue;
        if (key && row.second.key != *key) continue;
        found.push_back(&row);
    }
    return found;
}

HttpAnswer FakeCrm::list(const Asked& asked) const {
    const Rows all = found(asked);
    const std::size_t limit = std::min(asked.number("limit", cap), cap);
    std::size_t begin = asked.number("offset", (std::max<std::size_t>(asked.number("page", 1), 1) - 1) * limit);
    const auto after = asked.parameter(asked.parameter("cursor") ? "cursor" : "after");
    const auto from = asked.parameter("from");
    while (begin < all.size() && ((after && all[begin]->first <= *after) || (from && all[begin]->first < *from)))
        ++begin;
    json::array data;
    std::size_t end = begin;
    for (; end < all.size() && data.size() < limit; ++end)
        data.push_back(shown(all[end]->first, all[end]->second));
    json::object body{{"data", std::move(data)}, {"total", all.size()}};
    const bool more = end < all.size();
    const std::string last = more ? all[end - 1]->first : "";
    body["cursor"] = more ? json::value(last) : json::value(nullptr);
    const std::string next = fmt::format("/api/contacts?limit={}&after={}", limit, last);
    if (paging == Paging::next_url && more) body["next"] = next;
    HttpAnswer answer = json_answer(200, body);
    if (paging == Paging::link && more)
        answer.headers.add("Link", fmt::format("<https://crm.test{}>; rel=\"next\"", next));
    return answer;
}

HttpAnswer FakeCrm::changes(const Asked& asked) const {
    const std::size_t since = asked.number("since", 0);
    const std::size_t limit = asked.number("limit", cap);
    if (since + feed_keeps < sequence_) return refusal(410, "too old");
    std::map<std::uint64_t, json::object> ordered;
    for (const auto& [id, row] : rows_)
        if (row.sequence > since) ordered.emplace(row.sequence, shown(id, row));
    json::array data;
    std::uint64_t next = since;
    for (const auto& [sequence, row] : ordered) {
        if (data.size() >= limit) break;
        data.push_back(row);
        next = sequence;
    }
    return json_answer(200, {{"data", std::move(data)}, {"next", next}});
}

HttpAnswer FakeCrm::create(const HttpCall& call) {
    json::object fields = parse_json_object(call.body).value();
    const std::string* header = call.headers.find("Idempotency-Key");
    const std::string key = header != nullptr ? *header : text_of(fields, "madeWith");
    fields.erase("madeWith");
    const auto known = header == nullptr ? made_.end() : made_.find(key);
    if (known == made_.end()) {
        const std::string id = fmt::format("c{:05}", ++last_id_);
        write(id, std::move(fields));
        rows_[id].key = key;
        rows_[id].shows_key = header == nullptr;
        made_[key] = id;
        return json_answer(201, shown(id, rows_[id]));
    }
    const Row& row = rows_[known->second];
    return row.gone ? json_answer(201, {{"id", known->second}, {"revision", "0"}})
                    : json_answer(201, shown(known->second, row));
}

HttpAnswer FakeCrm::one(const Asked& asked, const HttpCall& call) {
    std::string id = asked.path.substr(std::string_view("/contacts/").size());
    for (std::size_t place = id.find("%20"); place != std::string::npos; place = id.find("%20"))
        id.replace(place, 3, " ");
    const auto row = rows_.find(id);
    const bool there = row != rows_.end() && !row->second.gone;
    const bool makes = call.method == "PUT" && !there && call.headers.find("If-None-Match") != nullptr;
    if (call.method == "PUT" && there && call.headers.find("If-None-Match") != nullptr) return refusal(412, "is there");
    if (!there && !makes) return refusal(404, "there is no " + id);
    HttpAnswer answer;
    answer.status = 204;
    std::string revision = tag_in(call);
    if (call.method == "DELETE") {
        if (!is_current(id, revision)) return refusal(412, "it was edited");
        write(id, {}, true);
        return answer;
    }
    if (call.method != "GET") {
        const json::object body = parse_json_object(call.body).value();
        if (revision.empty() && call.method == "PUT" && !makes) revision = text_of(body, "revision");
        if (!is_current(id, revision)) return refusal(412, "it was edited");
        write(id, call.method == "PATCH" ? merged(row->second.fields, body).get_object() : body);
    }
    answer = json_answer(200, shown(id, rows_[id]));
    answer.headers.add("ETag", fmt::format("\"{}\"", rows_[id].sequence));
    return answer;
}

HttpAnswer FakeCrm::batch(const HttpCall& call) {
    json::array results;
    const json::object body = parse_json_object(call.body).value();
    for (const json::value& each : body.at("items").as_array()) {
        const json::object& item = each.as_object();
        std::string id = text_of(item, "id");
        const std::string revision = text_of(item, "revision");
        const std::string key = text_of(item, "madeWith");
        const auto row = rows_.find(id);
        const bool there = row != rows_.end() && !row->second.gone;
        json::object result;
        if (id.empty()) {
            id = made_.contains(key) ? made_[key] : fmt::format("c{:05}", ++last_id_);
            json::object fields = item;
            fields.erase("madeWith");
            if (!made_.contains(key)) write(id, std::move(fields));
            made_[key] = id;
            result = rows_[id].gone ? json::object{{"id", id}, {"revision", "0"}} : shown(id, rows_[id]);
        } else if (!there) {
            result["error"] = "not_found";
        } else if (!is_current(id, revision)) {
            result["error"] = "conflict";
        } else {
            write(id, item, item.contains("gone"));
            result = shown(id, rows_[id]);
        }
        results.push_back(std::move(result));
    }
    return json_answer(200, {{"results", std::move(results)}});
}

} // namespace rest_test
