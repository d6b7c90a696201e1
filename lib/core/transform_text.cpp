// trim, lowercase, uppercase, collapse_spaces, blank_to_null. The inverse of each is the value itself.
#include <core/transform.hpp>

#include <core/json_text.hpp>
#include <core/transform_case_table.hpp>

#include <algorithm>
#include <iterator>
#include <span>

namespace castiel_sync {
namespace {

struct Character {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool valid = false; // a byte that is no UTF-8 is carried on as it is
};

Character decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (byte(0) < 0x80) return {byte(0), 1, true};
    const std::size_t size = utf8_length(text);
    if (size == 0) return {};
    char32_t code = byte(0) & (0x7FU >> size);
    for (std::size_t i = 1; i < size; ++i)
        code = (code << 6U) | (byte(i) & 0x3FU);
    return {code, size, true};
}

void append(std::string& out, char32_t code) {
    const auto put = [&](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    const auto follow = [&](unsigned shift) { put(0x80U | ((code >> shift) & 0x3FU)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0U | (code >> 6U)), follow(0);
    } else if (code < 0x10000) {
        put(0xE0U | (code >> 12U)), follow(6), follow(0);
    } else {
        put(0xF0U | (code >> 18U)), follow(12), follow(6), follow(0);
    }
}

char32_t map_case(std::span<const unicode::CaseRange> ranges, char32_t code) {
    const auto range = std::lower_bound(ranges.begin(), ranges.end(), code,
                                        [](const unicode::CaseRange& one, char32_t what) { return one.last < what; });
    if (range == ranges.end() || code < range->first || (code - range->first) % range->stride != 0) return code;
    return static_cast<char32_t>(static_cast<std::int64_t>(code) + range->distance);
}

std::string change_case(std::string_view text, char ascii_first, char ascii_last,
                        std::span<const unicode::CaseRange> ranges) {
    constexpr unsigned char ascii_distance = 0x20;
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const char letter = text.front();
        if (static_cast<unsigned char>(letter) < 0x80) {
            const bool changes = letter >= ascii_first && letter <= ascii_last;
            out += changes ? static_cast<char>(static_cast<unsigned char>(letter) ^ ascii_distance) : letter;
            text.remove_prefix(1);
            continue;
        }
        const Character character = decode(text);
        if (character.valid)
            append(out, map_case(ranges, character.code));
        else
            out += letter;
        text.remove_prefix(character.bytes);
    }
    return out;
}

// White space by Unicode, and the byte order mark, which editors leave behind.
bool is_space(char32_t code) {
    return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
           code == 0x3000 || code == 0xFEFF;
}

// One space for each run of white space inside; none at the ends.
std::string collapse(std::string_view text) {
    std::string out;
    bool space = false;
    while (!text.empty()) {
        const Character character = decode(text);
        if (character.valid && is_space(character.code)) {
            space = true;
        } else {
            if (space && !out.empty()) out += ' ';
            space = false;
            out.append(text.substr(0, character.bytes));
        }
        text.remove_prefix(character.bytes);
    }
    return out;
}

bool is_graphic_ascii(char letter) { return letter > ' ' && letter < '\x7F'; }

std::string_view trim(std::string_view text) {
    if (text.empty() || (is_graphic_ascii(text.front()) && is_graphic_ascii(text.back()))) return text;
    std::size_t first = text.size(), last = 0;
    for (std::size_t i = 0; i < text.size();) {
        const Character character = decode(text.substr(i));
        if (!character.valid || !is_space(character.code)) {
            first = std::min(first, i);
            last = i + character.bytes;
        }
        i += character.bytes;
    }
    return first < last ? text.substr(first, last - first) : std::string_view();
}

json::value trim_value(std::string_view text) { return json::value(trim(text)); }
json::value lowercase_value(std::string_view text) {
    return json::value(change_case(text, 'A', 'Z', unicode::to_lower));
}
json::value uppercase_value(std::string_view text) {
    return json::value(change_case(text, 'a', 'z', unicode::to_upper));
}
json::value collapse_value(std::string_view text) { return json::value(collapse(text)); }
json::value blank_to_null(std::string_view text) {
    return trim(text).empty() ? json::value(nullptr) : json::value(text);
}

class TextTransform : public Transform {
public:
    using Change = json::value (*)(std::string_view text);

    explicit TextTransform(Change change) : Transform({.input = Kind::text, .output = Kind::text}), change_(change) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        const auto* text = value.if_string();
        if (text == nullptr) return wrong_kind("text", value);
        return change_(*text);
    }
    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        if (!value.is_string()) return wrong_kind("text", value);
        return value;
    }

private:
    Change change_;
};

template <TextTransform::Change change>
TransformPointer make(ObjectReader&) {
    return std::make_shared<TextTransform>(change);
}

} // namespace

const std::vector<NamedTransform>& text_transforms() {
    static const std::vector<NamedTransform> transforms{{"trim", &make<trim_value>},
                                                        {"lowercase", &make<lowercase_value>},
                                                        {"uppercase", &make<uppercase_value>},
                                                        {"collapse_spaces", &make<collapse_value>},
                                                        {"blank_to_null", &make<blank_to_null>}};
    return transforms;
}

} // namespace castiel_sync
