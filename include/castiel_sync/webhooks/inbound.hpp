// InboundHooks: takes the hooks that external systems send, and has what they tell of synced.
//
// A hook is a hint and nothing more: it names records, which the task that it starts then reads from the system itself.
// What it is taken for is stored in one commit, before take() answers: the receipt, by which a repetition is known for
// 7 days; the task, or what it adds to one that waits; and the event integration.webhook.received. So the sender may be
// told that it arrived, and whoever sends it again changes nothing.
//
// A hook that is not signed as its integration's credentials ask for leaves nothing behind. Those hold the secret as
// `webhookSecret`, or several, while it is changed, as the list `webhookSecrets`.
//
// Threading.    On Runtime::executor; calls overlap freely.
// Ownership.    Everything in InboundHooksParts is borrowed, and must outlive it and every call under way.
// Errors.       unauthenticated: nothing was stored. The message says why, for a log and not for the sender, and holds
//               nothing of secrets and signatures. Everything else: it is not known to be stored; it may be sent again.
// Cancellation. operation_aborted; what had begun to be stored may be.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/async.hpp>
#include <castiel_sync/engine.hpp>
#include <castiel_sync/http/message.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/sync_task.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

// A call as it came: nothing of it is trusted.
struct HookCall {
    std::string method;
    std::string url; // whole, as its sender dialled it: one scheme signs it
    HttpHeaders headers;
    std::string body; // byte for byte

    HookCall() = default;
};

struct HookAnswer {
    std::string task_id; // empty: it is about nothing that the integration syncs
    bool duplicate = false;
    std::optional<SyncTask> task; // for Scheduler::take_note; none where it is a duplicate

    HookAnswer() = default;
};

struct InboundHooksParts {
    Runtime runtime;
    Engine* engine = nullptr;
    Store* store = nullptr; // opened with engine_kinds() and webhook_kinds()
    IntegrationCatalog* catalog = nullptr;
    const AdapterRegistry* adapters = nullptr;
    Observer* observer = nullptr; // may be null; told of integrations whose hooks can't be verified
    std::chrono::hours retention = std::chrono::days{7}; // of receipts

    InboundHooksParts() = default;
};

class InboundHooks {
public:
    explicit InboundHooks(InboundHooksParts parts) : parts_(std::move(parts)) {}

    // `candidates`: the integrations with the id that was called. Tenants choose ids, so there may be several: the hook
    // is for the one that it is signed for. One that takes unverified hooks has to be the only one.
    Async<Result<HookAnswer>> take(std::vector<Integration> candidates, HookCall call);

private:
    struct Accepted;
    Async<Result<std::optional<Accepted>>> verify(std::vector<Integration> candidates, const HookCall& call);
    Async<Result<HookAnswer>> store(Accepted hook, std::string body);
    void warn(const Integration& integration, const std::string& trouble) const;

    InboundHooksParts parts_;
};

} // namespace castiel_sync
