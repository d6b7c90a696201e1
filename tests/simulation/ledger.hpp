// The ledger: what users wrote, what became of it, and who had seen what. It hears of every write as the simulated
// systems see it, and traces every value on either side back to the user writes that it is made of.
//
// Records that are meant to be the same (a record and its copies, twins made under one key) form a group. Every text
// that a user writes names its group and its write ("word@g7#u12;"), so provenance needs no help from the engine.
#pragma once

#include "own_json.hpp"
#include "scenario.hpp"

#include <compare>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

namespace simulation {

using cs::Side;
using cs::testing::SystemWrite;

struct RecordKey {
    Side side = Side::source;
    std::size_t entity = 0;
    std::string id;

    friend auto operator<=>(const RecordKey&, const RecordKey&) = default;
};

[[nodiscard]] std::string to_string(const RecordKey& key);

using NodeId = std::size_t;

// One value of one field, at one moment: written by a user, or derived by the engine from the parents.
struct ValueNode {
    std::size_t field = 0;
    RecordKey where;
    std::optional<json::value> value;
    nanoseconds at{};
    std::vector<NodeId> twins; // the same value, set by people on both sides: whoever saw the one saw the other
    std::uint64_t tick = 0; // orders what happens at the same time
    std::vector<NodeId> parents; // what its author had before its eyes
    bool by_user = false;
    bool excused = false; // overwritten in a window that the system leaves open (no conditional writes)
};

struct RecordState {
    std::string group;
    bool exists = true;
    bool made_by_user = false;
    bool removed_by_user = false;
    nanoseconds removed_at{};
    std::vector<std::optional<NodeId>> fields; // what each field holds now (or held when the record was removed)
    std::set<std::size_t> emptied;             // fields that a user took away
    std::map<std::size_t, std::optional<NodeId>> last_seen; // what they held then
    bool removed_unconfirmed = false; // it held what the engine had written there and not recorded yet
    std::uint64_t user_position = 0;           // of the last change that a user made
    nanoseconds user_changed_at{};
    std::uint64_t user_changed_tick = 0;
    std::map<std::string, std::uint64_t> last_read; // tick by process
};

struct Counter {
    std::int64_t expected = 0;
    bool tainted = false; // something happened that makes the sum unpredictable
};

struct Group {
    std::vector<RecordKey> records;
    std::vector<std::vector<NodeId>> nodes; // by field, oldest first
    std::map<std::size_t, Counter> counters;
    std::size_t made_by_users[2] = {};
    std::size_t made_by_engine[2] = {};
    std::size_t removed_by_users[2] = {};
    std::size_t made_too_late[2] = {}; // creates that arrived when their sender had lost the stream
    nanoseconds last_user_change{};
    std::vector<NodeId> emptied; // values that users took away, having seen them

    [[nodiscard]] bool duplicated() const {
        return made_by_users[0] > 1 || made_by_users[1] > 1 || made_too_late[0] + made_too_late[1] > 0;
    }
};

class Ledger {
public:
    // Does this process have the entity's stream now?
    using OwnerCheck = std::function<bool(const std::string& actor, std::size_t entity)>;
    using Report = std::function<void(std::string_view invariant, std::string message)>;

    Ledger(const Scenario& scenario, Report report);

    void ask_owners(OwnerCheck owns) { owns_ = std::move(owns); }

    void wrote(Side side, const SystemWrite& write);
    void read(Side side, const std::string& actor, const std::string& entity, const std::string& id);

    [[nodiscard]] const std::map<RecordKey, RecordState>& records() const { return records_; }
    [[nodiscard]] const std::map<std::string, Group>& groups() const { return groups_; }
    [[nodiscard]] const ValueNode& node(NodeId id) const { return nodes_[id]; }
    [[nodiscard]] const RecordState* find(const RecordKey& key) const;
    // The records of the other side that are meant to be the same.
    [[nodiscard]] std::vector<RecordKey> partners(const RecordKey& key) const;

    // Everything that the authors of these values had seen, themselves included.
    [[nodiscard]] std::unordered_set<NodeId> ancestry(const std::vector<NodeId>& of, bool twins = true) const;
    // Among what its author had seen: the values that this one puts back.
    [[nodiscard]] std::vector<NodeId> earlier_equals(NodeId id) const;
    [[nodiscard]] bool descends_from(NodeId descendant, NodeId ancestor) const;

    // User writes that live on nowhere: no present value, no value that a user removed, and none that is `kept`
    // elsewhere was made by somebody who had seen them.
    [[nodiscard]] std::vector<NodeId> lost_writes(const std::function<bool(const ValueNode&)>& kept) const;

    [[nodiscard]] std::uint64_t user_writes() const { return user_writes_; }
    [[nodiscard]] std::uint64_t engine_writes() const { return engine_writes_; }
    struct WriteCounts {
        std::uint64_t created = 0, updated = 0, removed = 0;
    };
    [[nodiscard]] WriteCounts engine_writes(std::size_t entity) const {
        return entity < writes_of_.size() ? writes_of_[entity] : WriteCounts();
    }
    [[nodiscard]] nanoseconds last_user_write() const { return last_user_write_; }

    // The group that a record with these fields belongs to; empty when they do not tell.
    [[nodiscard]] std::string group_of(const RecordKey& key, const json::object& fields) const;

    [[nodiscard]] std::optional<std::size_t> entity_of(Side side, std::string_view name) const;

    // What both sides agreed on last, as the store has it.
    void set_base_reader(std::function<std::optional<json::value>(const RecordKey&, std::size_t field)> reader) {
        base_reader_ = std::move(reader);
    }
    // Is the engine just writing this value there, without an answer so far?
    void set_attempt_reader(
        std::function<bool(const RecordKey&, std::size_t field, const json::value& value)> reader) {
        attempted_ = std::move(reader);
    }

private:
    OwnerCheck owns_;
    std::uint64_t tick_ = 0;
    std::function<bool(const RecordKey&, std::size_t field, const json::value& value)> attempted_;
    std::function<std::optional<json::value>(const RecordKey&, std::size_t field)> base_reader_;
    void user_wrote(RecordKey key, const SystemWrite& write);
    void engine_wrote(RecordKey key, const SystemWrite& write);
    void engine_removed(const RecordKey& key, RecordState& record, const SystemWrite& write);
    void check_overwriting(const RecordKey& key, RecordState& record, const SystemWrite& write, std::size_t field,
                           bool removal);
    void check_unmapped(const RecordKey& key, const RecordState& record, const SystemWrite& write);
    [[nodiscard]] NodeId add_node(const RecordKey& key, Group& group, std::size_t field,
                                  std::optional<json::value> value, nanoseconds at, std::vector<NodeId> parents,
                                  bool by_user);
    // The node that the engine's value stands for; nullopt: nobody wrote such a value.
    [[nodiscard]] std::optional<NodeId> trace(const RecordKey& key, Group& group, std::size_t field,
                                              const json::value& value, nanoseconds at);
    [[nodiscard]] bool written_again(const Group& group, NodeId id, const std::unordered_set<NodeId>& alive) const;
    [[nodiscard]] std::vector<NodeId> present(const Group& group, std::size_t field) const;
    [[nodiscard]] const FieldPlan& plan(const RecordKey& key, std::size_t field) const {
        return scenario_.entities[key.entity].fields[field];
    }

    const Scenario& scenario_;
    Report report_;
    std::map<RecordKey, RecordState> records_;
    std::map<std::string, Group> groups_;
    std::vector<ValueNode> nodes_;
    std::uint64_t user_writes_ = 0;
    std::uint64_t engine_writes_ = 0;
    std::vector<WriteCounts> writes_of_; // by entity, of both sides
    nanoseconds last_user_write_{};
};

} // namespace simulation
