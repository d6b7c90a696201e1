// Handlers that are written elsewhere at this moment. Deleted when they are merged.
#include "http/handlers.hpp"

namespace castiel_sync::service {
namespace {

HttpResponse not_yet() { return error_answer(501, "nobody handles this yet"); }

} // namespace

Async<HttpResponse> trigger_sync(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> create_task(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> list_tasks(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> find_task(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> execute_task(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> cancel_task(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> preview_sync(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> list_task_executions(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> list_executions(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> find_execution(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> follow_execution(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> list_streams(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> find_stream(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> pause_stream(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> resume_stream(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> reset_stream(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> approve_latch(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> reject_latch(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> list_conflicts(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> find_conflict(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> resolve_conflict(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> ignore_conflict(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> list_parked(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> retry_parked(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> discard_parked(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> find_history(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> health(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> ready(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> metrics(const Api&, ApiCall) { co_return not_yet(); }
Async<HttpResponse> openapi(const Api&, ApiCall) { co_return not_yet(); }

} // namespace castiel_sync::service
