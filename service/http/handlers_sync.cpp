// Tasks, executions and previews.
#include "handlers.hpp"
#include "handlers_common.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace castiel_sync::service {
namespace {

// The contract has checked types and bounds; what a filter may compare with, it can't say.
Checked<SyncRequest> read_sync_request(const ApiCall& call) {
    SyncRequest request;
    request.tenant_id = call.tenant_id;
    request.integration_id = body_text(call, "integrationId");
    request.direction = parse_direction(body_text(call, "direction"));
    request.entity = body_text(call, "entityType");
    request.trigger = Trigger::manual;
    if (const json::value* filters = call.body.get_object().if_contains("filters")) {
        std::vector<ConfigurationFault> faults;
        request.filters = parse_filters(*filters, "body.filters", faults);
        Rejection rejection;
        for (ConfigurationFault& fault : faults)
            rejection.faults.push_back({std::move(fault.path), std::move(fault.message)});
        if (!rejection.faults.empty()) return rejection;
    }
    return request;
}

std::string message_of(const SyncTask& task) {
    if (task.not_before)
        return "the minimum interval of this integration ends at " + to_string(*task.not_before);
    return "the task is stored and runs as soon as a slot is free";
}

Async<Result<SyncTask>> create(const Api& api, const ApiCall& call, SyncRequest request, bool held) {
    TaskOptions options;
    options.task_id = call.made_id;
    options.held = held;
    auto task = co_await api.parts().engine->create_task(std::move(request), std::move(options));
    if (!task) co_return task;
    if (api.parts().scheduler != nullptr) api.parts().scheduler->take_note(*task);
    // From here on the task's id leads through the log; this line says which request it came from.
    if (api.logs(LogLevel::info))
        api.parts().log(LogLevel::info, "task accepted",
                        {{"tenantId", call.tenant_id}, {"taskId", task->task_id},
                         {"integrationId", task->request.integration_id},
                         {"trigger", to_string(task->request.trigger)}, {"requestId", call.request_id}});
    co_return task;
}

class Plan final : public Observer {
public:
    explicit Plan(std::size_t most) : most_(most) {}

    void on_planned(const PlannedRecord& record) override {
        if (count_ == most_) {
            truncated_ = true;
            return;
        }
        if (count_++ > 0) items_ += ',';
        append_json(items_, record);
    }
    [[nodiscard]] std::string text() const {
        return R"({"items":[)" + items_ + (truncated_ ? R"(],"truncated":true})" : "]}");
    }

private:
    std::size_t most_;
    std::size_t count_ = 0;
    std::string items_;
    bool truncated_ = false;
};

} // namespace

Async<HttpResponse> trigger_sync(const Api& api, ApiCall call) {
    auto request = read_sync_request(call);
    if (!request) co_return rejection_answer(request.error());
    auto task = co_await create(api, call, std::move(*request), false);
    if (!task) co_return failure(api, call.request_id, task.error());
    json::object body{{"taskId", task->task_id}, {"status", to_string(task->status)}, {"message", message_of(*task)}};
    if (task->not_before) body["notBefore"] = to_string(*task->not_before);
    co_return json_answer(202, std::move(body));
}

Async<HttpResponse> create_task(const Api& api, ApiCall call) {
    auto request = read_sync_request(call);
    if (!request) co_return rejection_answer(request.error());
    const json::value* run = call.body.get_object().if_contains("run");
    const bool held = run != nullptr && run->is_bool() && !run->get_bool();
    auto task = co_await create(api, call, std::move(*request), held);
    HttpResponse response = document_answer(api, call, 201, task);
    if (task) response.headers.add("Location", "/api/v1/sync/tasks/" + task->task_id);
    co_return response;
}

Async<HttpResponse> list_tasks(const Api& api, ApiCall call) {
    auto page = co_await api.parts().engine->list_tasks(list_request(call, "status"));
    co_return list_answer(api, call, page);
}

Async<HttpResponse> find_task(const Api& api, ApiCall call) {
    auto task = co_await api.parts().engine->find_task(call.tenant_id, call.id());
    co_return document_answer(api, call, 200, task);
}

Async<HttpResponse> execute_task(const Api& api, ApiCall call) {
    auto task = co_await api.parts().engine->execute_task(call.tenant_id, call.id());
    if (task && api.parts().scheduler != nullptr) api.parts().scheduler->take_note(*task);
    co_return document_answer(api, call, 202, task);
}

Async<HttpResponse> cancel_task(const Api& api, ApiCall call) {
    auto task = co_await api.parts().engine->cancel_task(call.tenant_id, call.id(), call.actor);
    if (task && api.parts().scheduler != nullptr) api.parts().scheduler->stop_task(task->task_id);
    co_return document_answer(api, call, 202, task);
}

Async<HttpResponse> preview_sync(const Api& api, ApiCall call) {
    auto request = read_sync_request(call);
    if (!request) co_return rejection_answer(request.error());
    Plan plan(limit_of(call));
    auto executions = co_await api.parts().engine->preview(std::move(*request), plan);
    if (!executions) co_return failure(api, call.request_id, executions.error());
    for (const Execution& execution : *executions)
        if (execution.error) co_return failure(api, call.request_id, *execution.error);
    co_return json_text_answer(200, plan.text());
}

Async<HttpResponse> list_task_executions(const Api& api, ApiCall call) {
    // An unknown task is not one without executions.
    auto task = co_await api.parts().engine->find_task(call.tenant_id, call.id());
    if (!task) co_return failure(api, call.request_id, task.error());
    ListRequest request = list_request(call, "status");
    request.task_id = call.id();
    auto page = co_await api.parts().engine->list_executions(std::move(request));
    co_return list_answer(api, call, page);
}

Async<HttpResponse> list_executions(const Api& api, ApiCall call) {
    auto page = co_await api.parts().engine->list_executions(list_request(call, "status"));
    co_return list_answer(api, call, page);
}

Async<HttpResponse> find_execution(const Api& api, ApiCall call) {
    auto execution = co_await api.parts().engine->find_execution(call.tenant_id, call.id());
    co_return document_answer(api, call, 200, execution);
}

} // namespace castiel_sync::service
