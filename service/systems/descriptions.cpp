#include "descriptions.hpp"

#include "configuration/embedded.hpp"
#include "configuration/files.hpp"
#include "configuration/schema.hpp"
#include "configuration/yaml.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace castiel_sync::service {

namespace {

// The library takes schemas as they are; here they are used.
void check_settings(const json::value& document, std::vector<ConfigurationFault>& faults) {
    const json::value* settings = document.is_object() ? document.get_object().if_contains("settings") : nullptr;
    if (settings == nullptr || !settings->is_object()) return;
    for (const auto& [name, schema] : settings->get_object()) {
        const std::string place = member_path("settings", name);
        try {
            const CompiledSchema compiled(schema);
            for (const ConfigurationFault& fault : compiled.faults())
                faults.emplace_back(join_path(place, fault.path), fault.message);
        } catch (const std::exception& error) {
            faults.emplace_back(place, std::string("is no JSON Schema: ") + error.what());
        }
    }
}

} // namespace

LoadedDescription read_description(std::string text, std::string source) {
    LoadedDescription loaded;
    loaded.source = std::move(source);
    loaded.text = std::move(text);
    LocatedDocument document = read_yaml(loaded.text, loaded.source, loaded.faults);
    // What could not be read is missing in the document, which says nothing about what is written.
    if (!loaded.faults.empty()) return loaded;
    ParsedRestDescription parsed = parse_rest_description(document.value);
    check_settings(document.value, parsed.faults);
    if (std::ranges::any_of(parsed.faults, [](const ConfigurationFault& fault) { return !fault.notice; }))
        parsed.description.reset();
    for (ConfigurationFault& fault : parsed.faults) {
        const Place place = document.place_of(fault.path);
        auto& list = fault.notice ? loaded.notices : loaded.faults;
        list.push_back({place, std::move(fault.path), std::move(fault.message)});
    }
    loaded.description = std::move(parsed.description);
    loaded.document = std::move(document.value);
    return loaded;
}

LoadedDescription load_description(const std::string& file) {
    std::vector<Fault> faults;
    auto text = read_text_file(file, faults);
    if (text) return read_description(std::move(*text), file);
    LoadedDescription loaded;
    loaded.source = file;
    loaded.faults = std::move(faults);
    return loaded;
}

const std::vector<LoadedDescription>& ready_descriptions() {
    static const std::vector<LoadedDescription> ready = [] {
        std::vector<LoadedDescription> all;
        all.push_back(read_description(std::string(embedded_couchdb), "adapters/couchdb.yaml (built in)"));
        all.push_back(read_description(std::string(embedded_json_server), "adapters/json-server.yaml (built in)"));
        return all;
    }();
    return ready;
}

} // namespace castiel_sync::service
