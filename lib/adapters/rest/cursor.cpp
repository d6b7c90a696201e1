#include <adapters/rest/cursor.hpp>

#include <core/hashes.hpp>

#include <fmt/format.h>

#include <array>

namespace castiel_sync {
namespace {

constexpr std::size_t most_bytes = 64 * 1024; // one is written to the store with every page

Error expired() {
    return {ErrorCode::cursor_expired,
            "the cursor was not written by this description; what it stands for is read anew"};
}

bool read_number(const json::object& object, std::string_view name, std::uint64_t& number) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return true;
    if (!value->is_int64() || value->get_int64() < 0) return false;
    number = static_cast<std::uint64_t>(value->get_int64());
    return true;
}

bool read_text(const json::object& object, std::string_view name, std::string& text) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return true;
    if (!value->is_string()) return false;
    text = value->get_string();
    return true;
}

bool read_time(const json::object& object, std::string_view name, std::optional<Timestamp>& time) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return true;
    const auto* text = value->if_string();
    if (text != nullptr) time = parse_timestamp(*text);
    return time.has_value();
}

bool is_scalar(const json::value& value) { return !value.is_structured(); }

} // namespace

Result<RestCursor> RestCursor::parse(std::string_view text) {
    JsonLimits limits;
    limits.max_depth = 3;
    limits.max_bytes = most_bytes;
    auto parsed = parse_json_object(text, limits);
    if (!parsed) return expired();
    const json::object& object = *parsed;
    const json::value* kind = object.if_contains("rest");
    if (kind == nullptr || (*kind != "list" && *kind != "feed")) return expired();
    RestCursor cursor;
    cursor.feed = *kind == "feed";
    if (const json::value* position = object.if_contains("position")) cursor.position = *position;
    if (const json::value* at = object.if_contains("at")) cursor.at = *at;
    bool valid = is_scalar(cursor.position) && is_scalar(cursor.at);
    valid = valid && read_number(object, "pages", cursor.pages) && read_number(object, "size", cursor.size) &&
            read_number(object, "skip", cursor.skip) && read_number(object, "restarts", cursor.restarts) &&
            read_text(object, "mark", cursor.mark) && read_text(object, "last", cursor.last) &&
            read_time(object, "began", cursor.began) && read_time(object, "newest", cursor.newest);
    if (object.contains("total")) valid = valid && read_number(object, "total", cursor.total.emplace());
    if (const json::value* anchors = object.if_contains("anchors")) {
        valid = valid && anchors->is_array();
        if (valid)
            for (const json::value& anchor : anchors->get_array()) {
                valid = valid && anchor.is_string();
                if (valid) cursor.anchors.emplace_back(anchor.get_string());
            }
    }
    if (!valid) return expired();
    return cursor;
}

Result<std::string> RestCursor::write(std::string_view place) const {
    json::object object;
    object.emplace("rest", feed ? "feed" : "list");
    if (!position.is_null()) object.emplace("position", position);
    if (!at.is_null()) object.emplace("at", at);
    const auto add = [&](std::string_view name, std::uint64_t number) {
        if (number > 0) object.emplace(name, static_cast<std::int64_t>(number));
    };
    add("pages", pages);
    add("size", size);
    add("skip", skip);
    add("restarts", restarts);
    if (total) object.emplace("total", static_cast<std::int64_t>(*total));
    if (!last.empty()) object.emplace("last", last);
    if (!mark.empty()) object.emplace("mark", mark);
    if (!anchors.empty()) {
        json::array list;
        for (const std::string& anchor : anchors) list.emplace_back(anchor);
        object.emplace("anchors", std::move(list));
    }
    if (began) object.emplace("began", castiel_sync::to_string(*began));
    if (newest) object.emplace("newest", castiel_sync::to_string(*newest));
    std::string text = to_json(object);
    if (text.size() <= most_bytes) return text;
    const bool long_position = to_json(position).size() > to_json(at).size();
    return Error(ErrorCode::unsupported,
                 fmt::format("{}: with {}, the cursor takes {} bytes, and at most {} are kept between two pages; have "
                             "the system give a shorter one, or describe {} (docs/rest-adapter.md)",
                             place, long_position ? "the position of the feed" : "what leads to the next page",
                             text.size(), most_bytes,
                             long_position ? "a feed by timestamp" : "another type of paging"));
}

bool goes_in_circles(RestCursor& cursor, const json::value& at) {
    std::string here = hash128(to_canonical_json(at)).substr(0, 16);
    if (here == cursor.mark) return true;
    const bool power_of_two = (cursor.pages & (cursor.pages - 1)) == 0;
    if (power_of_two) cursor.mark = std::move(here);
    return false;
}

} // namespace castiel_sync
