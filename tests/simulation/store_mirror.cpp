#include "store_mirror.hpp"

#include <boost/json/parse.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace simulation {
namespace {

constexpr const char* direction_names[] = {"inbound", "outbound", "bidirectional"};

std::string text_at(const cs::Document& document, std::size_t i) {
    if (i >= document.index.size()) return {};
    const auto* value = std::get_if<std::string>(&document.index[i]);
    return value ? *value : std::string();
}

std::string member(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

// Which of the stream's counts this document is part of; empty: none.
std::string counted_as(const cs::Document& document) {
    if (document.kind == "parked") return "parked";
    if (document.kind == "conflict") return text_at(document, 4) == "open" ? "openConflicts" : "";
    if (document.kind == "link")
        return member(json::parse(document.body).get_object(), "state").empty() ? "links" : "";
    if (document.kind != "candidate") return {};
    return member(json::parse(document.body).get_object(), "side") == "source" ? "source candidates"
                                                                              : "target candidates";
}

bool terminal(const std::string& status) {
    return status == "completed" || status == "failed" || status == "cancelled";
}

} // namespace

StoreMirror::StoreMirror(const Scenario& scenario, Report report)
    : scenario_(scenario), report_(std::move(report)) {}

const std::map<std::string, cs::Document>& StoreMirror::documents(const std::string& kind) const {
    static const std::map<std::string, cs::Document> none;
    const auto found = documents_.find(kind);
    return found == documents_.end() ? none : found->second;
}

void StoreMirror::committed(const std::string& node, const std::vector<cs::Write>& writes) {
    ++commits_;
    // A claim changes the owner and the execution in one commit: the owner first.
    for (const cs::Write& write : writes)
        if (write.document.kind == "stream") committed_stream(node, write);
    static const std::set<std::string> owned{"link",     "candidate", "deletion", "intent",
                                             "conflict", "parked",    "journal"};
    for (const cs::Write& write : writes) {
        const cs::Document& document = write.document;
        if (document.kind == "link") committed_link(write, writes);
        if (document.kind == "execution") committed_execution(node, write);
        if (owned.contains(document.kind)) keep_document(write);
    }
    // Every write to a stream's documents comes with the stream's own document: that is the fence.
    const bool touches = std::any_of(writes.begin(), writes.end(), [](const cs::Write& write) {
        return owned.contains(write.document.kind);
    });
    const bool fenced = std::any_of(writes.begin(), writes.end(), [](const cs::Write& write) {
        return write.document.kind == "stream" && write.precondition == cs::Write::Precondition::etag;
    });
    if (touches && !fenced)
        report_("I19", fmt::format("{} committed a stream's documents without the stream's own", node));
    for (const cs::Write& write : writes)
        if (write.document.kind == "stream") check_counts(write.document);
    // Judged when everything that the commit holds is known.
    for (const CursorMove& move : std::exchange(cursor_moves_, {}))
        if (on_cursor_) on_cursor_(streams_.at(move.stream_id), move.side, move.after, move.up_to);
}

void StoreMirror::count(const cs::Document& document, int change) {
    if (auto name = counted_as(document); !name.empty()) counts_[{text_at(document, 0), std::move(name)}] += change;
}

// What the engine believes to be there decides what it looks for.
void StoreMirror::check_counts(const cs::Document& stream) {
    const json::value parsed = json::parse(stream.body);
    const json::object& body = parsed.get_object();
    const auto check = [&](const char* name, const json::value& said) {
        const std::int64_t counted = counts_[{stream.id, name}];
        if (said.to_number<std::int64_t>() != counted)
            report_("I30", fmt::format("stream {} counts {} {}, and the store holds {}", stream.id,
                                       said.to_number<std::int64_t>(), name, counted));
    };
    for (const char* name : {"links", "parked", "openConflicts"}) check(name, body.at(name));
    check("source candidates", body.at("candidates").get_array()[0]);
    check("target candidates", body.at("candidates").get_array()[1]);
}

void StoreMirror::index_link(const std::string& link_id, const LinkMirror& link, bool add) {
    const auto entity = entity_of_stream(link.stream_id);
    if (!entity || link.state == "dead") return;
    for (const Side side : {Side::source, Side::target}) {
        if (link.id(side).empty()) continue;
        auto& ids = links_by_record_[RecordKey{side, *entity, link.id(side)}];
        std::erase(ids, link_id);
        if (add) ids.push_back(link_id);
        if (add) ever_linked_.insert(RecordKey{side, *entity, link.id(side)});
        if (add && ids.size() > 1 && link.state.empty()) {
            const auto live = std::count_if(ids.begin(), ids.end(),
                                            [&](const std::string& id) { return links_.at(id).state.empty(); });
            if (live > 1)
                report_("I7",
                        fmt::format("{} has {} live links ({} and {})",
                                    to_string(RecordKey{side, *entity, link.id(side)}), live, ids.front(), ids.back()));
        }
    }
}

void StoreMirror::committed_link(const cs::Write& write, const std::vector<cs::Write>& writes) {
    const auto known = links_.find(write.document.id);
    LinkMirror told;
    if (known != links_.end()) {
        index_link(write.document.id, known->second, false);
        told = std::move(known->second);
        links_.erase(known);
    }
    if (write.action == cs::Write::Action::remove) return;
    LinkMirror link;
    link.stream_id = text_at(write.document, 0);
    link.source_id = text_at(write.document, 1);
    link.target_id = text_at(write.document, 2);
    const json::value body = json::parse(write.document.body);
    link.state = member(body.get_object(), "state");
    link.has_conflict = body.get_object().contains("conflict");
    if (link.state == "live") link.state.clear();
    if (const auto* base = body.get_object().if_contains("base")) link.base = base->get_object();
    if (const auto* made = body.get_object().if_contains("made")) link.tells = member(made->get_object(), "journal");
    const auto in_journal = [&](const std::string& id) {
        return std::any_of(writes.begin(), writes.end(), [&](const cs::Write& other) {
            return other.document.kind == "journal" && other.document.id == id;
        });
    };
    if (!told.tells.empty() && (told.tells != link.tells || told.base != link.base) && !in_journal(told.tells))
        report_("I30", fmt::format("link {} told of the create {}, and nobody does any more", write.document.id,
                                   told.tells));
    links_.emplace(write.document.id, link);
    index_link(write.document.id, link, true);
}

void StoreMirror::committed_execution(const std::string& node, const cs::Write& write) {
    if (write.action == cs::Write::Action::remove) {
        executions_.erase(write.document.id);
        return;
    }
    ExecutionMirror next{text_at(write.document, 0), text_at(write.document, 3), node};
    const auto known = executions_.find(write.document.id);
    if (known != executions_.end()) {
        const std::string& before = known->second.status;
        if (terminal(before) && before != next.status)
            report_("I18", fmt::format("execution {} went from {} to {}", write.document.id, before, next.status));
        if (terminal(before) && before == next.status && node != known->second.node)
            report_("I16", fmt::format("execution {} ended twice", write.document.id));
        if (before == "running" && next.status == "pending")
            report_("I18", fmt::format("execution {} went back to pending", write.document.id));
    }
    const auto stream = streams_.find(next.stream_id);
    if (next.status == "running" && stream != streams_.end() && stream->second.owner != write.document.id)
        report_("I19", fmt::format("{} committed for execution {}, but {} owns stream {}", node, write.document.id,
                                   stream->second.owner, next.stream_id));
    executions_[write.document.id] = std::move(next);
    // What died, or could not tell its end, still says "running" when its lease has run out, until somebody claims the
    // stream.
    std::size_t running = 0;
    for (const auto& [id, execution] : executions_)
        if (execution.status == "running" && streams_[execution.stream_id].owner == id &&
            streams_[execution.stream_id].held_until > clock_())
            ++running;
    const bool clocks_agree = scenario_.widest_jump.count() == 0 && scenario_.widest_skew.count() == 0 &&
                              scenario_.longest_pause.count() == 0;
    if (clocks_agree && running > scenario_.limits.max_concurrent_syncs_per_tenant)
        report_("I20", fmt::format("{} executions run at once; the tenant's limit is {}", running,
                                   scenario_.limits.max_concurrent_syncs_per_tenant));
}

void StoreMirror::node_died(const std::string& node) {
    for (auto& [id, execution] : executions_)
        if (execution.node == node) execution.node.clear();
}

void StoreMirror::committed_stream(const std::string& node, const cs::Write& write) {
    const json::value parsed = json::parse(write.document.body);
    const json::object& body = parsed.get_object();
    StreamMirror& stream = streams_[write.document.id];
    for (std::size_t i = 0; i < scenario_.entities.size(); ++i)
        if (scenario_.entities[i].external == member(body, "entityType")) stream.entity = i;
    const std::uint64_t token = body.at("token").to_number<std::uint64_t>();
    if (token < stream.token)
        report_("I19", fmt::format("{} was accepted with token {} after {}", node, token, stream.token));
    const json::value* lease = body.if_contains("lease");
    const auto expires = lease ? cs::parse_timestamp(member(lease->get_object(), "expires")) : std::nullopt;
    stream.held_until = expires.value_or(cs::Timestamp());
    const std::string holder = lease ? member(lease->get_object(), "execution") : std::string();
    if (token == stream.token && !holder.empty() && !stream.owner.empty() && holder != stream.owner)
        report_("I19", fmt::format("stream {} changed hands from {} to {} without a new token", write.document.id,
                                   stream.owner, holder));
    stream.token = token;
    if (!holder.empty()) {
        stream.owner = holder;
        stream.owner_node = node;
    }
    stream.latched = body.contains("latch");
    for (std::size_t d = 0; d < 3; ++d) {
        const json::value* checkpoint = body.if_contains(direction_names[d]);
        if (!checkpoint) continue;
        const json::object& fields = checkpoint->get_object();
        const auto epoch = fields.at("epoch").to_number<std::uint64_t>();
        for (const Side side : {Side::source, Side::target}) {
            const std::size_t s = side == Side::source ? 0 : 1;
            const json::object& half = fields.at("sides").get_array()[s].get_object();
            const auto position = read_position_ ? read_position_(side, member(half, "cursor")) : std::nullopt;
            stream.listing[s] = half.at("listing").as_bool();
            auto& known = stream.position[d][s];
            if (epoch < stream.epoch[d])
                report_("I11", fmt::format("the epoch of stream {} went from {} back to {}", write.document.id,
                                           stream.epoch[d], epoch));
            if (position && known && epoch == stream.epoch[d] && *position < *known)
                report_("I11", fmt::format("{}'s cursor on the {} of stream {} went from {} back to {}", node,
                                           to_string(side), write.document.id, *known, *position));
            const std::uint64_t before = known && epoch == stream.epoch[d] ? *known : 0;
            known = position;
            if (position && *position > before) cursor_moves_.push_back({write.document.id, side, before, *position});
        }
        stream.epoch[d] = epoch;
    }
}

void StoreMirror::keep_evidence(const cs::Document& document) {
    const auto keep = [&](std::string_view text) {
        const Traces traces = traces_in(text);
        kept_tags_.insert(traces.tags.begin(), traces.tags.end());
        kept_numbers_.insert(traces.numbers.begin(), traces.numbers.end());
    };
    if (document.kind == "conflict") return keep(document.body);
    const json::value body = json::parse(document.body);
    for (const json::value& change : body.get_object().at("changes").get_array()) {
        const std::string rule = member(change.get_object(), "rule");
        // A value that gave way because only the other side had changed must not have been anybody's news.
        if (rule == "changed_on_source" || rule == "changed_on_target" || rule == "equal" ||
            rule.starts_with("deleted_on_"))
            continue;
        if (const json::value* before = change.get_object().if_contains("before")) keep(text(*before));
    }
}

bool StoreMirror::keeps(const ValueNode& node) const {
    const Traces traces = traces_in(text(node.value));
    const auto known_tag = [&](std::uint64_t tag) { return kept_tags_.contains(tag); };
    const auto known_number = [&](std::uint64_t number) { return kept_numbers_.contains(number); };
    return std::all_of(traces.tags.begin(), traces.tags.end(), known_tag) &&
           std::all_of(traces.numbers.begin(), traces.numbers.end(), known_number) &&
           !(traces.tags.empty() && traces.numbers.empty());
}

std::optional<json::value> StoreMirror::sent(const RecordKey& key, const std::string& field) const {
    const auto value_in = [&](const json::value& values) -> std::optional<json::value> {
        const json::value* value = values.get_object().if_contains(field);
        return value ? std::optional(*value) : std::nullopt;
    };
    for (const auto& [id, document] : documents("intent")) {
        const json::value body = json::parse(document.body);
        const std::string written = member(body.get_object(), "written");
        if (entity_of_stream(text_at(document, 0)) != key.entity || written == to_string(key.side)) continue;
        for (const json::value& item : body.get_object().at("items").get_array())
            if (member(item.get_object(), "origin") == key.id)
                if (auto value = value_in(item.get_object().at("values"))) return value;
    }
    for (const auto& [id, document] : documents("parked")) {
        const json::value body = json::parse(document.body);
        const json::value* sent = body.get_object().if_contains("sent");
        const auto about = subjects(document);
        if (sent && std::find(about.begin(), about.end(), key) != about.end())
            if (auto value = value_in(*sent)) return value;
    }
    return std::nullopt;
}

bool StoreMirror::attempted(const RecordKey& key, const std::string& field, const json::value& value) const {
    for (const auto& [id, document] : documents("intent")) {
        const json::value body = json::parse(document.body);
        const std::string written = member(body.get_object(), "written");
        if (entity_of_stream(text_at(document, 0)) != key.entity || written != to_string(key.side)) continue;
        for (const json::value& attempt : body.get_object().at("attempts").get_array()) {
            const json::object& entry = attempt.get_object().at("entry").get_object();
            if (member(entry, key.side == Side::source ? "sourceId" : "targetId") != key.id) continue;
            for (const json::value& change : entry.at("changes").get_array()) {
                const json::value* after = change.get_object().if_contains("after");
                if (member(change.get_object(), "field") == field && after && *after == value) return true;
            }
        }
    }
    return false;
}

std::optional<std::size_t> StoreMirror::entity_of_stream(const std::string& stream_id) const {
    const auto stream = streams_.find(stream_id);
    if (stream == streams_.end()) return std::nullopt;
    return stream->second.entity;
}

std::vector<const LinkMirror*> StoreMirror::links_of(const RecordKey& key) const {
    std::vector<const LinkMirror*> links;
    const auto ids = links_by_record_.find(key);
    if (ids == links_by_record_.end()) return links;
    for (const std::string& id : ids->second) links.push_back(&links_.at(id));
    return links;
}

// The records that a document is about.
std::vector<RecordKey> StoreMirror::subjects(const cs::Document& document) const {
    std::vector<RecordKey> keys;
    const auto entity = entity_of_stream(text_at(document, 0));
    if (!entity) return keys;
    const json::value parsed = json::parse(document.body);
    const json::object& body = parsed.get_object();
    const auto add = [&](Side side, std::string id) {
        if (!id.empty()) keys.push_back(RecordKey{side, *entity, std::move(id)});
    };
    if (document.kind == "conflict") {
        add(Side::source, member(body, "sourceId"));
        add(Side::target, member(body, "targetId"));
        for (const json::value& candidate : body.at("candidates").get_array()) {
            const std::string named(candidate.get_string());
            const bool source = named.starts_with("source:");
            add(source ? Side::source : Side::target, named.substr(7));
        }
        return keys;
    }
    const Side side = member(body, "side") == "source" ? Side::source : Side::target;
    add(side, member(body, document.kind == "parked" ? "recordId" : "id"));
    return keys;
}

void StoreMirror::keep_document(const cs::Write& write) {
    const std::string& kind = write.document.kind;
    if (kind == "conflict" || kind == "journal") {
        if (write.action == cs::Write::Action::put) keep_evidence(write.document);
        if (kind == "journal") return;
    }
    const bool indexed = kind == "conflict" || kind == "candidate" || kind == "deletion" || kind == "parked";
    auto& documents = documents_[kind];
    const auto known = documents.find(write.document.id);
    if (write.action == cs::Write::Action::put) count(write.document, 1);
    if (known != documents.end()) {
        count(known->second, -1);
        if (indexed)
            for (const RecordKey& key : subjects(known->second)) about_[{kind, key}].erase(known->first);
        documents.erase(known);
    }
    if (write.action == cs::Write::Action::remove) return;
    if (kind == "parked" && json::parse(write.document.body).get_object().contains("sent"))
        for (RecordKey& key : subjects(write.document)) possible_duplicates_.insert(std::move(key));
    if (indexed)
        for (const RecordKey& key : subjects(write.document)) about_[{kind, key}].insert(write.document.id);
    documents.emplace(write.document.id, write.document);
}

bool StoreMirror::mentions(const std::string& kind, const RecordKey& key) const {
    const auto ids = about_.find({kind, key});
    if (ids == about_.end()) return false;
    if (kind != "conflict") return !ids->second.empty();
    const auto& conflicts = documents(kind);
    return std::any_of(ids->second.begin(), ids->second.end(), [&](const std::string& id) {
        const std::string state = text_at(conflicts.at(id), 4);
        return state == "open" || state == "ignored";
    });
}

namespace {

class WitnessStore final : public cs::Store {
public:
    using Committed = std::function<void(const std::string&, const std::vector<cs::Write>&)>;

    WitnessStore(std::shared_ptr<cs::Store> inner, std::string node, Committed committed)
        : inner_(std::move(inner)), node_(std::move(node)), committed_(std::move(committed)) {}

    [[nodiscard]] cs::StoreLimits limits() const override { return inner_->limits(); }
    cs::Async<cs::Result<std::vector<std::optional<cs::Document>>>> read(std::string partition, std::string kind,
                                                                         std::vector<std::string> ids) override {
        return inner_->read(std::move(partition), std::move(kind), std::move(ids));
    }
    cs::Async<cs::Result<cs::DocumentPage>> query(std::string partition, std::string kind, cs::Query query) override {
        return inner_->query(std::move(partition), std::move(kind), std::move(query));
    }
    cs::Async<cs::Result<cs::ScanPage>> scan(std::string kind, cs::Query query) override {
        return inner_->scan(std::move(kind), std::move(query));
    }
    cs::Async<cs::Result<cs::CommitReceipt>> commit(std::string partition, std::vector<cs::Write> writes) override {
        auto copy = writes;
        auto receipt = co_await inner_->commit(std::move(partition), std::move(copy));
        if (receipt) committed_(node_, writes);
        co_return receipt;
    }

private:
    std::shared_ptr<cs::Store> inner_;
    std::string node_;
    Committed committed_;
};

} // namespace

std::unique_ptr<cs::Store> make_witness_store(std::shared_ptr<cs::Store> inner, std::string node,
                                              std::function<void(const std::string&, const std::vector<cs::Write>&)>
                                                  committed) {
    return std::make_unique<WitnessStore>(std::move(inner), std::move(node), std::move(committed));
}

} // namespace simulation
