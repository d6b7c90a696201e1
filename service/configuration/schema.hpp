// JSON Schema (draft 7) checks whose answers are sentences: which key, what is wrong, what is allowed.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

// A schema that is read once and checked often. Const calls may overlap.
class CompiledSchema {
public:
    // `$ref: '#/…'` leads into `document`. Neither is needed afterwards.
    explicit CompiledSchema(const json::value& schema, const json::value& document = nullptr);
    ~CompiledSchema();
    CompiledSchema(CompiledSchema&&) noexcept;
    CompiledSchema& operator=(CompiledSchema&&) noexcept;

    // What this class can't explain, or what nothing checks at all: keywords that are misspelt or not known here,
    // references that lead nowhere or into themselves. Such a schema still checks what it can.
    [[nodiscard]] const std::vector<ConfigurationFault>& faults() const noexcept;

    // The schema with its references resolved.
    [[nodiscard]] const json::value& resolved() const noexcept;

    // The faults of `value`, with key paths relative to it, sorted by them; `limit` bounds their number.
    [[nodiscard]] std::vector<ConfigurationFault>
    validate(const json::value& value, std::size_t limit = std::numeric_limits<std::size_t>::max()) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Every fault of `value`, for a schema that is used once.
[[nodiscard]] std::vector<ConfigurationFault> validate(const json::value& schema, const json::value& value);

// Does the schema want text at this key path? False where it says nothing.
[[nodiscard]] bool wants_text(const json::value& schema, std::string_view path);

} // namespace castiel_sync::service
