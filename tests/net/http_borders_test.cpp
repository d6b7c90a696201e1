// Whatever our reader takes for a request is one by the letter of RFC 9112, and ends there.
#include "net/http_hostile_inputs.hpp"
#include "net/http_second_opinion.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("requests begin and end where RFC 9112 says") {
    const std::string host = "Host: a\r\n";
    for (const std::string& bytes : std::vector<std::string>{
             "GET /?a=b HTTP/1.1\r\n" + host + "X: 1\r\nY:\t2 \r\nx: 3\r\nEmpty:\r\n\r\n",
             "POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\nGET /2 HTTP/1.1\r\n" + host + "\r\n",
             "POST / HTTP/1.1\r\n" + host + "Content-Length: 00007\r\n\r\na\r\nbc\n\tGET / HTTP/1.0\r\n\r\n",
             "POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n" + host +
                 "\r\n3;a=b;c=\"d\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX: trailer\r\n\r\nM-SEARCH /2 HTTP/1.1\r\n" +
                 host + "\r\n",
             "DELETE / HTTP/1.1\r\n" + host + "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx",
             "GET / HTTP/1.1\r\n" + host + "X: \xc3\xa9\r\n\r\n",
         }) {
        CAPTURE(bytes);
        const ReadRequests ours = read_requests(bytes, small_limits(), [](std::size_t left) { return left; });
        CHECK(ours.refused == 0);
        CHECK(!ours.requests.empty());
        RequestCutter cutter(bytes);
        for (const std::string& request : ours.requests) {
            CHECK(cutter.cut() == request);
            CHECK(cutter.objection() == "");
        }
        CHECK(cutter.cut() == "");
    }
}

// The list is here to be read, and to notice when a newer Beast makes it shorter.
// So that a silent cutter is noticed.
TEST_CASE("what moves a border is objected to") {
    const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n";
    const std::string chunked = get + "Transfer-Encoding: chunked\r\n\r\n";
    for (const std::string& bytes : std::vector<std::string>{
             "GET / HTTP/1.1\nHost: a\n\n",
             "GET / HTTP/1.1\r\n\r\n",
             "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
             get + "Host: b\r\n\r\n",
             get + "X: a\nY: b\r\n\r\n",
             get + "X: a\rY: b\r\n\r\n",
             get + "X: a\r\n b\r\n\r\n",
             get + "X: a\r\n b: c\r\n\r\n",
             get + "X : a\r\n\r\n",
             get + "X\r\n\r\n",
             get + "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc",
             get + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             get + "Content-Length: 3, 3\r\n\r\nabc",
             get + "Content-Length: +3\r\n\r\nabc",
             get + "Content-Length: 4\r\n\r\nabc",
             get + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
             "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             chunked + "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n",
             chunked + "3\r\nabcd\r\n0\r\n\r\n",
             chunked + "0x3\r\nabc\r\n0\r\n\r\n",
             chunked + "0\r\nX: a\r\n b\r\n\r\n",
         }) {
        CAPTURE(bytes);
        RequestCutter cutter(bytes);
        CHECK(cutter.cut() == "");
        CHECK(cutter.objection() != "");
        CHECK(read_requests(bytes, small_limits(), [](std::size_t left) { return left; }).requests.empty());
    }
}
