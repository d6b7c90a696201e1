// SimulatedSystem: an external system (or a shard service) that lives in memory, with users who edit it at any moment
// and a switch for everything that real systems can or can't do.
//
// It is a witness too: it sees every read and every write as the system itself sees them, whoever made them.
//
//     SimulatedSystemOptions options;
//     options.name = "crm";
//     options.capabilities.writable = options.capabilities.conditional_writes = true;
//     SimulatedSystem crm(loop, std::move(options));
//     crm.create("contacts", {{"name", "Ada"}});
//     registry.add(crm.describe(), crm.factory("node-1"));
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync::testing {

struct SimulatedSystemOptions {
    std::string name = "simulated"; // the adapter's name; also in ids and cursors
    AdapterCapabilities capabilities;
    bool integer_ids = false;
    bool begins_with_listing = false;   // a feed read from the beginning starts with a listing
    bool hides_versions = false;        // an applied push does not tell the new version
    bool tells_modified_at = true;
    bool coarse_times = false;          // modified_at in whole seconds
    bool tells_stored_fields = false;   // an applied push answers what is stored
    bool tells_positions = false;       // a push answers where its feed goes on, when nobody else wrote
    std::chrono::milliseconds clock_skew{0};
    // A push of such fields is rejected, for this reason.
    std::function<std::optional<std::string>(const json::object& fields)> refuses;

    SimulatedSystemOptions() = default;
};

// One effect on one record, as the system saw it.
struct SystemWrite {
    enum class Kind { create, update, remove };
    Kind kind = Kind::update;
    std::string actor; // empty: a user; else who connected the adapter
    std::string entity;
    std::string id;
    std::string idempotency_key;
    std::uint64_t position = 0;     // in the system's changes: 1, 2, 3 …
    std::chrono::nanoseconds at{0};
    json::object before;
    json::object after;

    SystemWrite() = default;
    [[nodiscard]] bool by_user() const { return actor.empty(); }
};

// Threading: on the loop. Ownership: must outlive its adapters.
class SimulatedSystem {
public:
    SimulatedSystem(SimLoop& loop, SimulatedSystemOptions options);
    SimulatedSystem(const SimulatedSystem&) = delete;
    SimulatedSystem& operator=(const SimulatedSystem&) = delete;

    [[nodiscard]] AdapterDescription describe() const;
    [[nodiscard]] const SimulatedSystemOptions& options() const { return options_; }

    // Adapters onto it; `actor` names whoever uses them in what the system saw. Every call completes at once.
    // With a budget each call takes one request of it first. Over HTTP: simulated_rest_server.hpp.
    [[nodiscard]] std::unique_ptr<Adapter> connect(std::string actor, std::shared_ptr<RequestBudget> budget = {});
    [[nodiscard]] AdapterFactory factory(std::string actor);

    // What users do.
    std::string create(const std::string& entity, json::object fields);
    bool edit(const std::string& entity, const std::string& id, json::object fields); // false: no such record
    bool remove(const std::string& entity, const std::string& id);
    // The row can't be read as a record any more (an adapter answers a RecordFault), or can again.
    bool set_broken(const std::string& entity, const std::string& id, bool broken);

    // What is there.
    [[nodiscard]] const json::object* find(const std::string& entity, const std::string& id) const;
    [[nodiscard]] bool broken(const std::string& entity, const std::string& id) const;
    [[nodiscard]] std::vector<std::string> ids(const std::string& entity) const;
    [[nodiscard]] std::vector<std::string> entities() const;
    [[nodiscard]] std::uint64_t position() const { return position_; }
    // Position of the record's last change; 0 when it never existed. Deleted records keep theirs.
    [[nodiscard]] std::uint64_t position(const std::string& entity, const std::string& id) const;

    // What it saw.
    void on_write(std::function<void(const SystemWrite&)> listener) { on_write_ = std::move(listener); }
    using ReadListener =
        std::function<void(const std::string& actor, const std::string& entity, const std::string& id)>;
    void on_read(ReadListener listener) { on_read_ = std::move(listener); }

    void on_request(std::function<void(const std::string& actor)> listener) { on_request_ = std::move(listener); }

    // The position that a cursor of this system stands for: everything up to it was answered. nullopt for a cursor
    // within a listing, or one of another system.
    [[nodiscard]] std::optional<std::uint64_t> position_of_cursor(std::string_view cursor) const;

private:
    friend class SimulatedAdapter;
    friend class SimulatedRestServer;

    struct Row {
        json::object fields;
        std::uint64_t position = 0;
        std::optional<Timestamp> modified_at;
        bool broken = false;
        bool deleted = false;
    };
    struct Creation {
        std::string id;
        PushOutcome outcome;
        std::chrono::nanoseconds at{0};
    };
    struct Entity {
        std::map<std::string, Row> rows;                  // by id; deleted ones stay as tombstones
        std::map<std::uint64_t, std::string> changes;     // the last change of each row, by position
        std::map<std::string, Creation, std::less<>> creations; // by idempotency key
        std::uint64_t next_id = 1;
    };

    void change(const std::string& entity, const std::string& id, SystemWrite::Kind kind, json::object fields,
                const std::string& actor, const std::string& idempotency_key);
    [[nodiscard]] std::string cursor_at(std::uint64_t position) const; // of the feed: everything after it is answered
    [[nodiscard]] const Row* find_row(const std::string& entity, const std::string& id) const; // deleted ones too
    [[nodiscard]] Record to_record(const std::string& id, const Row& row) const;
    void saw_read(const std::string& actor, const std::string& entity, const std::string& id) const;
    void add_row(RecordPage& page, const std::string& actor, const std::string& entity, const std::string& id,
                 const Row& row) const;

    Result<RecordPage> pull(const std::string& actor, const PullRequest& request);
    [[nodiscard]] RecordPage list(const std::string& actor, const PullRequest& request, std::uint64_t started,
                                  const std::string& after) const;
    [[nodiscard]] RecordPage feed(const std::string& actor, const PullRequest& request, std::uint64_t after) const;
    Result<std::vector<FetchedRecord>> fetch(const std::string& actor, const FetchRequest& request);
    Result<std::vector<PushOutcome>> push(const std::string& actor, const PushRequest& request);
    PushOutcome push_create(const std::string& actor, const std::string& entity, const PushItem& item);
    PushOutcome push_update(const std::string& actor, const std::string& entity, const PushItem& item);
    PushOutcome push_remove(const std::string& actor, const std::string& entity, const PushItem& item);
    [[nodiscard]] PushOutcome applied(const std::string& id, const Row& row) const;

    SimLoop& loop_;
    SimulatedSystemOptions options_;
    std::map<std::string, Entity, std::less<>> entities_;
    std::uint64_t position_ = 0;
    std::function<void(const SystemWrite&)> on_write_;
    ReadListener on_read_;
    std::function<void(const std::string& actor)> on_request_;
};

} // namespace castiel_sync::testing
