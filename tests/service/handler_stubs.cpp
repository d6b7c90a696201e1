// Operations that have no handler yet. This file goes when the last one has.
#include "http/handlers.hpp"

namespace castiel_sync::service {

static Async<HttpResponse> not_yet() { co_return error_answer(501, "not yet"); }

Async<HttpResponse> trigger_sync(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> create_task(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_tasks(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> find_task(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> execute_task(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> cancel_task(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> preview_sync(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_task_executions(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_executions(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> find_execution(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> follow_execution(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_streams(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> find_stream(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> pause_stream(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> resume_stream(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> reset_stream(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> approve_latch(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> reject_latch(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_conflicts(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> find_conflict(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> resolve_conflict(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> ignore_conflict(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_parked(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> retry_parked(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> discard_parked(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> find_history(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_adapters(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> find_adapter(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_integrations(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> find_integration(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> put_integration(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> delete_integration(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> list_shards(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> create_shard(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> find_shard(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> put_shard(const Api&, ApiCall) { return not_yet(); }
Async<HttpResponse> delete_shard(const Api&, ApiCall) { return not_yet(); }

} // namespace castiel_sync::service
