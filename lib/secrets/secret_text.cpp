#include <secrets/secret_text.hpp>

#include <core/json_text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace castiel_sync {
namespace {

constexpr std::string_view scheme = "secret://";
constexpr std::size_t longest_name = 200;

constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool stands_in_name(char c) {
    return is_upper(c) || is_lower(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= longest_name && text.front() != '.' &&
           std::all_of(text.begin(), text.end(), stands_in_name);
}

std::string variable_of(std::string_view plain_name) {
    std::string variable(plain_name);
    for (char& c : variable) {
        if (is_lower(c))
            c = static_cast<char>(c - 'a' + 'A');
        else if (!is_upper(c) && !is_digit(c))
            c = '_';
    }
    return variable;
}

} // namespace

Result<SecretReference> parse_secret_reference(std::string_view reference) {
    SecretReference parsed;
    if (!reference.starts_with(scheme)) {
        if (reference.empty())
            return Error(ErrorCode::invalid_configuration, "the reference to a secret is empty; name the secret");
        parsed.place = environment_place;
        parsed.name = variable_of(reference);
        return parsed;
    }
    const std::string_view rest = reference.substr(scheme.size());
    const std::size_t slash = rest.find('/');
    const std::string_view name = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    parsed.place = rest.substr(0, slash);
    parsed.name = name;
    if (is_name(parsed.place) && is_name(name)) return parsed;
    return Error(ErrorCode::invalid_configuration,
                 fmt::format("\"{}\" names no secret; write secret://PLACE/NAME, with a name of at most {} letters, "
                             "digits, '.', '_' and '-' that does not begin with '.'",
                             excerpt(reference, 200), longest_name));
}

Result<std::string> name_in(std::string_view place, std::string_view reference) {
    auto parsed = parse_secret_reference(reference);
    if (!parsed) return parsed.error();
    if (parsed->place == place) return std::move(parsed->name);
    return Error(ErrorCode::invalid_configuration,
                 fmt::format("\"{}\" leads to the place \"{}\", and here is only \"{}\"; mend the reference", reference,
                             parsed->place, place));
}

Result<json::object> read_secret(std::string_view text, std::string_view place) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return Error(ErrorCode::unauthenticated, fmt::format("{} is empty; put the secret there", place));
    if (text[first] != '{') return json::object{{"value", text}};
    auto parsed = parse_json_object(text);
    // The parser's own message may quote the text.
    if (!parsed)
        return Error(ErrorCode::unauthenticated,
                     fmt::format("{} begins as a JSON object and is none; mend it", place));
    return parsed;
}

} // namespace castiel_sync
