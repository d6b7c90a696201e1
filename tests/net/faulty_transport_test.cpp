#include "transport_fixture.hpp"

#include <castiel_sync/http/retry_after.hpp>
#include <castiel_sync/testing/faulty_transport.hpp>

#include <doctest/doctest.h>

#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;
using transport_test::call_to;
using Kind = Fault::Kind;

namespace {

// A system that counts, behind a transport that fails as told.
struct Faulty : transport_test::Fixture {
    SimulatedProcess process{loop, "node"};
    std::vector<std::chrono::nanoseconds> arrived;
    std::shared_ptr<ScriptedTransport> inner = std::make_shared<ScriptedTransport>([this](const HttpCall&) {
        arrived.push_back(loop.now());
        return json_answer(200, {{"number", arrived.size()}});
    });
    std::unique_ptr<FaultPlan> plan;
    std::shared_ptr<HttpTransport> transport;

    void plan_fault(Fault fault, std::uint64_t count = 1) {
        plan = std::make_unique<NthCallFault>("crm", 1, fault, count);
        transport = make_faulty_transport(process, inner, *plan, "crm");
    }
    Result<HttpAnswer> with(Kind kind, bool variant, std::string method) {
        Fault fault;
        fault.kind = kind;
        fault.variant = variant;
        fault.lateness = 50s;
        fault.after = 2s;
        plan_fault(fault);
        return send(*transport, call_to(std::move(method), "https://crm.test/a"));
    }
};

} // namespace

TEST_CASE_FIXTURE(Faulty, "without a fault the call goes through") {
    NoFaults none;
    transport = make_faulty_transport(process, inner, none, "crm");
    CHECK(send(*transport, call_to("GET", "https://crm.test/a"))->body == R"({"number":1})");
    CHECK(inner->calls().size() == 1);
}

TEST_CASE_FIXTURE(Faulty, "the caller learns what can be known, and the system sees what arrived") {
    struct Expected {
        Kind kind;
        bool variant;
        std::size_t arrivals; // when the caller is told
        ErrorCode code;
    };
    for (const auto& [kind, variant, arrivals, code] : std::vector<Expected>{
             {Kind::refused, false, 0, ErrorCode::unavailable},
             {Kind::request_lost, false, 0, ErrorCode::unknown_outcome},
             {Kind::answer_lost, false, 1, ErrorCode::unknown_outcome},
             {Kind::late, false, 0, ErrorCode::unknown_outcome},
             {Kind::partial, false, 1, ErrorCode::unknown_outcome},
         }) {
        for (const char* method : {"GET", "POST"}) {
            if (kind == Kind::late && method[0] == 'G') continue; // a read has nothing that could be late
            CAPTURE(to_string(kind));
            CAPTURE(method);
            const auto before = loop.now();
            arrived.clear();
            const auto answer = with(kind, variant, method);
            CHECK(answer.has_error());
            CHECK(answer.error().code == code);
            CHECK(arrived.size() == arrivals);
            CHECK(loop.now() - before == 2s);
            loop.run_until_idle();
        }
    }
}

TEST_CASE_FIXTURE(Faulty, "what is late arrives after the caller was told") {
    const auto answer = with(Kind::late, false, "POST");
    CHECK(answer.error().code == ErrorCode::unknown_outcome);
    CHECK(loop.now() == 2s);
    loop.run_until_idle();
    REQUIRE(arrived.size() == 1);
    CHECK(arrived[0] == 52s);
}

TEST_CASE_FIXTURE(Faulty, "what is duplicated is done twice") {
    CHECK(with(Kind::duplicated, false, "POST")->body == R"({"number":1})");
    CHECK(arrived.size() == 2);
    CHECK(with(Kind::duplicated, true, "POST")->body == R"({"number":4})");
    CHECK(with(Kind::duplicated, false, "GET")->body == R"({"number":5})");
    CHECK(arrived.size() == 5);
}

TEST_CASE_FIXTURE(Faulty, "an answer that is cut may claim to be whole") {
    const auto cut = with(Kind::partial, true, "GET");
    REQUIRE(cut.has_value());
    CHECK(cut->status == 200);
    CHECK(cut->body == R"({"numb)");
    CHECK(parse_json(cut->body).has_error());
}

TEST_CASE_FIXTURE(Faulty, "bodies that are no answer come with a status that says so") {
    const auto page = with(Kind::html_body, false, "POST");
    REQUIRE(page.has_value());
    CHECK(page->status == 200);
    CHECK(*page->headers.find("Content-Type") == "text/html");
    CHECK(parse_json(page->body).has_error());
    CHECK(arrived.empty());
    CHECK(with(Kind::html_body, true, "POST")->body == page->body);
    CHECK(arrived.size() == 1);
    const auto failure = with(Kind::error_body, false, "GET");
    REQUIRE(failure.has_value());
    CHECK(failure->status == 200);
    CHECK(parse_json_object(failure->body)->contains("error"));
    CHECK(arrived.size() == 1);
}

TEST_CASE_FIXTURE(Faulty, "a storm of server errors strikes call after call, and then ends") {
    for (const unsigned status : {500u, 502u, 503u, 504u}) {
        CAPTURE(status);
        Fault fault;
        fault.kind = Kind::server_error;
        fault.status = status;
        fault.variant = true;
        arrived.clear();
        plan_fault(fault, 3);
        for (int call = 0; call < 3; ++call)
            CHECK(send(*transport, call_to("POST", "https://crm.test/a"))->status == status);
        CHECK(arrived.size() == (status == 503 ? 0 : 3)); // which alone says that nothing was done
        CHECK(send(*transport, call_to("POST", "https://crm.test/a"))->status == 200);
    }
}

TEST_CASE_FIXTURE(Faulty, "throttling asks for time in seconds and as a date, or not at all") {
    CHECK(with(Kind::throttled, false, "GET")->headers.find("Retry-After") == nullptr);
    Fault fault;
    fault.kind = Kind::throttled;
    fault.retry_after = 6'500ms;
    plan_fault(fault, 2);
    const auto seconds = send(*transport, call_to("GET", "https://crm.test/a"));
    CHECK(seconds->status == 429);
    CHECK(*seconds->headers.find("Retry-After") == "7");
    const auto date = send(*transport, call_to("GET", "https://crm.test/a"));
    CHECK(date->headers.find("Retry-After")->ends_with(" GMT"));
    const auto asked = read_retry_after(date->headers, clock.now());
    REQUIRE(asked);
    CHECK(*asked >= 7s);
    CHECK(*asked <= 8s);
    CHECK(arrived.empty());
}

TEST_CASE_FIXTURE(Faulty, "latency counts against the timeout, and the request arrives all the same") {
    Fault fault;
    fault.before = 7s;
    fault.after = 4s;
    struct Slow final : FaultPlan {
        [[nodiscard]] Fault next(const Call&) override { return fault; }
        Fault fault;
    } slow;
    slow.fault = fault;
    transport = make_faulty_transport(process, inner, slow, "crm");
    HttpCall call = call_to("POST", "https://crm.test/a");
    call.timeout = 11s;
    CHECK(send(*transport, call).has_value());
    CHECK(loop.now() == 11s);
    call.timeout = 5s;
    CHECK(send(*transport, call).error().code == ErrorCode::unknown_outcome);
    CHECK(loop.now() == 16s);
    CHECK(arrived.size() == 1);
    loop.run_until_idle();
    REQUIRE(arrived.size() == 2);
    CHECK(arrived[1] == 18s);
}

TEST_CASE_FIXTURE(Faulty, "a process that dies hears nothing of its call") {
    Fault fault;
    bool done = false;
    SUBCASE("before it") { fault.kind = Kind::crash_before; }
    SUBCASE("after it") {
        fault.kind = Kind::crash_after;
        done = true;
    }
    plan_fault(fault);
    CHECK_THROWS_AS(send(*transport, call_to("POST", "https://crm.test/a")), SimulationStuck);
    CHECK(process.crashed());
    CHECK(arrived.size() == (done ? 1 : 0));
    loop.destroy();
}

TEST_CASE_FIXTURE(Faulty, "what a dying process had sent arrives when it is meant to") {
    struct Slow final : FaultPlan {
        [[nodiscard]] Fault next(const Call&) override {
            Fault fault;
            fault.before = 5s;
            fault.arrives = arrives;
            return fault;
        }
        bool arrives = false;
    } slow;
    SUBCASE("it arrives") { slow.arrives = true; }
    SUBCASE("it does not") {}
    transport = make_faulty_transport(process, inner, slow, "crm");
    loop.after(3s, [this] { process.crash(); });
    CHECK_THROWS_AS(send(*transport, call_to("POST", "https://crm.test/a")), SimulationStuck);
    CHECK(arrived.size() == (slow.arrives ? 1 : 0));
    loop.destroy();
}

TEST_CASE("random faults of requests are those that the rates name, and strike nothing else") {
    FaultRates rates;
    for (const Kind kind : {Kind::server_error, Kind::html_body, Kind::error_body, Kind::answer_lost})
        rates.of(kind) = 200'000;
    RandomFaults faults(7, {{"crm", rates}});
    std::set<Kind> kinds;
    std::set<unsigned> statuses;
    for (int call = 0; call < 1'000; ++call) {
        const Fault fault = faults.next({"crm", Operation::write_request});
        kinds.insert(fault.kind);
        if (fault.kind == Kind::server_error) statuses.insert(fault.status);
    }
    CHECK(kinds ==
          std::set<Kind>{Kind::none, Kind::answer_lost, Kind::server_error, Kind::html_body, Kind::error_body});
    CHECK(statuses == std::set<unsigned>{500, 502, 503, 504});
    for (int call = 0; call < 1'000; ++call) {
        const Kind kind = faults.next({"crm", Operation::push}).kind;
        CHECK((kind == Kind::none || kind == Kind::answer_lost));
    }
}
