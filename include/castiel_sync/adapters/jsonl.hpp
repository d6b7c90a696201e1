// The `jsonl` adapter: a folder with one file per entity, <entity>.jsonl, one JSON object per line.
//
// Reading.  Memory holds 24 bytes per line, whatever the lines hold. A file that changes while it is read is read
//           again. A line that holds no record is a fault with its place, "contacts.jsonl:17"; the others flow.
// Writing.  A push replaces the file in one rename: a reader sees the old file or the new one. Lines that the push does
//           not mean keep every byte. Whoever edits the file beside it should write a new one and rename it, too: a
//           file that is emptied and filled in place is, for a moment, an empty side.
// Creating. The id of a new record is its idempotency key where that is a UUID, or else made from it: a repeated
//           create makes no second record.
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
