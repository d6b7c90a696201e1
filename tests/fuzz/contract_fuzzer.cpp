// A request, before anything is done with it: whatever its target, headers and body hold, it is an operation with
// values of the types that openapi.yaml tells, or a refusal that names its places.
#include "fuzzing.hpp"

#include <configuration/embedded.hpp>
#include <http/contract.hpp>

#include <algorithm>
#include <array>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;
using namespace castiel_sync::service;

namespace {

const Contract& contract() {
    static const Contract read = [] {
        auto result = Contract::read(std::string(embedded_contract));
        require(result.has_value(), "openapi.yaml is a contract", result ? "" : result.error().message);
        return std::move(*result);
    }();
    return read;
}

void check_refusal(const Rejection& rejection) {
    constexpr std::array<unsigned, 5> statuses{400, 404, 405, 413, 415};
    require(std::ranges::find(statuses, rejection.status) != statuses.end(), "a refusal has a status of a refusal");
    require(!rejection.faults.empty(), "a refusal says why");
    require(rejection.faults.size() <= max_request_faults, "a refusal is bounded");
    require((rejection.status == 405) == !rejection.allow.empty(), "405 tells what is allowed, and nothing else does");
    for (const RequestFault& fault : rejection.faults) {
        require_readable(fault.message);
        require(!fault.place.empty() && is_utf8(fault.place), "a fault has a place", fault.place);
        require(fault.place.size() <= 220 && fault.message.size() <= 2000, "a fault is short", fault.place);
    }
}

void check_body(const Operation& operation, const std::vector<Header>& headers, std::string_view body) {
    const auto value = contract().parse_body(operation, headers, body);
    if (!value) return check_refusal(value.error());
    require(value->has_value() == (!body.empty() && !operation.takes_bytes), "there is a value where there is a body");
    if (!value->has_value()) return;
    require(operation.takes_body, "no operation is given a body that it does not take", operation.id);
    const std::vector<Header> plain{{"Content-Type", "application/json"}};
    const auto again = contract().parse_body(operation, plain, to_json(**value));
    require(again.has_value() && identical(**again, **value), "a body that was taken is taken again");
}

// The input: method, target, then header lines, an empty line, and the body, as in HTTP.
struct Input {
    std::string_view method;
    std::string_view path;
    std::string_view query;
    std::vector<Header> headers;
    std::string_view body;
};

std::string_view take_until(std::string_view& text, char mark) {
    const std::size_t end = std::min(text.find(mark), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
}

Input read_input(std::string_view text) {
    Input input;
    std::string_view line = take_until(text, '\n');
    input.method = take_until(line, ' ');
    input.path = take_until(line, '?');
    input.query = line;
    while (!text.empty()) {
        line = take_until(text, '\n');
        if (line.empty()) break;
        const std::string_view name = take_until(line, ':');
        input.headers.push_back({name, line});
    }
    input.body = text;
    return input;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = read_input(text_of(data, size));
    const auto match = contract().match(input.method, input.path);
    if (!match) {
        check_refusal(match.error());
        // A body is judged without its path as well: most inputs have none that leads anywhere.
        const auto& operations = contract().operations();
        check_body(operations[size % operations.size()], input.headers, input.body);
        return 0;
    }
    for (const auto& [name, value] : match->path_values) {
        require(!value.empty() && is_utf8(value), "a value in a path is text", value);
        require(value.find('/') == std::string::npos && value.find('\0') == std::string::npos,
                "a value in a path is one segment", value);
        require(value != "." && value != "..", "a value in a path leads nowhere else", value);
    }
    const auto parameters = contract().parse_parameters(*match, input.query, input.headers);
    if (parameters) {
        if (const auto limit = parameters->integer("limit"))
            require(*limit >= 1 && *limit <= 1000, "a limit is within its range");
        require(parameters->text("Idempotency-Key").size() <= 255, "a key is within its length");
        if (match->operation->needs_authentication)
            require(parameters->text("X-Tenant-ID").size() == 36, "a tenant is a UUID");
    } else {
        check_refusal(parameters.error());
    }
    check_body(*match->operation, input.headers, input.body);
    return 0;
}
