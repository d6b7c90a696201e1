// What a Contract knows: openapi.yaml, as far as requests are judged by it. Read once, then only looked at.
#pragma once

#include "configuration/schema.hpp"
#include "http/contract.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync::service {

struct ParameterRule {
    enum class Type { text, integer, boolean };

    std::string name;
    std::string place; // query.limit
    std::string in;    // path, query, header
    bool required = false;
    Type type = Type::text;
    std::optional<json::value> default_value;
    CompiledSchema schema;
};

struct OperationRules {
    std::vector<std::shared_ptr<const ParameterRule>> parameters;
    std::string query_names; // "limit or cursor"; empty: none
    bool body_required = false;
    std::optional<CompiledSchema> body;
};

struct Route {
    struct Segment {
        std::string text; // of a parameter, its name
        bool is_parameter = false;
    };
    std::vector<Segment> segments;
    std::vector<std::pair<std::string, std::size_t>> operations; // by method, the place in `operations`
    std::string allow;
};

struct ContractRules {
    std::vector<Operation> operations;
    std::vector<OperationRules> rules;      // of each operation
    std::vector<std::vector<Route>> routes; // by their number of segments, those with literal text first
};

// invalid_configuration with every fault of the document.
[[nodiscard]] Result<ContractRules> read_contract_rules(const std::string& text);

} // namespace castiel_sync::service
