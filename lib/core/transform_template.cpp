#include <core/transform.hpp>

#include <core/transform_decimal.hpp>

#include <fmt/format.h>

namespace castiel_sync {
namespace {

Error template_fault(std::string_view what) {
    return {ErrorCode::invalid_configuration,
            fmt::format("{}; write field paths in braces, as in \"{{name.first}} {{name.last}}\", and {{{{ for a brace",
                        what)};
}

} // namespace

Result<TextTemplate> TextTemplate::parse(std::string_view text) {
    TextTemplate parsed;
    std::string literal;
    bool has_field = false;
    const auto finish_literal = [&] {
        if (!literal.empty()) parsed.pieces_.emplace_back(std::exchange(literal, {}));
    };
    while (!text.empty()) {
        if (text.starts_with("{{") || text.starts_with("}}")) {
            literal += text.front();
            text.remove_prefix(2);
        } else if (text.front() == '}') {
            return template_fault("a brace is closed that was not opened");
        } else if (text.front() == '{') {
            const std::size_t end = text.find('}');
            if (end == std::string_view::npos) return template_fault("a brace is not closed");
            auto path = Path::parse(text.substr(1, end - 1));
            if (!path) return path.error();
            finish_literal();
            parsed.pieces_.emplace_back(std::move(*path));
            has_field = true;
            text.remove_prefix(end + 1);
        } else {
            literal += text.front();
            text.remove_prefix(1);
        }
    }
    finish_literal();
    if (!has_field) return template_fault("it names no field");
    return parsed;
}

Result<std::optional<json::value>> TextTemplate::fill(const json::object& record) const {
    json::string text;
    bool any_value = false, any_null = false;
    for (const auto& piece : pieces_) {
        if (const auto* literal = std::get_if<std::string>(&piece)) {
            text.append(*literal);
            continue;
        }
        const json::value* value = std::get<Path>(piece).find(record);
        if (value == nullptr) continue;
        any_null = any_null || value->is_null();
        if (value->is_null()) continue;
        any_value = true;
        if (const auto* string = value->if_string())
            text.append(*string);
        else if (const auto* flag = value->if_bool())
            text.append(*flag ? "true" : "false");
        else if (const auto number = to_decimal_number(*value))
            text.append(*write_decimal_number(*number, {}));
        else
            return unfit(fmt::format("'{}' is {}, and a template takes texts, numbers, true and false",
                                     std::get<Path>(piece).segments().back().name, describe_kind(*value)));
    }
    if (any_value) return std::optional<json::value>(std::move(text));
    if (any_null) return std::optional<json::value>(nullptr);
    return std::optional<json::value>();
}

} // namespace castiel_sync
