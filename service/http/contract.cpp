#include "http/contract.hpp"

#include "configuration/located.hpp"
#include "http/contract_rules.hpp"
#include "http/target.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace castiel_sync::service {
namespace {

constexpr std::size_t max_place_bytes = 200;

// A place may hold names that the sender chose.
std::string bounded(std::string place) {
    if (place.size() <= max_place_bytes) return place;
    std::size_t end = max_place_bytes;
    while (end > 0 && (static_cast<unsigned char>(place[end]) & 0xC0U) == 0x80U)
        --end;
    place.resize(end);
    return place.append("…");
}

Rejection refuse(unsigned status, std::string place, std::string message) {
    Rejection rejection;
    rejection.status = status;
    rejection.faults.push_back({bounded(std::move(place)), std::move(message)});
    return rejection;
}

struct Found {
    const Header* header = nullptr;
    bool twice = false;
};

Found find_header(std::span<const Header> headers, std::string_view name) {
    Found found;
    for (const Header& header : headers) {
        if (!equal_ignoring_case(header.name, name)) continue;
        found.twice = found.header != nullptr;
        if (!found.twice)
            found.header = &header;
        else
            return found;
    }
    return found;
}

bool matches(const Route& route, const std::vector<std::string_view>& segments) {
    return std::ranges::equal(route.segments, segments, [](const Route::Segment& wanted, std::string_view segment) {
        return wanted.is_parameter ? !segment.empty() : wanted.text == segment;
    });
}

// A number as JSON writes one, so that there is one way to write it. What is none stays text, and the schema says so.
json::value typed(ParameterRule::Type type, std::string&& text) {
    if (type == ParameterRule::Type::boolean && (text == "true" || text == "false")) return text == "true";
    if (type == ParameterRule::Type::integer) {
        const std::string_view digits = text.starts_with('-') ? std::string_view(text).substr(1) : text;
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        const bool whole = error == std::errc() && end == text.data() + text.size();
        if (whole && (digits.size() == 1 || !digits.starts_with('0'))) return number;
    }
    return json::value(json::string(text));
}

} // namespace

struct Contract::State {
    ContractRules rules;
};

const json::value* Parameters::find(std::string_view name) const {
    const auto found = std::ranges::find(values_, name, [](const auto& entry) { return entry.first; });
    return found == values_.end() ? nullptr : &found->second;
}

std::string_view Parameters::text(std::string_view name) const {
    const json::value* value = find(name);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::optional<std::int64_t> Parameters::integer(std::string_view name) const {
    const json::value* value = find(name);
    return value != nullptr && value->is_int64() ? std::optional(value->get_int64()) : std::nullopt;
}

Result<Contract> Contract::read(const std::string& text) {
    auto rules = read_contract_rules(text);
    if (!rules) return rules.error();
    auto state = std::make_unique<State>();
    state->rules = std::move(*rules);
    return Result<Contract>(Contract(std::move(state)));
}

Contract::Contract(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Contract::~Contract() = default;
Contract::Contract(Contract&&) noexcept = default;
Contract& Contract::operator=(Contract&&) noexcept = default;

const std::vector<Operation>& Contract::operations() const noexcept { return state_->rules.operations; }

Checked<Match> Contract::match(std::string_view method, std::string_view path) const {
    const auto& by_size = state_->rules.routes;
    const auto nothing = [] { return refuse(404, "path", "there is nothing at this path"); };
    if (path.size() > max_request_path_bytes) return nothing();
    const auto segments = split_path(path);
    if (!segments || segments->size() >= by_size.size()) return nothing();
    const auto& routes = by_size[segments->size()];
    const auto route = std::ranges::find_if(routes, [&](const Route& each) { return matches(each, *segments); });
    if (route == routes.end()) return nothing();

    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    const auto operation =
        std::ranges::find(route->operations, wanted, [](const auto& entry) -> std::string_view { return entry.first; });
    if (operation == route->operations.end()) {
        Rejection rejection = refuse(405, "method", "must be one of " + route->allow);
        rejection.allow = route->allow;
        return rejection;
    }
    Match match;
    match.operation = &state_->rules.operations[operation->second];
    Rejection rejection;
    for (std::size_t at = 0; at < segments->size(); ++at) {
        if (!route->segments[at].is_parameter) continue;
        Decoded decoded = decode_segment((*segments)[at]);
        if (!decoded.fault.empty())
            rejection.faults.push_back({"path." + route->segments[at].text, std::string(decoded.fault)});
        match.path_values.emplace_back(route->segments[at].text, std::move(decoded.text));
    }
    if (!rejection.faults.empty()) return rejection;
    return match;
}

Checked<Parameters> Contract::parse_parameters(const Match& match, std::string_view query,
                                               std::span<const Header> headers) const {
    const OperationRules& rules = state_->rules.rules[match.operation->index];
    Parameters parameters;
    Rejection rejection;
    const auto say = [&](std::string place, std::string_view message) {
        if (rejection.faults.size() < max_request_faults)
            rejection.faults.push_back({bounded(std::move(place)), std::string(message)});
    };
    const auto take = [&](const ParameterRule& rule, std::string&& text) {
        json::value value = typed(rule.type, std::move(text));
        for (ConfigurationFault& fault : rule.schema.validate(value, 1))
            say(rule.place, fault.message);
        parameters.values_.emplace_back(rule.name, std::move(value));
    };
    const auto rule_of = [&](std::string_view in, std::string_view name) -> const ParameterRule* {
        for (const auto& rule : rules.parameters)
            if (rule->in == in && rule->name == name) return rule.get();
        return nullptr;
    };
    for (const auto& [name, value] : match.path_values)
        if (const ParameterRule* rule = rule_of("path", name)) take(*rule, std::string(value));

    std::vector<const ParameterRule*> given;
    for (const QueryPart& part : split_query(query)) {
        Decoded name = decode_query(part.name);
        Decoded value = decode_query(part.value);
        if (!name.fault.empty()) {
            say("query", "a name in it " + std::string(name.fault));
            continue;
        }
        const ParameterRule* rule = rule_of("query", name.text);
        if (rule == nullptr) {
            say("query." + name.text, rules.query_names.empty()
                                          ? std::string("is not a known parameter; here is none")
                                          : "is not a known parameter; here may be " + rules.query_names);
        } else if (std::ranges::find(given, rule) != given.end()) {
            say(rule->place, "is given twice");
        } else {
            given.push_back(rule);
            if (!value.fault.empty())
                say(rule->place, value.fault);
            else
                take(*rule, std::move(value.text));
        }
        if (rejection.faults.size() >= max_request_faults) return rejection;
    }
    for (const auto& rule : rules.parameters) {
        if (rule->in == "header") {
            const Found found = find_header(headers, rule->name);
            if (found.twice) {
                say(rule->place, "is given twice");
                continue;
            }
            if (found.header != nullptr) {
                const std::string_view text = without_spaces_around(found.header->value);
                if (!is_valid_utf8(text))
                    say(rule->place, "is not UTF-8");
                else
                    take(*rule, std::string(text));
                continue;
            }
        } else if (rule->in == "path" || std::ranges::find(given, rule.get()) != given.end()) {
            continue;
        }
        if (rule->required)
            say(rule->place, "is missing");
        else if (rule->default_value)
            parameters.values_.emplace_back(rule->name, *rule->default_value);
    }
    if (!rejection.faults.empty()) return rejection;
    return parameters;
}

Checked<std::optional<json::value>> Contract::parse_body(const Operation& operation, std::span<const Header> headers,
                                                         std::string_view body) const {
    const OperationRules& rules = state_->rules.rules[operation.index];
    if (body.empty()) {
        if (rules.body_required) return refuse(400, "body", "is missing; it must be a JSON object");
        return std::optional<json::value>();
    }
    if (!rules.body && !operation.takes_bytes)
        return refuse(400, "body", "must be empty; " + operation.id + " takes none");
    if (body.size() > max_request_body_bytes)
        return refuse(413, "body", "must have at most " + std::to_string(max_request_body_bytes) + " bytes");
    const Found encoding = find_header(headers, "Content-Encoding");
    if (encoding.header != nullptr &&
        (encoding.twice || !equal_ignoring_case(without_spaces_around(encoding.header->value), "identity")))
        return refuse(415, "header.Content-Encoding", "must be left out: a body is not compressed");
    if (operation.takes_bytes) return std::optional<json::value>();
    const Found type = find_header(headers, "Content-Type");
    if (type.header == nullptr || type.twice || !is_json_in_utf8(type.header->value))
        return refuse(415, "header.Content-Type", "must be application/json");
    auto value = parse_json(body, JsonLimits{JsonLimits().max_depth, max_request_body_bytes});
    if (!value) return refuse(400, "body", value.error().message);
    Rejection rejection;
    for (ConfigurationFault& fault : rules.body->validate(*value, max_request_faults))
        rejection.faults.push_back({bounded(join_path("body", fault.path)), std::move(fault.message)});
    if (!rejection.faults.empty()) return rejection;
    return std::optional<json::value>(std::move(*value));
}

Checked<ParsedRequest> Contract::parse(const Match& match, std::string_view query, std::span<const Header> headers,
                                       std::string_view body) const {
    auto parameters = parse_parameters(match, query, headers);
    auto value = parse_body(*match.operation, headers, body);
    if (!parameters) {
        Rejection rejection = parameters.error();
        if (!value) std::ranges::move(value.error().faults, std::back_inserter(rejection.faults));
        rejection.faults.resize(std::min(rejection.faults.size(), max_request_faults));
        return rejection;
    }
    if (!value) return value.error();
    return ParsedRequest{std::move(*parameters), std::move(*value)};
}

} // namespace castiel_sync::service
