// How an integration's settings become a jsonl adapter.
#include <adapters/jsonl_adapter.hpp>
#include <castiel_sync/adapters/jsonl.hpp>

#include <adapters/jsonl_line.hpp>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <utility>

namespace castiel_sync {
namespace {

constexpr std::int64_t min_line_bytes = 1024;
constexpr auto max_line_bytes = static_cast<std::int64_t>(max_jsonl_line_bytes);

constexpr std::string_view schema = R"({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {
    "path": {
      "type": "string", "minLength": 1,
      "description": "The folder that holds one <entity>.jsonl per entity"
    },
    "idField": {
      "type": "string", "minLength": 1, "default": "id",
      "description": "The member that names a record: a string or an integer, unique in its file"
    },
    "modifiedAtField": {
      "type": "string", "minLength": 1, "default": "updatedAt",
      "description": "The member that tells when a record was last changed, an ISO-8601 time; optional"
    },
    "maxLineBytes": {
      "type": "integer", "minimum": 1024, "maximum": 1073741824, "default": 16777216,
      "description": "A longer line is reported and left alone"
    }
  },
  "required": ["path"],
  "additionalProperties": false
})";

Error fault(std::string_view key, std::string_view what) {
    return Error(ErrorCode::invalid_configuration, fmt::format("settings.{}: {}", key, what));
}

Result<> read_text(const json::value& value, std::string_view key, std::string& text) {
    const auto* string = value.if_string();
    if (string == nullptr || string->empty()) return fault(key, "must be a string that is not empty");
    if (string->find('\0') != json::string::npos) return fault(key, "must not hold the character U+0000");
    text.assign(string->data(), string->size());
    return {};
}

Result<> read_setting(std::string_view key, const json::value& value, JsonlOptions& options) {
    if (key == "path") return read_text(value, key, options.path);
    if (key == "idField") return read_text(value, key, options.id_field);
    if (key == "modifiedAtField") return read_text(value, key, options.modified_at_field);
    if (key != "maxLineBytes")
        return fault(key, "is unknown; there are path, idField, modifiedAtField and maxLineBytes");
    // A parser that is not ours may carry small integers unsigned.
    std::int64_t bytes = 0;
    if (const auto* number = value.if_int64()) bytes = *number;
    if (const auto* number = value.if_uint64(); number != nullptr && std::in_range<std::int64_t>(*number))
        bytes = static_cast<std::int64_t>(*number);
    if (bytes < min_line_bytes || bytes > max_line_bytes)
        return fault(key, fmt::format("must be an integer from {} to {}", min_line_bytes, max_line_bytes));
    options.max_line_bytes = static_cast<std::size_t>(bytes);
    return {};
}

Result<JsonlOptions> read_settings(const json::object& settings) {
    JsonlOptions options;
    for (const auto& member : settings)
        if (auto read = read_setting(member.key(), member.value(), options); !read) return read.error();
    if (options.path.empty()) return fault("path", "is missing; name the folder that holds the .jsonl files");
    return options;
}

} // namespace

AdapterDescription jsonl_description() {
    AdapterDescription description;
    description.name = "jsonl";
    description.summary = "A folder with one file per entity, <entity>.jsonl, one JSON object per line";
    description.settings_schema = json::parse(json::string_view(schema.data(), schema.size())).as_object();
    description.capabilities = jsonl_capabilities();
    return description;
}

AdapterFactory jsonl_factory(boost::asio::any_io_executor executor) {
    return [executor = std::move(executor)](const AdapterContext& context) -> Result<std::unique_ptr<Adapter>> {
        auto options = read_settings(context.settings);
        if (!options) return options.error();
        return bridge(make_jsonl_adapter(std::move(*options)), executor);
    };
}

} // namespace castiel_sync
