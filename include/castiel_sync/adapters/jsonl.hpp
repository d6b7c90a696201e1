// The `jsonl` adapter: a folder with one file per entity, <entity>.jsonl, one JSON object per line.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/blocking.hpp>

#include <memory>
#include <string>

namespace castiel_sync {

struct JsonlOptions {
    std::string path;                             // the folder
    std::string id_field = "id";
    std::string modified_at_field = "updatedAt";  // optional in the records
    std::size_t max_line_bytes = 16 * 1024 * 1024;

    JsonlOptions() = default;
};

[[nodiscard]] std::shared_ptr<BlockingAdapter> make_jsonl_adapter(JsonlOptions options);

[[nodiscard]] AdapterDescription jsonl_description();

// For AdapterRegistry::add. Blocking file access runs on `executor`.
[[nodiscard]] AdapterFactory jsonl_factory(boost::asio::any_io_executor executor);

} // namespace castiel_sync
