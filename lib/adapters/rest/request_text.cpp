#include <adapters/rest/request_text.hpp>

#include <core/mapping_reader.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace castiel_sync {
namespace {

constexpr std::string_view json_mark = "|json";

Error text_fault(std::string_view what) {
    return {ErrorCode::invalid_configuration,
            fmt::format("{}; write variables in braces, as in \"/contacts/{{id}}\", and {{{{ for a brace", what)};
}

Result<std::string> text_of(const json::value& value, const std::string& written) {
    if (const auto* string = value.if_string()) return std::string(*string);
    if (value.is_bool() || value.is_number()) return to_json(value);
    return Error(ErrorCode::invalid_request,
                 fmt::format("a variable of \"{}\" is {}, where text, a number, true or false is needed", written,
                             describe_kind(value)));
}

} // namespace

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char character : text) {
        const auto byte = static_cast<unsigned char>(character);
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
        if (plain)
            encoded += character;
        else
            encoded.append({'%', digits[byte >> 4U], digits[byte & 15U]});
    }
    return encoded;
}

Result<RequestText> RequestText::parse(std::string_view text) {
    RequestText parsed;
    parsed.written_ = text;
    std::string literal;
    const auto finish_literal = [&] {
        if (literal.empty()) return;
        Piece piece;
        piece.literal = std::exchange(literal, {});
        parsed.pieces_.push_back(std::move(piece));
    };
    while (!text.empty()) {
        if (text.starts_with("{{") || text.starts_with("}}")) {
            literal += text.front();
            text.remove_prefix(2);
        } else if (text.front() == '}') {
            return text_fault("a brace is closed that was not opened");
        } else if (text.front() == '{') {
            const std::size_t end = text.find('}');
            if (end == std::string_view::npos) return text_fault("a brace is not closed");
            std::string_view name = text.substr(1, end - 1);
            Piece piece;
            piece.as_json = name.ends_with(json_mark);
            if (piece.as_json) name.remove_suffix(json_mark.size());
            auto path = Path::parse(name);
            if (!path) return path.error();
            piece.variable = std::move(*path);
            finish_literal();
            parsed.pieces_.push_back(std::move(piece));
            parsed.names_.emplace_back(name);
            text.remove_prefix(end + 1);
        } else {
            literal += text.front();
            text.remove_prefix(1);
        }
    }
    finish_literal();
    return parsed;
}

RequestText RequestText::constant(json::value value) {
    RequestText text;
    text.written_ = to_json(value);
    text.pieces_.emplace_back();
    text.pieces_.back().literal = text.written_;
    text.constant_ = std::move(value);
    return text;
}

Result<std::optional<std::string>> RequestText::fill(const json::object& variables, UrlPart part) const {
    std::string filled;
    for (const Piece& piece : pieces_) {
        if (!piece.variable) {
            filled += piece.literal;
            continue;
        }
        const json::value* value = piece.variable->find(variables);
        if (value == nullptr || value->is_null()) return std::optional<std::string>();
        std::string text;
        const json::array* list = piece.as_json ? nullptr : value->if_array();
        if (piece.as_json) {
            text = to_json(*value);
        } else if (list != nullptr) {
            for (const json::value& element : *list) {
                auto each = text_of(element, written_);
                if (!each) return each.error();
                text.append(text.empty() ? "" : ",").append(*each);
            }
        } else {
            auto written = text_of(*value, written_);
            if (!written) return written.error();
            text = std::move(*written);
        }
        // No encoding keeps whoever stands in between from taking these two for another resource.
        if (part == UrlPart::path && (text == "." || text == ".."))
            return Error(ErrorCode::invalid_request,
                         fmt::format("\"{}\" can't stand in the path \"{}\": it would lead to another resource", text,
                                     written_));
        filled += part == UrlPart::none ? text : percent_encoded(text);
    }
    return std::optional<std::string>(std::move(filled));
}

const Path* RequestText::only_variable() const {
    const bool only = pieces_.size() == 1 && pieces_.front().variable && !pieces_.front().as_json;
    return only ? &*pieces_.front().variable : nullptr;
}

Result<std::optional<json::value>> RequestText::fill_value(const json::object& variables) const {
    if (constant_) return constant_;
    if (const Path* only = only_variable()) {
        const json::value* value = only->find(variables);
        if (value == nullptr) return std::optional<json::value>();
        return std::optional<json::value>(*value);
    }
    auto text = fill(variables, UrlPart::none);
    if (!text) return text.error();
    if (!*text) return std::optional<json::value>();
    return std::optional<json::value>(json::string(**text));
}

bool RequestText::uses(std::string_view name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
}

Result<RequestJson> RequestJson::parse(const json::value& written) {
    RequestJson parsed;
    if (const auto* string = written.if_string()) {
        auto text = RequestText::parse(*string);
        if (!text) return text.error();
        parsed.text_ = std::move(*text);
        return parsed;
    }
    const auto add = [&](std::string name, const json::value& value) -> Result<> {
        auto child = RequestJson::parse(value);
        if (!child) return child.error();
        parsed.children_.emplace_back(std::move(name), std::move(*child));
        return {};
    };
    if (const auto* object = written.if_object()) {
        parsed.fixed_ = json::object();
        for (const auto& member : *object)
            if (auto added = add(member.key(), member.value()); !added) return added.error();
    } else if (const auto* list = written.if_array()) {
        parsed.fixed_ = json::array();
        for (const json::value& element : *list)
            if (auto added = add({}, element); !added) return added.error();
    } else {
        parsed.fixed_ = written;
    }
    return parsed;
}

Result<std::optional<json::value>> RequestJson::fill(const json::object& variables) const {
    if (text_) return text_->fill_value(variables);
    json::value filled = fixed_;
    for (const auto& [name, child] : children_) {
        auto value = child.fill(variables);
        if (!value) return value.error();
        if (!*value) continue;
        if (auto* object = filled.if_object())
            object->insert_or_assign(name, std::move(**value));
        else
            filled.get_array().push_back(std::move(**value));
    }
    return std::optional<json::value>(std::move(filled));
}

std::vector<std::string> RequestJson::names() const {
    std::vector<std::string> all;
    if (text_) all = text_->names();
    for (const auto& [name, child] : children_)
        for (std::string& each : child.names())
            all.push_back(std::move(each));
    return all;
}

} // namespace castiel_sync
