#include "net/http_harness.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <unistd.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

// Lets the process have no more descriptors than it has now.
class NoMoreDescriptors {
public:
    NoMoreDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit now = before_;
        // The lowest free number is the first that is refused.
        const int free = ::dup(0);
        ::close(free);
        now.rlim_cur = static_cast<rlim_t>(free);
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoMoreDescriptors(const NoMoreDescriptors&) = delete;
    NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

private:
    rlimit before_{};
};

Async<HttpResponse> answer_at_length(HttpRequest) {
    HttpResponse response;
    response.body.assign(64 * 1024 * 1024, 'x');
    co_return response;
}

} // namespace

TEST_CASE("a head that does not end is 408") {
    for (const std::string begun : {"G", "GET / HTTP/1.1\r\nHost: a\r\n"}) {
        HttpHarness harness;
        harness.options.head_timeout = 5s;
        harness.start();
        RawClient client = harness.connect();
        client.send(begun);
        client.begin_reading();
        harness.pass_time_until([&] { return harness.server->counters().refused.contains(408); });
        CHECK(client.read().status == 408);
        CHECK(client.read_to_end().empty());
    }
}

TEST_CASE("a byte now and then does not make the time for a head longer") {
    HttpHarness harness;
    harness.options.head_timeout = 5s;
    harness.start();
    RawClient client = harness.connect();
    std::chrono::nanoseconds begun{};
    harness.pass_time_until([&] {
        client.send("x");
        if (begun == 0s) begun = harness.clock.monotonic();
        return harness.server->counters().refused.contains(408);
    });
    CHECK(harness.clock.monotonic() - begun >= 5s);
    CHECK(client.read().status == 408);
}

TEST_CASE("a request that begins between two sweeps has its time, too") {
    HttpHarness harness;
    harness.options.head_timeout = 5s;
    harness.options.sweep_interval = 500ms;
    harness.start();
    RawClient client = harness.connect();
    harness.settle();
    harness.clock.turn(400ms);
    const std::chrono::nanoseconds begun = harness.clock.monotonic();
    client.send("G");
    harness.settle();
    harness.clock.turn(100ms);
    harness.settle();
    harness.pass_time_until([&] { return harness.server->counters().refused.contains(408); });
    CHECK(harness.clock.monotonic() - begun >= 5s);
    CHECK(client.read().status == 408);
}

TEST_CASE("a body that does not end is 408, and the time for the head is not the one for the body") {
    for (const std::string begun : {"Content-Length: 3\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n"}) {
        HttpHarness harness;
        harness.options.head_timeout = 5s;
        harness.options.body_timeout = 60s;
        harness.start();
        RawClient client = harness.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\n" + begun);
        harness.settle();
        harness.pass_time_until([&] { return harness.server->counters().refused.contains(408); });
        CHECK(harness.clock.monotonic() >= 60s);
        CHECK(client.read().status == 408);
        CHECK(client.read_to_end().empty());
    }
}

TEST_CASE("a connection on which nothing comes is closed without a word") {
    HttpHarness harness;
    harness.options.idle_timeout = 5s;
    harness.start();
    RawClient fresh = harness.connect(), used = harness.connect();
    used.send(get_request);
    CHECK(used.read().status == 200);
    harness.pass_time_until([&] { return harness.server->counters().idle_timeouts == 2; });
    CHECK(fresh.read_to_end().empty());
    CHECK(used.read_to_end().empty());
    CHECK(!used.reset_by_server());
    CHECK(harness.server->counters().refused.empty());
}

TEST_CASE("a client that reads nothing of a long answer is reset, and holds nobody up") {
    HttpHarness harness;
    harness.options.write_timeout = 5s;
    harness.handler = answer_at_length;
    harness.start();
    RawClient client = harness.connect();
    client.send(get_request);
    harness.settle();
    RawClient other = harness.connect();
    other.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(other.read(true).says("Content-Length: 67108864"));
    harness.pass_time_until([&] { return harness.server->counters().write_timeouts == 1; });
    CHECK(client.read_to_end().size() < 64 * 1024 * 1024);
    CHECK(client.reset_by_server());
}

TEST_CASE("a client that never hangs up after the last answer is hung up on") {
    HttpHarness harness;
    harness.options.linger_timeout = 2s;
    harness.start();
    RawClient client = harness.connect();
    client.send("nonsense\r\n");
    CHECK(client.read().status == 400);
    harness.pass_time_until([&] { return harness.server->counters().open_connections == 0; });
    CHECK(harness.clock.monotonic() >= 2s);
}

TEST_CASE("clients beyond the limit are told 503, and many more are not told anything") {
    HttpHarness harness;
    harness.options.max_connections = 2;
    harness.start();
    RawClient one = harness.connect(), two = harness.connect();
    one.send(get_request);
    two.send(get_request);
    CHECK(one.read().status == 200);
    CHECK(two.read().status == 200);
    RawClient three = harness.connect();
    const RawAnswer answer = three.read();
    CHECK(answer.status == 503);
    CHECK(answer.says("Connection: close"));
    three.close();
    one.close();
    harness.wait_until([&] { return harness.server->counters().open_connections == 1; });
    RawClient four = harness.connect();
    four.send(get_request);
    CHECK(four.read().status == 200);
    std::list<RawClient> crowd;
    for (int number = 0; number < 70; ++number) {
        crowd.emplace_back(harness);
        harness.settle();
    }
    CHECK(crowd.back().read_to_end().empty());
    CHECK(harness.server->counters().refused.at(503) == 65);
    CHECK(harness.server->counters().unanswered_connections == 6);
    CHECK(harness.server->counters().open_connections == 66);
    two.send(get_request);
    CHECK(two.read().status == 200);
}

TEST_CASE("a connection has as many requests as it may have") {
    HttpHarness harness;
    harness.options.max_requests_per_connection = 2;
    harness.start();
    RawClient client = harness.connect();
    client.send(get_request + get_request + get_request);
    CHECK(!client.read().says("Connection: close"));
    CHECK(client.read().says("Connection: close"));
    CHECK(client.read_to_end().empty());
}

TEST_CASE("a server without descriptors waits, says so once, and goes on when there are some again") {
    HttpHarness harness;
    harness.start();
    RawClient first = harness.connect();
    first.send(get_request);
    CHECK(first.read().status == 200);
    RawClient waiting = harness.connect();
    {
        // Its own socket exists already; the server's half does not.
        const NoMoreDescriptors limit;
        harness.pass_time_until([&] { return harness.server->counters().failed_accepts >= 3; });
        first.send(get_request);
        CHECK(first.read().status == 200);
        const std::uint64_t failed = harness.server->counters().failed_accepts;
        harness.settle();
        CHECK(harness.server->counters().failed_accepts == failed); // no spinning
    }
    CHECK(harness.troubles.size() == 1);
    waiting.send(get_request);
    waiting.begin_reading();
    harness.pass_time_until([&] { return harness.server->counters().requests == 3; });
    CHECK(waiting.read().status == 200);
}
