// What the engine stores, as typed values, and the one place where each becomes a document and back.
#pragma once

#include <castiel_sync/conflict.hpp>
#include <castiel_sync/event.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/record.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>
#include <core/request_budget.hpp>
#include <core/schedule.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

inline constexpr std::size_t index_of(Side side) { return side == Side::source ? 0 : 1; }

// The create that made one side of a link from the other. The values it wrote are those of the link's base: it stands
// in the link instead of in the journal as long as that holds, which for most links is for ever.
struct LinkCreate {
    std::string journal_id;
    std::string execution_id;
    std::string actor;
    std::string rule;
    Side written = Side::target;
    Timestamp at{};

    friend bool operator==(const LinkCreate&, const LinkCreate&) = default;
};

// The pair of ids that are the same record, and what tells whether one that is met again has to be looked at. Most have
// not, and what else a link holds stays unread.
struct LinkHead {
    enum class State {
        live,
        detached, // both records are left alone: they are no longer the same, and neither counts as new
        dead,     // kept for history until it expires
    };
    std::string link_id;
    std::string stream_id;
    std::string source_id;
    std::string target_id;
    std::int64_t ordinal = 0;          // dense per stream; the link's bit in `seen`, and the end of its id
    State state = State::live;
    std::string source_version;        // as of the last evaluation; "" = unknown, so the next sight evaluates again
    std::string target_version;
    std::string evaluated_under;       // the mapping's fingerprint then

    [[nodiscard]] const std::string& id(Side side) const { return side == Side::source ? source_id : target_id; }
    [[nodiscard]] const std::string& version(Side side) const {
        return side == Side::source ? source_version : target_version;
    }
};

// With the base: what both sides last agreed on.
struct Link : LinkHead {
    bool integer_source_id = false;
    bool integer_target_id = false;
    // When somebody else last edited a side, as far as the last evaluation knew: the time that a system gives our own
    // write says nothing about people. Kept where a rule asks for times.
    std::optional<Timestamp> source_edited_at, target_edited_at;
    std::string conflict_id;           // of the conflict that stands open (or was set aside)
    std::optional<LinkCreate> made;
    json::object flips;                // field → [count, hash before last, last hash], for the ping-pong rail
    std::optional<json::object> base;  // by shard field; nullopt: never compared
    std::string etag;

    using LinkHead::version;
    [[nodiscard]] std::string& version(Side side) { return side == Side::source ? source_version : target_version; }
    [[nodiscard]] std::optional<Timestamp>& edited_at(Side side) {
        return side == Side::source ? source_edited_at : target_edited_at;
    }
    [[nodiscard]] const std::optional<Timestamp>& edited_at(Side side) const {
        return side == Side::source ? source_edited_at : target_edited_at;
    }
};

struct Candidate {
    std::string stream_id;
    Side side = Side::source;
    std::string record_id;
    std::string match_key;
    bool fresh = true;
    bool separate = false; // a person said that it matches nothing
};

// A deletion seen and held back until the end of the cycle, when the share of all of them is known.
struct HeldDeletion {
    std::string stream_id;
    Side side = Side::source;  // where the record is gone
    std::string link_id;
    std::string record_id;
    bool confirmed = false;    // by a tombstone; otherwise a fetch must confirm it
    bool decided = false;      // its survivor was looked at, and goes
};

// Writes under way, one or a few documents for each page and side. Once their outcome is known they are history; until
// then only they can tell a write of ours from a user's edit, and what it wrote over.
struct Intent {
    struct Item { // a create
        std::string origin_id;
        std::string idempotency_key;
        std::string replaces; // the linked record that is gone and made once more; empty: a first creation
        std::string follows;  // the key of the create that had made that one; empty: nothing is known of its create
        json::object values; // what is sent, by shard field: the base of the pair that it makes
    };
    struct Attempt { // an update or a deletion: all that must be known of it should its answer never come
        std::string link_id;     // empty: two records that are about to be linked
        JournalEntry entry;      // what is about to be written, over what
        json::object others;     // by shard field: what the other side held when that was decided
        std::optional<Conflict> automatic; // the decision between two edits that it carries out
        bool made = false;    // of records about to be linked: one is what the other one's lost create had made
        bool refused = false; // answered so: its record had moved on
        bool asked = false;   // for, and not there; what it may have written over is kept in the journal
    };
    std::string intent_id;
    std::string stream_id;
    Side written = Side::target;
    std::vector<Item> items;
    std::vector<Attempt> attempts;
};

struct Lease {
    std::string owner;
    std::string execution_id;
    Timestamp expires_at{};
};

struct Approval {
    Rail rail = Rail::max_deletes;
    Side flow = Side::target;
    std::uint64_t up_to = 0;
};

enum class Phase {
    reading,   // both sides' changes, the first side to its end before the second
    settling,  // unlinked records of both sides find each other or are created
    deleting,  // held deletions, now that their number is known
    caught_up, // the cycle is complete; the next run begins a new one
};

struct SideCheckpoint {
    std::string cursor;
    bool exhausted = false;      // this cycle has read it to its end
    bool listing = false;        // the pass under way is a full listing
    std::uint64_t pass = 0;      // numbers listings; bits of `seen` belong to one
    std::uint64_t seen = 0;      // links met in this pass
    std::uint64_t listed = 0;    // records met in this pass
    bool links_ended = false;    // during this pass: `seen` counts some that are no links any more
    bool missing_held = false;   // the links that the listing did not meet have been held for deletion
};

struct CycleCounts { // what the rails judge, per side that would be written
    std::uint64_t updates = 0;
    std::uint64_t seen_linked = 0; // linked records read on the other side
    std::uint64_t changed = 0;     // of them, changed
};

struct Checkpoint {
    std::uint64_t epoch = 1;
    std::uint64_t cycle = 0;
    Phase phase = Phase::caught_up;
    Side first = Side::target;
    std::string mapping_fingerprint;
    std::array<SideCheckpoint, 2> sides;
    std::array<CycleCounts, 2> counts;
    bool parked_retried = false;      // this cycle has retried what waits for others
    bool requested = false;           // a run that began after this cycle waits for one that reads everything anew
};

struct StreamDocument {
    std::string stream_id;
    std::string integration_id;
    std::string mapping_id;
    std::string entity_type;
    std::string shard_type_id;
    std::uint64_t token = 0;           // fencing token of the last claim
    std::uint64_t commit_sequence = 0; // +1 with each commit under a lease: settles commits of unknown outcome
    std::optional<Lease> lease;
    bool paused = false;
    std::optional<Latch> latch;
    std::vector<Approval> approvals;
    bool reset_requested = false;
    bool drop_deletions_requested = false; // a latch was rejected
    std::int64_t next_ordinal = 0;
    std::uint64_t links = 0;
    std::uint64_t open_conflicts = 0;
    std::uint64_t parked = 0;
    std::uint64_t event_sequence = 0;
    std::array<std::uint64_t, 2> candidates{}; // unlinked records staged, by side
    // One for each direction that was ever run: a run that is narrower than the mapping must not move the cursors of
    // the wider one past changes that it does not carry. Links and bases are shared.
    std::array<std::optional<Checkpoint>, 3> checkpoints;
    std::string last_execution_id;
    std::optional<Timestamp> last_run_at;
    std::string etag;
};

struct TaskDocument : SyncTask {
    std::string etag;
};

// Somebody wants a running task to end. A document of its own, so that it is no precondition of the task's own commits.
struct Cancellation {
    std::string task_id;
    std::string actor;
    Timestamp at{};
};

// Of one integration: when it was synced, and when its schedule asks for it next.
struct Schedule {
    std::string integration_id;
    std::optional<Timestamp> last_start; // of a task's first execution: what the minimum interval is counted from
    std::string last_task_id;            // that the schedule made
    DueTimes times;
    std::string etag;
};

// What one account of an external system was asked for lately.
struct Budget {
    std::string account; // a hash: ids of credentials are nobody's business
    RequestUse use;
    std::string etag;
};

struct Slot {
    std::string slot_id;
    std::string execution_id;
    Timestamp expires_at{};
};

// 64-bit hash of the integration and mapping ids as 16 hexadecimal digits: short, because every link carries it.
[[nodiscard]] std::string make_stream_id(std::string_view integration_id, std::string_view mapping_id);
// 128-bit hash as 32 hexadecimal digits, of parts that can't run into each other.
[[nodiscard]] std::string hash_of(std::initializer_list<std::string_view> parts);
// The same in UUID form.
[[nodiscard]] std::string uuid_of(std::initializer_list<std::string_view> parts);

[[nodiscard]] std::string candidate_id(std::string_view stream_id, Side side, std::string_view record_id);
[[nodiscard]] std::string link_id(std::string_view stream_id, std::int64_t ordinal);
[[nodiscard]] std::string deletion_id(std::string_view stream_id, Side side, std::string_view record_id);
[[nodiscard]] std::string parked_id(std::string_view stream_id, Side side, std::string_view record_id,
                                    std::string_view payload);

// Of the conflict that is recorded with a parked record (unique_key, missing_reference).
[[nodiscard]] std::string parked_conflict_id(const ParkedRecord& parked);

[[nodiscard]] Document to_document(const Link& link);
[[nodiscard]] Document to_document(const Candidate& candidate);
[[nodiscard]] Document to_document(const HeldDeletion& deletion);
[[nodiscard]] Document to_document(const Intent& intent);
[[nodiscard]] Document to_document(const StreamDocument& stream);
[[nodiscard]] Document to_document(const TaskDocument& task);
[[nodiscard]] Document to_document(const Cancellation& cancellation);
[[nodiscard]] Document to_document(const Schedule& schedule);
[[nodiscard]] Document to_document(const Budget& budget, Timestamp kept_until);
[[nodiscard]] Document to_document(const Slot& slot);
[[nodiscard]] Document to_document(const Execution& execution);
[[nodiscard]] Document to_document(const Conflict& conflict);
[[nodiscard]] Document to_document(const ParkedRecord& parked);
[[nodiscard]] Document to_document(const JournalEntry& entry, std::string_view link_id);
[[nodiscard]] Document to_document(const Event& event);

// The same, and what has ended (a conflict: by a decision, or because it is no question any more) goes when this moment
// has come: the store forgets it.
[[nodiscard]] Document to_document(const TaskDocument& task, Timestamp kept_until);
[[nodiscard]] Document to_document(const Execution& execution, Timestamp kept_until);
[[nodiscard]] Document to_document(const Conflict& conflict, Timestamp kept_until);

// The journal's entry that a link keeps, and an entry in the form that a link keeps; none if its base tells otherwise.
[[nodiscard]] std::optional<JournalEntry> made_entry(const Link& link, std::string entity_type);
[[nodiscard]] std::optional<LinkCreate> made_of(const JournalEntry& entry, const Link& link);
// The same for an entry without its changes, which are known to be the link's base, each by this rule.
[[nodiscard]] std::optional<LinkCreate> made_by_base(const JournalEntry& entry, const std::string& rule,
                                                     const Link& link);

// A document that does not read back is `corrupted`, naming kind and id.
template <class T>
[[nodiscard]] Result<T> from_document(const Document& document);
template <> Result<LinkHead> from_document(const Document& document); // the rest of the link is not checked
template <> Result<Link> from_document(const Document& document);
template <> Result<Candidate> from_document(const Document& document);
template <> Result<HeldDeletion> from_document(const Document& document);
template <> Result<Intent> from_document(const Document& document);
template <> Result<StreamDocument> from_document(const Document& document);
template <> Result<TaskDocument> from_document(const Document& document);
template <> Result<Cancellation> from_document(const Document& document);
template <> Result<Schedule> from_document(const Document& document);
template <> Result<Budget> from_document(const Document& document);
template <> Result<Slot> from_document(const Document& document);
template <> Result<Execution> from_document(const Document& document);
template <> Result<Conflict> from_document(const Document& document);
template <> Result<ParkedRecord> from_document(const Document& document);
template <> Result<JournalEntry> from_document(const Document& document);
template <> Result<Event> from_document(const Document& document);

} // namespace castiel_sync
