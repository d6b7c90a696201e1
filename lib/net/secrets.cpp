#include <castiel_sync/http/secrets.hpp>

#include <core/hexadecimal.hpp>
#include <core/http_syntax.hpp>
#include <core/base64.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t nowhere = std::string_view::npos;

std::optional<unsigned> hexadecimal_value(std::string_view digits) {
    unsigned value = 0;
    for (const char digit : digits) {
        const char small = lower(digit);
        if (small >= '0' && small <= '9')
            value = value * 16 + static_cast<unsigned>(small - '0');
        else if (small >= 'a' && small <= 'f')
            value = value * 16 + static_cast<unsigned>(small - 'a' + 10);
        else
            return std::nullopt;
    }
    return value;
}

// What some bytes at the front of a text stand for.
struct Unit {
    std::string bytes;
    std::size_t length = 1; // of what was read
};

Unit plain(std::string_view text) { return {std::string(1, text.front()), 1}; }

std::string utf8(unsigned point) {
    const auto tail = [point](unsigned shift) { return static_cast<char>(0x80 | (point >> shift & 0x3f)); };
    if (point < 0x80) return {static_cast<char>(point)};
    if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(0)};
    if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
    return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

std::optional<unsigned> code_unit(std::string_view text) {
    if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
    return hexadecimal_value(text.substr(2, 4));
}

Unit read_json_escape(std::string_view text) {
    if (text.size() < 2) return plain(text);
    if (const auto high = code_unit(text)) {
        const auto low = code_unit(text.substr(6));
        if (*high < 0xd800 || *high > 0xdfff) return {utf8(*high), 6};
        if (*high > 0xdbff || !low || *low < 0xdc00 || *low > 0xdfff) return plain(text);
        return {utf8(0x10000 + ((*high - 0xd800) << 10) + (*low - 0xdc00)), 12};
    }
    constexpr std::string_view letters = "bfnrt\"\\/", meanings = "\b\f\n\r\t\"\\/";
    const std::size_t letter = letters.find(text[1]);
    if (letter == nowhere) return plain(text);
    return {std::string(1, meanings[letter]), 2};
}

Unit read_percent(std::string_view text) {
    const auto value = text.size() < 3 ? std::nullopt : hexadecimal_value(text.substr(1, 2));
    if (!value) return plain(text);
    return {std::string(1, static_cast<char>(*value)), 3};
}

// A text that is percent-encoded holds no bare % and one that is escaped no bare backslash; so what they mean is
// decided for a whole secret at once, not byte by byte.
struct Reading {
    bool percent = false;
    bool escapes = false;
};
constexpr Reading readings[] = {{false, false}, {true, false}, {false, true}, {true, true}};

// Where the secret that begins at `place` ends, or nowhere.
std::size_t end_of(std::string_view text, std::size_t place, std::string_view secret, Reading reading) {
    while (!secret.empty()) {
        if (place >= text.size()) return nowhere;
        const char first = text[place];
        const bool escaped = (reading.percent && first == '%') || (reading.escapes && first == '\\');
        if (!escaped) {
            const bool form_space = reading.percent && first == '+' && secret.front() == ' ';
            if (first != secret.front() && !form_space) return nowhere;
            secret.remove_prefix(1);
            ++place;
            continue;
        }
        const Unit unit = first == '%' ? read_percent(text.substr(place)) : read_json_escape(text.substr(place));
        if (!secret.starts_with(unit.bytes)) return nowhere;
        secret.remove_prefix(unit.bytes.size());
        place += unit.length;
    }
    return place;
}

std::size_t end_of_hexadecimal(std::string_view text, std::size_t place, std::string_view digits) {
    const std::string_view candidate = text.substr(place, digits.size());
    return equal_without_case(candidate, digits) ? place + digits.size() : nowhere;
}

bool is_base64(char character) {
    return base64_alphabet.find(character) != nowhere || character == '-' || character == '_';
}

std::size_t end_of_padding(std::string_view text, std::size_t place) {
    for (int count = 0; count < 2; ++count) {
        const std::string_view rest = text.substr(place);
        if (rest.starts_with('='))
            ++place;
        else if (rest.starts_with("%3D") || rest.starts_with("%3d"))
            place += 3;
    }
    return place;
}

std::string hexadecimal(std::string_view bytes) {
    std::string digits;
    for (const char byte : bytes)
        append_hexadecimal(digits, static_cast<unsigned char>(byte), 2);
    return digits;
}

} // namespace

Secrets::Secrets(const json::object& credentials) {
    for (const auto& member : credentials)
        add_leaves(member.value());
}

void Secrets::add_leaves(const json::value& value) {
    if (const auto* text = value.if_string()) return add(*text);
    if (const auto* array = value.if_array())
        for (const json::value& element : *array)
            add_leaves(element);
    if (const auto* object = value.if_object())
        for (const auto& member : *object)
            add_leaves(member.value());
}

void Secrets::add(std::string_view secret) {
    if (secret.size() < min_bytes || mark.find(secret) != nowhere) return;
    // A key file kept as one text: who uses it sends its parts.
    if (const auto parts = parse_json_object(secret)) add_leaves(*parts);
    add_needle({std::string(secret), Needle::Form::text});
    add_needle({hexadecimal(secret), Needle::Form::hexadecimal});
    // Within something longer a secret begins at any of three places of a group; what is certain then are the
    // characters that hold none of the bits around it.
    for (std::size_t before = 0; before < 3; ++before) {
        const std::size_t first = (before * 8 + 5) / 6, last = (before + secret.size()) * 8 / 6;
        for (const std::string_view alphabet : {base64_alphabet, base64url_alphabet}) {
            const std::string text = to_base64(std::string(before, '\0') + std::string(secret), alphabet);
            add_needle({text.substr(first, last - first), Needle::Form::base64, before != 0,
                        (before + secret.size()) % 3 != 0});
        }
    }
}

void Secrets::add_needle(Needle needle) {
    const auto same = [&](const Needle& known) { return known.text == needle.text && known.form == needle.form; };
    if (std::ranges::any_of(needles_, same)) return;
    const std::size_t place = needles_.size();
    const auto begins_with = [&](char first) { starts_[first].push_back(place); };
    const char first = needle.text.front();
    begins_with(first);
    if (needle.form == Needle::Form::hexadecimal && first >= 'a') begins_with(static_cast<char>(first - 'a' + 'A'));
    needles_.push_back(std::move(needle));
}

Secrets::Span Secrets::find_needle(std::string_view text, std::size_t place, const Needle& needle) {
    Span span{place, nowhere};
    if (needle.form == Needle::Form::hexadecimal) {
        span.end = end_of_hexadecimal(text, place, needle.text);
        return span;
    }
    for (const Reading reading : readings) {
        const std::size_t end = end_of(text, place, needle.text, reading);
        if (end != nowhere && (span.end == nowhere || end > span.end)) span.end = end;
    }
    if (needle.form == Needle::Form::text || span.end == nowhere) return span;
    if (needle.shares_first && place > 0 && is_base64(text[place - 1])) --span.begin;
    if (needle.shares_last && span.end < text.size() && is_base64(text[span.end])) ++span.end;
    if (needle.shares_last) span.end = end_of_padding(text, span.end);
    return span;
}

void Secrets::find_at(std::string_view text, std::size_t place, std::vector<Span>& found) const {
    const auto find_from = [&](char first) {
        const auto numbers = starts_.find(first);
        if (numbers == starts_.end()) return;
        for (const std::size_t number : numbers->second) {
            const Span span = find_needle(text, place, needles_[number]);
            if (span.end == nowhere) continue;
            // A secret that repeats itself is found at every byte of it.
            if (!found.empty() && span.begin >= found.back().begin && span.begin < found.back().end)
                found.back().end = std::max(found.back().end, span.end);
            else
                found.push_back(span);
        }
    };
    const char first = text[place];
    find_from(first);
    const std::string_view rest = text.substr(place);
    const char meant = first == '%'    ? read_percent(rest).bytes.front()
                       : first == '\\' ? read_json_escape(rest).bytes.front()
                       : first == '+'  ? ' '
                                       : first;
    if (meant != first) find_from(meant);
}

std::string Secrets::scrub(std::string_view text) const {
    std::vector<Span> found;
    if (!needles_.empty())
        for (std::size_t place = 0; place < text.size(); ++place)
            find_at(text, place, found);
    std::ranges::sort(found, {}, &Span::begin);
    std::string scrubbed;
    std::size_t kept_from = 0;
    for (std::size_t place = 0; place < found.size();) {
        Span whole = found[place];
        for (++place; place < found.size() && found[place].begin < whole.end; ++place)
            whole.end = std::max(whole.end, found[place].end);
        scrubbed += text.substr(kept_from, whole.begin - kept_from);
        scrubbed += mark;
        kept_from = whole.end;
    }
    scrubbed += text.substr(kept_from);
    return scrubbed;
}

} // namespace castiel_sync
