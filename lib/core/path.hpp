// A dotted path into nested objects and arrays, split once: name.full, emails.0.address. Pure.
//
// A backslash keeps the dot in a name (`custom\.field`) and itself (`\\`).
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

inline constexpr std::size_t max_path_segments = 32;
inline constexpr std::size_t max_path_bytes = 1024;

class Path {
public:
    struct Segment {
        std::string name;
        std::optional<std::size_t> index; // where the container is an array; numbers without leading zeros only
    };

    Path() = default;

    // invalid_configuration when the text is no path.
    [[nodiscard]] static Result<Path> parse(std::string_view text);

    [[nodiscard]] const std::vector<Segment>& segments() const noexcept { return segments_; }

    // nullptr: nothing there. Below a null everything is null: `"address": null` clears address.city too.
    [[nodiscard]] const json::value* find(const json::object& object) const;

    // See set_path. Changes nothing when it fails.
    [[nodiscard]] Result<> set(json::object& object, json::value value) const;

    // Does the container of the last segment exist, so that writing null there clears something?
    [[nodiscard]] bool has_place_in(const json::object& object) const;

    // Is this the same path, or one that leads to a container of the other?
    [[nodiscard]] bool covers(const Path& other) const;

private:
    std::vector<Segment> segments_;
};

} // namespace castiel_sync
