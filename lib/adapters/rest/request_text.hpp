// Texts of a description with variables in braces: "/{entity}/{id}", "{settings.account}", "{after|json}". Pure.
//
// A variable that has no value makes the whole text absent: a query parameter, a header or a member of a body with it
// is left out. {{ and }} are braces.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>

#include <core/path.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// How a variable's text stands in a URL. What the description itself writes stands there as it is.
enum class UrlPart { none, path, query };

[[nodiscard]] std::string percent_encoded(std::string_view text);

class RequestText {
public:
    RequestText() = default;

    // invalid_configuration when braces don't match or a variable's name is no path.
    [[nodiscard]] static Result<RequestText> parse(std::string_view text);

    // A value that stands for itself: a number or a truth value of a description.
    [[nodiscard]] static RequestText constant(json::value value);

    // nullopt: a variable has no value. Lists are joined by commas. invalid_request: a variable's value is no text,
    // number or truth value.
    [[nodiscard]] Result<std::optional<std::string>> fill(const json::object& variables, UrlPart part) const;

    // A text that is one variable and nothing else is that variable's value, whatever its type.
    [[nodiscard]] Result<std::optional<json::value>> fill_value(const json::object& variables) const;

    // The variables' names as written, without "|json".
    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
    [[nodiscard]] bool uses(std::string_view name) const;
    [[nodiscard]] const std::string& written() const noexcept { return written_; }
    // One variable and nothing else: that.
    [[nodiscard]] const Path* only_variable() const;

private:
    struct Piece {
        std::string literal;
        std::optional<Path> variable;
        bool as_json = false;
    };
    std::string written_;
    std::optional<json::value> constant_;
    std::vector<Piece> pieces_;
    std::vector<std::string> names_;
};

// A JSON value whose texts are RequestTexts.
class RequestJson {
public:
    RequestJson() = default;
    [[nodiscard]] static Result<RequestJson> parse(const json::value& written);

    // Members and elements whose text has no value are left out; nullopt: the whole has none.
    [[nodiscard]] Result<std::optional<json::value>> fill(const json::object& variables) const;
    [[nodiscard]] std::vector<std::string> names() const;

private:
    // One of the three.
    std::optional<RequestText> text_;
    std::vector<std::pair<std::string, RequestJson>> children_; // of an object, or of a list without names
    json::value fixed_;
};

} // namespace castiel_sync
