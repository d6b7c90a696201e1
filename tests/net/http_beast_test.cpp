// Boost.Beast's parser as a second opinion: whatever our reader takes for a request, Beast takes for the same one.
#include "net/http_hostile_inputs.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
namespace http = boost::beast::http;

namespace {

// How many requests Beast finds in the bytes, or -1 when it refuses one.
int requests_by_beast(std::string_view bytes) {
    int count = 0;
    while (!bytes.empty()) {
        http::request_parser<http::string_body> parser;
        parser.eager(true);
        boost::system::error_code problem;
        const std::size_t used = parser.put(boost::asio::buffer(bytes), problem);
        if (problem && problem != http::error::need_more) return -1;
        if (!parser.is_done()) return count;
        ++count;
        bytes.remove_prefix(used);
    }
    return count;
}

} // namespace

// Shows what Beast alone would have let through, too; the list is here to notice when a newer Beast makes it shorter.
TEST_CASE("what our reader takes, Beast takes for the same requests") {
    std::string accepted_by_beast_only;
    for (const HostileInput& input : hostile_inputs())
        if (requests_by_beast(input.bytes) > 0) accepted_by_beast_only += std::string(input.what) + "\n";
    CHECK(accepted_by_beast_only == R"(two equal lengths
a list of lengths
gzip
gzip in chunks
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
chunks over the limit
a long trailer
many trailers
a folded trailer
)");
}
