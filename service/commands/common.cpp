#include "commands.hpp"

#include <algorithm>
#include <charconv>

namespace castiel_sync::service {

ExitCode exit_code_of(const Error& error) {
    switch (error.code) {
    case ErrorCode::invalid_request:
    case ErrorCode::invalid_configuration:
        return ExitCode::usage;
    case ErrorCode::latched:
        return ExitCode::latched;
    default:
        return ExitCode::failed;
    }
}

ExitCode fail(Session& session, const Error& error) {
    session.console().log(LogLevel::error, error.message, {{"code", to_string(error.code)}});
    return exit_code_of(error);
}

ExitCode graver(ExitCode left, ExitCode right) {
    const auto weight = [](ExitCode code) {
        switch (code) {
        case ExitCode::done:
            return 0;
        case ExitCode::waiting:
            return 1;
        case ExitCode::latched:
            return 2;
        case ExitCode::usage:
            return 3;
        case ExitCode::failed:
            return 4;
        }
        return 4;
    };
    return weight(left) < weight(right) ? right : left;
}

Result<std::pair<std::string, json::value>> parse_assignment(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0)
        return Error(ErrorCode::invalid_request, "\"" + std::string(text) + "\" must be written as field=value");
    std::string name(text.substr(0, equals));
    const std::string_view written = text.substr(equals + 1);
    if (auto parsed = parse_json(written)) return std::pair(std::move(name), std::move(*parsed));
    // Text needs no quotes, but what begins as JSON and is none is a slip.
    if (!written.empty() && std::string_view("{[\"").find(written.front()) != std::string_view::npos)
        return Error(ErrorCode::invalid_request, "the value of " + name + " begins as JSON and is none");
    return std::pair(std::move(name), json::value(json::string(written)));
}

Result<json::object> parse_assignments(const std::vector<std::string>& texts) {
    json::object values;
    for (const std::string& text : texts) {
        auto assignment = parse_assignment(text);
        if (!assignment) return assignment.error();
        if (!values.emplace(assignment->first, std::move(assignment->second)).second)
            return Error(ErrorCode::invalid_request, assignment->first + " is given twice");
    }
    return values;
}

Result<> assign(json::object& object, std::string_view path, json::value value) {
    auto dot = path.find('.');
    json::value* at = &object[path.substr(0, dot)];
    while (dot != std::string_view::npos) {
        const auto next = path.find('.', dot + 1);
        // Also the empty one after a dot at the end: what it names is not what stands before the dot.
        const std::string_view step = path.substr(dot + 1, next == std::string_view::npos ? next : next - dot - 1);
        dot = next;
        if (at->is_null()) at->emplace_object();
        if (auto* below = at->if_object()) {
            at = &(*below)[step];
            continue;
        }
        std::size_t index = 0;
        const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
        auto* elements = at->if_array();
        if (elements == nullptr || error != std::errc() || end != step.data() + step.size() || index > elements->size())
            return Error(ErrorCode::invalid_request,
                         std::string(path) + ": nothing can be set at \"" + std::string(step) + "\" there");
        if (index == elements->size()) elements->emplace_back(nullptr);
        at = &(*elements)[index];
    }
    *at = std::move(value);
    return {};
}

std::string short_id(std::string_view id) { return std::string(id.substr(0, 12)); }

Result<std::string> choose_id(const std::vector<std::string>& candidates, const std::string& typed,
                              std::string_view noun) {
    if (std::ranges::find(candidates, typed) != candidates.end()) return typed;
    if (typed.size() < least_prefix)
        return Error(ErrorCode::invalid_request, "give at least " + std::to_string(least_prefix) + " characters of a " +
                                                     std::string(noun) + "'s id");
    std::string found;
    for (const std::string& candidate : candidates) {
        if (!candidate.starts_with(typed)) continue;
        if (!found.empty())
            return Error(ErrorCode::invalid_request,
                         "several " + std::string(noun) + "s begin with " + typed + "; give more of the id");
        found = candidate;
    }
    if (found.empty()) return Error(ErrorCode::not_found, "there is no " + std::string(noun) + " " + typed);
    return found;
}

} // namespace castiel_sync::service
