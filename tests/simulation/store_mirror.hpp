// The store mirror: every accepted commit, as the store accepted it, whoever made it. It keeps what the oracle needs of
// the documents, and checks after each commit what must hold at every durable state.
#pragma once

#include "ledger.hpp"

#include <castiel_sync/store.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

namespace simulation {

struct LinkMirror {
    std::string stream_id;
    std::string source_id;
    std::string target_id;
    std::string state; // empty: live
    bool has_conflict = false;
    json::object base;
    std::string tells; // the journal's entry of its create, as long as the base is what that wrote

    [[nodiscard]] const std::string& id(Side side) const { return side == Side::source ? source_id : target_id; }
};

struct ExecutionMirror {
    std::string stream_id;
    std::string status;
    std::string node; // that committed it last
};

struct StreamMirror {
    std::size_t entity = 0;
    std::string owner; // the execution that claimed it last
    std::string owner_node;
    cs::Timestamp held_until{};
    std::uint64_t token = 0;
    // Feed positions of the committed cursors, by direction and side; none for a listing.
    std::optional<std::uint64_t> position[3][2];
    std::uint64_t epoch[3] = {};
    bool latched = false;
    bool listing[2] = {}; // a full listing of this side is under way: what it lacks is known at its end
};

class StoreMirror {
public:
    using Report = Ledger::Report;
    // Is everything that users had changed at this place up to `position` applied, in conflict, parked or staged?
    using PositionCheck = std::function<void(const StreamMirror& stream, Side side, std::uint64_t after,
                                             std::uint64_t up_to)>;

    StoreMirror(const Scenario& scenario, Report report);

    void committed(const std::string& node, const std::vector<cs::Write>& writes);
    // Called by committed() whenever a feed's cursor moved.
    void on_cursor(PositionCheck check) { on_cursor_ = std::move(check); }
    void set_position_reader(std::function<std::optional<std::uint64_t>(Side, std::string_view)> reader) {
        read_position_ = std::move(reader);
    }
    void set_clock(std::function<cs::Timestamp()> clock) { clock_ = std::move(clock); }
    void node_died(const std::string& node);

    [[nodiscard]] const std::map<std::string, LinkMirror>& links() const { return links_; }
    [[nodiscard]] const std::map<std::string, StreamMirror>& streams() const { return streams_; }
    [[nodiscard]] const std::map<std::string, ExecutionMirror>& executions() const { return executions_; }
    [[nodiscard]] const std::map<std::string, cs::Document>& documents(const std::string& kind) const; // by id
    [[nodiscard]] std::uint64_t commits() const { return commits_; }

    // Links (not dead ones) of this record, and the other end's id.
    [[nodiscard]] std::vector<const LinkMirror*> links_of(const RecordKey& key) const;
    [[nodiscard]] bool was_linked(const RecordKey& key) const { return ever_linked_.contains(key); }
    [[nodiscard]] std::optional<std::size_t> entity_of_stream(const std::string& stream_id) const;

    // Is there a document of this kind (candidate, deletion, parked, or a conflict that nobody has closed) about it?
    [[nodiscard]] bool mentions(const std::string& kind, const RecordKey& key) const;
    // Was it ever parked because the create that copies it may have happened?
    [[nodiscard]] bool was_possible_duplicate(const RecordKey& key) const { return possible_duplicates_.contains(key); }
    // What the creates under way, or of unknown outcome, that copy this record have sent for a shard field.
    [[nodiscard]] std::optional<boost::json::value> sent(const RecordKey& key, const std::string& field) const;
    // Is this value being written to a shard field of the record, with an outcome that is not known yet?
    [[nodiscard]] bool attempted(const RecordKey& key, const std::string& field, const boost::json::value& value) const;
    // Is this value kept in a conflict, or in a journal line that says by which rule it gave way?
    [[nodiscard]] bool keeps(const ValueNode& node) const;

private:
    void committed_link(const cs::Write& write, const std::vector<cs::Write>& writes);
    void committed_execution(const std::string& node, const cs::Write& write);
    void committed_stream(const std::string& node, const cs::Write& write);
    void keep_document(const cs::Write& write);
    void count(const cs::Document& document, int change);
    void check_counts(const cs::Document& stream);
    [[nodiscard]] std::vector<RecordKey> subjects(const cs::Document& document) const;
    void keep_evidence(const cs::Document& document);
    struct CursorMove {
        std::string stream_id;
        Side side = Side::source;
        std::uint64_t after = 0;
        std::uint64_t up_to = 0;
    };
    void index_link(const std::string& link_id, const LinkMirror& link, bool add);

    const Scenario& scenario_;
    Report report_;
    PositionCheck on_cursor_;
    std::function<cs::Timestamp()> clock_;
    std::function<std::optional<std::uint64_t>(Side, std::string_view)> read_position_;
    std::map<std::string, LinkMirror> links_;
    std::map<std::string, StreamMirror> streams_;
    std::map<std::string, ExecutionMirror> executions_;
    std::map<std::string, std::map<std::string, cs::Document>> documents_;               // by kind and id
    std::map<std::pair<std::string, RecordKey>, std::set<std::string>> about_; // ids by kind and record
    std::map<RecordKey, std::vector<std::string>> links_by_record_;
    std::set<RecordKey> ever_linked_;
    std::map<std::pair<std::string, std::string>, std::int64_t> counts_; // by stream and name
    std::set<RecordKey> possible_duplicates_;
    std::unordered_set<std::uint64_t> kept_tags_;
    std::unordered_set<std::uint64_t> kept_numbers_;
    std::vector<CursorMove> cursor_moves_; // of the commit under way
    std::uint64_t commits_ = 0;
};

// What one node's commits pass through on their way to the shared store.
[[nodiscard]] std::unique_ptr<cs::Store> make_witness_store(std::shared_ptr<cs::Store> inner, std::string node,
                                                            std::function<void(const std::string& node,
                                                                               const std::vector<cs::Write>& writes)>
                                                                committed);

} // namespace simulation
