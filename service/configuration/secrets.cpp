#include "configuration.hpp"

#include <cstdlib>

namespace castiel_sync::service {

Environment process_environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
}

std::string secret_variable(std::string_view secret_name) {
    std::string variable;
    for (const char c : secret_name) {
        if (c >= 'a' && c <= 'z')
            variable += static_cast<char>(c - 'a' + 'A');
        else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            variable += c;
        else
            variable += '_';
    }
    return variable;
}

Result<json::object> find_secret(const Environment& environment, const std::string& secret_name) {
    const std::string variable = secret_variable(secret_name);
    const auto text = environment(variable);
    if (!text || text->empty())
        return Error(ErrorCode::unauthenticated,
                     "the secret " + secret_name + " is not there; set the environment variable " + variable);
    if (text->find_first_not_of(" \t\r\n") == std::string::npos || (*text)[text->find_first_not_of(" \t\r\n")] != '{')
        return json::object{{"value", *text}};
    auto parsed = parse_json_object(*text);
    // The parser's own message may quote the text.
    if (!parsed)
        return Error(ErrorCode::unauthenticated,
                     "the environment variable " + variable + " begins as a JSON object and is none; mend it");
    return parsed;
}

} // namespace castiel_sync::service
