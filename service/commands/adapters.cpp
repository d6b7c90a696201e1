// adapters list, show and validate: what there is, and what a description says.
#include "adapters.hpp"

#include "commands.hpp"
#include "configuration/adapter_settings.hpp"
#include "loading.hpp"
#include "output/log.hpp"
#include "output/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace castiel_sync::service {
namespace {

const LoadedDescription* find_loaded(const std::vector<LoadedDescription>& all, std::string_view name) {
    const auto found = std::ranges::find_if(all, [&](const LoadedDescription& each) {
        return each.description && describe(*each.description).name == name;
    });
    return found == all.end() ? nullptr : &*found;
}

} // namespace

std::vector<LoadedDescription> known_descriptions(const Session& session) {
    std::vector<LoadedDescription> all = ready_descriptions();
    const json::value* files = session.configuration().document.as_object().if_contains("adapters");
    if (files != nullptr && files->is_array())
        for (const json::value& file : files->get_array())
            if (file.is_string()) all.push_back(load_description(std::string(file.get_string())));
    return all;
}

std::string promises(const AdapterCapabilities& can) {
    const auto line = [](bool is_so, std::string_view yes, std::string_view no) {
        return fmt::format("  {} {}\n", is_so ? "yes" : "no ", is_so ? yes : no);
    };
    std::string text = line(can.writable, "records can be written", "records can only be read");
    text += line(can.change_feed, "a run reads what changed", "every run reads the whole listing");
    text += line(can.reports_deletions, "deletions are told",
                 can.change_feed ? "deletions are seen only when a listing is read"
                                 : "deletions are seen as gaps of a listing, and confirmed record by record");
    if (!can.writable) return text;
    text += line(can.conditional_writes, "a write never goes over an edit that was not seen",
                 "an edit between the last look at a record and its write is lost");
    text += line(can.conditional_deletes, "a deletion never goes over an edit that was not seen",
                 "an edit between the last look at a record and its deletion is lost");
    text += line(can.idempotent_creates, "a create whose answer got lost is repeated, and makes one record",
                 can.finds_by_idempotency_key
                     ? "a create whose answer got lost is looked for before it is repeated"
                     : "a create whose answer got lost waits for a person (possible_duplicate)");
    return text;
}

Async<ExitCode> execute(Session& session, AdaptersListArguments) {
    Console& console = session.console();
    Table table({"adapter", "kind", "summary"}, 72);
    const auto loaded = known_descriptions(session);
    for (const AdapterDescription& adapter : session.adapters().list()) {
        const LoadedDescription* described = find_loaded(loaded, adapter.name);
        const std::string kind = described == nullptr ? "built in" : described->source;
        if (console.json())
            console.print_json({{"name", adapter.name}, {"kind", kind}, {"summary", adapter.summary}});
        else
            table.add({adapter.name, kind, adapter.summary});
    }
    if (!console.json()) console.print(table.text());
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, AdaptersShowArguments arguments) {
    Console& console = session.console();
    const AdapterDescription* adapter = session.adapters().find(arguments.name);
    if (adapter == nullptr)
        co_return fail(session, Error(ErrorCode::invalid_request, "no adapter is called " + arguments.name +
                                                                      "; `adapters list` shows them"));
    const auto loaded = known_descriptions(session);
    const LoadedDescription* described = find_loaded(loaded, adapter->name);
    if (arguments.description) {
        if (described == nullptr)
            co_return fail(session, Error(ErrorCode::invalid_request, adapter->name + " is code and no description"));
        console.print(described->text);
        co_return ExitCode::done;
    }
    std::vector<std::pair<std::string, AdapterCapabilities>> entities;
    if (described != nullptr)
        for (const std::string& name : entity_names(*described->description))
            entities.emplace_back(name, *capabilities_of(*described->description, name));
    else if (adapter->capabilities)
        entities.emplace_back("*", *adapter->capabilities);
    if (console.json()) {
        json::object capabilities;
        for (const auto& [name, can] : entities)
            capabilities.emplace(name, capabilities_document(can));
        console.print_json({{"name", adapter->name},
                            {"summary", adapter->summary},
                            {"settingsSchema", adapter->settings_schema},
                            {"capabilities", std::move(capabilities)}});
        co_return ExitCode::done;
    }
    console.print_line(printable(adapter->name + ": " + adapter->summary));
    const json::value* properties = adapter->settings_schema.if_contains("properties");
    if (properties != nullptr && properties->is_object() && !properties->get_object().empty()) {
        console.print_line("\nSettings");
        for (const auto& [name, schema] : properties->get_object()) {
            const json::value* text = schema.is_object() ? schema.get_object().if_contains("description") : nullptr;
            const std::string about = text != nullptr && text->is_string() ? std::string(text->get_string()) : "";
            console.print_line(printable("  " + std::string(name) + (about.empty() ? "" : ": " + about)));
        }
    }
    for (const auto& [name, can] : entities) {
        console.print_line("");
        console.print_line(printable(name == "*" ? "Any entity" : "Entity " + name));
        console.print(promises(can));
    }
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, AdaptersValidateArguments arguments) {
    Console& console = session.console();
    ExitCode code = ExitCode::done;
    for (const std::string& file : arguments.files) {
        const LoadedDescription loaded = load_description(file);
        report_faults(loaded.notices, LogLevel::warning);
        report_faults(loaded.faults, LogLevel::error);
        if (!loaded.description) {
            code = ExitCode::usage;
            continue;
        }
        for (const std::string& name : entity_names(*loaded.description)) {
            const AdapterCapabilities can = *capabilities_of(*loaded.description, name);
            if (console.json()) {
                console.print_json({{"file", file}, {"entity", name}, {"capabilities", capabilities_document(can)}});
            } else {
                console.print_line(printable(file + ", " + (name == "*" ? "any entity" : "entity " + name)));
                console.print(promises(can));
            }
        }
    }
    co_return code;
}

} // namespace castiel_sync::service
