// Boost.Beast's parser as a second opinion: whatever our reader takes for a request, Beast takes for the same one.
#include "net/http_hostile_inputs.hpp"
#include "net/http_second_opinion.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

ReadRequests read_whole(std::string_view bytes) {
    return read_requests(bytes, small_limits(), [](std::size_t left) { return left; });
}

} // namespace

TEST_CASE("what our reader takes, Beast takes for the same requests") {
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
        const ReadRequests ours = read_whole(bytes);
        CHECK(ours.refused == 0);
        CHECK(!ours.requests.empty());
        CHECK(read_by_beast(bytes, 10).requests == ours.requests);
    }
}

// The list is here to be read, and to notice when a newer Beast makes it shorter.
TEST_CASE("what Beast alone would have let through") {
    std::string accepted_by_beast_only;
    for (const HostileInput& input : hostile_inputs())
        if (!read_by_beast(input.bytes, 1).requests.empty()) accepted_by_beast_only += std::string(input.what) + "\n";
    CHECK(accepted_by_beast_only == R"(two equal lengths
a list of lengths
gzip
gzip in chunks
chunks that are not last
chunks twice
xchunked
chunks in 1.0
a folded header
a header folded by a tab
no host
two hosts
two equal hosts
two hosts in 1.0
a host that is a list
a host with a path
a host with a user
absolute form
asterisk form
authority form
a fragment
a target in UTF-8
a long target
a long header
long headers
many headers
an unknown expectation
two expectations
chunks over the limit
a long trailer
many trailers
a folded trailer
)");
}
