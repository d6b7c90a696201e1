// A configuration file: it gives a configuration or faults that name their places, and secrets stay out of both.
#include "fuzzing.hpp"

#include <configuration/configuration.hpp>
#include <configuration/yaml.hpp>

#include <castiel_sync/adapters/jsonl.hpp>

#include <algorithm>
#include <set>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;
using namespace castiel_sync::service;

namespace {

// As the value of an environment variable; no part of it may show.
constexpr std::string_view secret = "Zq7canary!Zq7canary!Zq7canary!Zq7canary!Zq7canary!";
constexpr std::string_view part_of_secret = "canary!";

std::optional<std::string> environment(const std::string& name) {
    if (name == "SECRET") return std::string(secret);
    if (name == "NUMBER") return "3052";
    if (name == "EMPTY") return "";
    if (name == "TEXT") return "a: [b, ${SECRET}]";
    return std::nullopt;
}

// What a configuration says as JSON, which is YAML as well, it says again.
void check_written(const LocatedDocument& document) {
    const std::string text = to_json(document.value);
    const auto parsed = parse_json(text);
    require(parsed.has_value() && identical(*parsed, document.value), "a configuration is JSON", text);
    std::vector<Fault> faults;
    const LocatedDocument again = read_yaml(text, "again", faults);
    if (faults.empty()) require(equal_values(again.value, document.value), "JSON reads the same as YAML", text);
}

void check_places(const std::vector<Fault>& faults, const std::string& file, std::size_t lines, bool knows_secret) {
    for (const Fault& fault : faults) {
        require_readable(fault.message);
        require_readable(to_string(fault));
        require(!fault.place.source.empty(), "a fault names its source", fault.message);
        require(fault.place.source != file || fault.place.line <= lines, "a fault names a line of the file",
                to_string(fault));
        require(knows_secret || to_string(fault).find(part_of_secret) == std::string::npos,
                "no fault shows what an environment variable holds", to_string(fault));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const MemoryFile file("configuration");
    static const std::vector<AdapterDescription> adapters{jsonl_description()};
    const std::string_view text = text_of(data, size);
    const std::size_t lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    const bool knows_secret = text.find("canary") != std::string_view::npos;

    std::vector<Fault> faults;
    const LocatedDocument document = read_yaml(std::string(text), file.path(), faults);
    check_places(faults, file.path(), lines, knows_secret);
    for (const auto& [path, place] : document.places)
        require(place.line <= lines, "a value stands on a line of the file", path);
    if (!faults.empty() || document.value.get_object().empty()) return 0;
    check_written(document);

    file.write(text);
    LoadRequest request;
    request.files = {file.path()};
    request.folder = "/proc/self/no such folder";
    request.environment = environment;
    request.adapters = adapters;
    const LoadedConfiguration loaded = load_configuration(request);
    check_places(loaded.faults, file.path(), lines, knows_secret);
    check_places(loaded.notices, file.path(), lines, knows_secret);
    require(loaded.configuration.has_value() == loaded.faults.empty(), "there are faults, or a configuration");
    if (!loaded.configuration) return 0;
    std::set<std::string> ids;
    for (const Integration& integration : loaded.configuration->integrations)
        require(ids.insert(integration.id).second, "each integration has an id of its own", integration.id);
    require(loaded.configuration->max_records_per_sync > 0, "the limits are set");
    require(loaded.configuration->max_concurrent_syncs_per_tenant >= 1 &&
                loaded.configuration->max_concurrent_syncs_per_tenant <= 10,
            "the limits are within their range");
    return 0;
}
