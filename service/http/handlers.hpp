// The handler of each operation, under its operationId.
#pragma once

#include "api.hpp"

namespace castiel_sync::service {

Async<HttpResponse> trigger_sync(const Api& api, ApiCall call);
Async<HttpResponse> create_task(const Api& api, ApiCall call);
Async<HttpResponse> list_tasks(const Api& api, ApiCall call);
Async<HttpResponse> find_task(const Api& api, ApiCall call);
Async<HttpResponse> execute_task(const Api& api, ApiCall call);
Async<HttpResponse> cancel_task(const Api& api, ApiCall call);
Async<HttpResponse> preview_sync(const Api& api, ApiCall call);

Async<HttpResponse> list_task_executions(const Api& api, ApiCall call);
Async<HttpResponse> list_executions(const Api& api, ApiCall call);
Async<HttpResponse> find_execution(const Api& api, ApiCall call);
Async<HttpResponse> follow_execution(const Api& api, ApiCall call);

Async<HttpResponse> list_streams(const Api& api, ApiCall call);
Async<HttpResponse> find_stream(const Api& api, ApiCall call);
Async<HttpResponse> pause_stream(const Api& api, ApiCall call);
Async<HttpResponse> resume_stream(const Api& api, ApiCall call);
Async<HttpResponse> reset_stream(const Api& api, ApiCall call);
Async<HttpResponse> approve_latch(const Api& api, ApiCall call);
Async<HttpResponse> reject_latch(const Api& api, ApiCall call);

Async<HttpResponse> list_conflicts(const Api& api, ApiCall call);
Async<HttpResponse> find_conflict(const Api& api, ApiCall call);
Async<HttpResponse> resolve_conflict(const Api& api, ApiCall call);
Async<HttpResponse> ignore_conflict(const Api& api, ApiCall call);
Async<HttpResponse> list_parked(const Api& api, ApiCall call);
Async<HttpResponse> retry_parked(const Api& api, ApiCall call);
Async<HttpResponse> discard_parked(const Api& api, ApiCall call);
Async<HttpResponse> find_history(const Api& api, ApiCall call);

Async<HttpResponse> list_adapters(const Api& api, ApiCall call);
Async<HttpResponse> find_adapter(const Api& api, ApiCall call);
Async<HttpResponse> list_integrations(const Api& api, ApiCall call);
Async<HttpResponse> find_integration(const Api& api, ApiCall call);
Async<HttpResponse> put_integration(const Api& api, ApiCall call);
Async<HttpResponse> delete_integration(const Api& api, ApiCall call);
Async<HttpResponse> list_shards(const Api& api, ApiCall call);
Async<HttpResponse> create_shard(const Api& api, ApiCall call);
Async<HttpResponse> find_shard(const Api& api, ApiCall call);
Async<HttpResponse> put_shard(const Api& api, ApiCall call);
Async<HttpResponse> delete_shard(const Api& api, ApiCall call);

Async<HttpResponse> create_webhook(const Api& api, ApiCall call);
Async<HttpResponse> list_webhooks(const Api& api, ApiCall call);
Async<HttpResponse> list_integration_webhooks(const Api& api, ApiCall call);
Async<HttpResponse> find_webhook(const Api& api, ApiCall call);
Async<HttpResponse> update_webhook(const Api& api, ApiCall call);
Async<HttpResponse> delete_webhook(const Api& api, ApiCall call);
Async<HttpResponse> rotate_webhook_secret(const Api& api, ApiCall call);
Async<HttpResponse> test_webhook(const Api& api, ApiCall call);
Async<HttpResponse> list_deliveries(const Api& api, ApiCall call);
Async<HttpResponse> find_delivery(const Api& api, ApiCall call);
Async<HttpResponse> redeliver(const Api& api, ApiCall call);
Async<HttpResponse> recover_deliveries(const Api& api, ApiCall call);

Async<HttpResponse> receive_hook(const Api& api, ApiCall call);

Async<HttpResponse> health(const Api& api, ApiCall call);
Async<HttpResponse> ready(const Api& api, ApiCall call);
Async<HttpResponse> metrics(const Api& api, ApiCall call);
Async<HttpResponse> openapi(const Api& api, ApiCall call);

} // namespace castiel_sync::service
