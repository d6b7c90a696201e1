#include "net/http_harness.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

// A handler that waits at the gate.
struct Slow {
    HttpHarness harness;
    int answered = 0;
    int cancelled = 0;

    Slow() {
        harness.handler = [this](HttpRequest request) { return answer(*this, std::move(request)); };
    }
    static Async<HttpResponse> answer(Slow& slow, HttpRequest request) {
        try {
            if (request.target == "/slow") co_await slow.harness.gate.wait();
        } catch (const boost::system::system_error&) {
            ++slow.cancelled;
            throw;
        }
        ++slow.answered;
        co_return co_await answer_plainly(std::move(request));
    }
    // Until `count` requests wait at the gate.
    void wait_for_requests(int count) {
        harness.wait_until([&] { return harness.gate.waiting() == count; });
    }
    void wait_for_end() {
        harness.wait_until([&] { return harness.stopped() && harness.run_ended(); });
    }
};

const std::string slow_request = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

} // namespace

TEST_CASE("stopping lets requests under way finish, and closes what is idle") {
    Slow slow;
    slow.harness.start();
    RawClient idle = slow.harness.connect(), busy = slow.harness.connect(), half = slow.harness.connect();
    idle.send(get_request);
    CHECK(idle.read().status == 200);
    busy.send(slow_request + get_request);
    slow.wait_for_requests(1);
    half.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    slow.harness.settle();
    slow.harness.begin_stop(std::chrono::hours(1));
    CHECK(idle.read_to_end().empty());
    CHECK(!idle.reset_by_server());
    boost::system::error_code refused;
    boost::asio::ip::tcp::socket late(slow.harness.loop);
    late.connect({boost::asio::ip::address_v4::loopback(), slow.harness.port}, refused);
    CHECK(refused == boost::asio::error::connection_refused);
    half.send("cd");
    const RawAnswer halved = half.read();
    CHECK(halved.body == "POST / abcd");
    CHECK(halved.says("Connection: close"));
    CHECK(!slow.harness.stopped());
    slow.harness.gate.open();
    const RawAnswer answer = busy.read();
    CHECK(answer.status == 200);
    CHECK(answer.says("Connection: close"));
    CHECK(busy.read_to_end().empty());
    CHECK(half.read_to_end().empty());
    busy.close();
    half.close();
    slow.wait_for_end();
    CHECK(slow.answered == 3);
    CHECK(slow.harness.server->counters().open_connections == 0);
    slow.harness.settle();
    CHECK(slow.harness.clock.sleepers() == 0);
    CHECK(slow.harness.troubles.empty());
}

TEST_CASE("what is left after the grace is cancelled") {
    Slow slow;
    slow.harness.start();
    RawClient busy = slow.harness.connect(), half = slow.harness.connect();
    busy.send(slow_request);
    slow.wait_for_requests(1);
    half.send("GET");
    slow.harness.settle();
    slow.harness.begin_stop(std::chrono::seconds(5));
    slow.harness.settle();
    slow.harness.clock.turn(std::chrono::milliseconds(4999));
    slow.harness.settle();
    CHECK(slow.cancelled == 0);
    CHECK(!slow.harness.stopped());
    slow.harness.clock.turn(std::chrono::milliseconds(1));
    slow.wait_for_end();
    CHECK(slow.cancelled == 1);
    CHECK(busy.read_to_end().empty());
    CHECK(busy.reset_by_server());
    CHECK(half.read_to_end().empty());
    CHECK(slow.harness.troubles.empty());
    CHECK(slow.harness.server->counters().refused.empty());
}

TEST_CASE("a second stop can be less patient") {
    Slow slow;
    slow.harness.start();
    RawClient busy = slow.harness.connect();
    busy.send(slow_request);
    slow.wait_for_requests(1);
    slow.harness.begin_stop(std::chrono::hours(1));
    slow.harness.settle();
    slow.harness.begin_stop(std::chrono::milliseconds(0));
    slow.wait_for_end();
    CHECK(slow.cancelled == 1);
}

TEST_CASE("a server without clients stops at once, also before it runs") {
    for (const bool runs : {true, false}) {
        HttpHarness harness;
        harness.listen();
        if (runs) harness.run();
        harness.begin_stop(std::chrono::hours(1));
        harness.wait_until([&] { return harness.stopped(); });
        if (!runs) harness.run();
        harness.wait_until([&] { return harness.run_ended(); });
        harness.settle();
        CHECK(harness.clock.sleepers() == 0);
    }
}

TEST_CASE("a server whose run is cancelled resets what is open") {
    Slow slow;
    slow.harness.listen();
    boost::asio::cancellation_signal signal;
    bool ended = false;
    boost::asio::co_spawn(slow.harness.loop, slow.harness.server->run(),
                          boost::asio::bind_cancellation_slot(
                              signal.slot(), [&](std::exception_ptr thrown) { ended = thrown != nullptr; }));
    RawClient busy = slow.harness.connect(), idle = slow.harness.connect();
    busy.send(slow_request);
    slow.wait_for_requests(1);
    boost::asio::post(slow.harness.loop, [&] { signal.emit(boost::asio::cancellation_type::terminal); });
    slow.harness.wait_until([&] { return ended; });
    CHECK(busy.read_to_end().empty());
    CHECK(idle.read_to_end().empty());
    slow.harness.settle();
    CHECK(slow.cancelled == 1);
    CHECK(slow.harness.server->counters().open_connections == 0);
    CHECK(slow.harness.clock.sleepers() == 0);
}

TEST_CASE("a handler under way finishes although its client has gone") {
    Slow slow;
    slow.harness.start();
    RawClient client = slow.harness.connect();
    client.send(slow_request);
    slow.wait_for_requests(1);
    client.close_with_reset();
    slow.harness.settle();
    slow.harness.gate.open();
    slow.harness.wait_until([&] { return slow.harness.server->counters().open_connections == 0; });
    CHECK(slow.answered == 1);
    CHECK(slow.cancelled == 0);
    CHECK(slow.harness.troubles.empty());
}

TEST_CASE("a server can be destroyed in the middle of everything") {
    Slow slow;
    slow.harness.start();
    RawClient busy = slow.harness.connect(), idle = slow.harness.connect();
    busy.send(slow_request);
    slow.wait_for_requests(1);
    slow.harness.server.reset();
    CHECK(busy.read_to_end().empty());
    CHECK(idle.read_to_end().empty());
    slow.harness.wait_until([&] { return slow.harness.run_ended(); });
    CHECK(slow.cancelled == 1);
}

TEST_CASE("a loop can be destroyed before the work on it has ended") {
    Slow slow;
    slow.harness.start();
    RawClient busy = slow.harness.connect();
    busy.send(slow_request);
    slow.wait_for_requests(1);
    CHECK(slow.answered == 0);
}
