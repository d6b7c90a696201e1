#include "located.hpp"

#include <utility>

namespace castiel_sync::service {
namespace {

bool is_below(std::string_view path, std::string_view ancestor) {
    if (ancestor.empty()) return true;
    return path.size() > ancestor.size() && path.starts_with(ancestor) &&
           (path[ancestor.size()] == '.' || path[ancestor.size()] == '[');
}

void forget_places(std::map<std::string, Place>& places, std::string_view path) {
    std::erase_if(places, [path](const auto& entry) { return entry.first == path || is_below(entry.first, path); });
}

void merge_values(LocatedDocument& document, json::value& into, json::value&& from,
                  std::map<std::string, Place>& from_places, const std::string& path) {
    if (into.is_object() && from.is_object()) {
        for (auto& member : from.get_object()) {
            const std::string member_name = member_path(path, member.key());
            merge_values(document, into.get_object()[member.key()], std::move(member.value()), from_places,
                         member_name);
        }
        if (const auto place = from_places.find(path); place != from_places.end())
            document.places[path] = place->second;
        return;
    }
    into = std::move(from);
    forget_places(document.places, path);
    for (const auto& [place_path, place] : from_places)
        if (place_path == path || is_below(place_path, path)) document.places[place_path] = place;
}

} // namespace

std::string member_path(std::string_view parent, std::string_view name) {
    std::string path(parent);
    if (!path.empty()) path += '.';
    return path.append(name);
}

std::string element_path(std::string_view parent, std::size_t index) {
    return std::string(parent).append("[").append(std::to_string(index)).append("]");
}

std::string join_path(std::string_view parent, std::string_view relative) {
    if (relative.empty()) return std::string(parent);
    if (relative.front() == '[') return std::string(parent).append(relative);
    return member_path(parent, relative);
}

std::string_view parent_path(std::string_view path) {
    const auto end = path.find_last_of(".[");
    return end == std::string_view::npos ? std::string_view() : path.substr(0, end);
}

Place LocatedDocument::place_of(std::string_view path) const {
    for (;; path = parent_path(path)) {
        if (const auto found = places.find(std::string(path)); found != places.end()) return found->second;
        if (path.empty()) return {};
    }
}

void LocatedDocument::merge(LocatedDocument later) {
    merge_values(*this, value, std::move(later.value), later.places, "");
}

void LocatedDocument::set(std::string_view path, json::value to, Place place) {
    LocatedDocument layer;
    json::value* at = &layer.value;
    for (std::string_view rest = path; !rest.empty();) {
        const auto dot = rest.find('.');
        at = &at->emplace_object()[rest.substr(0, dot)];
        rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    }
    *at = std::move(to);
    layer.places.emplace(path, std::move(place));
    merge(std::move(layer));
}

std::string to_string(const Fault& fault) {
    std::string text = fault.place.source;
    if (fault.place.line != 0) text.append(":").append(std::to_string(fault.place.line));
    if (!fault.path.empty()) text.append(text.empty() ? "" : ": ").append(fault.path);
    return text.append(text.empty() ? "" : ": ").append(fault.message);
}

} // namespace castiel_sync::service
