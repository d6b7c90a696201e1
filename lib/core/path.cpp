#include <core/path.hpp>

#include <core/mapping.hpp>
#include <core/mapping_reader.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t max_index_digits = 6; // no list that a record holds is longer

Error path_fault(std::string_view text, std::string_view what) {
    return {ErrorCode::invalid_configuration,
            fmt::format("'{}' is not a path: {}; write names and list positions with dots between them, as in "
                        "emails.0.address",
                        text, what)};
}

std::optional<std::size_t> as_index(std::string_view name) {
    if (name.empty() || name.size() > max_index_digits || (name.size() > 1 && name.front() == '0')) return std::nullopt;
    std::size_t index = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), index);
    if (read.ec != std::errc{} || read.ptr != name.data() + name.size()) return std::nullopt;
    return index;
}

const json::value* step(const json::value& container, std::string_view name) {
    if (const auto* object = container.if_object()) return object->if_contains(name);
    if (const auto* array = container.if_array())
        if (const auto index = as_index(name)) return array->if_contains(*index);
    return nullptr;
}

const json::value* step(const json::value& container, const Path::Segment& segment) {
    if (const auto* object = container.if_object()) return object->if_contains(segment.name);
    if (const auto* array = container.if_array())
        if (segment.index) return array->if_contains(*segment.index);
    return nullptr;
}

std::string name_of(const std::vector<Path::Segment>& segments, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) text += '.';
        text += segments[i].name;
    }
    return text;
}

Error blocked(std::string message) { return {ErrorCode::invalid_record, std::move(message)}; }

// Can a container be made for what is below segment `from`, and so on to the end?
Result<> check_new_containers(const std::vector<Path::Segment>& segments, std::size_t from) {
    for (std::size_t i = from; i < segments.size(); ++i)
        if (segments[i].index.value_or(0) > 0)
            return blocked(fmt::format("element {} of '{}' can't be written, because the list does not exist; write "
                                       "its earlier elements first",
                                       segments[i].name, name_of(segments, i)));
    return {};
}

Result<> check_place(const json::object& object, const std::vector<Path::Segment>& segments) {
    const json::value* place = object.if_contains(segments.front().name);
    for (std::size_t i = 1; i < segments.size(); ++i) {
        if (place == nullptr || place->is_null()) return check_new_containers(segments, i);
        if (const auto* array = place->if_array()) {
            if (!segments[i].index)
                return blocked(fmt::format("'{}' is a list, so it has no member '{}'", name_of(segments, i),
                                           segments[i].name));
            if (*segments[i].index > array->size())
                return blocked(fmt::format("'{}' has {} elements, so element {} can't be written",
                                           name_of(segments, i), array->size(), segments[i].name));
        } else if (!place->is_object()) {
            return blocked(fmt::format("'{}' is a plain value, so nothing can be written below it",
                                       name_of(segments, i)));
        }
        place = step(*place, segments[i]);
    }
    return {};
}

} // namespace

Result<Path> Path::parse(std::string_view text) {
    if (text.size() > max_path_bytes) return path_fault(excerpt(text), "it is too long");
    Path path;
    Segment segment;
    const auto finish = [&] {
        if (segment.name.empty()) return false;
        segment.index = as_index(segment.name);
        path.segments_.push_back(std::exchange(segment, {}));
        return true;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '.') {
            if (!finish()) return path_fault(text, "a name is empty");
            continue;
        }
        if (text[i] == '\\') {
            if (i + 1 == text.size() || (text[i + 1] != '.' && text[i + 1] != '\\'))
                return path_fault(text, "a backslash stands before a dot or a backslash only");
            ++i;
        }
        segment.name += text[i];
    }
    if (!finish()) return path_fault(text, text.empty() ? "it is empty" : "a name is empty");
    if (path.segments_.size() > max_path_segments) return path_fault(excerpt(text), "it has too many names");
    return path;
}

const json::value* Path::find(const json::object& object) const {
    const json::value* place = object.if_contains(segments_.front().name);
    for (std::size_t i = 1; i < segments_.size() && place != nullptr && !place->is_null(); ++i)
        place = step(*place, segments_[i]);
    return place;
}

Result<> Path::set(json::object& object, json::value value) const {
    if (segments_.size() == 1) {
        object.insert_or_assign(segments_.front().name, std::move(value));
        return {};
    }
    if (auto possible = check_place(object, segments_); !possible) return possible;
    json::value* place = &object[segments_.front().name];
    for (std::size_t i = 1; i < segments_.size(); ++i) {
        const Segment& segment = segments_[i];
        if (place->is_null()) {
            if (segment.index)
                place->emplace_array();
            else
                place->emplace_object();
        }
        if (auto* array = place->if_array()) {
            if (*segment.index == array->size()) array->emplace_back(nullptr);
            place = &(*array)[*segment.index];
        } else {
            place = &place->get_object()[segment.name];
        }
    }
    *place = std::move(value);
    return {};
}

bool Path::has_place_in(const json::object& object) const {
    if (segments_.size() == 1) return true;
    const json::value* place = object.if_contains(segments_.front().name);
    for (std::size_t i = 1; i + 1 < segments_.size() && place != nullptr; ++i)
        place = step(*place, segments_[i]);
    if (place == nullptr) return false;
    return place->is_object() || step(*place, segments_.back()) != nullptr;
}

bool Path::covers(const Path& other) const {
    if (segments_.size() > other.segments_.size()) return false;
    return std::equal(segments_.begin(), segments_.end(), other.segments_.begin(),
                      [](const Segment& left, const Segment& right) { return left.name == right.name; });
}

const json::value* find_path(const json::object& object, std::string_view path) {
    if (path.find('\\') != std::string_view::npos) {
        const auto parsed = Path::parse(path);
        return parsed ? parsed->find(object) : nullptr;
    }
    std::size_t end = std::min(path.find('.'), path.size());
    const json::value* place = object.if_contains(path.substr(0, end));
    while (end < path.size() && place != nullptr && !place->is_null()) {
        path.remove_prefix(end + 1);
        end = std::min(path.find('.'), path.size());
        place = step(*place, path.substr(0, end));
    }
    return place;
}

Result<> set_path(json::object& object, std::string_view path, json::value value) {
    auto parsed = Path::parse(path);
    if (!parsed) return parsed.error();
    return parsed->set(object, std::move(value));
}

} // namespace castiel_sync
