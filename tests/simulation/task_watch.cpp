#include "task_watch.hpp"

#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace simulation {

namespace json = boost::json;

namespace {

bool terminal(const std::string& status) {
    return status == "completed" || status == "failed" || status == "cancelled";
}

std::set<std::string> texts(const json::object& object, std::string_view name) {
    std::set<std::string> texts;
    if (const json::value* list = object.if_contains(name))
        for (const json::value& text : list->get_array()) texts.insert(std::string(text.get_string()));
    return texts;
}

bool flag(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value && value->is_bool() && value->get_bool();
}

} // namespace

TaskWatch::TaskWatch(const Scenario& scenario, Situations& reached, Report report)
    : scenario_(scenario), situations_(reached), report_(std::move(report)) {}

TaskWatch::Task TaskWatch::read(const cs::Document& document) {
    const json::value parsed = json::parse(document.body);
    const json::object& body = parsed.get_object();
    const json::object& request = body.at("request").get_object();
    Task task;
    task.status = std::string(body.at("status").get_string());
    task.held = flag(body, "held");
    task.attended = flag(body, "attended");
    task.scheduled = request.at("trigger").get_string() == "schedule";
    const json::value* started = body.if_contains("startedAt");
    task.begun = started && !started->is_null();
    for (const json::value& stream : body.at("streams").get_array()) {
        const json::object& fields = stream.get_object();
        const bool waits = fields.contains("error") && !fields.at("error").is_null();
        task.handed_over = task.handed_over ||
                           (task.status == "pending" && fields.at("status").get_string() == "pending" &&
                            fields.contains("executionId") && !waits && !flag(fields, "hasMore"));
    }
    task.source_ids = texts(request, "sourceIds");
    task.target_ids = texts(request, "targetIds");
    return task;
}

void TaskWatch::committed(const std::string& node, const std::vector<cs::Write>& writes) {
    for (const cs::Write& write : writes)
        if (write.document.kind == "task" && write.action == cs::Write::Action::put)
            committed_task(node, write.document, writes);
    for (const cs::Write& write : writes) {
        if (write.document.kind != "schedule" || write.action != cs::Write::Action::put) continue;
        const json::value body = json::parse(write.document.body);
        if (const json::value* start = body.get_object().if_contains("lastStart"))
            last_start_ = cs::parse_timestamp(std::string(start->get_string()));
    }
}

void TaskWatch::committed_task(const std::string& node, const cs::Document& document,
                               const std::vector<cs::Write>& writes) {
    Task next = read(document);
    next.node = node;
    const auto known = tasks_.find(document.id);
    if (known == tasks_.end() && next.scheduled) {
        for (const auto& [id, task] : tasks_)
            if (task.scheduled && !terminal(task.status))
                report_("I20", fmt::format("the schedule made task {} while its task {} had not ended", document.id,
                                           id));
    }
    if (known != tasks_.end()) {
        const Task& before = known->second;
        // One that its caller runs goes on where he was taken for dead.
        if (terminal(before.status) && next.status != before.status && !next.attended)
            report_("I18", fmt::format("task {} went from {} to {}", document.id, before.status, next.status));
        if (before.begun && !next.begun && !next.attended)
            report_("I18", fmt::format("task {} had begun, and has not any more", document.id));
        if (next.handed_over && !before.handed_over) situations_.reach(Situation::task_handed_over);
        if (before.status == "running" && before.node != node) situations_.reach(Situation::task_taken_up);
        if (before.begun && next.status == "cancelled" && before.status != "cancelled")
            situations_.reach(Situation::task_cancelled_in_work);
        const auto gone = [](const std::set<std::string>& one, const std::set<std::string>& other) {
            return !std::includes(other.begin(), other.end(), one.begin(), one.end());
        };
        if (gone(before.source_ids, next.source_ids) || gone(before.target_ids, next.target_ids))
            report_("I16", fmt::format("task {} no longer asks for records that it had been asked for", document.id));
        if (before.source_ids != next.source_ids || before.target_ids != next.target_ids)
            situations_.reach(Situation::task_joined);
    }
    const bool begins = next.begun && (known == tasks_.end() || !known->second.begun);
    if (begins && !next.attended && next.asks_for_all()) check_interval(document.id, writes);
    tasks_[document.id] = std::move(next);
}

// What a beginning counts from is stored with it: of two at once, one has to wait.
void TaskWatch::check_interval(const std::string& id, const std::vector<cs::Write>& writes) {
    const auto schedule = std::find_if(writes.begin(), writes.end(), [](const cs::Write& write) {
        return write.document.kind == "schedule";
    });
    if (schedule == writes.end())
        return report_("I20", fmt::format("task {} began without a word to the schedule", id));
    const json::value body = json::parse(schedule->document.body);
    const json::value* told = body.get_object().if_contains("lastStart");
    const auto start = told ? cs::parse_timestamp(std::string(told->get_string())) : std::nullopt;
    if (!start) return report_("I20", fmt::format("task {} began, and the schedule does not say when", id));
    const bool clocks_agree = scenario_.widest_jump.count() == 0 && scenario_.widest_skew.count() == 0;
    if (clocks_agree && last_start_ && *start < *last_start_ + scenario_.limits.min_interval)
        report_("I20", fmt::format("task {} began at {}, and the one before at {}: {} s are to lie between them", id,
                                   cs::to_string(*start), cs::to_string(*last_start_),
                                   scenario_.limits.min_interval.count() / 1000));
}

void TaskWatch::accepted(const cs::SyncRequest& asked, const cs::SyncTask& answer) {
    Promise& promise = promises_[answer.task_id];
    if (std::find(accepted_in_order_.begin(), accepted_in_order_.end(), answer.task_id) == accepted_in_order_.end())
        accepted_in_order_.push_back(answer.task_id);
    promise.all = promise.all || (asked.source_ids.empty() && asked.target_ids.empty());
    promise.source_ids.insert(asked.source_ids.begin(), asked.source_ids.end());
    promise.target_ids.insert(asked.target_ids.begin(), asked.target_ids.end());
}

void TaskWatch::cancelled(const cs::SyncTask& answer) {
    if (answer.status == cs::SyncStatus::cancelled) promises_[answer.task_id].cancelled = true;
}

bool TaskWatch::names_records(const std::string& task_id) const {
    const auto task = tasks_.find(task_id);
    return task != tasks_.end() && !task->second.asks_for_all();
}

std::size_t TaskWatch::unfinished() const {
    return static_cast<std::size_t>(std::count_if(tasks_.begin(), tasks_.end(), [](const auto& task) {
        return !terminal(task.second.status) && !task.second.held;
    }));
}

void TaskWatch::check_at_end() const {
    for (const auto& [id, task] : tasks_)
        if (!terminal(task.status) && !task.held)
            report_("I16", fmt::format("task {} is still {}", id, task.status));
    for (const auto& [id, promise] : promises_) {
        const auto found = tasks_.find(id);
        if (found == tasks_.end()) {
            report_("I16", fmt::format("task {} was accepted, and is not there", id));
            continue;
        }
        const Task& task = found->second;
        if (promise.cancelled && task.status != "cancelled")
            report_("I16", fmt::format("task {} was cancelled, and is {}", id, task.status));
        if (task.asks_for_all()) continue;
        const auto lacks = [](const std::set<std::string>& wanted, const std::set<std::string>& has) {
            return !std::includes(has.begin(), has.end(), wanted.begin(), wanted.end());
        };
        if (promise.all || lacks(promise.source_ids, task.source_ids) || lacks(promise.target_ids, task.target_ids))
            report_("I16", fmt::format("task {} does not ask for all that was accepted with it", id));
    }
}

} // namespace simulation
