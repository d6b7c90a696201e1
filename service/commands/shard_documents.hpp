// Shard documents outside the store: one JSON object each, many as JSON Lines.
#pragma once

#include "arguments.hpp"
#include "output/console.hpp"
#include "session.hpp"

#include <castiel_sync/adapters/local_shards.hpp>

#include <string>
#include <string_view>

namespace castiel_sync::service {

// Reads {id, shardTypeId, structuredData, status?, …}. `type` stands in for a missing shardTypeId; a different one is
// refused, as is a document of another tenant. What the store itself sets (revision, times) is ignored.
[[nodiscard]] Result<Shard> read_shard(json::object document, const std::string& type, const std::string& tenant);

// The whole file is one shard document; "-" is standard input. `id`: "" or the id that the document must have.
[[nodiscard]] Result<Shard> read_shard_file(const std::string& file, const std::string& type, const std::string& id,
                                            const std::string& tenant);

Async<ExitCode> export_shards(Session& session, LocalShards& shards, ShardsExportArguments arguments);
Async<ExitCode> import_shards(Session& session, LocalShards& shards, ShardsImportArguments arguments);

} // namespace castiel_sync::service
