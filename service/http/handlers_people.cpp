// What people look at and decide: streams and their latches, conflicts, parked records, history.
#include "handlers.hpp"
#include "handlers_common.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync::service {
namespace {

constexpr std::size_t most_resolved_at_once = 1000; // by one request; the answer tells how many are left

Async<Result<StreamSummary>> stream_of(const Api& api, const ApiCall& call) {
    auto streams = co_await api.parts().engine->list_streams(call.tenant_id);
    if (!streams) co_return streams.error();
    const std::string id = call.id();
    for (StreamSummary& stream : *streams)
        if (stream.stream_id == id) co_return std::move(stream);
    co_return Error(ErrorCode::not_found, "no stream has the id " + id);
}

Async<HttpResponse> changed_stream(const Api& api, ApiCall call,
                                   Async<Result<>> (Engine::*change)(std::string, std::string)) {
    auto changed = co_await (api.parts().engine->*change)(call.tenant_id, call.id());
    if (!changed) co_return failure(api, call.request_id, changed.error());
    auto stream = co_await stream_of(api, call);
    co_return document_answer(api, call, 200, stream);
}

Async<HttpResponse> judged_latch(const Api& api, ApiCall call,
                                 Async<Result<>> (Engine::*judge)(std::string, std::string, std::string)) {
    auto stream = co_await stream_of(api, call);
    if (!stream) co_return failure(api, call.request_id, stream.error());
    if (!stream->latch) co_return error_answer(409, "nothing holds this stream");
    const std::string meant = body_text(call, "latchId");
    if (!meant.empty() && meant != stream->latch->latch_id)
        co_return error_answer(409, fmt::format("the latch {} holds no longer; {} does now", meant,
                                                stream->latch->latch_id));
    auto judged = co_await (api.parts().engine->*judge)(call.tenant_id, stream->latch->latch_id, call.actor);
    if (!judged) co_return failure(api, call.request_id, judged.error());
    auto after = co_await stream_of(api, call);
    co_return document_answer(api, call, 200, after);
}

HttpResponse bad_body(std::string place, std::string message) {
    Rejection rejection;
    rejection.faults.push_back({"body." + std::move(place), std::move(message)});
    return rejection_answer(rejection);
}

using Choice = ConflictResolution::Choice;

// The contract knows the words; which members go with which of them, it can't say.
Checked<ConflictResolution> read_resolution(const ApiCall& call) {
    ConflictResolution resolution;
    const std::string word = body_text(call, "resolution");
    resolution.choice = word == "source_wins"   ? Choice::source
                        : word == "target_wins" ? Choice::target
                        : word == "link"        ? Choice::link
                        : word == "separate"    ? Choice::separate
                                                : Choice::values;
    resolution.note = body_text(call, "note");
    resolution.actor = call.actor;
    resolution.source_id = body_text(call, "sourceId");
    resolution.target_id = body_text(call, "targetId");
    Rejection rejection;
    const json::value* values = call.body.get_object().if_contains("values");
    if (values != nullptr) resolution.values = values->as_object();
    if (resolution.choice == Choice::values && resolution.values.empty())
        rejection.faults.push_back({"body.values", "must name every open field; `" + word + "` takes its values"});
    if (resolution.choice != Choice::values && values != nullptr)
        rejection.faults.push_back({"body.values", "goes with manual or merge only"});
    const bool ids = !resolution.source_id.empty() && !resolution.target_id.empty();
    if (resolution.choice == Choice::link && !ids)
        rejection.faults.push_back({"body.sourceId", "link needs sourceId and targetId"});
    if (!rejection.faults.empty()) return rejection;
    return resolution;
}

// A side moved: what stands open now is the new question, under its own id where the old one was superseded.
Async<std::optional<Conflict>> newest_question(const Api& api, const ApiCall& call) {
    auto same = co_await api.parts().engine->find_conflict(call.tenant_id, call.id());
    if (!same || same->state == ConflictState::open) co_return same ? std::optional<Conflict>(*same) : std::nullopt;
    ListRequest request;
    request.tenant_id = call.tenant_id;
    request.integration_id = same->integration_id;
    request.state = std::string(to_string(ConflictState::open));
    request.record_id = same->target_id.empty() ? same->source_id : same->target_id;
    auto page = co_await api.parts().engine->list_conflicts(std::move(request));
    if (page)
        for (Conflict& conflict : page->items)
            if (conflict.stream_id == same->stream_id) co_return std::move(conflict);
    co_return std::nullopt;
}

// What the engine would refuse too, told apart for the client: decided already, or nothing that a choice can settle.
std::optional<HttpResponse> not_to_be_decided(const Conflict& conflict) {
    if (conflict.state != ConflictState::open && conflict.state != ConflictState::ignored)
        return error_answer(409, fmt::format("the conflict is {} already", to_string(conflict.state)));
    if (conflict.type == ConflictType::unique_key || conflict.type == ConflictType::missing_reference)
        return error_answer(422, "this conflict ends where its cause is mended: mend the record on its side, or the "
                                 "one that stands in its way, and retry its parked record");
    return std::nullopt;
}

// What became of the conflicts of one stream that were to be resolved alike.
class Applied {
public:
    void resolved() { ++resolved_; }
    // Why one stays open: counted by its class, with the first as an example.
    void left(const std::string& code, const std::string& message, const std::string& conflict_id) {
        ++left_;
        ++reasons_.try_emplace(code, Reason{message, conflict_id, 0}).first->second.count;
    }
    [[nodiscard]] json::object to_json() const {
        json::object applied{{"resolved", resolved_}, {"left", left_}};
        json::array reasons;
        for (const auto& [code, reason] : reasons_)
            reasons.push_back(json::object{{"code", code},
                                           {"count", reason.count},
                                           {"message", reason.message},
                                           {"conflictId", reason.conflict_id}});
        if (!reasons.empty()) applied["reasons"] = std::move(reasons);
        return applied;
    }

private:
    struct Reason {
        std::string message;
        std::string conflict_id;
        std::uint64_t count;
    };
    std::uint64_t resolved_ = 0;
    std::uint64_t left_ = 0;
    std::map<std::string, Reason> reasons_;
};

// The other open conflicts of the same stream and type, the oldest last.
Async<Result<json::object>> resolve_alike(const Api& api, const ApiCall& call, const Conflict& first,
                                          const ConflictResolution& resolution) {
    Applied applied;
    applied.resolved(); // the first
    const std::string too_many = fmt::format("one call resolves {} at most; call again", most_resolved_at_once);
    std::vector<std::string> ids;
    ListRequest request;
    request.tenant_id = call.tenant_id;
    request.integration_id = first.integration_id;
    request.entity = first.entity_type;
    request.state = std::string(to_string(ConflictState::open));
    request.limit = 1000;
    do {
        ListRequest next = request;
        auto page = co_await api.parts().engine->list_conflicts(std::move(next));
        if (!page) co_return page.error();
        for (const Conflict& conflict : page->items) {
            if (conflict.stream_id != first.stream_id || conflict.type != first.type) continue;
            if (ids.size() < most_resolved_at_once) ids.push_back(conflict.conflict_id);
            else applied.left("not_tried", too_many, conflict.conflict_id);
        }
        request.cursor = std::move(page->next_cursor);
    } while (!request.cursor.empty());
    for (const std::string& id : ids) {
        ConflictResolution copy = resolution;
        auto one = co_await api.parts().engine->resolve_conflict(call.tenant_id, id, std::move(copy));
        if (one) {
            applied.resolved();
        } else {
            const Error error = one.error();
            log_own_fault(api, call.request_id, error);
            applied.left(std::string(to_string(error.code)), shown_message(error), id);
        }
    }
    co_return applied.to_json();
}

} // namespace

Async<HttpResponse> list_streams(const Api& api, ApiCall call) {
    auto streams = co_await api.parts().engine->list_streams(call.tenant_id);
    if (!streams) co_return failure(api, call.request_id, streams.error());
    std::ranges::sort(*streams, {}, &StreamSummary::stream_id);
    const std::string integration = call.text("integrationId"), entity = call.text("entityType");
    const std::string after = call.text("cursor");
    const std::size_t limit = limit_of(call);
    ListPage<StreamSummary> page;
    for (StreamSummary& stream : *streams) {
        if (stream.stream_id <= after || (!integration.empty() && stream.integration_id != integration) ||
            (!entity.empty() && stream.entity_type != entity))
            continue;
        if (page.items.size() == limit) {
            page.next_cursor = page.items.back().stream_id;
            break;
        }
        page.items.push_back(std::move(stream));
    }
    co_return list_answer(api, call, Result<ListPage<StreamSummary>>(std::move(page)));
}

Async<HttpResponse> find_stream(const Api& api, ApiCall call) {
    auto stream = co_await stream_of(api, call);
    co_return document_answer(api, call, 200, stream);
}

Async<HttpResponse> pause_stream(const Api& api, ApiCall call) {
    return changed_stream(api, std::move(call), &Engine::pause_stream);
}
Async<HttpResponse> resume_stream(const Api& api, ApiCall call) {
    return changed_stream(api, std::move(call), &Engine::resume_stream);
}
Async<HttpResponse> reset_stream(const Api& api, ApiCall call) {
    return changed_stream(api, std::move(call), &Engine::reset_stream);
}
Async<HttpResponse> approve_latch(const Api& api, ApiCall call) {
    return judged_latch(api, std::move(call), &Engine::approve_latch);
}
Async<HttpResponse> reject_latch(const Api& api, ApiCall call) {
    return judged_latch(api, std::move(call), &Engine::reject_latch);
}

Async<HttpResponse> list_conflicts(const Api& api, ApiCall call) {
    ListRequest request = list_request(call, "state");
    request.record_id = call.text("entityId");
    auto page = co_await api.parts().engine->list_conflicts(std::move(request));
    co_return list_answer(api, call, page);
}

Async<HttpResponse> find_conflict(const Api& api, ApiCall call) {
    auto conflict = co_await api.parts().engine->find_conflict(call.tenant_id, call.id());
    co_return document_answer(api, call, 200, conflict);
}

Async<HttpResponse> resolve_conflict(const Api& api, ApiCall call) {
    auto resolution = read_resolution(call);
    if (!resolution) co_return rejection_answer(resolution.error());
    const bool all_alike = body_text(call, "applyTo") == "stream";
    if (all_alike && resolution->choice != Choice::source && resolution->choice != Choice::target)
        co_return bad_body("applyTo", "stream goes with source_wins and target_wins only");
    auto present = co_await api.parts().engine->find_conflict(call.tenant_id, call.id());
    if (!present) co_return failure(api, call.request_id, present.error());
    if (auto refused = not_to_be_decided(*present)) co_return std::move(*refused);
    ConflictResolution copy = *resolution;
    auto conflict = co_await api.parts().engine->resolve_conflict(call.tenant_id, call.id(), std::move(copy));
    if (!conflict && conflict.error().code == ErrorCode::stale) {
        auto refreshed = co_await newest_question(api, call);
        json::object details;
        if (refreshed) details["conflict"] = to_json_object(*refreshed);
        co_return error_answer(409, conflict.error().message, std::move(details));
    }
    if (!conflict) co_return failure(api, call.request_id, conflict.error());
    json::object body = to_json_object(*conflict);
    if (all_alike) {
        auto applied = co_await resolve_alike(api, call, *conflict, *resolution);
        if (!applied) co_return failure(api, call.request_id, applied.error());
        body["appliedTo"] = std::move(*applied);
    }
    co_return json_answer(200, std::move(body));
}

Async<HttpResponse> ignore_conflict(const Api& api, ApiCall call) {
    auto conflict = co_await api.parts().engine->ignore_conflict(call.tenant_id, call.id(), call.actor);
    co_return document_answer(api, call, 200, conflict);
}

Async<HttpResponse> list_parked(const Api& api, ApiCall call) {
    auto page = co_await api.parts().engine->list_parked(list_request(call, "reason"));
    co_return list_answer(api, call, page);
}

Async<HttpResponse> retry_parked(const Api& api, ApiCall call) {
    json::object values;
    if (const auto* body = call.body.if_object())
        if (const json::value* given = body->if_contains("values")) values = given->as_object();
    auto parked = co_await api.parts().engine->retry_parked(call.tenant_id, call.id(), std::move(values));
    if (!parked) co_return failure(api, call.request_id, parked.error());
    json::object answer{{"parkedId", call.id()}, {"parked", parked->has_value()}};
    if (*parked) answer["record"] = to_json_object(**parked);
    co_return json_answer(200, std::move(answer));
}

Async<HttpResponse> discard_parked(const Api& api, ApiCall call) {
    auto discarded = co_await api.parts().engine->discard_parked(call.tenant_id, call.id());
    if (!discarded) co_return failure(api, call.request_id, discarded.error());
    HttpResponse response;
    response.status = 204;
    co_return response;
}

Async<HttpResponse> find_history(const Api& api, ApiCall call) {
    auto page = co_await api.parts().engine->history(call.tenant_id, call.text("entityType"), call.id(),
                                                     limit_of(call), call.text("cursor"));
    co_return list_answer(api, call, page);
}

} // namespace castiel_sync::service
