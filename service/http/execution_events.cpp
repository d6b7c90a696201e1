// Live progress of one execution, as server-sent events.
//
// The store is asked, once a second, whoever runs the execution: an execution is often another instance's, and what is
// told must be what is durable. An event's id is a hash of the execution as it was sent, so that a client that comes
// back with it is not told the same twice.
#include "handlers.hpp"
#include "handlers_common.hpp"
#include "hash.hpp"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace castiel_sync::service {
namespace {

constexpr std::chrono::seconds look_every{1};
constexpr int comment_after = 15; // looks that told nothing new: proxies close what is quiet

struct Followed {
    const Api* api = nullptr;
    std::string tenant_id;
    std::string execution_id;
    std::string last_event_id;
};

Async<void> follow(std::shared_ptr<Followed> followed, HttpStream& stream) {
    const ApiParts& parts = followed->api->parts();
    for (int quiet = 0;; ++quiet) {
        auto execution = co_await parts.engine->find_execution(followed->tenant_id, followed->execution_id);
        // A store that does not answer is asked again; one that has forgotten the execution ends it.
        if (!execution && execution.error().code == ErrorCode::not_found) co_return;
        if (execution) {
            std::string data;
            append_json(data, *execution);
            const std::string id = sha256(data).substr(0, 16);
            const bool ended = is_terminal(execution->status);
            if (id != followed->last_event_id || ended) {
                const std::string_view kind = ended ? "end" : "progress";
                std::string event = fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id, kind, data);
                auto written = co_await stream.write(std::move(event));
                if (!written || ended) co_return;
                followed->last_event_id = id;
                quiet = 0;
            }
        }
        if (quiet >= comment_after) {
            auto written = co_await stream.write(": still there\n\n");
            if (!written) co_return;
            quiet = 0;
        }
        co_await parts.runtime.clock->sleep_for(look_every);
    }
}

} // namespace

Async<HttpResponse> follow_execution(const Api& api, ApiCall call) {
    auto execution = co_await api.parts().engine->find_execution(call.tenant_id, call.id());
    if (!execution) co_return failure(api, call.request_id, execution.error());
    auto followed = std::make_shared<Followed>();
    followed->api = &api;
    followed->tenant_id = call.tenant_id;
    followed->execution_id = call.id();
    followed->last_event_id = call.text("Last-Event-ID");
    HttpResponse response;
    response.headers.add("Content-Type", "text/event-stream");
    response.headers.add("Cache-Control", "no-store");
    response.stream = [followed](HttpStream& stream) { return follow(followed, stream); };
    co_return response;
}

} // namespace castiel_sync::service
