#include <core/hashes.hpp>
#include <adapters/jsonl_line.hpp>
#include <core/json_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace castiel_sync {
namespace {

// Finds the id of a well-formed line at the speed of memchr. Gives up (false) on everything out of the ordinary, which
// the parser then judges.
class Skimmer {
public:
    Skimmer(std::string_view line, std::string_view id_field)
        : place_(line.data()), end_(line.data() + line.size()), id_field_(id_field) {}

    bool find(LineId& id) {
        bool found = false;
        skip_space();
        if (!take('{')) return false;
        do {
            std::string_view name;
            skip_space();
            if (!read_plain_string(name)) return false;
            skip_space();
            if (!take(':')) return false;
            skip_space();
            if (name == id_field_) {
                if (found || !read_id(id)) return false;
                found = true;
            } else if (!skip_value()) {
                return false;
            }
            skip_space();
        } while (take(','));
        if (!take('}')) return false;
        skip_space();
        return found && place_ == end_;
    }

private:
    void skip_space() {
        while (place_ != end_ && (*place_ == ' ' || *place_ == '\t' || *place_ == '\r'))
            ++place_;
    }

    bool take(char expected) {
        if (place_ == end_ || *place_ != expected) return false;
        ++place_;
        return true;
    }

    const char* find_quote(const char* from) const {
        return static_cast<const char*>(std::memchr(from, '"', static_cast<std::size_t>(end_ - from)));
    }

    // Without escapes, so that its bytes are its value.
    bool read_plain_string(std::string_view& text) {
        if (!take('"')) return false;
        const char* quote = find_quote(place_);
        if (quote == nullptr) return false;
        text = std::string_view(place_, static_cast<std::size_t>(quote - place_));
        if (std::memchr(text.data(), '\\', text.size()) != nullptr) return false;
        place_ = quote + 1;
        return true;
    }

    bool skip_string() {
        if (!take('"')) return false;
        const char* const begin = place_;
        while (const char* quote = find_quote(place_)) {
            const char* before = quote;
            while (before != begin && before[-1] == '\\')
                --before;
            place_ = quote + 1;
            if ((quote - before) % 2 == 0) return true;
        }
        return false;
    }

    bool skip_value() {
        if (place_ == end_) return false;
        if (*place_ == '"') return skip_string();
        if (*place_ == '{' || *place_ == '[') return skip_nested();
        const char* const begin = place_;
        while (place_ != end_ && std::strchr(",]} \t\r{[:\"", *place_) == nullptr)
            ++place_;
        return place_ != begin;
    }

    bool skip_nested() {
        std::size_t depth = 0;
        while (place_ != end_) {
            if (*place_ == '"') {
                if (!skip_string()) return false;
                continue;
            }
            if (*place_ == '{' || *place_ == '[') ++depth;
            if (*place_ == '}' || *place_ == ']') --depth;
            ++place_;
            if (depth == 0) return true;
        }
        return false;
    }

    bool read_id(LineId& id) {
        if (place_ != end_ && *place_ == '"') {
            if (!read_plain_string(id.text)) return false;
            const auto plain = [](char character) { return character >= ' ' && character <= '~'; };
            id.integer = false;
            return !id.text.empty() && id.text.size() <= max_record_id_bytes &&
                   std::all_of(id.text.begin(), id.text.end(), plain);
        }
        const char* const begin = place_;
        if (place_ != end_ && *place_ == '-') ++place_;
        const char* const digits = place_;
        while (place_ != end_ && *place_ >= '0' && *place_ <= '9')
            ++place_;
        id.text = std::string_view(begin, static_cast<std::size_t>(place_ - begin));
        id.integer = true;
        // The next byte must end the number: 1.5, 1e3 and 0x1 are for the parser to judge.
        return place_ != digits && place_ - digits <= 18 && *digits != '0' && place_ != end_ &&
               std::strchr(",} \t\r", *place_) != nullptr;
    }

    const char* place_;
    const char* end_;
    std::string_view id_field_;
};

Error invalid(std::string message) { return Error(ErrorCode::invalid_record, std::move(message)); }

struct RecordId {
    std::string text;
    bool integer = false;
};

template <class Integer>
RecordId integer_id(Integer value) {
    char text[24];
    return {std::string(text, std::to_chars(text, text + sizeof(text), value).ptr), true};
}

Result<RecordId> id_of(const json::object& fields, const JsonlOptions& options) {
    const json::value* id = fields.if_contains(options.id_field);
    if (id == nullptr)
        return invalid(
            fmt::format("the record has no \"{}\"; give it one that is unique in this file", options.id_field));
    if (const auto* number = id->if_int64()) return integer_id(*number);
    if (const auto* number = id->if_uint64()) return integer_id(*number);
    const auto* text = id->if_string();
    if (text == nullptr)
        return invalid(fmt::format("\"{}\" is of kind {}; it must be a string or an integer", options.id_field,
                                   std::string_view(json::to_string(id->kind()))));
    if (text->empty()) return invalid(fmt::format("\"{}\" is empty; give the record an id", options.id_field));
    if (text->size() > max_record_id_bytes)
        return invalid(fmt::format("\"{}\" has {} bytes; an id has at most {}", options.id_field, text->size(),
                                   max_record_id_bytes));
    if (text->find('\0') != json::string::npos)
        return invalid(fmt::format("\"{}\" holds the character U+0000, which no id can have", options.id_field));
    return RecordId{std::string(text->data(), text->size()), false};
}

JsonLimits limits_of(const JsonlOptions& options) {
    JsonLimits limits;
    limits.max_bytes = options.max_line_bytes;
    return limits;
}

std::optional<Timestamp> modified_at(const json::object& fields, const JsonlOptions& options) {
    const json::value* value = fields.if_contains(options.modified_at_field);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return parse_timestamp(std::string_view(value->get_string()));
}

json::value id_value(std::string_view id, bool integer) {
    if (!integer) return json::string(json::string_view(id.data(), id.size()));
    std::int64_t number = 0;
    if (std::from_chars(id.data(), id.data() + id.size(), number).ec == std::errc()) return number;
    std::uint64_t large = 0;
    std::from_chars(id.data(), id.data() + id.size(), large);
    return large;
}

} // namespace

LineId read_line_id(std::string_view line, const JsonlOptions& options, std::string& scratch) {
    LineId id;
    if (Skimmer(line, options.id_field).find(id)) {
        id.kind = LineId::Kind::known;
        return id;
    }
    auto fields = parse_json_object(line, limits_of(options));
    if (!fields) return {};
    const json::value* value = fields->if_contains(options.id_field);
    if (auto read = id_of(*fields, options)) {
        scratch = std::move(read->text);
        return {LineId::Kind::known, scratch, read->integer};
    }
    const bool no_record_has_it = value != nullptr && value->is_string() && !value->get_string().empty();
    return {no_record_has_it ? LineId::Kind::invalid : LineId::Kind::unreadable, {}, false};
}

Result<Record> parse_line(std::string_view line, const JsonlOptions& options) {
    auto fields = parse_json_object(line, limits_of(options));
    if (!fields) return fields.error();
    auto id = id_of(*fields, options);
    if (!id) return id.error();
    Record record;
    record.id = std::move(id->text);
    record.integer_id = id->integer;
    record.modified_at = modified_at(*fields, options);
    record.fields = std::move(*fields);
    record.version = line_version(line);
    return Result<Record>(std::move(record));
}

std::string line_version(std::string_view line) { return hash128(line); }

Result<NewLine> make_line(json::object fields, std::string_view id, bool integer, const JsonlOptions& options) {
    if (fields.contains(options.id_field)) {
        auto given = id_of(fields, options);
        if (!given) return given.error();
        if (given->text != id || given->integer != integer)
            return invalid(fmt::format("the field \"{}\" would change the record's id; leave it out of what is written",
                                       options.id_field));
    } else {
        json::object complete;
        complete.reserve(fields.size() + 1);
        complete.emplace(options.id_field, id_value(id, integer));
        for (auto& member : fields)
            complete.emplace(member.key(), std::move(member.value()));
        fields = std::move(complete);
    }
    if (auto carried = check_json(fields); !carried) return carried.error();
    NewLine line;
    line.text = to_json(fields);
    if (line.text.size() > options.max_line_bytes)
        return invalid(fmt::format("the line would have {} bytes, more than maxLineBytes ({}) allows", line.text.size(),
                                   options.max_line_bytes));
    line.record.id = id;
    line.record.integer_id = integer;
    line.record.version = line_version(line.text);
    line.record.modified_at = modified_at(fields, options);
    line.record.fields = std::move(fields);
    return Result<NewLine>(std::move(line));
}

std::string make_payload(std::string_view line) {
    std::string payload;
    while (!line.empty()) {
        const std::size_t length = utf8_length(line);
        const std::string_view next = length == 0 ? std::string_view("\xef\xbf\xbd") : line.substr(0, length);
        if (payload.size() + next.size() > max_payload_bytes) break;
        payload += next;
        line.remove_prefix(length == 0 ? 1 : length);
    }
    return payload;
}

} // namespace castiel_sync
