#include "net/http_harness.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

// What a stream of a test does and how it ended.
struct Streamed {
    std::vector<std::string> pieces;
    bool waits = false;   // for ever, after the pieces
    bool returns = false; // when it is cancelled, instead of letting that pass
    bool throws = false;  // after the pieces
    bool endless = false; // writes the last piece again and again
    bool ignores = false; // an error, and waits instead
    int begun = 0;
    int ended = 0;
    int cancelled = 0;
    std::optional<Error> error;
    int ended_before_request = -1; // what `ended` was when another request came
};

Async<void> write_pieces(Streamed& streamed, Gate& gate, HttpStream& stream) {
    ++streamed.begun;
    struct End {
        int& number;
        ~End() { ++number; }
    } end{streamed.ended};
    try {
        do {
            for (const std::string& piece : streamed.pieces) {
                const Result<> written = co_await stream.write(piece);
                if (written) continue;
                streamed.error = written.error();
                if (!streamed.ignores) co_return;
                co_await gate.wait();
            }
        } while (streamed.endless);
        if (streamed.throws) throw std::runtime_error("it broke");
        if (streamed.waits) co_await gate.wait();
    } catch (const boost::system::system_error&) {
        ++streamed.cancelled;
        if (!streamed.returns) throw;
    }
}

struct Stage {
    HttpHarness harness;
    Streamed streamed;

    Stage() {
        harness.handler = [this](HttpRequest request) { return answer(*this, std::move(request)); };
    }
    static Async<HttpResponse> answer(Stage& stage, HttpRequest request) {
        if (request.target == "/gate") co_await stage.harness.gate.wait();
        if (request.target == "/") {
            stage.streamed.ended_before_request = stage.streamed.ended;
            co_return co_await answer_plainly(std::move(request));
        }
        HttpResponse response;
        response.headers.add("Content-Type", "text/event-stream");
        response.stream = [&stage](HttpStream& stream) {
            return write_pieces(stage.streamed, stage.harness.gate, stream);
        };
        co_return response;
    }
    [[nodiscard]] std::size_t open() const { return harness.server->counters().open_connections; }
};

const std::string stream_request = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";

} // namespace

TEST_CASE("a stream is sent in chunks, and the connection goes on") {
    Stage stage;
    stage.streamed.pieces = {"one", "", std::string(20, 'x')};
    stage.harness.start();
    RawClient client = stage.harness.connect();
    for (int number = 0; number < 3; ++number) {
        client.send(stream_request + get_request);
        const RawAnswer answer = client.read();
        CHECK(answer.says("Transfer-Encoding: chunked"));
        CHECK(answer.head.find("Content-Length") == std::string::npos);
        CHECK(answer.body == "one" + std::string(20, 'x'));
        CHECK(answer.whole);
        CHECK(client.read().body == "GET / ");
    }
    client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get_request);
    CHECK(client.read(true).says("Transfer-Encoding: chunked"));
    CHECK(client.read().body == "GET / ");
    CHECK(stage.streamed.begun == 3);
    CHECK(stage.streamed.ended == 3);
    CHECK(stage.harness.troubles.empty());
}

TEST_CASE("a stream to HTTP/1.0 lasts to the end of the connection") {
    Stage stage;
    stage.streamed.pieces = {"one", "two"};
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get_request);
    const RawAnswer answer = client.read();
    CHECK(answer.says("Connection: close"));
    CHECK(answer.head.find("Transfer-Encoding") == std::string::npos);
    CHECK(answer.body == "onetwo");
    CHECK(!client.reset_by_server());
}

TEST_CASE("a stream that waits is cancelled when its client goes away, however that goes") {
    for (const std::string how : {"closes", "closes its sending half", "resets"}) {
        CAPTURE(how);
        Stage stage;
        stage.streamed.pieces = {"hello"};
        stage.streamed.waits = true;
        stage.harness.start();
        RawClient client = stage.harness.connect();
        client.send(stream_request);
        CHECK(client.read_past("hello\r\n"));
        CHECK(stage.harness.server->counters().open_streams == 1);
        if (how == "closes") client.close();
        if (how == "closes its sending half") client.close_sending();
        if (how == "resets") client.close_with_reset();
        stage.harness.wait_until([&] { return stage.streamed.ended == 1; });
        CHECK(stage.streamed.cancelled == 1);
        stage.harness.wait_until([&] { return stage.open() == 0; });
        CHECK(stage.harness.server->counters().open_streams == 0);
        CHECK(stage.harness.troubles.empty());
    }
}

TEST_CASE("a stream whose client reads nothing is ended by the time for a write") {
    Stage stage;
    stage.streamed.pieces = {std::string(100'000, 'x')};
    stage.streamed.endless = true;
    stage.harness.options.write_timeout = std::chrono::hours(1);
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send(stream_request);
    stage.harness.pass_time_until([&] { return stage.streamed.ended == 1; });
    REQUIRE(stage.streamed.error.has_value());
    CHECK(stage.streamed.error->code == ErrorCode::unavailable);
    CHECK(stage.harness.server->counters().write_timeouts == 1);
    (void)client.read_to_end();
    CHECK(client.reset_by_server());
    stage.harness.wait_until([&] { return stage.open() == 0; });
}

TEST_CASE("a stream that writes when its client goes away gets an error or is cancelled, and ends") {
    Stage stage;
    stage.streamed.pieces = {std::string(100'000, 'x')};
    stage.streamed.endless = true;
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send(stream_request);
    stage.harness.settle(); // until the kernel takes no more
    client.close_with_reset();
    stage.harness.wait_until([&] { return stage.open() == 0; });
    CHECK(stage.streamed.ended == 1);
    CHECK((stage.streamed.error || stage.streamed.cancelled == 1));
}

TEST_CASE("a stream that is in the middle of a write when the server stops learns why it ends") {
    Stage stage;
    stage.streamed.pieces = {std::string(100'000, 'x')};
    stage.streamed.endless = true;
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send(stream_request);
    stage.harness.settle(); // until the kernel takes no more
    stage.harness.begin_stop(std::chrono::hours(1));
    stage.harness.wait_until([&] { return stage.streamed.ended == 1; });
    REQUIRE(stage.streamed.error.has_value());
    CHECK(stage.streamed.error->code == ErrorCode::cancelled);
    CHECK(!client.read().whole);
    stage.harness.wait_until([&] { return stage.harness.stopped(); });
}

TEST_CASE("a stream that does not look at its errors is ended all the same") {
    Stage stage;
    stage.streamed.pieces = {std::string(100'000, 'x')};
    stage.streamed.endless = stage.streamed.ignores = true;
    stage.harness.options.write_timeout = std::chrono::hours(1);
    stage.harness.options.max_header_bytes = 500;
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send(stream_request);
    for (int number = 0; number < 100; ++number) // so that nobody looks out for the end of this client
        client.send(get_request);
    stage.harness.pass_time_until([&] { return stage.streamed.ended == 1; });
    CHECK(stage.streamed.cancelled == 1);
    CHECK(stage.streamed.error.has_value());
}

TEST_CASE("a stream that begins after the server began to stop ends at once") {
    Stage stage;
    stage.streamed.pieces = {"hello"};
    stage.streamed.waits = true;
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n");
    stage.harness.wait_until([&] { return stage.harness.gate.waiting() == 1; });
    stage.harness.begin_stop(std::chrono::hours(1));
    stage.harness.settle();
    stage.harness.gate.open();
    const RawAnswer answer = client.read();
    CHECK(answer.says("Connection: close"));
    CHECK(!answer.whole);
    client.close();
    stage.harness.wait_until([&] { return stage.harness.stopped(); });
}

TEST_CASE("a client that sends a lot during a stream keeps nobody busy, and is answered behind it") {
    Stage stage;
    stage.streamed.pieces = {"hello"};
    stage.streamed.waits = true;
    stage.harness.options.max_header_bytes = 500;
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send(stream_request);
    CHECK(client.read_past("hello\r\n"));
    for (int number = 0; number < 100; ++number)
        client.send(get_request);
    stage.harness.settle(); // would not return if the server looked at what it can't take yet
    stage.harness.gate.open();
    CHECK(client.read_past("0\r\n\r\n"));
    for (int number = 0; number < 100; ++number)
        CHECK(client.read().body == "GET / ");
}

TEST_CASE("a stream that never has to wait lets others have their turn") {
    Stage stage;
    stage.streamed.pieces.assign(10'000, "x");
    stage.harness.start();
    RawClient client = stage.harness.connect(), other = stage.harness.connect();
    client.send(stream_request);
    other.send(get_request);
    CHECK(other.read().status == 200);
    CHECK(stage.streamed.ended_before_request == 0);
    CHECK(client.read().body.size() == 10'000);
}

TEST_CASE("what a client sends during a stream is answered behind it") {
    Stage stage;
    stage.streamed.pieces = {"hello"};
    stage.streamed.waits = true;
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send(stream_request);
    CHECK(client.read_past("hello\r\n"));
    client.send(get_request);
    stage.harness.settle();
    client.send(get_request);
    stage.harness.settle();
    stage.harness.gate.open();
    CHECK(client.read_past("0\r\n\r\n"));
    CHECK(client.read().body == "GET / ");
    CHECK(client.read().body == "GET / ");
    client.send(get_request);
    CHECK(client.read().body == "GET / ");
}

TEST_CASE("a stream that fails is cut off, so that its client can tell") {
    Stage stage;
    stage.streamed.pieces = {"hello"};
    stage.streamed.throws = true;
    stage.harness.start();
    RawClient client = stage.harness.connect();
    client.send(stream_request);
    const RawAnswer answer = client.read();
    CHECK(answer.body == "hello");
    CHECK(!answer.whole);
    REQUIRE(stage.harness.troubles.size() == 1);
    CHECK(stage.harness.troubles[0] == "The stream of GET /stream failed: it broke");
    RawClient old = stage.harness.connect();
    old.send("GET /stream HTTP/1.0\r\n\r\n");
    (void)old.read();
    CHECK(old.reset_by_server());
}

TEST_CASE("a stream ends when the server stops, whole if it returns") {
    for (const bool returns : {false, true}) {
        CAPTURE(returns);
        Stage stage;
        stage.streamed.pieces = {"hello"};
        stage.streamed.waits = true;
        stage.streamed.returns = returns;
        stage.harness.start();
        RawClient client = stage.harness.connect();
        client.send(stream_request);
        CHECK(client.read_past("hello\r\n"));
        stage.harness.begin_stop(std::chrono::hours(1));
        const std::string rest = client.read_to_end();
        CHECK(rest == (returns ? "0\r\n\r\n" : ""));
        CHECK(stage.streamed.cancelled == 1);
        stage.harness.settle();
        CHECK(stage.open() == (returns ? 1 : 0)); // a proper end waits for the client's
        client.close();
        stage.harness.wait_until([&] { return stage.harness.stopped() && stage.harness.run_ended(); });
        CHECK(stage.harness.troubles.empty());
    }
}
