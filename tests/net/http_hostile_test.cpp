#include "net/http_harness.hpp"
#include "net/http_hostile_inputs.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("whatever is hostile gets one answer and the end of its connection, and harms nobody else") {
    HttpHarness harness;
    harness.options.max_header_bytes = small_limits().max_header_bytes;
    harness.options.max_headers = small_limits().max_headers;
    harness.options.max_body_bytes = small_limits().max_body_bytes;
    harness.start();
    RawClient canary = harness.connect();
    std::uint64_t canaries = 0;
    for (const HostileInput& input : hostile_inputs()) {
        CAPTURE(input.what);
        RawClient client = harness.connect();
        client.send(input.bytes);
        const RawAnswer answer = client.read();
        CHECK(answer.status == input.status);
        CHECK(answer.whole);
        CHECK(answer.says("X-Refused: yes"));
        CHECK(answer.says("Connection: close"));
        CHECK(client.read_to_end().empty());
        CHECK(!client.reset_by_server());
        canary.send(get_request);
        CHECK(canary.read().body == "GET / ");
        CHECK(harness.server->counters().requests == ++canaries);
    }
    CHECK(harness.troubles.empty());
    // Every client of this test was forgotten, but for the canary.
    harness.wait_until([&] { return harness.server->counters().open_connections == 1; });
}

TEST_CASE("an answer to what is too long reaches a client that goes on sending") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    const std::string piece(20'000, 'x');
    for (int number = 0; number < 150; ++number) {
        client.send(piece);
        harness.settle();
    }
    CHECK(client.read().status == 413);
    CHECK(client.read_to_end().empty());
    CHECK(!client.reset_by_server());
}

TEST_CASE("a client may go away after every single byte") {
    const std::string bytes = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
                              "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    HttpHarness harness;
    harness.start();
    std::uint64_t clients = 0;
    for (const std::string how : {"closes", "closes its sending half", "resets"}) {
        CAPTURE(how);
        for (std::size_t length = 0; length <= bytes.size(); ++length) {
            CAPTURE(length);
            RawClient client = harness.connect();
            client.send(bytes.substr(0, length));
            if (how == "closes") client.close();
            if (how == "resets") client.close_with_reset();
            if (how == "closes its sending half") {
                client.close_sending();
                const std::string answers = client.read_to_end();
                const std::size_t first = bytes.find("POST /2");
                CHECK((answers.find("POST /1 ab") != std::string::npos) == (length >= first));
                CHECK((answers.find("POST /2 x") != std::string::npos) == (length == bytes.size()));
                CHECK((answers.find("HTTP/1.1 400") != std::string::npos) ==
                      (length != 0 && length != first && length != bytes.size()));
                client.close();
            }
            ++clients;
            harness.wait_until([&] {
                const HttpServerCounters& counters = harness.server->counters();
                return counters.accepted_connections == clients && counters.open_connections == 0;
            });
        }
    }
    CHECK(harness.troubles.empty());
}
