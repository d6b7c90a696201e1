#include <castiel_sync/http/message.hpp>
#include <castiel_sync/time.hpp>

#include <net/http_response_head.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;

TEST_CASE("headers are found whatever their case, and keep their order") {
    HttpHeaders headers;
    CHECK(headers.empty());
    headers.add("Accept", "a");
    headers.add("X-One", "1");
    headers.add("ACCEPT", "b");
    CHECK(headers.size() == 3);
    REQUIRE(headers.find("accept"));
    CHECK(*headers.find("accept") == "a");
    CHECK(headers.find("Accep") == nullptr);
    CHECK(headers.count("aCCept") == 2);
    headers.set("accept", "c");
    CHECK(headers.count("Accept") == 1);
    CHECK(headers.begin()->name == "X-One");
    CHECK(headers.remove("x-one") == 1);
    CHECK(headers.remove("x-one") == 0);
    CHECK(headers.size() == 1);
}

TEST_CASE("a head says what the server knows, and nothing that the handler only thinks") {
    HttpResponse response;
    response.status = 404;
    response.headers.add("content-length", "99");
    response.headers.add("Transfer-Encoding", "gzip");
    response.headers.add("connection", "upgrade");
    response.headers.add("X", "y");
    HttpFraming framing;
    framing.length = 12;
    std::string head;
    append_head(head, response, framing, "Date: now\r\n");
    CHECK(head == "HTTP/1.1 404 Not Found\r\nX: y\r\nDate: now\r\nContent-Length: 12\r\n\r\n");
    framing.body = HttpFraming::Body::chunks;
    framing.close = framing.keep_alive = true;
    response.status = 299;
    response.headers.add("date", "then");
    head.clear();
    append_head(head, response, framing, "Date: now\r\n");
    CHECK(head == "HTTP/1.1 299 \r\nX: y\r\ndate: then\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    framing.body = HttpFraming::Body::none;
    framing.close = false;
    head.clear();
    append_head(head, response, framing, "");
    CHECK(head == "HTTP/1.1 299 \r\nX: y\r\ndate: then\r\nConnection: keep-alive\r\n\r\n");
}

TEST_CASE("what would break out of a head is not sendable") {
    const auto sendable = [](unsigned status, std::string name, std::string value) {
        HttpResponse response;
        response.status = status;
        response.headers.add(std::move(name), std::move(value));
        return is_sendable(response);
    };
    CHECK(sendable(200, "X", "a\tb \xc3\xa9"));
    CHECK(sendable(599, "X", ""));
    CHECK(!sendable(199, "X", ""));
    CHECK(!sendable(600, "X", ""));
    CHECK(!sendable(200, "", ""));
    CHECK(!sendable(200, "X:", ""));
    CHECK(!sendable(200, "X", "a\r\nY: b"));
    CHECK(!sendable(200, "X", std::string(1, '\0')));
}

TEST_CASE("dates are those of RFC 9110") {
    CHECK(make_date_line(parse_timestamp("1994-11-06T08:49:37.999Z").value()) ==
          "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    CHECK(make_date_line(parse_timestamp("2026-02-28T23:59:59Z").value()) == "Date: Sat, 28 Feb 2026 23:59:59 GMT\r\n");
}
