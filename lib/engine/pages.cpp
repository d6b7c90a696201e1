// A page of one side's changes: pull it, sort its records, process what moved, commit it with its cursor.
#include <engine/run.hpp>

#include <core/seen_bits.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace castiel_sync {
namespace {

std::size_t at(Side side) { return index_of(side); }

// A sample is enough.
std::size_t bytes_per_record(const std::vector<Record>& records) {
    std::size_t bytes = 0;
    const std::size_t sample = std::min<std::size_t>(records.size(), 20);
    for (std::size_t i = 0; i < sample; ++i) bytes += to_json(records[i].fields).size() + 64;
    return bytes / sample;
}

// What waits for something else than its own change, and is tried again without it.
bool retries_by_itself(ErrorCode code) {
    return code == ErrorCode::missing_reference || code == ErrorCode::stale || code == ErrorCode::unavailable ||
           code == ErrorCode::throttled;
}

} // namespace

// What becomes of a page's records before anything is decided.
struct Run::PageWork {
    Pairs pairs;
    std::vector<Effects> effects;
    std::vector<std::int64_t> met;  // ordinals of the linked records
    std::vector<ParkedRecord> lost_creates; // sent to this side, and nobody knows whether they happened
    std::map<std::string, Link> lost_links;          // of their origins, where the create was to replace a record
    std::uint64_t read_linked = 0;
    std::uint64_t changed = 0;

    PageWork() = default;
};

Async<Result<RecordPage>> Run::pull(Side side, std::string cursor, std::size_t most) {
    PullRequest request;
    request.entity = pinned_.entities[at(side)];
    request.cursor = std::move(cursor);
    request.max_records = most;
    for (std::size_t attempt = 0;; ++attempt) {
        PullRequest copy = request;
        auto page = co_await pinned_.adapters[at(side)]->pull(std::move(copy));
        if (page) {
            if (page->has_more && page->next == request.cursor)
                co_return Error(ErrorCode::corrupted,
                                fmt::format("{} {}: the page after the cursor names the same cursor again; the system "
                                            "repeats a page without end",
                                            to_string(side), request.entity));
            for (const auto& record : page->records)
                if (record.id.empty() || record.id.size() > max_record_id_bytes)
                    co_return Error(ErrorCode::corrupted,
                                    fmt::format("{} {}: the adapter answered a record whose id is empty or longer than "
                                                "{} bytes",
                                                to_string(side), request.entity, max_record_id_bytes));
            co_return page;
        }
        const Error error = page.error();
        if (!is_retryable(error.code) || attempt + 1 >= parts_.limits.max_push_attempts || waits_outside(error))
            co_return error;
        if (auto paused = co_await pause(attempt, error); !paused) co_return paused.error();
    }
}

// Those of ended links are left out.
Async<Result<std::vector<StoredLink>>> Run::stored_links_by(Side side, std::vector<std::string> record_ids) {
    std::vector<StoredLink> links;
    for (std::size_t begin = 0; begin < record_ids.size(); begin += 500) {
        Query query;
        query.limit = 1000;
        query.conditions.emplace_back("stream_id", Condition::Comparison::equal,
                                      IndexValue(session_.stream().stream_id));
        std::vector<IndexValue> values;
        for (std::size_t i = begin; i < std::min(record_ids.size(), begin + 500); ++i)
            values.emplace_back(record_ids[i]);
        query.conditions.emplace_back(side == Side::source ? "source_id" : "target_id", std::move(values));
        for (;;) {
            Query copy = query;
            auto page = co_await parts_.store->query(session_.tenant(), "link", std::move(copy));
            if (!page) co_return page.error();
            for (auto& document : page->documents) {
                auto head = from_document<LinkHead>(document);
                if (!head) co_return head.error();
                if (head->state == Link::State::dead) continue;
                StoredLink link;
                link.head = std::move(*head);
                link.document = std::move(document);
                links.push_back(std::move(link));
            }
            if (page->continuation.empty()) break;
            query.continuation = page->continuation;
        }
    }
    co_return links;
}

Async<Result<std::vector<Link>>> Run::links_by(Side side, std::vector<std::string> record_ids) {
    auto stored = co_await stored_links_by(side, std::move(record_ids));
    if (!stored) co_return stored.error();
    std::vector<Link> links;
    links.reserve(stored->size());
    for (const auto& one : *stored) {
        auto link = from_document<Link>(one.document);
        if (!link) co_return link.error();
        links.push_back(std::move(*link));
    }
    co_return links;
}

Async<Result<>> Run::load_known(Side side, const std::vector<std::string>& ids, Known& known) {
    const auto& stream = session_.stream();
    if (stream.parked > 0) {
        std::vector<std::string> keys;
        for (const auto& id : ids) keys.push_back(parked_id(stream.stream_id, side, id, {}));
        auto parked = co_await stored<ParkedRecord>("parked", std::move(keys));
        if (!parked) co_return parked.error();
        for (auto& one : *parked) {
            std::string id = one.record_id;
            known.parked.emplace(std::move(id), std::move(one));
        }
    }
    if (stream.candidates[at(side)] > 0) {
        std::vector<std::string> keys;
        for (const auto& id : ids) keys.push_back(candidate_id(stream.stream_id, side, id));
        auto candidates = co_await stored<Candidate>("candidate", std::move(keys));
        if (!candidates) co_return candidates.error();
        for (auto& one : *candidates) {
            std::string id = one.record_id;
            known.candidates.emplace(std::move(id), std::move(one));
        }
    }
    co_return Result<>();
}

// May a new record of this side be created on the other one at once? Only when no partner can be waiting there.
bool Run::creates_at_once(Side side) const {
    if (pinned_.mapping.definition().match_keys.empty()) return true;
    const auto& opposite = session_.checkpoint().sides[at(other(side))];
    return opposite.exhausted && session_.stream().candidates[at(other(side))] == 0;
}

Async<Result<>> Run::sort_records(Side side, std::vector<Record>& records, PageWork& work) {
    // The same row may come twice in one page; the later one is newer.
    std::unordered_map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < records.size(); ++i) last[records[i].id] = i;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < records.size(); ++i)
        if (last[records[i].id] == i) ids.push_back(records[i].id);
    auto links = co_await stored_links_by(side, ids);
    if (!links) co_return links.error();
    std::unordered_map<std::string_view, const StoredLink*> by_id;
    for (const auto& link : *links) by_id[link.head.id(side)] = &link;
    Known known;
    if (auto loaded = co_await load_known(side, ids, known); !loaded) co_return loaded;

    Pairs moved;
    for (std::size_t i = 0; i < records.size(); ++i) {
        Record& record = records[i];
        if (last[record.id] != i) continue;
        Effects effects;
        effects.counters.processed = 1;
        const auto found = by_id.find(record.id);
        const LinkHead* link = found == by_id.end() ? nullptr : &found->second->head;
        const auto candidate = known.candidates.find(record.id);
        const auto parked = known.parked.find(record.id);
        const auto skip = [&] {
            ++effects.counters.skipped;
            work.effects.push_back(std::move(effects));
        };
        if (record.deleted) {
            const bool linked = link && link->state == Link::State::live;
            if (linked && flows_from(side)) {
                HeldDeletion held{session_.stream().stream_id, side, link->link_id, record.id, true};
                effects.writes.push_back(put(to_document(held)));
            } else if (candidate != known.candidates.end()) {
                effects.writes.push_back(
                    remove("candidate", candidate_id(session_.stream().stream_id, side, record.id)));
            }
            if (parked != known.parked.end() && linked && !flows_from(side) && !narrowed_) {
                work.effects.push_back(look_again_at(parked->second, "the record is gone since it was parked"));
            } else if (parked != known.parked.end() && parked->second.sent.empty()) {
                if (auto dropped = co_await drop_parked(parked->second, work.effects); !dropped) co_return dropped;
            }
            skip();
            continue;
        }
        if (link) {
            if (link->state != Link::State::live) { // parted: nothing is left to be tried
                if (parked != known.parked.end()) {
                    if (auto dropped = co_await drop_parked(parked->second, work.effects); !dropped) co_return dropped;
                }
                skip();
                continue;
            }
            work.met.push_back(link->ordinal);
            ++work.read_linked;
            const bool unchanged = !record.version.empty() && record.version == link->version(side) &&
                                   link->evaluated_under == fingerprint_;
            // What was parked is looked at all the same: the other side may have changed while this row was unreadable.
            // Of a row that could not be read no version is known.
            if (parked != known.parked.end() && !flows_from(side) && !narrowed_ && parked->second.version.empty()) {
                parked->second.discarded = false;
                work.effects.push_back(look_again_at(parked->second, "the record could not be read, and can be"));
            }
            if ((unchanged && parked == known.parked.end()) || !flows_from(side)) {
                skip();
                continue;
            }
        } else if (!flows_from(side) && pinned_.mapping.definition().match_keys.empty()) {
            skip();
            continue;
        }
        if (parked != known.parked.end() && stays_parked(parked->second, record)) {
            skip();
            continue;
        }
        if (side == Side::source && !matches(pinned_.filters, record.fields)) {
            skip();
            continue;
        }
        Pair& pair = moved.emplace_back();
        pair.origin = side;
        pair.known[at(side)] = true;
        if (link) {
            auto whole = from_document<Link>(found->second->document);
            if (!whole) co_return whole.error();
            pair.link = std::move(*whole);
        }
        pair.staged = candidate != known.candidates.end();
        if (parked != known.parked.end()) note_parked(pair, parked->second);
        pair.records[at(side)] = std::move(record);
        work.effects.push_back(std::move(effects));
    }
    std::vector<Pair*> pointers;
    for (auto& pair : moved) pointers.push_back(&pair);
    if (auto resolved = co_await resolve_references(pointers); !resolved) co_return resolved;
    if (auto loaded = co_await load_lost_creates(side, work); !loaded) co_return loaded;
    const bool at_once = creates_at_once(side);
    for (; !moved.empty(); moved.pop_front()) sort_moved(side, std::move(moved.front()), at_once, work);
    co_return Result<>();
}

// Nothing that happens to this record is news for the other side; what waits may be an edit there. The pair is looked
// at once more at the end of the cycle.
Effects Run::look_again_at(ParkedRecord& parked, std::string_view why) const {
    parked.reason = Error(ErrorCode::stale, fmt::format("{}; its pair is looked at again", why));
    parked.pass = 0;
    Effects again;
    again.writes.push_back(put(to_document(parked)));
    return again;
}

// Can a create be repeated, or looked up, without making a second record?
bool Run::tells_outcome(Side side) const {
    const auto& capabilities = pinned_.capabilities[at(side)];
    return capabilities.idempotent_creates || capabilities.finds_by_idempotency_key;
}

// Only a person, or the record that it made, ends the wait of a create that nobody can ask for. Where a repetition
// would tell, there must still be something to repeat.
bool Run::waits_for_lost_create(const ParkedRecord& parked, bool origin_gone) const {
    if (parked.sent.empty()) return false;
    const auto& capabilities = pinned_.capabilities[at(other(parked.side))];
    return origin_gone ? !capabilities.finds_by_idempotency_key : !tells_outcome(other(parked.side));
}

// A parked record that did not change is not tried again, unless it waits for something else than its own change.
bool Run::stays_parked(const ParkedRecord& parked, const Record& record) const {
    // A create that may have happened is never repeated by itself, however often its origin changes.
    if (waits_for_lost_create(parked, false)) return true;
    // One that the far side can be asked for is asked for again.
    const bool again = !parked.sent.empty() || retries_by_itself(parked.reason.code);
    return !record.version.empty() && parked.version == record.version && (parked.discarded || !again);
}

void Run::note_parked(Pair& pair, const ParkedRecord& parked) {
    pair.was_parked = true;
    pair.parked_record_id = parked.record_id;
    pair.parked_side = parked.side;
    pair.parked_by = parked.execution_id;
    pair.parked_attempts = parked.attempts;
    pair.parked_at = parked.parked_at;
    if (parked.sent.empty()) return;
    pair.repeated_create = true;
    pair.sent = pinned_.mapping.from_object(parked.sent);
    pair.sent_from = parked.side;
    pair.idempotency_key = parked.sent_key;
}

// Creates that were sent to this side without an answer, where it can't be asked for them: what they made, if anything,
// comes as a new record.
Async<Result<>> Run::load_lost_creates(Side side, PageWork& work) {
    if (session_.stream().parked == 0 || pinned_.capabilities[at(side)].finds_by_idempotency_key)
        co_return Result<>();
    auto lost = co_await lost_creates();
    if (!lost) co_return lost.error();
    std::vector<std::string> ids;
    for (auto& parked : *lost) {
        if (parked.side == side) continue;
        ids.push_back(parked.record_id);
        work.lost_creates.push_back(std::move(parked));
    }
    if (ids.empty()) co_return Result<>();
    auto links = co_await links_by(other(side), ids);
    if (!links) co_return links.error();
    for (auto& link : *links)
        if (link.state == Link::State::live) work.lost_links[link.id(other(side))] = link;
    co_return Result<>();
}

bool Run::holds_all(const FieldValues& values, const FieldValues& sent) const {
    for (std::size_t i = 0; i < sent.size(); ++i) {
        if (!sent[i] || (sent[i]->is_null() && !values[i])) continue; // with nothing to clear, null is left out
        if (!values[i] || !pinned_.mapping.equal(i, *sent[i], *values[i])) return false;
    }
    return true;
}

// By their keys; neither is what the other one's lost create made: nothing was ever agreed between the two.
void Run::be_twins(Pair& pair) {
    pair.sent.reset();
    pair.repeated_create = false;
}

bool Run::holds_what_was_sent(const Pair& pair) const {
    const Side made = other(pair.sent_from);
    const json::object& fields = pair.records[at(made)]->fields;
    const auto values = made == Side::source ? pinned_.mapping.read_source(fields, references_)
                                             : pinned_.mapping.read_target(fields);
    return values && holds_all(*values, *pair.sent);
}

// A new record that holds just what such a create sent is what it made: the two belong together, and are no new pair.
bool Run::adopt_lost_create(Side side, Pair& pair, const FieldValues& values, PageWork& work) {
    const auto made_by = [&](const ParkedRecord& parked) {
        return holds_all(values, pinned_.mapping.from_object(parked.sent));
    };
    const auto found = std::find_if(work.lost_creates.begin(), work.lost_creates.end(), made_by);
    if (found == work.lost_creates.end()) return false;
    const Side from = found->side;
    note_parked(pair, *found);
    pair.origin = from;
    pair.matched = true;
    if (const auto link = work.lost_links.find(found->record_id); link != work.lost_links.end())
        pair.link = link->second;
    pair.records[at(from)].emplace();
    pair.records[at(from)]->id = found->record_id;
    pair.created[at(side)] = true;
    pair.decision.base = *pair.sent;
    JournalEntry entry = journal_entry(pair, side, "created");
    pair.journal.push_back(std::move(entry));
    work.lost_creates.erase(found);
    return true;
}

// A record whose version moved: does its mapped content differ from the base? Is a new one created or staged?
void Run::sort_moved(Side side, Pair&& pair, bool at_once, PageWork& work) {
    const Record& record = *pair.records[at(side)];
    if (!carries(pair, side)) {
        note_planned(pair);
        work.pairs.push_back(std::move(pair));
        return;
    }
    auto mapped = side == Side::source ? pinned_.mapping.read_source(record.fields, references_)
                                       : pinned_.mapping.read_target(record.fields);
    if (!mapped) {
        park(pair, side, mapped.error());
        note_planned(pair);
        work.pairs.push_back(std::move(pair));
        return;
    }
    pair.values[at(side)] = std::move(*mapped);
    pair.mapped[at(side)] = true;
    const FieldValues& values = pair.values[at(side)];
    if (pair.link) {
        std::optional<FieldValues> base;
        if (pair.link->base) base = pinned_.mapping.from_object(*pair.link->base);
        const bool differs = !base || changed(*base, values, pinned_.policy);
        if (differs) ++work.changed;
        const bool known_here = differs || lacks_agreed(*base, values) ||
                                lacks_inflow(side, values, pinned_.policy) || !pair.link->conflict_id.empty() ||
                                pair.was_parked || pair.link->evaluated_under != fingerprint_ ||
                                pair.link->version(other(side)).empty();
        if (!known_here) {
            // Only members that nobody maps have changed: remember the version, look no further.
            Effects effects;
            pair.link->version(side) = record.version;
            effects.writes.push_back(put(to_document(*pair.link)));
            ++effects.counters.skipped;
            work.effects.push_back(std::move(effects));
            return;
        }
        work.pairs.push_back(std::move(pair));
        return;
    }
    if (adopt_lost_create(side, pair, values, work)) {
        work.pairs.push_back(std::move(pair));
        return;
    }
    const auto key = pinned_.mapping.match_key(values);
    if (!key || (at_once && !pair.staged)) {
        work.pairs.push_back(std::move(pair));
        return;
    }
    Effects effects;
    Candidate candidate{session_.stream().stream_id, side, record.id, *key, true, false};
    effects.writes.push_back(put(to_document(candidate)));
    work.effects.push_back(std::move(effects));
}

// Sets the bits of these links in the listing that is under way.
Async<Result<>> Run::mark_seen(Side side, const std::vector<std::int64_t>& ordinals, std::uint64_t pass,
                               Effects& effects) {
    std::map<std::int64_t, std::vector<std::int64_t>> by_chunk;
    for (const auto ordinal : ordinals) by_chunk[ordinal / SeenBits::size].push_back(ordinal % SeenBits::size);
    if (by_chunk.empty()) co_return Result<>();
    std::vector<std::string> ids;
    for (const auto& [chunk, bits] : by_chunk) ids.push_back(seen_id(side, chunk));
    auto documents = co_await parts_.store->read(session_.tenant(), "seen", ids);
    if (!documents) co_return documents.error();
    std::size_t i = 0;
    for (const auto& [chunk, bits] : by_chunk) {
        const auto& stored = (*documents)[i];
        auto seen = SeenBits::parse(stored ? stored->body : std::string(), pass);
        if (!seen) co_return Error(ErrorCode::corrupted, "stored seen bits \"" + ids[i] + "\" can't be read");
        for (const auto bit : bits) effects.seen[at(side)] += seen->set(static_cast<std::size_t>(bit)) ? 1 : 0;
        Document document;
        document.kind = "seen";
        document.id = ids[i];
        document.index = {session_.stream().stream_id};
        document.body = seen->to_body(pass);
        effects.writes.push_back(put(std::move(document)));
        ++i;
    }
    co_return Result<>();
}

std::string Run::seen_id(Side side, std::int64_t chunk) const {
    return fmt::format("{}-{}-{}-{}", session_.stream().stream_id, to_string(session_.execution().direction),
                       to_string(side), chunk);
}

Async<Result<>> Run::process_page(Side side, RecordPage page, Checkpoint next) {
    if (!page.records.empty()) record_bytes_ = bytes_per_record(page.records);
    const std::size_t bytes = working_bytes(page.records.size() + page.faults.size());
    if (auto taken = co_await take_memory(bytes, WorkingMemory::Share::Line::begins); !taken) co_return taken;
    auto processed = co_await work_on_page(side, std::move(page), std::move(next));
    share_.give_back();
    co_return processed;
}

Async<Result<>> Run::work_on_page(Side side, RecordPage page, Checkpoint next) {
    PageWork work;
    created_ordinals_.clear();
    intents_.clear();
    page_updates_ = {};
    references_.clear();
    lost_references_.clear();
    std::vector<Effects> faults;
    std::vector<std::string> unreadable; // and yet there: not missing from a listing
    for (const auto& fault : page.faults)
        if (!fault.id.empty()) unreadable.push_back(fault.id);
    if (!unreadable.empty()) {
        auto links = co_await links_by(side, std::move(unreadable));
        if (!links) co_return links.error();
        for (const auto& link : *links)
            if (link.state == Link::State::live) work.met.push_back(link.ordinal);
    }
    for (auto& fault : page.faults) {
        auto effects = co_await park_fault(side, std::move(fault), next.sides[at(side)].pass);
        if (!effects) co_return effects.error();
        faults.push_back(std::move(*effects));
    }
    const std::uint64_t listed = page.records.size() + page.faults.size();
    if (auto sorted = co_await sort_records(side, page.records, work); !sorted) co_return sorted;
    worked_ += listed;

    auto& side_next = next.sides[at(side)];
    side_next.listed += listed;
    CycleCounts& counts = next.counts[at(other(side))];
    counts.seen_linked += work.read_linked;
    counts.changed += work.changed;
    if (flows_from(side)) {
        const auto links = session_.stream().links;
        const std::uint64_t whole = page.listing ? std::min<std::uint64_t>(links, parts_.limits.page_records) : links;
        std::uint64_t approved = 0;
        for (const auto& approval : session_.stream().approvals)
            if (approval.rail == Rail::all_changed && approval.flow == other(side)) approved = approval.up_to;
        trip_ = judge_all_changed(pinned_.rails, other(side), counts.seen_linked, counts.changed, whole, approved);
        if (trip_) {
            for (const auto& pair : work.pairs)
                if (pair.link && trip_examples_.size() < 20) trip_examples_.push_back(pair.link->source_id);
            co_return Error(ErrorCode::latched, trip_->reason);
        }
    }
    if (auto processed = co_await process(work.pairs); !processed) co_return processed;

    std::vector<Effects> effects = std::move(faults);
    for (auto& one : work.effects) effects.push_back(std::move(one));
    for (; !work.pairs.empty(); work.pairs.pop_front()) effects.push_back(effects_of(work.pairs.front()));
    Effects housekeeping;
    for (const auto& intent : intents_) housekeeping.writes.push_back(remove("intent", intent));
    for (const Side marked : {Side::source, Side::target}) {
        const auto& pass = next.sides[at(marked)];
        if (!pass.listing || pass.missing_held) continue;
        std::vector<std::int64_t> ordinals = created_ordinals_;
        if (marked == side) ordinals.insert(ordinals.end(), work.met.begin(), work.met.end());
        if (auto done = co_await mark_seen(marked, ordinals, pass.pass, housekeeping); !done) co_return done;
    }
    effects.push_back(std::move(housekeeping));
    next.counts[0].updates += page_updates_[0];
    next.counts[1].updates += page_updates_[1];
    follow_own_writes(next);
    const bool nothing = std::all_of(effects.begin(), effects.end(), [](const Effects& one) { return one.empty(); });
    ++session_.execution().pages;
    if (nothing && moves_checkpoint_) co_return co_await session_.save(std::move(next));
    std::optional<Checkpoint> checkpoint;
    if (moves_checkpoint_) checkpoint = std::move(next);
    if (auto committed = co_await session_.commit(std::move(effects), std::move(checkpoint)); !committed)
        co_return committed;
    made_.clear();
    report_progress();
    co_return Result<>();
}

// A row that could not be read at all.
Async<Result<Effects>> Run::park_fault(Side side, RecordFault fault, std::uint64_t pass) {
    ParkedRecord parked = new_parked(side);
    parked.record_id = fault.id;
    parked.place = std::move(fault.place);
    parked.reason = std::move(fault.error);
    parked.payload = std::move(fault.payload);
    parked.parked_id = parked_id(parked.stream_id, side, parked.record_id, parked.payload);
    parked.pass = pass;
    Effects effects;
    ++effects.counters.processed;
    ++effects.counters.failed;
    std::vector<std::string> ids{parked.parked_id};
    auto documents = co_await parts_.store->read(session_.tenant(), "parked", std::move(ids));
    if (!documents) co_return documents.error();
    if (documents->front()) {
        auto before = from_document<ParkedRecord>(*documents->front());
        if (!before) co_return before.error();
        parked.attempts = before->attempts + 1;
        parked.parked_at = before->parked_at;
        parked.discarded = before->discarded && before->payload == parked.payload;
        parked.sent = std::move(before->sent); // whatever its origin looks like now
        parked.sent_key = std::move(before->sent_key);
    } else {
        effects.events.push_back(parked_event(parked));
        PlannedRecord planned;
        planned.action = "park";
        planned.entity_type = parked.entity_type;
        (side == Side::source ? planned.source_id : planned.shard_id) = parked.record_id;
        planned.reason = parked.reason.message;
        if (observer_) observer_->on_planned(planned);
    }
    effects.writes.push_back(put(to_document(parked)));
    co_return effects;
}

} // namespace castiel_sync
