// One record at a time; lists and the feed are in simulated_rest_lists.cpp.
#include <castiel_sync/testing/simulated_rest_server.hpp>

#include <castiel_sync/testing/scripted_transport.hpp>

#include "rest_record.hpp"
#include "rest_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync::testing {
namespace {

constexpr std::string_view read_only_members[] = {"id", "updated_at"};

// RFC 7396.
json::value merged(json::value target, const json::value& patch) {
    const auto* changes = patch.if_object();
    if (!changes) return patch;
    json::object result = target.is_object() ? std::move(target.get_object()) : json::object();
    for (const auto& member : *changes) {
        if (member.value().is_null()) {
            result.erase(member.key());
        } else {
            json::value& place = result[member.key()];
            place = merged(std::move(place), member.value());
        }
    }
    return result;
}

// The version that If-Match asks for. Weak ones and lists never match: a version that no record has.
std::string expected_version(const RestRequest& request) {
    const std::string* tag = request.headers->find("If-Match");
    if (!tag || *tag == "*") return {};
    if (tag->size() < 3 || !tag->starts_with('"') || !tag->ends_with('"')) return "none";
    return tag->substr(1, tag->size() - 2);
}

HttpAnswer not_found(const RestRequest& request) {
    return rest_error(404, "not_found", fmt::format("there is no {} {}", request.entity, request.id));
}

HttpAnswer refused(const RestRequest& request, const PushOutcome& outcome) {
    const std::string message = outcome.error ? outcome.error->message : std::string();
    switch (outcome.status) {
    case PushOutcome::Status::stale:
        return rest_error(412, "precondition_failed", message);
    case PushOutcome::Status::absent:
        return not_found(request);
    default:
        return rest_error(422, "invalid", message);
    }
}

} // namespace

json::value rest_record(const FetchedRecord& fetched) {
    if (fetched.presence != FetchedRecord::Presence::present) return "broken";
    const Record& record = fetched.record;
    json::object object{{"id", rest_id(record.id, record.integer_id)}};
    for (const auto& member : record.fields)
        if (std::ranges::find(read_only_members, std::string_view(member.key())) == std::end(read_only_members))
            object[member.key()] = member.value();
    if (record.modified_at) object["updated_at"] = to_string(*record.modified_at);
    return object;
}

json::value rest_id(const std::string& id, bool integer) {
    if (!integer) return json::value(id);
    return parse_json(id).value();
}

SimulatedRestServer::SimulatedRestServer(SimulatedSystem& system, SimulatedRestServerOptions options)
    : system_(system), options_(std::move(options)) {}

Async<Result<HttpAnswer>> SimulatedRestServer::send(HttpCall call) { co_return answer(call); }

std::size_t SimulatedRestServer::calls() const {
    std::size_t count = 0;
    for (const auto& [method, of_method] : calls_)
        count += of_method;
    return count;
}

std::size_t SimulatedRestServer::calls(std::string_view method) const {
    const auto found = calls_.find(method);
    return found == calls_.end() ? 0 : found->second;
}

HttpAnswer SimulatedRestServer::answer(const HttpCall& call) {
    ++calls_[call.method];
    if (system_.on_request_) system_.on_request_(options_.actor);
    const std::string* authorization = call.headers.find("Authorization");
    if (!options_.authorization.empty() && (!authorization || *authorization != options_.authorization))
        return rest_error(401, "unauthenticated", "the Authorization header is missing or wrong");
    auto request = parse_rest_request(call, options_.base_url);
    if (!request) return rest_error(404, "not_found", "nothing is there");
    if (call.method == "HEAD") {
        request->method = "GET";
        HttpAnswer head = request->id.empty() ? list(*request) : read(*request);
        head.body.clear();
        return head;
    }
    const std::string& method = request->method;
    if (request->id.empty()) {
        if (method == "GET") return list(*request);
        if (method == "POST") return create(*request);
    } else {
        if (method == "GET") return request->id == "changes" ? changes(*request) : read(*request);
        if (method == "PUT" || method == "PATCH") return update(*request);
        if (method == "DELETE") return remove(*request);
    }
    HttpAnswer refusal = rest_error(405, "method_not_allowed", method + " is not possible here");
    refusal.headers.add("Allow", request->id.empty() ? "GET, HEAD, POST" : "GET, HEAD, PUT, PATCH, DELETE");
    return refusal;
}

HttpAnswer SimulatedRestServer::read(const RestRequest& request) {
    const FetchedRecord fetched = fetch(request, request.id);
    if (fetched.presence == FetchedRecord::Presence::absent) return not_found(request);
    HttpAnswer answer = json_answer(200, rest_record(fetched));
    if (!fetched.record.version.empty()) answer.headers.add("ETag", '"' + fetched.record.version + '"');
    return answer;
}

HttpAnswer SimulatedRestServer::create(const RestRequest& request) {
    auto fields = parse_json_object(request.body);
    if (!fields) return rest_error(400, "bad_request", fields.error().message);
    for (const std::string_view name : read_only_members)
        fields->erase(name);
    PushItem item;
    item.action = PushItem::Action::create;
    const std::string* key = request.headers->find("Idempotency-Key");
    item.idempotency_key = key ? *key : fmt::format("without a key {}", ++keyless_creates_);
    const auto& creations = system_.entities_[request.entity].creations;
    const bool repeated = system_.options().capabilities.idempotent_creates && creations.contains(item.idempotency_key);
    if (!repeated && is_taken(request, *fields))
        return rest_error(409, "conflict", fmt::format("{} is taken", options_.unique_field));
    item.fields = std::move(*fields);
    return written(request, 201, push(request, std::move(item)));
}

HttpAnswer SimulatedRestServer::update(const RestRequest& request) {
    auto fields = parse_json_object(request.body);
    if (!fields) return rest_error(400, "bad_request", fields.error().message);
    for (const std::string_view name : read_only_members)
        fields->erase(name);
    PushItem item;
    item.id = request.id;
    item.expected_version = expected_version(request);
    if (request.method == "PATCH") {
        const json::object* present = system_.find(request.entity, request.id);
        if (!present) return not_found(request);
        item.fields = merged(*present, *fields).get_object();
    } else {
        item.fields = std::move(*fields);
    }
    if (is_taken(request, item.fields))
        return rest_error(409, "conflict", fmt::format("{} is taken", options_.unique_field));
    return written(request, 200, push(request, std::move(item)));
}

HttpAnswer SimulatedRestServer::remove(const RestRequest& request) {
    if (!system_.find(request.entity, request.id)) return not_found(request);
    PushItem item;
    item.action = PushItem::Action::remove;
    item.id = request.id;
    item.expected_version = expected_version(request);
    const PushOutcome outcome = push(request, std::move(item));
    if (outcome.status != PushOutcome::Status::applied) return refused(request, outcome);
    HttpAnswer answer;
    answer.status = 204;
    return answer;
}

HttpAnswer SimulatedRestServer::written(const RestRequest& request, unsigned status, const PushOutcome& outcome) {
    if (outcome.status != PushOutcome::Status::applied) return refused(request, outcome);
    HttpAnswer answer;
    answer.status = status;
    // A create that was repeated may find its record gone.
    const FetchedRecord fetched = fetch(request, outcome.id);
    if (options_.answers_writes && fetched.presence == FetchedRecord::Presence::present)
        answer = json_answer(status, rest_record(fetched));
    else if (status == 201)
        answer = json_answer(status, {{"id", rest_id(outcome.id, outcome.integer_id)}});
    else
        answer.status = 204;
    if (!outcome.version.empty()) answer.headers.add("ETag", '"' + outcome.version + '"');
    if (status == 201) answer.headers.add("Location", fmt::format("{}/{}", request.url, percent_encode(outcome.id)));
    return answer;
}

FetchedRecord SimulatedRestServer::fetch(const RestRequest& request, const std::string& id) {
    FetchRequest fetched;
    fetched.entity = request.entity;
    fetched.ids.push_back(id);
    return system_.fetch(options_.actor, fetched).value().front();
}

PushOutcome SimulatedRestServer::push(const RestRequest& request, PushItem item) {
    PushRequest pushed;
    pushed.entity = request.entity;
    pushed.items.push_back(std::move(item));
    auto outcomes = system_.push(options_.actor, pushed);
    if (outcomes) return std::move(outcomes->front());
    PushOutcome refusal;
    refusal.status = PushOutcome::Status::rejected;
    refusal.error = outcomes.error();
    return refusal;
}

bool SimulatedRestServer::is_taken(const RestRequest& request, const json::object& fields) const {
    const json::value* value = fields.if_contains(options_.unique_field);
    if (options_.unique_field.empty() || !value) return false;
    for (const std::string& id : system_.ids(request.entity)) {
        const json::value* other = system_.find(request.entity, id)->if_contains(options_.unique_field);
        if (id != request.id && other && equal_values(*other, *value)) return true;
    }
    return false;
}

} // namespace castiel_sync::testing
