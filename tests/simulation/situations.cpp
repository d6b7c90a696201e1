#include "situations.hpp"

#include <algorithm>

namespace simulation {

std::string_view to_string(Situation situation) {
    switch (situation) {
    case Situation::crash_after_push: return "crash between a push and its commit";
    case Situation::lease_lost_in_push: return "lease lost while a push is under way";
    case Situation::stale_then_conflict: return "precondition failed, then conflict";
    case Situation::recovery_interrupted: return "recovery interrupted by a crash";
    case Situation::echo_after_foreign_edit: return "echo after a foreign edit";
    case Situation::own_writes_passed_over: return "own writes passed over in a feed";
    case Situation::task_taken_up: return "task taken up by another process";
    case Situation::task_handed_over: return "task handed over at a stop";
    case Situation::task_cancelled_in_work: return "task cancelled after it had begun";
    case Situation::budget_used: return "request beyond half of a minute's budget";
    case Situation::task_joined: return "event joined a waiting task";
    case Situation::death_in_commit: return "process died within a commit";
    case Situation::death_in_opening: return "process died while it opened the store";
    case Situation::opening_refused: return "store not to be opened at once";
    case Situation::unknown_commit: return "commit of unknown outcome";
    case Situation::commit_came_to_light: return "unanswered commit came to light";
    case Situation::commit_vanished: return "unanswered commit vanished";
    case Situation::commit_on_full_disk: return "commit on a full disk";
    case Situation::commit_on_busy_file: return "commit while another program held the file";
    case Situation::torn_write: return "write torn by a power loss";
    case Situation::power_loss_in_checkpoint: return "power loss during a checkpoint of the log";
    case Situation::commits_together: return "commits in one transaction";
    }
    return "unknown";
}

void Situations::wrote(Side side, const SystemWrite& write) {
    const auto entity = ledger_.entity_of(side, write.entity);
    if (!entity) return;
    const RecordKey key{side, *entity, write.id};
    if (!write.by_user()) {
        unrecorded_.insert(write.actor);
        echoes_[key] = Author::engine;
        return;
    }
    const auto echo = echoes_.find(key);
    if (echo != echoes_.end()) echo->second = Author::user_after_engine;
}

void Situations::read(Side side, const std::string& entity_name, const std::string& id) {
    const auto entity = ledger_.entity_of(side, entity_name);
    if (!entity) return;
    const auto echo = echoes_.find(RecordKey{side, *entity, id});
    if (echo == echoes_.end()) return;
    if (echo->second == Author::user_after_engine) reach(Situation::echo_after_foreign_edit);
    echoes_.erase(echo);
}

void Situations::push_begins(const std::string& node, Side side, const std::string& entity_name) {
    if (const auto entity = ledger_.entity_of(side, entity_name)) pushing_[node].insert(*entity);
}

void Situations::push_ended(const std::string& node, Side side, const std::string& entity_name,
                            const std::vector<std::string>& stale_ids) {
    const auto entity = ledger_.entity_of(side, entity_name);
    if (!entity) return;
    auto& entities = pushing_[node];
    if (const auto found = entities.find(*entity); found != entities.end()) entities.erase(found);
    for (const std::string& id : stale_ids) stale_.insert(RecordKey{side, *entity, id});
}

void Situations::committed(const std::string& node, const std::vector<cs::Write>& writes) {
    unrecorded_.erase(node);
    for (const cs::Write& write : writes) {
        const cs::Document& document = write.document;
        if (document.kind == "intent") {
            if (write.action == cs::Write::Action::put) intents_.emplace(document.id, node);
            else intents_.erase(document.id);
        }
        if (document.kind == "conflict")
            std::erase_if(stale_, [&](const RecordKey& key) {
                const bool conflict = mirror_.mentions("conflict", key);
                if (conflict) reach(Situation::stale_then_conflict);
                return conflict;
            });
        const auto stream = document.kind == "stream" ? mirror_.streams().find(document.id) : mirror_.streams().end();
        if (stream == mirror_.streams().end()) continue;
        std::string& owner = owners_[document.id];
        if (owner != stream->second.owner_node && pushing_[owner].contains(stream->second.entity))
            reach(Situation::lease_lost_in_push);
        owner = stream->second.owner_node;
    }
}

void Situations::died(const std::string& node) {
    pushing_.erase(node);
    if (unrecorded_.erase(node) > 0) reach(Situation::crash_after_push);
    const auto& intents = mirror_.documents("intent");
    const bool recovering = std::any_of(intents.begin(), intents.end(), [&](const auto& intent) {
        const auto maker = intents_.find(intent.first);
        if (maker == intents_.end() || maker->second == node || intent.second.index.empty()) return false;
        const auto* stream_id = std::get_if<std::string>(&intent.second.index[0]);
        const auto stream = stream_id ? owners_.find(*stream_id) : owners_.end();
        return stream != owners_.end() && stream->second == node;
    });
    if (recovering) reach(Situation::recovery_interrupted);
}

} // namespace simulation
