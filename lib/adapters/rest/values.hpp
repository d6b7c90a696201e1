// Reading answers by what a description says of them. Pure.
#pragma once

#include <adapters/rest/description.hpp>
#include <castiel_sync/http/transport.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// nullptr: nothing there. An absent path is the value itself.
[[nodiscard]] const json::value* find_in(const std::optional<Path>& path, const json::value& value);
// From a body or a header; null and "" count as nothing there.
[[nodiscard]] std::optional<json::value> value_at(const RestLocation& location, const HttpHeaders& headers,
                                                  const json::value& body);

[[nodiscard]] bool holds(const RestCondition& condition, const json::value& value);

// Takes what is at the path out of the object, if anything is.
void take_out(json::object& object, const Path& path);

// A text, a number or a truth value as text.
[[nodiscard]] std::optional<std::string> scalar_text(const json::value& value);

// What an answer means: the first rule that holds, or else what its status says in HTTP.
[[nodiscard]] RestMeaning meaning_of(const RestDescription& description, RestAction action, unsigned status,
                                     const json::value& body, std::string_view text);

[[nodiscard]] constexpr bool is_write(RestAction action) noexcept {
    return action == RestAction::create || action == RestAction::update || action == RestAction::remove ||
           action == RestAction::batch;
}

[[nodiscard]] bool any_holds(const std::vector<RestCondition>& conditions, const json::value& value);

// What a row tells, however it was asked for: its record; or nullopt where the description ignores it, so that it is
// none; or invalid_record, which says what hinders.
[[nodiscard]] Result<std::optional<Record>> read_row(const RestEntity& entity, const json::value& row);
// The record that the answer to a write holds: it is one, since it was written.
[[nodiscard]] Result<Record> read_record(const RestEntity& entity, const json::value& row);

// Where the Link header leads to for rel="next"; empty: nowhere.
[[nodiscard]] std::string next_link(const HttpHeaders& headers);

// The members of `after` that differ from `before`; members that are gone are null.
[[nodiscard]] json::object changed_members(const json::object& before, const json::object& after);
// RFC 7396: what makes `after` of `before`.
[[nodiscard]] json::object merge_patch(const json::object& before, const json::object& after);

} // namespace castiel_sync
