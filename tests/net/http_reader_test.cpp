#include "net/http_hostile_inputs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using Step = HttpRequestReader::Step;

namespace {

// All steps that come out of the bytes, as text, when they arrive in pieces of these sizes (the last one repeated).
std::string read_in_pieces(std::string_view bytes, std::vector<std::size_t> sizes, HttpRequestLimits limits) {
    HttpRequestReader reader(limits);
    std::string story;
    std::size_t piece = 0;
    for (;;) {
        const Step step = reader.next();
        if (step == Step::refused) return story + "refused " + std::to_string(reader.refusal().status) + "\n";
        if (step == Step::request) {
            const HttpRequest request = reader.take_request();
            story += request.method + " " + request.target;
            for (const HttpHeader& header : request.headers)
                story += "|" + header.name + "=" + header.value;
            story += "|" + request.body + (reader.keep_alive() ? "|keep\n" : "|close\n");
        }
        if (step != Step::more) continue;
        if (bytes.empty()) return story + (reader.place() == HttpRequestReader::Place::between ? "" : "unfinished\n");
        const std::span<char> space = reader.space();
        REQUIRE(!space.empty());
        const std::size_t size = std::min({sizes[std::min(piece++, sizes.size() - 1)], bytes.size(), space.size()});
        std::memcpy(space.data(), bytes.data(), size);
        bytes.remove_prefix(size);
        reader.put(size);
    }
}

std::string read_whole(std::string_view bytes, HttpRequestLimits limits = small_limits()) {
    return read_in_pieces(bytes, {100'000}, limits);
}

} // namespace

TEST_CASE("what is hostile is refused, with what belongs to it, and nothing behind it is a request") {
    for (const HostileInput& input : hostile_inputs()) {
        CAPTURE(input.what);
        CHECK(read_whole(input.bytes) == "refused " + std::to_string(input.status) + "\n");
    }
}

TEST_CASE("a refusal does not depend on how the bytes arrive") {
    for (const HostileInput& input : hostile_inputs()) {
        CAPTURE(input.what);
        const std::string refused = "refused " + std::to_string(input.status) + "\n";
        CHECK(read_in_pieces(input.bytes, {1}, small_limits()) == refused);
    }
}

TEST_CASE("requests are the same wherever their bytes are parted") {
    const std::string bytes =
        "GET /one?a=%20 HTTP/1.1\r\nHost: a:80\r\nX-Empty:\r\nX-Spaces: \t a  b \t\r\n\r\n"
        "\r\n"
        "POST /two HTTP/1.1\r\nhost: [::1]\r\ncontent-length: 005\r\n\r\nab\r\nc"
        "POST /three HTTP/1.1\r\nHost:\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n"
        "3;name=\"value\"\r\nabc\r\n00A ;x\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
        "\r\n"
        "HEAD /four HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n"
        "PUT /empty HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        "{}|~ /five'|{}\" HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\nConnection: close\r\n\r\n";
    const std::string story = "GET /one?a=%20|Host=a:80|X-Empty=|X-Spaces=a  b||keep\n"
                              "POST /two|host=[::1]|content-length=005|ab\r\nc|keep\n"
                              "POST /three|Host=|Transfer-Encoding=Chunked|Expect=100-Continue|abc0123456789|keep\n"
                              "HEAD /four|Connection=x, Keep-Alive||keep\n"
                              "PUT /empty|Host=a|Transfer-Encoding=chunked||keep\n";
    // Braces are no token characters: the last one is refused.
    CHECK(read_whole(bytes) == story + "refused 400\n");
    std::string good = bytes;
    good.replace(good.find("{}|~"), 4, "!|~^");
    const std::string whole = story + "!|~^ /five'|{}\"|Host=a|X=\xc3\xa9|Connection=close||close\n";
    CHECK(read_whole(good) == whole);
    CHECK(read_in_pieces(good, {1}, small_limits()) == whole);
    for (std::size_t first = 1; first < good.size(); ++first) {
        CAPTURE(first);
        CHECK(read_in_pieces(good, {first, 100'000}, small_limits()) == whole);
    }
}

TEST_CASE("limits are what fits, not what is one too much") {
    HttpRequestLimits limits = small_limits();
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 64\r\n\r\n";
    const std::string request = head + std::string(64, 'x');
    limits.max_header_bytes = head.size();
    limits.max_headers = 2;
    CHECK(read_whole(request, limits).starts_with("POST"));
    limits.max_headers = 1;
    CHECK(read_whole(request, limits) == "refused 431\n");
    limits.max_headers = 2;
    limits.max_header_bytes = head.size() - 1;
    CHECK(read_whole(request, limits) == "refused 431\n");
    limits = small_limits();
    limits.max_body_bytes = 63;
    CHECK(read_whole(request, limits) == "refused 413\n");
}

TEST_CASE("each request has its own limits") {
    std::string bytes;
    for (int number = 0; number < 10; ++number) {
        bytes += "POST /" + std::string(250, 'z') + " HTTP/1.1\r\nHost: a\r\nX: " + std::string(500, 'x') +
                 "\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(100, 'y') + "\r\nz\r\n0\r\n\r\n";
    }
    const std::string answer = read_whole(bytes);
    CHECK(std::count(answer.begin(), answer.end(), '\n') == 10);
    CHECK(answer.find("refused") == std::string::npos);
}

TEST_CASE("a client that waits for 100 is told once, and one that does not wait is not") {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    const auto steps_of = [](std::vector<std::string> pieces) {
        HttpRequestReader reader(small_limits());
        std::vector<Step> steps;
        for (const std::string& piece : pieces) {
            std::ranges::copy(piece, reader.space().begin());
            reader.put(piece.size());
            do
                steps.push_back(reader.next());
            while (steps.back() == Step::expects_continue);
        }
        return steps;
    };
    CHECK(steps_of({head, "a", "bc"}) == std::vector{Step::expects_continue, Step::more, Step::more, Step::request});
    CHECK(steps_of({head + "a", "bc"}) == std::vector{Step::more, Step::request});
    CHECK(steps_of({head + "abc"}) == std::vector{Step::request});
}

TEST_CASE("a reader knows where in a request it stands") {
    using Place = HttpRequestReader::Place;
    HttpRequestReader reader(small_limits());
    const auto put = [&](std::string_view piece) {
        std::ranges::copy(piece, reader.space().begin());
        reader.put(piece.size());
        (void)reader.next();
        return reader.place();
    };
    CHECK(reader.place() == Place::between);
    CHECK(put("\r\n") == Place::between);
    CHECK(put("P") == Place::head);
    CHECK(put("OST / HTTP/1.1\r\n") == Place::head);
    CHECK(put("Host: a\r\nContent-Length: 2\r\n") == Place::head);
    CHECK(put("\r\n") == Place::body);
    CHECK(put("x") == Place::body);
    (void)put("y");
    (void)reader.take_request();
    CHECK(reader.place() == Place::between);
}
