#include <castiel_sync/webhooks/inbound.hpp>

#include <core/hashes.hpp>
#include <engine/documents.hpp>
#include <webhooks/documents.hpp>
#include <webhooks/hook_hint.hpp>
#include <webhooks/hook_verification.hpp>

#include <utility>

namespace castiel_sync {
namespace {

constexpr int stale_rounds = 20; // of calls that bring the same hook at once, one is stored, and the others find it

bool accepts_unverified(const Integration& integration) {
    const json::value* said = integration.settings.if_contains(accept_unverified_hooks);
    return said != nullptr && *said == true;
}

// Each hook is a stream of its own, of one event: hooks have no order among themselves, and nothing counts them.
Event received_event(const HookReceipt& receipt, const Integration& integration, bool verified,
                     const std::string& entity) {
    Event event;
    event.id = id_from_key(receipt.receipt_id);
    event.type = "integration.webhook.received";
    event.timestamp = receipt.received_at;
    event.tenant_id = integration.tenant_id;
    event.stream_id = "hook/" + receipt.receipt_id;
    event.sequence = 1;
    event.data = {{"integrationId", integration.id}, {"deliveryId", receipt.delivery_id}, {"verified", verified}};
    if (!entity.empty()) event.data["entityType"] = entity;
    if (!receipt.task_id.empty()) event.data["taskId"] = receipt.task_id;
    return event;
}

} // namespace

// A hook, and whose it is.
struct InboundHooks::Accepted {
    Integration integration;
    HookDescription description;
    VerifiedHook hook;

    Accepted() = default;
};

void InboundHooks::warn(const Integration& integration, const std::string& trouble) const {
    if (parts_.observer != nullptr)
        parts_.observer->on_log(LogLevel::warning, "a hook can't be verified: " + trouble,
                                {{"tenantId", integration.tenant_id}, {"integrationId", integration.id}});
}

Async<Result<HookAnswer>> InboundHooks::take(std::vector<Integration> candidates, HookCall call) {
    auto accepted = co_await verify(std::move(candidates), call);
    if (!accepted) co_return accepted.error();
    if (!*accepted)
        co_return Error(ErrorCode::unauthenticated, "a hook is refused: no integration of this id takes it");
    co_return co_await store(std::move(**accepted), std::move(call.body));
}

Async<Result<std::optional<InboundHooks::Accepted>>> InboundHooks::verify(std::vector<Integration> candidates,
                                                                          const HookCall& call) {
    const bool alone = candidates.size() == 1;
    std::optional<Error> refusal;
    for (Integration& integration : candidates) {
        const AdapterDescription* adapter = parts_.adapters->find(integration.provider_name);
        if (adapter == nullptr || !adapter->hooks) continue;
        Accepted accepted;
        accepted.description = *adapter->hooks;
        std::vector<std::string> secrets;
        if (accepted.description.scheme != HookDescription::Scheme::none) {
            auto credentials = co_await parts_.catalog->credentials(integration);
            if (!credentials && is_retryable(credentials.error().code)) co_return credentials.error();
            if (credentials) secrets = hook_secrets(*credentials);
            if (!credentials) warn(integration, credentials.error().message);
            else if (secrets.empty()) warn(integration, "its credentials hold no webhookSecret");
        } else if (!alone || !accepts_unverified(integration)) {
            continue;
        }
        auto hook = verify_hook(accepted.description, secrets, call, parts_.runtime.clock->now());
        if (!hook) {
            refusal = hook.error();
            continue;
        }
        accepted.integration = std::move(integration);
        accepted.hook = std::move(*hook);
        if (accepted.hook.delivery_id.empty()) accepted.hook.delivery_id = make_uuid(*parts_.runtime.random);
        co_return std::optional<Accepted>(std::move(accepted));
    }
    if (refusal) co_return std::move(*refusal);
    co_return std::optional<Accepted>();
}

// Receipt, event and task are one commit, so that no crash can part them: a hook that was answered has had its effect,
// and one that was not has either had it, and its receipt tells so, or has left nothing.
Async<Result<HookAnswer>> InboundHooks::store(Accepted accepted, std::string body) {
    const Integration& integration = accepted.integration;
    auto hint = read_hook_hint(accepted.description, integration, body);
    if (!integration.sync.sync_enabled) hint.reset();
    HookReceipt receipt;
    receipt.delivery_id = accepted.hook.delivery_id;
    receipt.receipt_id = hook_receipt_id(integration.id, receipt.delivery_id);
    receipt.integration_id = integration.id;
    receipt.received_at = parts_.runtime.clock->now();
    std::string entity;
    if (hint) entity = hint->entity;
    const Timestamp kept_until = receipt.received_at + parts_.retention;
    const auto writes_with = [&](const std::string& task_id) {
        receipt.task_id = task_id;
        std::vector<Write> writes{insert(to_document(receipt, kept_until))};
        writes.push_back(put(to_document(received_event(receipt, integration, accepted.hook.verified, entity))));
        return writes;
    };
    std::function<std::vector<Write>(const SyncTask&)> with = [&writes_with](const SyncTask& task) {
        return writes_with(task.task_id);
    };
    for (int round = 0; round < stale_rounds; ++round) {
        std::vector<std::string> ids{receipt.receipt_id};
        auto known = co_await parts_.store->read(integration.tenant_id, "webhook_receipt", std::move(ids));
        if (!known) co_return known.error();
        HookAnswer answer;
        if (known->front()) {
            auto earlier = from_document<HookReceipt>(*known->front());
            if (!earlier) co_return earlier.error();
            answer.task_id = std::move(earlier->task_id);
            answer.duplicate = true;
            co_return answer;
        }
        std::optional<Error> error;
        if (hint) {
            SyncRequest request;
            request.tenant_id = integration.tenant_id;
            request.integration_id = integration.id;
            request.entity = hint->entity;
            request.source_ids = hint->source_ids;
            request.trigger = Trigger::webhook;
            TaskOptions options;
            options.with = with;
            auto task = co_await parts_.engine->create_task(std::move(request), std::move(options));
            if (!task) error = task.error();
            else answer.task = std::move(*task);
        } else {
            std::vector<Write> writes = writes_with("");
            auto stored = co_await parts_.store->commit(integration.tenant_id, std::move(writes));
            if (!stored) error = stored.error();
        }
        if (!error) {
            if (answer.task) answer.task_id = answer.task->task_id;
            co_return answer;
        }
        if (error->code != ErrorCode::stale) co_return std::move(*error);
    }
    co_return Error(ErrorCode::busy, "this hook comes too often at once");
}

} // namespace castiel_sync
