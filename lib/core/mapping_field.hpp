// One field of a mapping, compiled: the value's way through transforms and value table, both ways. Pure.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>
#include <core/path.hpp>
#include <core/transform.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

// External value ↔ shard value. A list is taken element by element, unless the table itself speaks of lists.
class ValueTable {
public:
    explicit ValueTable(const std::vector<std::pair<json::value, json::value>>& rows);

    [[nodiscard]] bool invertible() const noexcept { return invertible_; }
    // invalid_record when the table does not hold the value. Null stays null unless the table says otherwise.
    [[nodiscard]] Result<json::value> to_shard(const json::value& value) const { return look_up(to_shard_, value); }
    [[nodiscard]] Result<json::value> to_external(const json::value& value) const {
        return look_up(to_external_, value);
    }

private:
    using Column = std::map<std::string, json::value, std::less<>>; // by canonical text

    [[nodiscard]] Result<json::value> look_up(const Column& column, const json::value& value) const;

    Column to_shard_;
    Column to_external_;
    bool invertible_ = true;
    bool holds_lists_ = false;
};

struct FieldProgram {
    Path external; // empty with constant and template
    Path shard;
    std::optional<TextTemplate> text_template;
    std::vector<TransformPointer> steps;
    std::optional<ValueTable> table;
    std::optional<json::value> constant;
    std::optional<json::value> default_value;
    std::string reference;
    bool invertible = true;

    // The field of an external record in shard form, without reference and default; nullopt when it is absent there.
    [[nodiscard]] Result<std::optional<json::value>> read(const json::object& record) const;

    // Steps and table.
    [[nodiscard]] Result<json::value> to_shard(const json::value& value) const;
    [[nodiscard]] Result<json::value> to_external(const json::value& value) const;

    // to_shard(to_external(value)), with the default where that gives null.
    [[nodiscard]] Result<json::value> normal_form(const json::value& value) const;

    [[nodiscard]] bool changes_values() const noexcept { return !steps.empty() || table || default_value; }
};

// The id that a reference names: text, or an integer. nullopt when the value is neither.
[[nodiscard]] std::optional<std::string> reference_id(const json::value& value);

} // namespace castiel_sync
