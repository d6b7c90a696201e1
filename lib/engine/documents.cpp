#include <engine/documents.hpp>

#include <engine/document_codec.hpp>

#include <array>

namespace castiel_sync {
namespace {

constexpr std::array state_names{std::string_view("live"), std::string_view("detached"), std::string_view("dead")};
constexpr std::array phase_names{std::string_view("reading"), std::string_view("settling"),
                                 std::string_view("deleting"), std::string_view("caught_up")};

template <class E, std::size_t N>
void parse_indexed(std::string_view text, const std::array<std::string_view, N>& names, std::optional<E>& out) {
    for (std::size_t i = 0; i < N; ++i)
        if (names[i] == text) out = static_cast<E>(i);
}

} // namespace

static std::string_view to_string(Link::State state) { return state_names[static_cast<std::size_t>(state)]; }
static std::string_view to_string(Phase phase) { return phase_names[static_cast<std::size_t>(phase)]; }
static void parse_name(std::string_view text, std::optional<Link::State>& out) {
    parse_indexed(text, state_names, out);
}
static void parse_name(std::string_view text, std::optional<Phase>& out) { parse_indexed(text, phase_names, out); }

template <class A>
void members(A& a, LinkCreate& v) {
    a("journal", v.journal_id);
    a("execution", v.execution_id);
    a("actor", v.actor);
    a("rule", v.rule);
    a("written", v.written);
    a("at", v.at);
}
template <class A>
void members(A& a, LinkHead& v) {
    a("ordinal", v.ordinal);
    a.sparse("state", v.state);
    a.sparse("sv", v.source_version);
    a.sparse("tv", v.target_version);
    a.sparse("under", v.evaluated_under);
}
template <class A>
void members(A& a, Link& v) {
    members(a, static_cast<LinkHead&>(v)); // first: see head_of
    a.sparse("si", v.integer_source_id);
    a.sparse("ti", v.integer_target_id);
    a("se", v.source_edited_at);
    a("te", v.target_edited_at);
    a.sparse("conflict", v.conflict_id);
    a("made", v.made);
    a.sparse("flips", v.flips);
    a("base", v.base); // by far the longest
}
template <class A>
void members(A& a, Candidate& v) {
    a("side", v.side);
    a("id", v.record_id);
    a.sparse("separate", v.separate);
}
template <class A>
void members(A& a, HeldDeletion& v) {
    a("side", v.side);
    a("link", v.link_id);
    a("id", v.record_id);
    a("confirmed", v.confirmed);
    a.sparse("decided", v.decided);
}
template <class A>
void members(A& a, Intent::Item& v) {
    a("origin", v.origin_id);
    a("key", v.idempotency_key);
    a.sparse("replaces", v.replaces);
    a.sparse("follows", v.follows);
    a("values", v.values);
}
template <class A>
void members(A& a, Lease& v) {
    a("owner", v.owner);
    a("execution", v.execution_id);
    a("expires", v.expires_at);
}
template <class A>
void members(A& a, Latch& v) {
    a("latchId", v.latch_id);
    a("streamId", v.stream_id);
    a("integrationId", v.integration_id);
    a("entityType", v.entity_type);
    a("rail", v.rail);
    a("flow", v.flow);
    a("reason", v.reason);
    a("count", v.count);
    a("examples", v.examples);
    a("executionId", v.execution_id);
    a("trippedAt", v.tripped_at);
}
template <class A>
void members(A& a, Approval& v) {
    a("rail", v.rail);
    a("flow", v.flow);
    a("upTo", v.up_to);
}
template <class A>
void members(A& a, SideCheckpoint& v) {
    a("cursor", v.cursor);
    a("exhausted", v.exhausted);
    a("listing", v.listing);
    a("pass", v.pass);
    a("seen", v.seen);
    a("listed", v.listed);
    a("missingHeld", v.missing_held);
    a.sparse("linksEnded", v.links_ended);
}
template <class A>
void members(A& a, CycleCounts& v) {
    a("updates", v.updates);
    a("seenLinked", v.seen_linked);
    a("changed", v.changed);
}
template <class A>
void members(A& a, Checkpoint& v) {
    a("epoch", v.epoch);
    a("cycle", v.cycle);
    a("phase", v.phase);
    a("first", v.first);
    a("mapping", v.mapping_fingerprint);
    a("sides", v.sides);
    a("counts", v.counts);
    a("parkedRetried", v.parked_retried);
    a.sparse("requested", v.requested);
}
template <class A>
void members(A& a, StreamDocument& v) {
    a("mapping", v.mapping_id);
    a("entityType", v.entity_type);
    a("shardTypeId", v.shard_type_id);
    a("token", v.token);
    a("commits", v.commit_sequence);
    a("lease", v.lease);
    a("paused", v.paused);
    a("latch", v.latch);
    a("approvals", v.approvals);
    a.sparse("resetRequested", v.reset_requested);
    a.sparse("dropDeletionsRequested", v.drop_deletions_requested);
    a("nextOrdinal", v.next_ordinal);
    a("links", v.links);
    a("openConflicts", v.open_conflicts);
    a("parked", v.parked);
    a("events", v.event_sequence);
    a("candidates", v.candidates);
    a("inbound", v.checkpoints[0]);
    a("outbound", v.checkpoints[1]);
    a("bidirectional", v.checkpoints[2]);
    a("lastExecution", v.last_execution_id);
    a("lastRunAt", v.last_run_at);
}
template <class A>
void members(A& a, Slot& v) {
    a("execution", v.execution_id);
    a("expires", v.expires_at);
}
template <class A>
void members(A& a, Execution& v) {
    a("executionId", v.execution_id);
    a("taskId", v.task_id);
    a("tenantId", v.tenant_id);
    a("integrationId", v.integration_id);
    a("streamId", v.stream_id);
    a("entityType", v.entity_type);
    a("direction", v.direction);
    a("trigger", v.trigger);
    a("status", v.status);
    a("hasMore", v.has_more);
    a("counters", v.counters);
    a.sparse("pages", v.pages);
    a("token", v.fencing_token);
    a("startedAt", v.started_at);
    a("completedAt", v.completed_at);
    a("error", v.error);
}
template <class A>
void members(A& a, ConflictField& v) {
    a("field", v.field);
    a("base", v.base);
    a("source", v.source);
    a("target", v.target);
    a("result", v.result);
    a("rule", v.rule);
}
template <class A>
void members(A& a, Conflict& v) {
    a("tenantId", v.tenant_id);
    a("executionId", v.execution_id);
    a("taskId", v.task_id);
    a("type", v.type);
    a("sourceId", v.source_id);
    a("targetId", v.target_id);
    a("candidates", v.candidates);
    a.sparse("matchKey", v.match_key);
    a("sourceVersion", v.source_version);
    a("targetVersion", v.target_version);
    a("sourceData", v.source_data);
    a("targetData", v.target_data);
    a("baseData", v.base_data);
    a("fields", v.fields);
    a("note", v.note);
    a("resolvedBy", v.resolved_by);
    a("resolvedAt", v.resolved_at);
}
template <class A>
void members(A& a, ParkedRecord& v) {
    a("executionId", v.execution_id);
    a("side", v.side);
    a("recordId", v.record_id);
    a("place", v.place);
    a("reason", v.reason);
    a("field", v.field);
    a("payload", v.payload);
    a("attempts", v.attempts);
    a.sparse("sent", v.sent);
    a.sparse("sentKey", v.sent_key);
    a.sparse("discarded", v.discarded);
    a.sparse("version", v.version);
    a.sparse("pass", v.pass);
}
template <class A>
void members(A& a, JournalChange& v) {
    a("field", v.field);
    a("before", v.before);
    a("after", v.after);
    a("rule", v.rule);
}
template <class A>
void members(A& a, JournalEntry& v) {
    a("stream", v.stream_id);
    a("entityType", v.entity_type);
    a("sourceId", v.source_id);
    a("targetId", v.target_id);
    a("execution", v.execution_id);
    a("actor", v.actor);
    a("written", v.written);
    a("action", v.action);
    a("changes", v.changes);
}
template <class A>
void members(A& a, Intent::Attempt& v) {
    a("link", v.link_id);
    a("journal", v.entry.journal_id);
    a("at", v.entry.at);
    a("entry", v.entry);
    a("others", v.others);
    a("automatic", v.automatic);
    a.sparse("made", v.made);
    a.sparse("refused", v.refused);
}
template <class A>
void members(A& a, Intent& v) {
    a("written", v.written);
    a("items", v.items);
    a("attempts", v.attempts);
}
template <class A>
void members(A& a, Event& v) {
    a("type", v.type);
    a("timestamp", v.timestamp);
    a("tenantId", v.tenant_id);
    a("data", v.data);
    a("correlationId", v.correlation_id);
}

namespace {

template <class T>
T named_link(IndexReader& index) {
    T link;
    link.link_id = index.document().id;
    link.stream_id = index.text(0);
    link.source_id = index.text(1);
    link.target_id = index.text(2);
    return link;
}

std::string id_of_link(const LinkHead& link) { return link_id(link.stream_id, link.ordinal); }

// A link's text up to its first member that is an object, before which its head's members stand; all of it where there
// is none. A quote with a backslash before it is part of a text: the names of our members have none.
std::string head_of(std::string_view body) {
    std::size_t object = body.find("\":{");
    while (object != std::string_view::npos && object > 0 && body[object - 1] == '\\')
        object = body.find("\":{", object + 1);
    if (object == std::string_view::npos) return std::string(body);
    const std::size_t comma = body.rfind(',', object);
    if (comma == std::string_view::npos) return "{}";
    return std::string(body.substr(0, comma)) + '}';
}

} // namespace

Document to_document(const Link& link) {
    Document document =
        make_document("link", link.link_id, link, link.stream_id, link.source_id, link.target_id);
    document.etag = link.etag;
    return document;
}
Document to_document(const Candidate& candidate) {
    return make_document("candidate", candidate_id(candidate.stream_id, candidate.side, candidate.record_id), candidate,
                         candidate.stream_id, candidate.match_key, std::int64_t{candidate.fresh ? 1 : 0});
}
Document to_document(const HeldDeletion& deletion) {
    return make_document("deletion", deletion_id(deletion.stream_id, deletion.side, deletion.record_id), deletion,
                         deletion.stream_id);
}
Document to_document(const Intent& intent) {
    return make_document("intent", intent.intent_id, intent, intent.stream_id);
}
Document to_document(const StreamDocument& stream) {
    Document document = make_document("stream", stream.stream_id, stream, stream.integration_id);
    document.etag = stream.etag;
    return document;
}
Document to_document(const Slot& slot) { return make_document("slot", slot.slot_id, slot); }
Document to_document(const Execution& execution) {
    return make_document("execution", execution.execution_id, execution, execution.stream_id, execution.integration_id,
                         execution.task_id, std::string(to_string(execution.status)),
                         milliseconds(execution.started_at));
}
Document to_document(const Conflict& conflict) {
    return make_document("conflict", conflict.conflict_id, conflict, conflict.stream_id, conflict.integration_id,
                         conflict.entity_type, conflict.link_id, std::string(to_string(conflict.state)),
                         milliseconds(conflict.created_at));
}
Document to_document(const Execution& execution, Timestamp kept_until) {
    Document document = to_document(execution);
    if (is_terminal(execution.status)) document.expires_at = kept_until;
    return document;
}
Document to_document(const Conflict& conflict, Timestamp kept_until) {
    Document document = to_document(conflict);
    // One that was set aside is what its link goes on to name.
    if (conflict.state != ConflictState::open && conflict.state != ConflictState::ignored)
        document.expires_at = kept_until;
    return document;
}
Document to_document(const ParkedRecord& parked) {
    // Whatever else is wrong with it: a create that may have happened is found among its like.
    const ErrorCode reason = parked.sent.empty() ? parked.reason.code : ErrorCode::unknown_outcome;
    return make_document("parked", parked.parked_id, parked, parked.stream_id, parked.integration_id,
                         parked.entity_type, std::string(to_string(reason)), milliseconds(parked.parked_at));
}
Document to_document(const JournalEntry& entry, std::string_view link_id) {
    return make_document("journal", entry.journal_id, entry, std::string(link_id), milliseconds(entry.at));
}
Document to_document(const Event& event) {
    return make_document("outbox", event.id, event, event.stream_id, static_cast<std::int64_t>(event.sequence));
}

template <> Result<LinkHead> from_document(const Document& document) {
    IndexReader index(document);
    LinkHead head = named_link<LinkHead>(index);
    const std::string text = head_of(document.body);
    return read_named(index, text, std::move(head), id_of_link);
}
template <> Result<Link> from_document(const Document& document) {
    IndexReader index(document);
    Link link = named_link<Link>(index);
    link.etag = document.etag;
    return read_named(index, document.body, std::move(link), id_of_link);
}
template <> Result<Candidate> from_document(const Document& document) {
    IndexReader index(document);
    Candidate candidate;
    candidate.stream_id = index.text(0);
    candidate.match_key = index.text(1);
    candidate.fresh = index.number(2) != 0;
    const auto id_of = [](const Candidate& one) { return candidate_id(one.stream_id, one.side, one.record_id); };
    return read_named(index, std::move(candidate), id_of);
}
template <> Result<HeldDeletion> from_document(const Document& document) {
    IndexReader index(document);
    HeldDeletion deletion;
    deletion.stream_id = index.text(0);
    const auto id_of = [](const HeldDeletion& one) { return deletion_id(one.stream_id, one.side, one.record_id); };
    return read_named(index, std::move(deletion), id_of);
}
template <> Result<Intent> from_document(const Document& document) {
    IndexReader index(document);
    Intent intent;
    intent.intent_id = document.id;
    intent.stream_id = index.text(0);
    return read(index, std::move(intent));
}
template <> Result<StreamDocument> from_document(const Document& document) {
    IndexReader index(document);
    StreamDocument stream;
    stream.stream_id = document.id;
    stream.integration_id = index.text(0);
    stream.etag = document.etag;
    return read(index, std::move(stream));
}
template <> Result<Slot> from_document(const Document& document) {
    Slot slot;
    slot.slot_id = document.id;
    return read(IndexReader(document), std::move(slot));
}
template <> Result<Execution> from_document(const Document& document) {
    return read_named(IndexReader(document), Execution(), [](const Execution& one) { return one.execution_id; });
}
template <> Result<Conflict> from_document(const Document& document) {
    IndexReader index(document);
    Conflict conflict;
    conflict.conflict_id = document.id;
    conflict.stream_id = index.text(0);
    conflict.integration_id = index.text(1);
    conflict.entity_type = index.text(2);
    conflict.link_id = index.text(3);
    conflict.created_at = Timestamp(std::chrono::milliseconds(index.number(5)));
    const auto state = parse_conflict_state(index.text(4));
    if (!state) return corrupted(document, "unknown state");
    conflict.state = *state;
    return read(index, std::move(conflict));
}
template <> Result<ParkedRecord> from_document(const Document& document) {
    IndexReader index(document);
    ParkedRecord parked;
    parked.parked_id = document.id;
    parked.stream_id = index.text(0);
    parked.integration_id = index.text(1);
    parked.entity_type = index.text(2);
    parked.parked_at = Timestamp(std::chrono::milliseconds(index.number(4)));
    return read(index, std::move(parked));
}
template <> Result<JournalEntry> from_document(const Document& document) {
    IndexReader index(document);
    JournalEntry entry;
    entry.journal_id = document.id;
    entry.at = Timestamp(std::chrono::milliseconds(index.number(1)));
    return read(index, std::move(entry));
}
template <> Result<Event> from_document(const Document& document) {
    IndexReader index(document);
    Event event;
    event.id = document.id;
    event.stream_id = index.text(0);
    event.sequence = static_cast<std::uint64_t>(index.number(1));
    return read(index, std::move(event));
}

} // namespace castiel_sync
