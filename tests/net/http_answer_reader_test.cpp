// Answers as bytes, without sockets: what is taken, what is refused, and that it does not depend on how they arrive.
#include <net/http_answer_reader.hpp>

#include "net/http_client_harness.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace castiel_sync;
using castiel_sync::testing::gzip;
using Step = HttpAnswerReader::Step;

namespace {

HttpAnswerLimits limits(std::size_t header_bytes = 1000, std::size_t body_bytes = 1000) {
    HttpAnswerLimits made;
    made.max_header_bytes = header_bytes;
    made.max_body_bytes = body_bytes;
    return made;
}

struct Outcome {
    Step step = Step::more;
    HttpAnswer answer;
    bool keeps_connection = false;
    std::string fault;

    Outcome() = default;
};

// In pieces of this size; the connection ends behind them.
Outcome read(std::string_view bytes, std::size_t piece_size = 1'000'000, HttpAnswerLimits limit = limits(),
             HttpAnswerTo to = HttpAnswerTo::get) {
    HttpAnswerReader reader(limit, to);
    Outcome outcome;
    while (!bytes.empty() && outcome.step == Step::more) {
        const std::string_view piece = bytes.substr(0, piece_size);
        bytes.remove_prefix(piece.size());
        outcome.step = reader.put(std::string(piece)); // a copy, of which the sanitizers know the ends
    }
    if (outcome.step == Step::more) outcome.step = reader.end();
    outcome.fault = reader.fault();
    if (outcome.step != Step::whole) return outcome;
    outcome.keeps_connection = reader.keeps_connection() && bytes.empty();
    outcome.answer = reader.take_answer();
    return outcome;
}

struct Sample {
    std::string bytes;
    std::string body;
    bool keeps_connection = true;
};

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string gzipped_ok = ok + "Content-Encoding: gzip\r\n";

std::string with_length(const std::string& head, const std::string& body) {
    return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string in_chunks(const std::string& head, const std::string& body, std::size_t chunk_size) {
    std::string bytes = head + "Transfer-Encoding: chunked\r\n\r\n";
    for (std::size_t begin = 0; begin < body.size(); begin += chunk_size) {
        const std::string chunk = body.substr(begin, chunk_size);
        char size[20];
        std::snprintf(size, sizeof(size), "%zx;a=b\r\n", chunk.size());
        bytes += size + chunk + "\r\n";
    }
    return bytes + "0\r\nTrailer: x\r\n\r\n";
}

std::vector<Sample> whole_answers() {
    const std::string text = "a body that is compressed, a body that is compressed";
    return {
        {with_length(ok, "hello"), "hello"},
        {with_length(ok, ""), ""},
        {in_chunks(ok, "hello world", 3), "hello world"},
        {ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
        {ok + "Transfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n00\r\n\r\n", "0123456789"},
        {with_length(gzipped_ok, gzip(text)), text},
        {in_chunks(gzipped_ok, gzip(text), 5), text},
        {with_length(gzipped_ok, gzip("one ") + gzip("two")), "one two"},
        {with_length(gzipped_ok, gzip("")), ""},
        {with_length(gzipped_ok, ""), ""},
        {with_length(ok + "Content-Encoding: identity\r\n", "hello"), "hello"},
        {with_length("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, "hello"),
         "hello"},
        {"HTTP/1.1 204 No Content\r\n\r\n", ""},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000000\r\nContent-Encoding: br\r\n\r\n", ""},
        {with_length("HTTP/1.1 200 \r\n", "hello"), "hello"},
        {with_length(ok + "Connection: close\r\n", "hello"), "hello", false},
        {with_length(ok + "Connection: x, Close\r\n", "hello"), "hello", false},
        {with_length("HTTP/1.0 200 OK\r\n", "hello"), "hello", false},
        {with_length("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", "hello"), "hello"},
    };
}

} // namespace

TEST_CASE("whole answers are read, in whatever pieces they come") {
    for (const Sample& sample : whole_answers())
        for (std::size_t piece = 1; piece <= sample.bytes.size(); ++piece) {
            INFO(sample.bytes << " in pieces of " << piece);
            const Outcome outcome = read(sample.bytes, piece);
            CHECK(outcome.step == Step::whole);
            CHECK(outcome.answer.body == sample.body);
            CHECK(outcome.keeps_connection == sample.keeps_connection);
        }
}

TEST_CASE("an answer that ends anywhere before its end is cut, and never shorter") {
    for (const Sample& sample : whole_answers())
        for (std::size_t length = 0; length < sample.bytes.size(); ++length) {
            INFO(sample.bytes << " up to " << length);
            CHECK(read(sample.bytes.substr(0, length)).step == Step::cut);
        }
}

TEST_CASE("a body without a length ends with the connection") {
    const Outcome outcome = read(ok + "\r\nhello");
    CHECK(outcome.step == Step::whole);
    CHECK(outcome.answer.body == "hello");
    CHECK_FALSE(outcome.keeps_connection);
    CHECK(read(ok + "\r\n").step == Step::whole);
    const std::string compressed = gzip("hello");
    CHECK(read(gzipped_ok + "\r\n" + compressed).answer.body == "hello");
    CHECK(read(gzipped_ok + "\r\n" + compressed.substr(0, compressed.size() - 1)).step == Step::cut);
}

TEST_CASE("what was undone is not told any more") {
    const HttpAnswer answer = read(with_length(gzipped_ok, gzip("hello"))).answer;
    CHECK(answer.headers.empty());
}

TEST_CASE("an answer to HEAD has no body, whatever it says") {
    const Outcome outcome =
        read(with_length(gzipped_ok, "").replace(ok.size(), 0, "X: y\r\n"), 1'000'000, limits(), HttpAnswerTo::head);
    CHECK(outcome.step == Step::whole);
    CHECK(outcome.keeps_connection);
    CHECK(outcome.answer.headers.count("Content-Length") == 1);
    CHECK(read(ok + "Content-Length: 1000000\r\n\r\n", 1, limits(), HttpAnswerTo::head).step == Step::whole);
}

TEST_CASE("bytes behind the answer keep the connection from being used again") {
    CHECK_FALSE(read(with_length(ok, "hello") + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").keeps_connection);
}

TEST_CASE("what is no acceptable answer is refused, in whatever pieces it comes") {
    const std::string compressed = gzip("hello");
    std::string damaged = compressed;
    damaged[damaged.size() - 5] ^= 1; // of the checksum
    const std::vector<std::string> refused{
        "SSH-2.0-OpenSSH_9.2\r\n",
        "220 mail.example ESMTP\r\n",
        "\x15\x03\x01\x00\x02\x02\x16",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        ok + "No colon\r\n\r\n",
        ok + "Space : x\r\n\r\n",
        ok + "X: a\x01\r\n\r\n",
        ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        ok + "Content-Length: 5, 5\r\n\r\nhello",
        ok + "Content-Length: +5\r\n\r\nhello",
        ok + "Content-Length: -5\r\n\r\nhello",
        ok + "Content-Length: 5x\r\n\r\nhello",
        ok + "Content-Length: 99999999999999999999999\r\n\r\nhello",
        ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: identity\r\n\r\nhello",
        ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\n-5\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n",
        with_length(ok + "Content-Encoding: deflate\r\n", "hello"),
        with_length(ok + "Content-Encoding: br\r\n", "hello"),
        with_length(ok + "Content-Encoding: gzip, gzip\r\n", compressed),
        with_length(gzipped_ok + "Content-Encoding: gzip\r\n", compressed),
        with_length(gzipped_ok, "hello"),
        with_length(gzipped_ok, damaged),
        with_length(gzipped_ok, compressed.substr(0, compressed.size() - 1)),
        with_length(gzipped_ok, compressed + "garbage"),
    };
    for (const std::string& bytes : refused)
        for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
            INFO(bytes << " in pieces of " << piece);
            const Outcome outcome = read(bytes, piece);
            CHECK(outcome.step == Step::refused);
            CHECK_FALSE(outcome.fault.empty());
        }
}

TEST_CASE("a head, trailers and extensions without end are refused at their limit") {
    std::string headers = ok, trailers = ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n", chunks = trailers;
    for (int count = 0; count < 200; ++count) {
        headers += "X: y12345\r\n";
        trailers += "X: y12345\r\n";
    }
    chunks.resize(chunks.size() - 3);
    for (int count = 0; count < 200; ++count)
        chunks += "1;x=12345678\r\na\r\n";
    const std::string flood(5000, 'x');
    for (const std::string& bytes :
         {headers, ok + "X: " + flood, "HTTP/1.1 200 " + flood, trailers, chunks,
          ok + "Transfer-Encoding: chunked\r\n\r\n1;x=" + flood, ok + "Transfer-Encoding: chunked\r\n\r\n" + flood})
        for (const std::size_t piece : {1, 7, 1'000'000}) {
            INFO(bytes.substr(0, 100) << " in pieces of " << piece);
            CHECK(read(bytes, piece).step == Step::refused);
        }
}

TEST_CASE("interim answers without end are refused") {
    std::string interim;
    for (int count = 0; count < 16; ++count)
        interim += "HTTP/1.1 102 Processing\r\n\r\n";
    CHECK(read(with_length(interim + ok, "hello")).step == Step::whole);
    CHECK(read("HTTP/1.1 102 Processing\r\n\r\n" + interim).step == Step::refused);
}

TEST_CASE("a body has its limit once it is undone, to the byte") {
    const std::string body(1000, 'x');
    const std::string longer(1001, 'x');
    for (const std::size_t piece : {1, 100, 1'000'000}) {
        CHECK(read(with_length(ok, body), piece).step == Step::whole);
        CHECK(read(with_length(ok, longer), piece).step == Step::refused);
        CHECK(read(in_chunks(ok, body, 100), piece).step == Step::whole);
        CHECK(read(in_chunks(ok, longer, 100), piece).step == Step::refused);
        CHECK(read(ok + "\r\n" + body, piece).step == Step::whole);
        CHECK(read(ok + "\r\n" + longer, piece).step == Step::refused);
        CHECK(read(with_length(gzipped_ok, gzip(body)), piece).step == Step::whole);
        CHECK(read(with_length(gzipped_ok, gzip(longer)), piece).step == Step::refused);
    }
    CHECK(read(with_length(ok, ""), 1, limits(1000, 0)).step == Step::whole);
    CHECK(read(with_length(ok, "x"), 1, limits(1000, 0)).step == Step::refused);
    CHECK(read(with_length(ok, "x"), 1, limits(1000, static_cast<std::size_t>(-1))).step == Step::whole);
}

TEST_CASE("a bomb is not undone further than its limit") {
    HttpAnswerReader reader(limits(1000, 10'000), HttpAnswerTo::get);
    const std::string bomb = gzip(std::string(100'000'000, 'x'));
    CHECK(reader.put(with_length(gzipped_ok, bomb)) == Step::refused);
    CHECK(reader.take_answer().body.capacity() < 100'000);
}

TEST_CASE("a server tells how long it keeps a connection") {
    const auto told = [](const std::string& header) {
        HttpAnswerReader reader(limits(), HttpAnswerTo::get);
        CHECK(reader.put(with_length(ok + header, "")) == Step::whole);
        return reader.keep_alive_timeout();
    };
    CHECK(told("") == std::nullopt);
    CHECK(told("Keep-Alive: timeout=5, max=100\r\n") == std::chrono::seconds(5));
    CHECK(told("Keep-Alive: max=100,Timeout=75\r\n") == std::chrono::seconds(75));
    CHECK(told("Keep-Alive: timeout=x\r\n") == std::nullopt);
    CHECK(told("Keep-Alive: ,,\r\n") == std::nullopt);
}
