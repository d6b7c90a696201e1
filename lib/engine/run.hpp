// Run: one execution on one stream, from the claimed session to its last commit. The steps of design §4, in order;
// every decision is made by lib/core, the coroutines here only fetch, ask core, push and commit.
#pragma once

#include <castiel_sync/engine.hpp>
#include <core/mapping.hpp>
#include <core/rails.hpp>
#include <core/reconcile.hpp>
#include <core/seen_bits.hpp>
#include <engine/session.hpp>
#include <engine/working_memory.hpp>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// What an execution is pinned to: loaded once, the same until its end.
struct Pinned {
    Integration integration;
    Mapping mapping;
    Policy policy;
    RailLimits rails;
    std::vector<Filter> filters; // pull filters and the entity's
    std::array<std::unique_ptr<Adapter>, 2> adapters;
    std::array<AdapterCapabilities, 2> capabilities;
    std::array<std::string, 2> entities; // what each side calls it
    bool narrowed = false; // this run's direction is narrower than the mapping's
    // Stream ids by external entity, for references.
    std::map<std::string, std::string, std::less<>> streams;
};

// One record pair on its way through an execution.
struct Pair {
    std::optional<Link> link;
    std::array<std::optional<Record>, 2> records; // nullopt: certain not to exist (where `known`)
    std::array<bool, 2> known{false, false};
    std::array<std::string, 2> ids;    // of the records that were asked for, whether or not they exist
    std::array<FieldValues, 2> values;
    std::array<bool, 2> mapped{false, false}; // `values` tells this record already: the next decision takes it so
    std::array<std::optional<Timestamp>, 2> edited_at; // by somebody else, where that is known
    std::array<std::string, 2> written_version; // what a system called our own write of just now
    Side origin = Side::source;        // the side whose change brought it here
    bool matched = false;              // found by match keys just now
    bool fresh_link = false;           // `link` was made for it and is not stored yet
    bool relinked = false;             // `link` has another record now than the stored one
    std::string idempotency_key;       // of a create that may be a repetition
    std::string followed_key;          // of the create whose outcome is known, which the next one follows
    std::optional<FieldValues> sent;   // by a create that may have happened: the base, if it did
    json::object agreed;               // without a link: what writes of ours have put on both sides, by shard field
    Side sent_from = Side::source;     // the side whose record it copies
    bool may_repeat = false;           // a person wants a create repeated that may have happened
    bool repeated_create = false;      // its answer may tell of an older record: evaluate again next time
    bool staged = false;               // it waits as a candidate already
    std::array<std::optional<Candidate>, 2> candidates; // that the settling brought here
    std::optional<HeldDeletion> deletion;
    bool hold = false;                 // the deletion was found just now: it is held, not carried out
    bool was_parked = false;
    std::string parked_record_id;
    Side parked_side = Side::source;
    std::string parked_by; // the execution that met it last
    std::uint64_t parked_attempts = 0;
    Timestamp parked_at{};
    std::unique_ptr<Conflict> parked_conflict; // recorded with it and open
    bool reference_lost = false;
    std::string note;
    std::string actor = "sync";
    std::optional<FieldValues> chosen; // what a person chose, by field; present ones only
    std::optional<DeleteStrategy> chosen_deletion;

    Decision decision;
    std::optional<json::object> sent_object; // the decision's base as an object, where the create's intent made it
    std::array<std::optional<PushItem>, 2> pushes;
    std::array<std::vector<Intent::Attempt>, 2> attempts; // writes whose outcome is not known (yet), oldest first
    std::vector<Conflict> automatic;   // what rules decided between two edits, and was carried out
    std::set<std::string> doubtful;    // fields whose lost write adds to a value: did it happen before the user's edit?
    bool attempted = false;            // the present decision is in `attempts`
    bool base_advanced = false;        // by a write that happened, whatever becomes of the pair
    std::vector<JournalEntry> journal;
    std::optional<JournalEntry> made;  // what the stored link tells of its create
    std::array<bool, 2> created{}, updated{}, removed{};
    std::unique_ptr<ParkedRecord> parked; // apart, like the conflict: large, and few pairs have one
    std::optional<Trip> trip;          // ping-pong
    enum class State { pending, settled, parked, out_of_scope, retry } state = State::pending;
    ErrorCode retry_reason = ErrorCode::stale;

    Pair() = default;
};

// A link of which only the head has been read.
struct StoredLink {
    LinkHead head;
    Document document;

    StoredLink() = default;
};

// A pair is large, and a page has thousands: they stay where they are made, and can be let go one by one.
using Pairs = std::deque<Pair>;

class Run {
public:
    Run(const EngineParts& parts, const WorkingMemory& memory, Session& session, Pinned& pinned,
        const SyncRequest& request, Observer* observer, std::size_t max_records);

    // Everything between claim and finish. An Error fails the execution; what was committed stays.
    Async<Result<>> execute();

    // Processes these pairs and commits them: used by the administrative calls (resolve, retry).
    Async<Result<>> process_and_commit(Pairs& pairs);

    // After lease_lost: parks, for a person to see, what was created and will never be linked by this run.
    Async<void> tell_orphans();

    // Maps both sides of a fetched pair into `values`; what can't be mapped is the answered Error.
    Async<Result<>> map_pair(Pair& pair);

    // Reads these records anew and runs them through the stream.
    // `by_person`: also a create that may have happened, on a system that can't tell.
    Async<Result<>> retry_these(std::vector<ParkedRecord> parked, bool by_person);

    // Reads the present state of both sides of these pairs; `known` afterwards. Unknown presence parks the pair.
    Async<Result<>> fetch_pairs(std::vector<Pair*> pairs);
    Async<Result<std::vector<FetchedRecord>>> fetch(Side side, std::vector<std::string> ids,
                                                    std::vector<std::string> idempotency_keys);
    Async<Result<std::vector<Link>>> links_by(Side side, std::vector<std::string> record_ids);
    Async<Result<std::vector<StoredLink>>> stored_links_by(Side side, std::vector<std::string> record_ids);

    [[nodiscard]] bool tripped() const { return trip_.has_value(); }
    [[nodiscard]] const std::optional<Trip>& trip() const { return trip_; }
    [[nodiscard]] const std::vector<std::string>& trip_examples() const { return trip_examples_; }

private:
    struct PageWork;
    struct CreateChains;

    // run.cpp: phases
    Async<Result<>> begin_cycle();
    Async<Result<>> read_side(Side side, std::optional<RecordPage> first_page);
    Async<Result<>> enter(Phase phase);
    Async<Result<>> rebaseline_if_needed();
    Async<Result<bool>> continue_cycle();
    [[nodiscard]] std::size_t page_size(Side side, std::size_t bytes_per_record) const;
    Async<Result<>> execute_targeted();
    [[nodiscard]] bool reads(Side side) const;
    [[nodiscard]] bool flows_from(Side side) const;
    [[nodiscard]] std::size_t budget() const;

    // pages.cpp: a page of changes
    Async<Result<RecordPage>> pull(Side side, std::string cursor, std::size_t most);
    Async<Result<>> process_page(Side side, RecordPage page, Checkpoint next);
    Async<Result<>> work_on_page(Side side, RecordPage page, Checkpoint next);
    struct Known { // about the unlinked and parked records of a page, by record id
        std::map<std::string, ParkedRecord> parked;
        std::map<std::string, Candidate> candidates;
    };
    // The stored documents with these ids; what is not there is left out.
    template <class T>
    Async<Result<std::vector<T>>> stored(std::string kind, std::vector<std::string> ids) {
        auto documents = co_await parts_.store->read(session_.tenant(), std::move(kind), std::move(ids));
        if (!documents) co_return documents.error();
        std::vector<T> items;
        for (const auto& document : *documents) {
            if (!document) continue;
            auto item = from_document<T>(*document);
            if (!item) co_return item.error();
            items.push_back(std::move(*item));
        }
        co_return items;
    }
    Async<Result<>> load_known(Side side, const std::vector<std::string>& ids, Known& known);
    [[nodiscard]] bool stays_parked(const ParkedRecord& parked, const Record& record) const;
    [[nodiscard]] bool tells_outcome(Side side) const;
    [[nodiscard]] bool waits_for_lost_create(const ParkedRecord& parked, bool origin_gone) const;
    void note_parked(Pair& pair, const ParkedRecord& parked);
    [[nodiscard]] bool creates_at_once(Side side) const;
    void sort_moved(Side side, Pair&& pair, bool at_once, PageWork& work);
    Async<Result<>> load_lost_creates(Side side, PageWork& work);
    Async<Result<std::vector<ParkedRecord>>> lost_creates();
    Async<Result<>> load_uncertain();
    [[nodiscard]] bool holds_all(const FieldValues& values, const FieldValues& sent) const;
    static void be_twins(Pair& pair);
    [[nodiscard]] bool holds_what_was_sent(const Pair& pair) const;
    bool adopt_lost_create(Side side, Pair& pair, const FieldValues& values, PageWork& work);
    Async<Result<Effects>> park_fault(Side side, RecordFault fault, std::uint64_t pass);
    Effects look_again_at(ParkedRecord& parked, std::string_view why) const;
    Async<Result<>> clear_mended_rows(Side side, std::uint64_t pass);
    [[nodiscard]] std::string seen_id(Side side, std::int64_t chunk) const;
    Async<Result<>> sort_records(Side side, std::vector<Record>& records, PageWork& work);
    Async<Result<>> hold_missing(Side side);
    Async<Result<>> mark_seen(Side side, const std::vector<std::int64_t>& ordinals, std::uint64_t pass,
                              Effects& effects);

    // settle.cpp: unlinked records, held deletions, parked records, intents
    struct Group { // candidates that share a match key
        struct Member {
            Candidate candidate;
            std::optional<Record> record;
            std::optional<ParkedRecord> parked;
        };
        std::array<std::vector<Member>, 2> members;
        bool uncertain = false;
    };
    Async<Result<>> settle_candidates();
    Async<Result<>> reopen_ambiguous();
    Async<Result<>> settle_keys(const std::set<std::string>& keys);
    Async<Result<>> refresh_members(std::map<std::string, Group>& groups,
                                    std::array<std::map<std::string, FetchedRecord>, 2>& present,
                                    std::vector<Effects>& effects, Pairs& pairs);
    Async<Result<>> settle_group(const std::string& key, Group& group, Pairs& pairs,
                                 std::vector<Effects>& effects);
    void wait(Candidate candidate, std::vector<Effects>& effects);
    Async<Result<Conflict>> last_ambiguous(const std::string& key);
    Async<Result<>> record_ambiguous(const std::string& key, Group& group, std::vector<Effects>& effects);
    Async<Result<>> close_conflict(const std::string& conflict_id, std::vector<Effects>& effects);
    Async<Result<std::set<std::string>>> left_to_persons(Side gone, std::vector<Link> links);
    [[nodiscard]] bool left_to_person(const Pair& pair) const;
    Async<Result<>> count_deletions(Side gone, std::vector<HeldDeletion> deletions, std::uint64_t& held);
    Async<Result<>> judge_empty(Side side);
    Async<Result<std::uint64_t>> count_left_to_persons(Side side);
    [[nodiscard]] std::vector<std::string> ids_unseen(std::int64_t first, const SeenBits& bits) const;
    Async<Result<>> hold_unseen(Side side, std::int64_t first, std::uint64_t pass);
    Async<Result<>> confirm_deletions(std::array<std::uint64_t, 2>& held);
    Async<Result<>> carry_out_deletions();
    Async<Result<>> drop_held_deletions();
    Async<Result<>> retry_parked();
    Async<Result<>> retry_reason(ErrorCode reason);
    Async<Result<>> drop_parked(const ParkedRecord& parked, std::vector<Effects>& effects);
    Async<Result<>> drop_gone(Side side, std::vector<ParkedRecord> parked, std::vector<Effects>& effects);
    void stage_or_keep(Pair pair, Pairs& ready, std::vector<Effects>& effects);
    Async<Result<>> recover_intents();
    Async<Result<>> recover_creates(std::vector<Intent>& intents, std::size_t number, const CreateChains& chains);
    Async<Result<>> ask_written(const std::vector<Intent>& intents, Side written,
                                const std::map<std::string, std::set<std::string>>& replaced,
                                const std::vector<std::string>& origins, std::vector<FetchedRecord>& made);
    void take_attempts(std::vector<Intent>& intents, Pair& pair, Side written, const std::set<std::string>& replaced,
                       Effects& effects) const;
    Async<Result<>> park_orphans();
    void note_attempted(Intent::Attempt attempt, Effects& effects) const;
    void note_left(Pair& pair, Effects& effects) const;
    Async<Result<>> resume_attempts(std::vector<Intent>& intents);
    Async<Result<>> commit_pairs(Pairs& pairs, std::vector<Effects> effects);
    [[nodiscard]] Query of_stream() const;
    Async<bool> any_left(std::string kind, Query query);

    // pairs.cpp: the way of a pair
    Async<Result<>> process(Pairs& pairs);
    Async<Result<>> resolve_references(std::vector<Pair*>& pairs);
    [[nodiscard]] bool carries(Pair& pair, Side side);
    void freeze_open_fields(const Pair& pair, Situation& situation) const;
    void hold_uncertain(Pair& pair);
    void hold_unsettled(Pair& pair);
    [[nodiscard]] bool deleted_in_doubt(const Pair& pair) const;
    bool keep_lost_create(Pair& pair);
    void reconcile_pair(Pair& pair);
    void decide(Pair& pair);
    void part_matched(Pair& pair);
    void relink_made(Pair& pair);
    static void forget_create(Pair& pair);
    bool link_made(Pair& pair);
    [[nodiscard]] Link new_link(const std::string& source_id, const std::string& target_id);
    void register_link(const Link& link, Effects& effects);
    void forget_candidates(const Link& link, Effects& effects) const;
    void plan_pushes(Pair& pair);
    [[nodiscard]] std::optional<Timestamp> edited_at(const Pair& pair, Side side) const;
    [[nodiscard]] Situation situation_of(const Pair& pair) const;
    [[nodiscard]] std::optional<Trip> judge(const std::vector<Pair*>& pairs);
    Async<Result<>> find_repeated_creates(std::vector<Pair*>& pairs);
    Async<Result<>> check_made(Pairs& pairs);
    Async<Result<>> push_side(Side side, std::vector<Pair*>& pairs);
    [[nodiscard]] std::string read_to(Side side) const;
    void look_again(const Pair& pair);
    bool follow_own_writes(Checkpoint& next);
    Async<Result<>> record_intents(std::vector<Pair*>& pairs);
    bool intend(Pair& pair, Side side, Intent& intent) const;
    Async<Result<>> check_unconditional(Side side, std::vector<Pair*>& pairs);
    [[nodiscard]] Intent::Attempt attempt_of(const Pair& pair, Side side) const;
    void settle_attempts(Pair& pair, Side side);
    [[nodiscard]] bool sums(std::string_view name) const;
    bool note_arrived(Pair& pair, Side side, Intent::Attempt attempt, std::set<std::string>& told) const;
    [[nodiscard]] bool holds(const Pair& pair, Side side, std::string_view field, const json::value& value) const;
    static void withdraw(Pair& pair);
    bool doubt(Pair& pair, Side side, const Intent::Attempt& attempt, const std::set<std::string>& told) const;
    void note_overtaken(Pair& pair, Side side, Intent::Attempt attempt) const;
    void leave_attempts(Pair& pair, Side side, const std::string& successor) const;
    void note_hidden(Pair& pair, Side side, Intent::Attempt hidden, const Intent::Attempt& newer) const;
    [[nodiscard]] bool arrived(const Pair& pair, Side side, Intent::Attempt& attempt,
                               const std::set<std::string>& told) const;
    void keep_attempts(const Pair& pair, Effects& effects);
    void advance_base(Pair& pair, const Intent::Attempt& attempt) const;
    void take_outcome(Side side, Pair& pair, PushOutcome outcome);
    [[nodiscard]] ParkedRecord new_parked(Side side) const;
    void park(Pair& pair, Side side, const MappingFault& fault);

    // effects.cpp: what a decided pair leaves behind
    [[nodiscard]] Effects effects_of(Pair& pair);
    void forget_parked(const Pair& pair, Effects& effects) const;
    static void forget_deletion(const Pair& pair, Effects& effects);
    void add_conflict(Pair& pair, Effects& effects, Link& link);
    [[nodiscard]] Write write_of(const Conflict& conflict) const;
    void add_automatic(Pair& pair, Effects& effects, const Link& link) const;
    [[nodiscard]] Conflict make_conflict(const Pair& pair, ConflictType type, ConflictState state) const;
    void identify(Conflict& conflict, const Link& link) const;
    void add_parked_conflict(const Pair& pair, Effects& effects);
    void add_written(Pair& pair, Effects& effects);
    void remember_made(Pair& pair) const;
    void add_journal(Pair& pair, Link& link, Effects& effects) const;
    void fill_created(const Pair& pair, JournalEntry& entry) const;
    void add_entry(const JournalEntry& entry, const std::string& link_id, Effects& effects) const;
    void note_planned(const Pair& pair);

    // flips.cpp: fields that go back and forth
    struct Flip {
        std::string field;
        std::int64_t count = 0;
        std::string last, now; // hashes of values
    };
    [[nodiscard]] std::vector<Flip> flips_of(const Pair& pair) const;
    void note_flips(const Pair& pair, Link& link) const;
    [[nodiscard]] std::optional<Trip> judge_flips(const Pair& pair) const;
    [[nodiscard]] std::string conflict_id_of_parked(const Pair& pair) const;
    Async<Result<>> load_conflicts(Pairs& pairs);
    // `whole`: with its changes; those of a "created" can be filled in as long as the decision stands.
    [[nodiscard]] JournalEntry journal_entry(const Pair& pair, Side written, std::string action,
                                             bool whole = true) const;
    [[nodiscard]] bool accounted(const Pair& pair, Side side, const FieldValues& base) const;
    void log(LogLevel level, std::string_view message) const;
    void report_progress() const;

    Async<Result<>> pause(std::size_t attempt, Error error);
    Async<Result<>> pass_time(std::chrono::nanoseconds duration);

    // While a page is in work, from before its look-ups to its commit, it has a share of the engine's memory.
    Async<Result<>> take_memory(std::size_t bytes, WorkingMemory::Share::Line line);
    [[nodiscard]] std::size_t lend_memory(Side asked);
    // Of so many records: what is held beside the text of each is counted as half a KiB.
    [[nodiscard]] std::size_t working_bytes(std::size_t records) const { return records * (record_bytes_ + 512); }

    Async<Result<std::vector<FetchedRecord>>> fetch_batches(Side side, std::vector<std::string> ids,
                                                            std::vector<std::string> idempotency_keys);
    // Whoever is to wait for so long does so outside of an execution, whose stream others may want.
    [[nodiscard]] bool waits_outside(const Error& error) const {
        return error.retry_after && *error.retry_after > parts_.limits.lease_duration / 2;
    }

    const EngineParts& parts_;
    Session& session_;
    Pinned& pinned_;
    const SyncRequest& request_;
    Observer* observer_;
    std::size_t max_records_;
    std::size_t worked_ = 0; // records read and candidates settled, against the cap
    WorkingMemory::Share share_;
    std::size_t record_bytes_ = 1024; // of text, in the last page that was read
    ResolvedReferences references_;
    std::set<ReferenceKey> lost_references_; // their link ended: waiting will not help
    std::vector<std::string> intents_;       // documents to remove with the page's commit
    std::array<std::uint64_t, 2> page_updates_{};
    // What is to be committed was written to a side that had been read to its end, and by nobody else: from here on
    // there is something new. Unless what we wrote has to be seen once more.
    std::array<std::string, 2> reached_;
    std::array<bool, 2> looks_again_{};
    struct Made { // a record that a create has made and no commit tells of yet
        Side side = Side::target;
        std::string id, version, origin_id;
    };
    std::vector<Made> made_; // only where the next owner's create would make another one
    std::map<std::string, Conflict> conflicts_;  // those that the page's links name
    std::vector<std::int64_t> created_ordinals_; // links made since the last commit
    std::string fingerprint_;
    bool moves_checkpoint_ = true;
    std::optional<RecordPage> first_page_; // of the source, when the cycle looked at it already
    std::array<bool, 2> uncertain_{};      // a create over there may have happened, and will be asked for again
    std::set<std::pair<Side, std::string>> unsettled_; // records: writes to them may have happened, nobody knows yet
    bool resuming_ = false;                // what an earlier execution had under way
    bool fresh_candidates_left_ = false;   // the cap ended the settling
    std::size_t left_fresh_ = 0;           // candidates of the last settling that nobody could tell about
    bool deletions_left_ = false;          // the cap ended the deleting
    bool staged_ = false; // a parked record became a candidate: settle once more
    bool narrowed_ = false; // this run's direction is narrower than the mapping's
    bool reads_times_ = false; // a rule decides by when a side was edited
    std::optional<std::uint64_t> expected_;
    std::optional<Trip> trip_;
    std::vector<std::string> trip_examples_;
};

} // namespace castiel_sync
