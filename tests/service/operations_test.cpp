#include "configuration/embedded.hpp"
#include "http/api.hpp"
#include "metrics/metrics.hpp"

#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <doctest/doctest.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <stdexcept>

using namespace castiel_sync;
using namespace castiel_sync::service;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

// Answers whatever the test says, after as long as the test says, and counts.
struct Part {
    SimClock& clock;
    std::chrono::nanoseconds after{0};
    Result<> answer;
    bool throws = false;
    int asked = 0;

    Async<Result<>> ask() {
        ++asked;
        if (after > 0ns) co_await clock.sleep_for(after);
        if (throws) throw std::runtime_error("broken");
        co_return answer;
    }
};

struct Service {
    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    std::unique_ptr<Store> store = make_memory_store(clock);
    Runtime runtime{loop.executor(), &clock, random.get()};
    Metrics metrics{runtime, "1.2.3"};
    Authentication authentication = Authentication::make({}).value();
    Part broker{clock, {}, {}};
    bool stopping = false;
    AdapterRegistry adapters;
    ApiParts parts;
    std::unique_ptr<Api> api;

    Service() {
        parts.runtime = runtime;
        parts.store = store.get();
        parts.adapters = &adapters;
        parts.metrics = &metrics;
        parts.authentication = &authentication;
        parts.stopping = &stopping;
        parts.contract_text = embedded_contract;
        parts.checks.emplace_back("broker", [this] { return broker.ask(); });
    }

    HttpResponse get(const std::string& target, HttpHeaders headers = {}, std::string method = "GET") {
        if (!api) {
            auto made = Api::make(parts);
            REQUIRE_MESSAGE(made.has_value(), made.error().message);
            api = std::move(made.value());
        }
        HttpRequest request;
        request.method = std::move(method);
        request.target = target;
        request.headers = std::move(headers);
        return loop.run(api->handle(std::move(request)));
    }
};

HttpHeaders header(const std::string& name, const std::string& value) {
    HttpHeaders headers;
    headers.add(name, value);
    return headers;
}

std::string value_of(const HttpResponse& response, const char* name) {
    const std::string* value = response.headers.find(name);
    return value == nullptr ? std::string() : *value;
}

json::object body_of(const HttpResponse& response) {
    auto body = parse_json_object(response.body);
    REQUIRE_MESSAGE(body.has_value(), response.body);
    return *body;
}

} // namespace

TEST_CASE("a process that answers is healthy, whatever its parts do") {
    Service service;
    service.broker.answer = Error(ErrorCode::unavailable, "down");
    service.stopping = true;
    const auto answer = service.get("/health");
    CHECK(answer.status == 200);
    CHECK(body_of(answer) == json::object{{"status", "healthy"},
                                          {"service", "castiel-sync"},
                                          {"timestamp", to_string(service.clock.now())}});
    CHECK(service.broker.asked == 0);
}

TEST_CASE("a service whose parts answer is ready, and says how long each took") {
    Service service;
    service.broker.after = 1500us;
    const auto answer = service.get("/ready");
    CHECK(answer.status == 200);
    const json::object body = body_of(answer);
    CHECK(body.at("status") == "ready");
    CHECK(body.at("timestamp") == json::string(to_string(service.clock.now())));
    const json::object& checks = body.at("checks").as_object();
    CHECK(checks.size() == 2);
    CHECK(checks.at("store").at("status") == "ok");
    CHECK(checks.at("store").at("latency_ms").to_number<double>() == 0);
    CHECK(checks.at("broker").at("latency_ms").to_number<double>() == 1.5);
}

TEST_CASE("a part that refuses makes the service not ready, and its own words stay inside") {
    Service service;
    service.broker.answer = Error(ErrorCode::unavailable, "canary.internal:5672 refused");
    const auto answer = service.get("/ready");
    CHECK(answer.status == 503);
    CHECK(answer.body.find("canary") == std::string::npos);
    const json::object body = body_of(answer);
    CHECK(body.at("status") == "not_ready");
    CHECK(body.at("checks").at("store").at("status") == "ok");
    CHECK(body.at("checks").at("broker").at("status") == "error");
    CHECK(body.at("checks").at("broker").at("message") == "the part answers: unavailable");

    Service throwing;
    throwing.broker.throws = true;
    CHECK(body_of(throwing.get("/ready")).at("checks").at("broker").at("message") == "the part answers: internal");
}

TEST_CASE("what makes a service not ready is told to the log") {
    Service service;
    std::vector<std::string> lines;
    service.parts.wants_log = [](LogLevel level) { return level != LogLevel::debug; };
    service.parts.log = [&](LogLevel, std::string_view message, const json::object&) { lines.emplace_back(message); };
    service.broker.answer = Error(ErrorCode::unavailable, "refused");
    (void)service.get("/ready");
    (void)service.get("/ready"); // an answer that was kept is no news
    CHECK(lines == std::vector<std::string>{"not ready: broker: refused"});
}

TEST_CASE("a part that hangs is down after two seconds, and is not asked again while it hangs") {
    Service service;
    service.broker.after = 10s;
    const auto begin = service.loop.now();
    const auto answer = service.get("/ready");
    CHECK(service.loop.now() - begin == 2s);
    CHECK(answer.status == 503);
    CHECK(body_of(answer).at("checks").at("broker").at("message") == "no answer within 2 s");
    service.loop.run_for(1s);
    CHECK(service.get("/ready").status == 503);
    CHECK(service.broker.asked == 1);
    service.loop.run_for(6s);
    CHECK(service.get("/ready").status == 503); // the call of before has ended, and another one hangs
    CHECK(service.broker.asked == 2);
    service.broker.after = 0s;
    service.loop.run_for(20s);
    CHECK(service.get("/ready").status == 200);
}

TEST_CASE("however many probes there are, the parts are asked once at a time and once a second") {
    Service service;
    service.broker.after = 100ms;
    (void)service.get("/health");
    int answered = 0;
    const auto probe = [&]() -> Async<void> {
        HttpRequest request;
        request.method = "GET";
        request.target = "/ready";
        const HttpResponse response = co_await service.api->handle(std::move(request));
        CHECK(response.status == 200);
        ++answered;
    };
    for (int i = 0; i < 100; ++i)
        service.loop.spawn(probe());
    service.loop.run_for(101ms);
    CHECK(answered == 100);
    CHECK(service.broker.asked == 1);
    service.loop.run_for(998ms);
    CHECK(service.get("/ready").status == 200);
    CHECK(service.broker.asked == 1);
    service.loop.run_for(1ms);
    CHECK(service.get("/ready").status == 200);
    CHECK(service.broker.asked == 2);
}

TEST_CASE("a service that stops is not ready at once, and asks nobody") {
    Service service;
    CHECK(service.get("/ready").status == 200);
    service.stopping = true;
    const auto answer = service.get("/ready");
    CHECK(answer.status == 503);
    CHECK(body_of(answer).at("checks").at("service").at("message") == "the service is stopping");
    CHECK(service.broker.asked == 1);
}

TEST_CASE("the contract is answered as it was built in, and not twice to who has it") {
    Service service;
    const auto answer = service.get("/openapi.yaml");
    CHECK(answer.status == 200);
    CHECK(value_of(answer, "Content-Type") == "application/yaml");
    CHECK(answer.body == embedded_contract);
    const std::string etag = value_of(answer, "ETag");
    CHECK(etag.size() == 34);
    for (const std::string& known : {etag, "W/" + etag, "\"other\", " + etag, std::string("*"), "\"a\",W/" + etag}) {
        const auto again = service.get("/openapi.yaml", header("If-None-Match", known));
        CHECK(again.status == 304);
        CHECK(again.body.empty());
        CHECK(value_of(again, "ETag") == etag);
    }
    for (const std::string& other :
         {std::string("\"other\""), etag.substr(1, 32), std::string(",,"), std::string("W/")})
        CHECK(service.get("/openapi.yaml", header("If-None-Match", other)).status == 200);
}

TEST_CASE("metrics are for everybody unless a token is set") {
    Service service;
    const auto answer = service.get("/metrics");
    CHECK(answer.status == 200);
    CHECK(value_of(answer, "Content-Type") == "text/plain; version=0.0.4; charset=utf-8");

    Service closed;
    closed.parts.metrics_token = "0123456789abcdef";
    CHECK(closed.get("/metrics").status == 401);
    CHECK(value_of(closed.get("/metrics"), "WWW-Authenticate") == "Bearer");
    for (const char* wrong : {"", "Bearer", "Bearer ", "0123456789abcdef", "Basic 0123456789abcdef",
                              "Bearer 0123456789abcdeF", "Bearer 0123456789abcdef0", "Bearer 0123456789abcde"})
        CHECK(closed.get("/metrics", header("Authorization", wrong)).status == 401);
    HttpHeaders twice = header("Authorization", "Bearer 0123456789abcdef");
    twice.add("authorization", "Bearer 0123456789abcdef");
    CHECK(closed.get("/metrics", twice).status == 401);
    CHECK(closed.get("/metrics", header("Authorization", "Bearer 0123456789abcdef")).status == 200);
    CHECK(closed.get("/metrics", header("authorization", "bearer   0123456789abcdef")).status == 200);

    Service without;
    without.parts.metrics = nullptr;
    CHECK(without.get("/metrics").status == 404);
}

TEST_CASE("every request is counted under the contract's path, and none under the client's own words") {
    Service service;
    service.broker.after = 20ms;
    (void)service.get("/ready");
    (void)service.get("/health");
    (void)service.get("/health?x=1"); // not in the contract: 400
    (void)service.get("/canary/one");
    (void)service.get("/health", {}, "CANARY");
    (void)service.get("/api/v1/adapters/canary", header("X-Tenant-ID", "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"), "HEAD");
    const std::string text = service.get("/metrics").body;
    const auto has = [&](const char* line) { return text.find(line) != std::string::npos; };
    CHECK(has("http_requests_total{method=\"GET\",route=\"/ready\",status=\"200\"} 1\n"));
    CHECK(has("http_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1\n"));
    CHECK(has("http_requests_total{method=\"GET\",route=\"/health\",status=\"400\"} 1\n"));
    CHECK(has("http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1\n"));
    CHECK(has("http_requests_total{method=\"other\",route=\"unmatched\",status=\"405\"} 1\n"));
    CHECK(has("http_request_duration_seconds_bucket{method=\"GET\",route=\"/ready\",le=\"0.025\"} 1\n"));
    CHECK(has("http_request_duration_seconds_bucket{method=\"GET\",route=\"/ready\",le=\"0.01\"} 0\n"));
    CHECK(has("{method=\"HEAD\",route=\"/api/v1/adapters/{name}\""));
    CHECK(text.find("canary") == std::string::npos);
    CHECK(text.find("CANARY") == std::string::npos);
}
