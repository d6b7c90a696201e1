// Adapter: speaks to one kind of system. Six calls; both sides of a sync are adapters.
//
// Purpose.      An adapter moves records and never decides: mapping, comparing, conflicts, retries, limits and
//               bookkeeping belong to the engine.
// Threading.    All calls come from the engine's executor. At most capabilities().max_in_flight calls overlap.
// Ownership.    The host registers a factory; the engine owns the adapter for the length of one execution.
// Errors.       A bad record is data (RecordFault, PushOutcome); an Error means that the whole call failed and had no
//               effect that the caller may count on. Never answer an empty page because of an error.
// Cancellation. Let operation_aborted pass; the adapter must stay usable after it.
// Duration.     End every call within half of EngineLimits::lease_duration (30 s by default), with unknown or
//               unavailable if need be: a longer one looks like a dead instance, and another takes over beside it.
// Idempotency.  pull and fetch have no effect. push carries an idempotency key for every item.
//
// Check yours with castiel_sync/testing/adapter_conformance.hpp.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/record.hpp>
#include <castiel_sync/runtime.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// What the system can promise. The engine relies on every word of it, and the conformance kit checks it: claiming less
// than the truth costs speed, claiming more costs data.
struct AdapterCapabilities {
    bool writable = false;              // push works at all
    bool change_feed = false;           // pull from a `next` cursor answers only what changed since
    bool reports_deletions = false;     // the feed holds tombstones
    bool conditional_writes = false;    // push refuses an item whose expected_version is no longer current
    bool idempotent_creates = false;    // a create repeated with the same idempotency key makes no second record
    bool finds_by_idempotency_key = false; // fetch by idempotency key finds what an earlier create made
    bool conditional_deletes = false;   // as conditional_writes, for deletions

    // fetch and push wait for nobody outside of this process's own store, so that other executions can wait for them.
    // Nothing that is asked over a network, or locked by others, is local.
    bool local = false;

    // A write is visible to fetch only after this long. Zero: at once.
    std::chrono::milliseconds read_lag{0};

    std::size_t max_page_records = 500;        // pull never answers more
    std::size_t max_fetch_records = 500;       // longest FetchRequest::ids
    std::size_t max_push_records = 500;        // longest PushRequest::items
    // Pushing fewer than this many at once is wasteful (a file that is rewritten by each push). The engine then reads
    // pages of up to this size from the other side. 0: no preference.
    std::size_t preferred_push_records = 0;
    std::size_t max_in_flight = 1;
};

// How a system signs the hooks that it sends, and where their bodies say what has changed: see
// castiel_sync/webhooks/inbound.hpp. A body that is a list is one of several such bodies.
struct HookDescription {
    enum class Scheme { standard, github, stripe, hubspot_v3, slack, shopify, token, none };

    Scheme scheme = Scheme::none;
    std::string header; // token: the header that holds it
    std::string entity; // dotted path to the name of the entity; empty: bodies don't tell
    std::string id;     // dotted path to the record's id, alike

    HookDescription() = default;
};

// The setting by which an integration takes hooks of Scheme::none.
inline constexpr std::string_view accept_unverified_hooks = "acceptUnverifiedHooks";

struct AdapterDescription {
    std::string name;             // as in providerName: lower case, digits and hyphens
    std::string summary;          // one sentence
    json::object settings_schema; // JSON Schema (draft 7) of the integration's settings
    // What mappings may name as externalEntity. Empty: any, or only the system itself can tell.
    std::vector<std::string> entities;
    // What Adapter::capabilities() will answer, where that does not depend on the settings.
    std::optional<AdapterCapabilities> capabilities;
    std::optional<HookDescription> hooks; // none: the system sends none that could be told from a forger's

    AdapterDescription() = default;
};

struct PullRequest {
    std::string entity;
    std::string cursor;          // empty: from the beginning; else a `next` of an earlier page
    std::size_t max_records = 500;

    PullRequest() = default;
};

struct RecordPage {
    std::vector<Record> records;
    std::vector<RecordFault> faults;
    // Never empty, also on the last page. After the last page of a feed: where the next run goes on. After the last
    // page of a listing: any text; the next run lists from the beginning.
    std::string next;
    bool has_more = false;
    // This page belongs to a full listing: after its last page, a record that no page held is a candidate for deletion
    // (the engine confirms it by fetch). Without change_feed every page is of a listing. A feed may begin with one.
    bool listing = false;
    std::optional<std::uint64_t> total; // records in all, where the system tells; used for progress only

    RecordPage() = default;
};

struct FetchRequest {
    std::string entity;
    std::vector<std::string> ids;
    std::vector<std::string> idempotency_keys; // only with finds_by_idempotency_key

    FetchRequest() = default;
};

// One answer per id, then one per idempotency key, in the order asked.
struct FetchedRecord {
    enum class Presence {
        present, // `record` holds its present state
        absent,  // the system is certain that it does not exist
        unknown, // the system can't tell (`error` says why); never taken for absent
    };
    Presence presence = Presence::unknown;
    Record record;
    std::optional<Error> error;

    FetchedRecord() = default;
};

struct PushItem {
    enum class Action { create, update, remove };

    Action action = Action::update;
    std::string id;                // empty for a create
    std::string idempotency_key;   // stable over repetitions of the same intent
    std::string expected_version;  // update, remove: the version this decision was made on; empty: unknown
    json::object fields;           // create, update: the complete record as it shall be (unmapped members included)
    // update, remove: the record that the decision was made on, for adapters that send changes, or an id as the record
    // holds it (a number, say). Of an update `fields` was derived from it. Empty: nobody has read it.
    json::object previous;

    PushItem() = default;
};

struct PushRequest {
    std::string entity;
    std::vector<PushItem> items;
    // Where the caller has read the entity's changes to: a `next` of a feed, with nothing left behind it. Empty: it
    // does not ask how that goes on.
    std::string cursor;

    PushRequest() = default;
};

struct PushOutcome {
    enum class Status {
        applied,  // durable on the far side. A remove of an absent record is applied too.
        stale,    // expected_version is no longer current; nothing was written
        absent,   // update of a record that does not exist; nothing was written
        rejected, // the system refuses this record (`error` says why; already_exists: a unique key is taken); nothing
                  // was written
        unknown,  // sent, and nobody knows
        not_sent, // nothing happened; may be repeated (`error`: throttled or unavailable)
    };
    Status status = Status::not_sent;
    std::string id;                        // applied create: the new record's id
    bool integer_id = false;
    std::string version;                   // applied create or update: the new version, empty when the system hides it
    std::optional<Timestamp> modified_at;
    std::optional<json::object> fields;    // what the system stored, when it tells and it may differ from what was sent
    std::optional<Error> error;
    // Of a request's last item, and only where the system knows for certain: between PushRequest::cursor and this one
    // lies what this request wrote and nothing of anybody else, so that reading may go on from here. Empty otherwise.
    std::string cursor;

    PushOutcome() = default;
};

class Adapter {
public:
    virtual ~Adapter() = default;
    Adapter(const Adapter&) = delete;
    Adapter& operator=(const Adapter&) = delete;

    [[nodiscard]] virtual AdapterDescription describe() const = 0;
    [[nodiscard]] virtual AdapterCapabilities capabilities() const = 0;

    // Can the system be reached with these settings and credentials? Changes nothing.
    virtual Async<Result<>> check() = 0;

    // The page that begins at the cursor. The same cursor answers the same page while nothing changes. A cursor that
    // can't be resumed is cursor_expired.
    virtual Async<Result<RecordPage>> pull(PullRequest request) = 0;

    // The present state of exactly these records. Size: ids + idempotency_keys.
    virtual Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) = 0;

    // One outcome per item, in order. An Error with unavailable or throttled means that nothing was sent: the items
    // come again. With unknown_outcome, nothing is known of any item. With any other code the execution fails, and the
    // next one finds out what was written, as after a crash.
    virtual Async<Result<std::vector<PushOutcome>>> push(PushRequest request) = 0;

protected:
    Adapter() = default;
};

// What the account of an external system is asked for counts against one budget, whichever instance asks.
//
// Threading: on Runtime::executor. Ownership: uses the engine's store. Cancellation: as of any call; what was taken is
// lost then.
class RequestBudget {
public:
    virtual ~RequestBudget() = default;
    RequestBudget(const RequestBudget&) = delete;
    RequestBudget& operator=(const RequestBudget&) = delete;

    // Awaited before each request, which is sent at once then. Waits while the budget is used up for the moment;
    // throttled, with retry_after, where that would take too long. What a store error leaves unknown is not allowed:
    // its error is the answer, and nothing may be sent.
    virtual Async<Result<>> take() = 0;

protected:
    RequestBudget() = default;
};

// What a factory gets to make an adapter for one integration.
struct AdapterContext {
    Runtime runtime;
    std::string tenant_id;
    std::string integration_id;
    // The one that the adapter will be asked for, so that capabilities() may depend on it. Empty: only check is called.
    std::string entity;
    json::object settings;      // validated against settings_schema by whoever loaded them
    json::object credentials;   // resolved secret, empty when none is referenced; never log it
    // Where the credentials are kept (Integration::credential_secret_name), for an adapter that changes them: a
    // SecretProvider knows it. Empty: nowhere.
    std::string credential_reference;
    std::shared_ptr<RequestBudget> budget; // to be asked before each request. Null: there is no limit
};

using AdapterFactory = std::function<Result<std::unique_ptr<Adapter>>(const AdapterContext&)>;

// An object that main fills; there is no global registry. Threading: fill it before engines use it; reads are const.
class AdapterRegistry {
public:
    // Replaces an earlier registration of the same name. `description.name` is the key.
    void add(AdapterDescription description, AdapterFactory factory);
    [[nodiscard]] const AdapterDescription* find(std::string_view name) const;
    [[nodiscard]] std::vector<AdapterDescription> list() const; // by name
    // invalid_configuration when no adapter has that name (the message lists those there are).
    [[nodiscard]] Result<std::unique_ptr<Adapter>> make(std::string_view name, const AdapterContext& context) const;

private:
    struct Entry {
        AdapterDescription description;
        AdapterFactory factory;
    };
    std::map<std::string, Entry, std::less<>> entries_;
};

} // namespace castiel_sync
