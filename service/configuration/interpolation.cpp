#include "interpolation.hpp"

#include "schema.hpp"
#include "yaml.hpp"

#include <algorithm>
#include <utility>

namespace castiel_sync::service {
namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_name(std::string_view text) {
    return !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
           std::ranges::all_of(text, is_name_character);
}

class Interpolation {
public:
    Interpolation(LocatedDocument& document, const Environment& environment, const json::value& schema,
                  std::vector<Fault>& faults)
        : document_(document), environment_(environment), schema_(schema), faults_(faults) {}

    void walk(json::value& value, const std::string& path) {
        if (auto* object = value.if_object()) {
            for (auto& member : *object)
                walk(member.value(), member_path(path, member.key()));
        } else if (auto* array = value.if_array()) {
            for (std::size_t index = 0; index < array->size(); ++index)
                walk((*array)[index], element_path(path, index));
        } else if (value.is_string() && value.get_string().find('$') != json::string::npos) {
            replace(value, path);
        }
    }

private:
    void replace(json::value& value, const std::string& path) {
        Place& place = document_.places[path];
        if (place.literal) return;
        const std::string_view text = value.get_string();
        std::string result;
        bool replaced = false;
        for (std::size_t at = 0; at < text.size();) {
            if (text.substr(at).starts_with("$${")) {
                result += "${";
                at += 3;
            } else if (!text.substr(at).starts_with("${")) {
                result += text[at++];
            } else {
                const auto end = text.find('}', at);
                if (end == std::string_view::npos)
                    return fault(place, path, "has a ${ without its }; write $${ for the characters themselves");
                const auto part = look_up(text.substr(at + 2, end - at - 2), place, path);
                if (!part) return;
                result += *part;
                replaced = true;
                at = end + 1;
            }
        }
        value = json::string(result);
        if (!replaced || !place.plain || wants_text(schema_, path)) return;
        if (auto typed = read_plain_scalar(result)) value = std::move(*typed);
    }

    std::optional<std::string> look_up(std::string_view expression, Place& place, const std::string& path) {
        const auto separator = expression.find(":-");
        const std::string name(expression.substr(0, separator));
        if (!is_name(name)) {
            fault(place, path,
                  "has a ${…} that does not name an environment variable; write ${NAME} or ${NAME:-default}");
            return std::nullopt;
        }
        if (auto found = environment_(name); found && !found->empty()) {
            place.variables.emplace_back(name, *found);
            return found;
        }
        if (separator != std::string_view::npos) return std::string(expression.substr(separator + 2));
        fault(place, path,
              "needs the environment variable " + name + ", which is not set; set it, or write ${" + name +
                  ":-default}");
        return std::nullopt;
    }

    void fault(const Place& place, const std::string& path, std::string message) {
        faults_.push_back({place, path, std::move(message)});
    }

    LocatedDocument& document_;
    const Environment& environment_;
    const json::value& schema_;
    std::vector<Fault>& faults_;
};

bool stands_alone(std::string_view message, std::size_t at, std::size_t length) {
    const bool before = at == 0 || !is_name_character(message[at - 1]);
    const bool after = at + length == message.size() || !is_name_character(message[at + length]);
    return before && after;
}

std::string without_word(std::string message, std::string_view word, const std::string& shown) {
    for (std::size_t at = message.find(word); at != std::string::npos;) {
        if (stands_alone(message, at, word.size())) {
            message.replace(at, word.size(), shown);
            at = message.find(word, at + shown.size());
        } else {
            at = message.find(word, at + 1);
        }
    }
    return message;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return lower(c); });
    return text;
}

bool is_inside_character(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

// A value as short as "5" is a part of other words and figures.
constexpr std::size_t shortest_value = 4;
constexpr std::size_t shortest_part = 5;

// What the message has in common with the value, if it is that long: messages cut texts, escape them and change case.
std::string without_parts(const std::string& message, const std::string& value, const std::string& shown) {
    const std::string searched = lower(message);
    const std::string searched_value = lower(value);
    const std::size_t shortest = std::min(shortest_part, value.size());
    std::string result;
    for (std::size_t at = 0; at < message.size();) {
        std::size_t length = 0;
        if (const std::string_view window = std::string_view(searched).substr(at, shortest);
            window.size() == shortest && !is_inside_character(message, at)) {
            if (const auto found = searched_value.find(window); found != std::string::npos) {
                length = shortest;
                while (at + length < message.size() && found + length < value.size() &&
                       searched[at + length] == searched_value[found + length])
                    ++length;
                while (is_inside_character(message, at + length))
                    --length;
            }
        }
        if (length == 0) {
            result += message[at++];
        } else {
            if (!result.ends_with(shown)) result += shown;
            at += length;
        }
    }
    return result;
}

} // namespace

void interpolate(LocatedDocument& document, const Environment& environment, const json::value& schema,
                 std::vector<Fault>& faults) {
    Interpolation(document, environment, schema, faults).walk(document.value, "");
}

std::string without_values(std::string text, const Place& place) {
    for (const auto& [name, value] : place.variables) {
        const std::string shown = "${" + name + "}";
        text = value.size() < shortest_value ? without_word(std::move(text), value, shown)
                                             : without_parts(text, value, shown);
    }
    return text;
}

std::string fault_without_values(std::string message, const Place& place) {
    constexpr std::string_view before_value = ", is ";
    const auto end = message.starts_with("must be ") ? message.find(before_value) : std::string::npos;
    if (end == std::string::npos) return without_values(std::move(message), place);
    const std::size_t wanted = end + before_value.size();
    return message.substr(0, wanted) + without_values(message.substr(wanted), place);
}

} // namespace castiel_sync::service
