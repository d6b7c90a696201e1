// A JSON document that remembers where each of its values was written, so that a fault can name file and line.
#pragma once

#include <castiel_sync/json.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

struct Place {
    std::string source;   // a file as the user named it, or "environment variable PORT"
    std::size_t line = 0; // 0: the source has no lines
    bool plain = false;   // an unquoted YAML scalar, whose text decides about its type
    bool literal = false; // from the environment: `${…}` in it means nothing
    // The environment variables that the value was made of, and what they hold. Never shown.
    std::vector<std::pair<std::string, std::string>> variables;
};

// Key paths are written as people read them: integrations[0].syncConfig.syncEnabled. The root is "".
[[nodiscard]] std::string member_path(std::string_view parent, std::string_view name);
[[nodiscard]] std::string element_path(std::string_view parent, std::size_t index);
[[nodiscard]] std::string join_path(std::string_view parent, std::string_view relative);
[[nodiscard]] std::string_view parent_path(std::string_view path);

struct LocatedDocument {
    json::value value = json::object();
    std::map<std::string, Place> places; // by key path

    // The place of the path, or of the nearest value around it (a missing key has no place of its own).
    [[nodiscard]] Place place_of(std::string_view path) const;

    // Objects merge deeply; everything else of `later` replaces what was there.
    void merge(LocatedDocument later);
    // Sets one value, making the objects on the way. `path` has members only.
    void set(std::string_view path, json::value to, Place place);
};

struct Fault {
    Place place;
    std::string path;
    std::string message;
};

// "config/local.yaml:3: server.port: must be at most 65535, is 70000"
[[nodiscard]] std::string to_string(const Fault& fault);

} // namespace castiel_sync::service
