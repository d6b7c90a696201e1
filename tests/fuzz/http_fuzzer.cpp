// One connection's input: requests and refusals do not depend on how the bytes arrive, limits hold, and requests begin
// and end where RFC 9112 says.
#include "fuzzing.hpp"

#include "../net/http_second_opinion.hpp"

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;
using namespace castiel_sync::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Numbers are taken from the end: an input begins with the bytes on the wire.
    FuzzedDataProvider input(data, size);
    const HttpRequestLimits limits{.max_header_bytes = input.ConsumeBool() ? 400u : 16384u,
                                   .max_headers = 20,
                                   .max_body_bytes = input.ConsumeBool() ? 40u : 10'000u};
    const std::size_t piece_bytes = input.ConsumeIntegralInRange<std::size_t>(1, 40);
    const std::string bytes = input.ConsumeRemainingBytesAsString();

    const ReadRequests whole = read_requests(bytes, limits, [](std::size_t left) { return left; });
    const ReadRequests parted = read_requests(bytes, limits, [&](std::size_t) { return piece_bytes; });
    require(whole.refused != 1 && parted.refused != 1, "there is space for what is missing", bytes);
    require(whole.requests == parted.requests, "requests do not depend on how their bytes arrive", bytes);
    require(whole.refused == parted.refused, "a refusal does not depend on how its bytes arrive", bytes);
    for (const std::string& request : whole.requests)
        require(request.size() < 2 * limits.max_header_bytes + limits.max_body_bytes, "limits hold", bytes);

    RequestCutter cutter(bytes);
    for (const std::string& request : whole.requests) {
        const std::string other = cutter.cut();
        require(cutter.objection().empty(), "nobody can find other borders", bytes);
        require(other == request, "a request has one meaning", request);
    }
    return 0;
}
