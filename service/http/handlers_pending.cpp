#include "handlers.hpp"

namespace castiel_sync::service {

#define P(name) Async<HttpResponse> name(const Api&, ApiCall) { co_return error_answer(501, "not yet"); }
P(list_adapters) P(find_adapter) P(list_integrations) P(find_integration) P(put_integration) P(delete_integration)
P(list_shards) P(create_shard) P(find_shard) P(put_shard) P(delete_shard) P(health) P(ready) P(metrics) P(openapi)

} // namespace castiel_sync::service
