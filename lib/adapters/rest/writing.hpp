// What is sent of a record, and what an answer to it tells. Pure.
#pragma once

#include <adapters/rest/description.hpp>
#include <castiel_sync/adapter.hpp>
#include <castiel_sync/http/transport.hpp>

#include <string>

namespace castiel_sync {

// The variables by which an item is written: key, id, version, record, changes and mergePatch, as far as it has them.
// `version` and `id` have the type that they have in the record. `write`: what shapes the record; null: a removal.
[[nodiscard]] Result<> add_item_variables(const RestEntity& entity, const RestWrite* write, const PushItem& item,
                                          const std::string& version, json::object& variables);

// Of an answer that says success. invalid_record: it does not tell what the description says that it tells.
[[nodiscard]] Result<PushOutcome> read_written(const RestEntity& entity, const RestWritten& written,
                                               const PushItem& item, const HttpHeaders& headers,
                                               const json::value& body);

[[nodiscard]] PushOutcome outcome_of(PushOutcome::Status status, Error error);

} // namespace castiel_sync
