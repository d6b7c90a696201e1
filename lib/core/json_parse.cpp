// Parsing: Boost.JSON's parser reads the grammar; this file adds what it lets pass (members named twice, numbers that a
// double would round) and says where a fault is.
#include <castiel_sync/json.hpp>
#include <core/json_marks.hpp>
#include <core/json_number.hpp>
#include <core/json_text.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include <fmt/format.h>

#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

using boost::system::error_code;

constexpr std::string_view number_mark = "\x01number\x01";

constexpr std::string_view lone_surrogate = "a \\u escape is half of a surrogate pair without its other half";

// A text longer than this gets a parser of its own, so that a thread does not hold the room of its largest text.
constexpr std::size_t kept_room_bytes = 256 * 1024;

json::parse_options strict_options() {
    json::parse_options options;
    options.allow_comments = false;
    options.allow_trailing_commas = false;
    options.allow_invalid_utf8 = false;
    options.max_depth = static_cast<std::size_t>(-1); // the handlers judge the depth: limits differ from call to call
    return options;
}

// What every handler of the parser must have; does nothing.
struct NullHandler {
    static constexpr std::size_t max_object_size = json::object::max_size();
    static constexpr std::size_t max_array_size = json::array::max_size();
    static constexpr std::size_t max_key_size = json::string::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }
    bool on_object_end(std::size_t, error_code&) { return true; }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t, error_code&) { return true; }
    bool on_key_part(json::string_view, std::size_t, error_code&) { return true; }
    bool on_key(json::string_view, std::size_t, error_code&) { return true; }
    bool on_string_part(json::string_view, std::size_t, error_code&) { return true; }
    bool on_string(json::string_view, std::size_t, error_code&) { return true; }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, error_code&) { return true; }
    bool on_uint64(std::uint64_t, json::string_view, error_code&) { return true; }
    bool on_double(double, json::string_view, error_code&) { return true; }
    bool on_bool(bool, error_code&) { return true; }
    bool on_null(error_code&) { return true; }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }
};

// Builds the value.
struct Builder : NullHandler {
    void start(std::size_t allowed_depth, const json::storage_ptr& storage) {
        stack.reset(storage);
        depth_left = allowed_depth;
        members = 0;
        inexact_number = nullptr;
    }

    bool on_object_begin(error_code& error) { return descend(error); }
    bool on_array_begin(error_code& error) { return descend(error); }
    bool on_object_end(std::size_t size, error_code&) {
        ++depth_left;
        members += size;
        stack.push_object(size);
        return true;
    }
    bool on_array_end(std::size_t size, error_code&) {
        ++depth_left;
        stack.push_array(size);
        return true;
    }
    bool on_key_part(json::string_view text, std::size_t, error_code&) { return stack.push_chars(text), true; }
    bool on_key(json::string_view text, std::size_t, error_code&) { return stack.push_key(text), true; }
    bool on_string_part(json::string_view text, std::size_t, error_code&) { return stack.push_chars(text), true; }
    bool on_string(json::string_view text, std::size_t, error_code&) { return stack.push_string(text), true; }
    bool on_int64(std::int64_t value, json::string_view text, error_code&) {
        // An integer has no negative zero; a double has.
        if (value == 0 && text.front() == '-')
            stack.push_double(-0.0);
        else
            stack.push_int64(value);
        return true;
    }
    bool on_uint64(std::uint64_t value, json::string_view, error_code&) { return stack.push_uint64(value), true; }
    bool on_double(double, json::string_view text, error_code& error) {
        // The value that Boost 1.81 hands over may be off by one in its last place.
        const std::optional<double> value = exact_double({text.data(), text.size()});
        if (!value && marks) {
            stack.push_chars({number_mark.data(), number_mark.size()});
            stack.push_string(text);
            return true;
        }
        if (!value) {
            inexact_number = text.data();
            error = make_error_code(json::error::not_exact);
            return false;
        }
        stack.push_double(*value);
        return true;
    }
    bool on_bool(bool value, error_code&) { return stack.push_bool(value), true; }
    bool on_null(error_code&) { return stack.push_null(), true; }

    json::value_stack stack;
    std::size_t depth_left = 0;
    std::size_t members = 0;              // of all objects, as written
    const char* inexact_number = nullptr; // where the number that no double carries begins
    bool marks = false;                   // such a number becomes a text

private:
    bool descend(error_code& error) {
        if (depth_left == 0) {
            error = make_error_code(json::error::too_deep);
            return false;
        }
        --depth_left;
        return true;
    }
};

// Stops at the second member of one name in one object. Only texts that hold such a member are read with it.
struct DuplicateFinder : NullHandler {
    bool on_object_begin(error_code&) { return objects.emplace_back(), true; }
    bool on_object_end(std::size_t, error_code&) { return objects.pop_back(), true; }
    bool on_key_part(json::string_view text, std::size_t, error_code&) {
        name.append(text.data(), text.size());
        return true;
    }
    bool on_key(json::string_view text, std::size_t, error_code& error) {
        name.append(text.data(), text.size());
        if (objects.back().insert(name).second) return name.clear(), true;
        error = make_error_code(json::error::syntax);
        return false;
    }

    std::vector<std::set<std::string>> objects;
    std::string name;
};

std::size_t count_members(const json::value& value) {
    std::size_t count = 0;
    if (const auto* object = value.if_object()) {
        count = object->size();
        for (const auto& member : *object)
            if (member.value().is_structured()) count += count_members(member.value());
    } else if (const auto* array = value.if_array()) {
        for (const auto& element : *array)
            if (element.is_structured()) count += count_members(element);
    }
    return count;
}

Error fault_at(std::size_t offset, std::string_view what) {
    return Error(ErrorCode::invalid_record, fmt::format("JSON, byte {}: {}", offset, what));
}

// From the closing quote of a member's name back to the opening one, the first that no backslash escapes.
std::size_t opening_quote(std::string_view text, std::size_t closing) {
    std::size_t place = closing;
    do
        place = text.rfind('"', place - 1);
    while (place > 0 && text[place - 1] == '\\');
    return place;
}

Error duplicate_fault(std::string_view text) {
    json::basic_parser<DuplicateFinder> parser(strict_options());
    error_code error;
    const std::size_t closing = parser.write_some(false, text.data(), text.size(), error);
    return fault_at(opening_quote(text, closing),
                    fmt::format("the object has a second member named \"{}\"; a name may stand once",
                                excerpt(parser.handler().name, 200)));
}

// The number that ends before this place.
std::size_t number_start(std::string_view text, std::size_t end) {
    const std::size_t before = text.substr(0, end).find_last_not_of("0123456789+-.eE");
    return before == std::string_view::npos ? 0 : before + 1;
}

bool follows_leading_surrogate(std::string_view text, std::size_t offset) {
    if (offset < 6) return false;
    const std::string_view escape = text.substr(offset - 6, 4);
    return escape.starts_with("\\u") && (escape[2] == 'd' || escape[2] == 'D') &&
           std::string_view("89abAB").find(escape[3]) != std::string_view::npos;
}

Error unexpected_byte(std::string_view text, std::size_t offset) {
    if (offset >= text.size()) return fault_at(text.size(), "the text ends before the value does");
    const auto byte = static_cast<unsigned char>(text[offset]);
    if (follows_leading_surrogate(text, offset)) return fault_at(offset, lone_surrogate);
    if (text.starts_with("\xef\xbb\xbf") && offset == 0)
        return fault_at(offset, "a byte order mark; JSON begins without one");
    if (byte < 0x20)
        return fault_at(offset, fmt::format("control character 0x{:02x}; in a string it must be escaped", byte));
    if (byte >= 0x80)
        return fault_at(offset, fmt::format("byte 0x{:02x} is not valid UTF-8 or not allowed here", byte));
    return fault_at(offset, fmt::format("unexpected character '{}'", static_cast<char>(byte)));
}

Error parser_fault(const error_code& error, std::string_view text, std::size_t offset, const JsonLimits& limits) {
    if (error == json::error::too_deep)
        return fault_at(offset, fmt::format("nested deeper than {} levels", limits.max_depth));
    if (error == json::error::exponent_overflow)
        return fault_at(number_start(text, offset), "the exponent of this number is out of range; send it as a string");
    if (error == json::error::illegal_leading_surrogate || error == json::error::illegal_trailing_surrogate)
        return fault_at(offset, lone_surrogate);
    if (error == json::error::expected_hex_digit) return fault_at(offset, "a \\u escape needs four hexadecimal digits");
    if (error == json::error::extra_data) return fault_at(offset, "text after the end of the value");
    if (error == json::error::syntax || error == json::error::incomplete) return unexpected_byte(text, offset);
    return fault_at(offset, error.message());
}

Result<json::value> parse_with(json::basic_parser<Builder>& parser, std::string_view text, const JsonLimits& limits,
                               const json::storage_ptr& storage) {
    Builder& builder = parser.handler();
    parser.reset();
    builder.start(limits.max_depth, storage);
    error_code error;
    const std::size_t end = parser.write_some(false, text.data(), text.size(), error);
    if (!error && end < text.size()) error = make_error_code(json::error::extra_data);
    if (error) {
        builder.stack.reset();
        if (builder.inexact_number != nullptr)
            return fault_at(static_cast<std::size_t>(builder.inexact_number - text.data()),
                            "neither a 64-bit integer nor a double carries this number exactly; send it as a string");
        return parser_fault(error, text, end, limits);
    }
    json::value value = builder.stack.release();
    builder.stack.reset(); // the storage may end before the parser is used again
    if (count_members(value) != builder.members) return duplicate_fault(text);
    return Result<json::value>(boost::system::in_place_value, std::move(value));
}

std::optional<Error> size_fault(std::string_view text, const JsonLimits& limits) {
    if (text.size() <= limits.max_bytes) return std::nullopt;
    return fault_at(limits.max_bytes,
                    fmt::format("the text has {} bytes; at most {} are taken", text.size(), limits.max_bytes));
}

} // namespace

Result<json::value> parse_json_marking(std::string_view text, const JsonLimits& limits) {
    if (auto fault = size_fault(text, limits)) return *fault;
    json::basic_parser<Builder> parser(strict_options());
    parser.handler().marks = true;
    return parse_with(parser, text, limits, {});
}

std::string marked_number(const json::value& value) {
    if (const auto* string = value.if_string())
        return string->starts_with(number_mark) ? std::string(std::string_view(*string).substr(number_mark.size()))
                                                : std::string();
    if (const auto* array = value.if_array())
        for (const json::value& element : *array)
            if (std::string number = marked_number(element); !number.empty()) return number;
    if (const auto* object = value.if_object())
        for (const auto& member : *object)
            if (std::string number = marked_number(member.value()); !number.empty()) return number;
    return {};
}

Result<json::value> parse_json(std::string_view text, const JsonLimits& limits, const json::storage_ptr& storage) {
    if (auto fault = size_fault(text, limits)) return *fault;
    if (text.size() > kept_room_bytes) {
        json::basic_parser<Builder> parser(strict_options());
        return parse_with(parser, text, limits, storage);
    }
    // The parser keeps no state between calls but its room.
    thread_local json::basic_parser<Builder> kept(strict_options());
    return parse_with(kept, text, limits, storage);
}

Result<json::object> parse_json_object(std::string_view text, const JsonLimits& limits,
                                       const json::storage_ptr& storage) {
    auto parsed = parse_json(text, limits, storage);
    if (!parsed) return parsed.error();
    if (auto* object = parsed->if_object())
        return Result<json::object>(boost::system::in_place_value, std::move(*object));
    return fault_at(text.find_first_not_of(" \t\r\n"), fmt::format("an object is expected, this is of kind {}",
                                                                   std::string_view(json::to_string(parsed->kind()))));
}

} // namespace castiel_sync
