// Requests to a SimulatedRestServer, taken apart, and the small answers of every such service. Private to lib/testing.
#pragma once

#include <castiel_sync/http/transport.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync::testing {

struct RestRequest {
    std::string method;
    std::string entity;
    std::string id;  // empty: the entity itself
    std::string url; // without its query
    std::map<std::string, std::string, std::less<>> parameters;
    const HttpHeaders* headers = nullptr;
    std::string_view body;

    [[nodiscard]] const std::string* parameter(std::string_view name) const;
    // invalid_request: it is there, and no number.
    [[nodiscard]] Result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise) const;
};

// Borrows from the call. nullopt: nothing of this service.
[[nodiscard]] std::optional<RestRequest> parse_rest_request(const HttpCall& call, std::string_view base_url);

[[nodiscard]] std::string percent_encode(std::string_view text);

[[nodiscard]] HttpAnswer rest_error(unsigned status, std::string_view code, std::string_view message);

} // namespace castiel_sync::testing
