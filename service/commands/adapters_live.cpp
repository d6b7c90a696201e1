// adapters try and conform: a description against the system that it describes.
#include "systems/live_system.hpp"
#include "adapters.hpp"
#include "commands.hpp"
#include "configuration/files.hpp"
#include "configuration/schema.hpp"
#include "loading.hpp"
#include "output/log.hpp"
#include "output/text.hpp"

#include <castiel_sync/http/wrappers.hpp>

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <utility>

namespace castiel_sync::service {
namespace {

// Which one is meant: a file when it looks like one.
Result<LoadedDescription> find_description(const Session& session, const std::string& wanted) {
    const bool is_file = wanted.find('/') != std::string::npos || wanted.ends_with(".yaml") || wanted.ends_with(".yml");
    if (is_file) {
        LoadedDescription loaded = load_description(wanted);
        report_faults(loaded.notices, LogLevel::warning);
        report_faults(loaded.faults, LogLevel::error);
        if (loaded.description) return loaded;
        return Error(ErrorCode::invalid_request, wanted + " can't be used; mend the faults above");
    }
    for (LoadedDescription& each : known_descriptions(session))
        if (each.description && describe(*each.description).name == wanted) return std::move(each);
    return Error(ErrorCode::invalid_request,
                 "no description is called " + wanted + "; `adapters list` shows them, or name a YAML file");
}

Result<json::object> read_settings(const RestDescription& description, const std::vector<std::string>& assignments) {
    json::object settings;
    for (const std::string& text : assignments) {
        auto assignment = parse_assignment(text);
        if (!assignment) return assignment.error();
        settings.insert_or_assign(assignment->first, std::move(assignment->second));
    }
    std::string message;
    for (const ConfigurationFault& fault : validate(describe(description).settings_schema, json::value(settings)))
        message += (message.empty() ? "" : "; ") + std::string("the setting ") + fault.path + " " + fault.message;
    if (!message.empty()) return Error(ErrorCode::invalid_request, message + " (--set NAME=VALUE)");
    return settings;
}

// Calls as they were made, without secrets; also into a file.
class Witness {
public:
    using Show = std::function<void(const json::object& exchange)>;

    Result<> open(const std::string& file) {
        if (file.empty()) return {};
        // It holds the records of people.
        const mode_t before = ::umask(077);
        file_.open(file, std::ios::binary | std::ios::trunc);
        ::umask(before);
        if (!file_) return Error(ErrorCode::invalid_request, "can't write " + file);
        return {};
    }
    void take(const std::string& line, const Show& show) {
        if (file_.is_open()) file_ << line << '\n' << std::flush;
        auto parsed = parse_json_object(line);
        if (parsed && show) show(*parsed);
    }
    [[nodiscard]] bool failed() const { return file_.is_open() && !file_; }

private:
    std::ofstream file_;
};

// A replay's tokens are marks in their place: none of them may be written where the real ones are.
class HeldSecret final : public SecretProvider {
public:
    explicit HeldSecret(json::object secret) : secret_(std::move(secret)) {}

    Async<Result<json::object>> find(std::string, std::string) override { co_return secret_; }
    Async<Result<>> replace(std::string, std::string, json::object, json::object secret) override {
        secret_ = std::move(secret);
        co_return Result<>();
    }
    [[nodiscard]] bool can_replace(std::string_view) const override { return true; }

private:
    json::object secret_;
};

Async<Result<LiveSystem>> reach(Session& session, AdapterArguments with, const std::string& replay, Witness& witness,
                                Witness::Show show) {
    auto loaded = find_description(session, with.adapter);
    if (!loaded) co_return loaded.error();
    auto settings = read_settings(*loaded->description, with.settings);
    if (!settings) co_return settings.error();
    if (!capabilities_of(*loaded->description, with.entity))
        co_return Error(ErrorCode::invalid_request, "the description has no entity " + with.entity);
    LiveSystem system;
    system.context.runtime = session.runtime();
    system.context.entity = with.entity;
    system.context.settings = std::move(*settings);
    if (!with.credentials.empty()) {
        auto credentials = co_await session.rest().secrets->find(std::string(), with.credentials);
        if (!credentials) co_return credentials.error();
        system.context.credentials = std::move(*credentials);
        system.context.credential_reference = with.credentials;
    }
    RestParts parts = session.rest();
    const auto secrets = std::make_shared<Secrets>(system.context.credentials);
    std::shared_ptr<HttpTransport> transport = parts.transport;
    if (!replay.empty()) {
        std::vector<Fault> faults;
        const auto text = read_text_file(replay, faults);
        if (!text) co_return Error(ErrorCode::invalid_request, to_string(faults.front()));
        auto replayed = make_replaying_transport(*text, secrets, replay);
        if (!replayed) co_return Error(ErrorCode::invalid_request, replayed.error().message);
        transport = std::move(*replayed);
        parts.secrets = std::make_shared<HeldSecret>(system.context.credentials);
        parts.tokens = make_rest_tokens();
    }
    parts.transport = make_recording_transport(std::move(transport), secrets,
                                               [&witness, show](const std::string& line) { witness.take(line, show); });
    system.factory = rest_factory(loaded->description, std::move(parts));
    const json::value* entities = loaded->document.as_object().if_contains("entities");
    for (const std::string_view name : {std::string_view("*"), std::string_view(with.entity)}) {
        const json::value* entity = entities->as_object().if_contains(name);
        const json::value* conformance =
            entity != nullptr && entity->is_object() ? entity->get_object().if_contains("conformance") : nullptr;
        if (conformance != nullptr && conformance->is_object()) system.conformance = conformance->get_object();
    }
    // Credentials that are missing are told before anything is sent.
    if (auto made = system.make(); !made) co_return made.error();
    co_return system;
}

std::string summary_of(const json::object& exchange) {
    std::string text =
        fmt::format("  {} {}", exchange.at("method").as_string().c_str(), exchange.at("url").as_string().c_str());
    if (const auto* answer = exchange.if_contains("answer"))
        return text + fmt::format("  → {}", to_json(answer->as_object().at("status")));
    if (const auto* error = exchange.if_contains("error"))
        return text + "  → " + std::string(error->as_object().at("message").as_string());
    return text;
}

void show_page(Console& console, const RecordPage& page) {
    if (console.json()) {
        for (const Record& record : page.records) {
            json::object line{{"id", record.id}, {"version", record.version}, {"fields", record.fields}};
            if (record.modified_at) line.emplace("modifiedAt", castiel_sync::to_string(*record.modified_at));
            if (record.deleted) line.emplace("deleted", true);
            console.print_json({{"record", std::move(line)}});
        }
        for (const RecordFault& fault : page.faults)
            console.print_json(
                {{"fault", {{"id", fault.id}, {"place", fault.place}, {"message", fault.error.message}}}});
        return;
    }
    Table table({"id", "version", "modified", "fields"}, 80);
    for (const Record& record : page.records)
        table.add({record.id, shortened(record.version, 16),
                   record.modified_at ? shown(*record.modified_at) : std::string("–"),
                   record.deleted ? std::string("(deleted)") : to_json(record.fields)});
    console.print_line("\nRecords");
    console.print(table.text());
    for (const RecordFault& fault : page.faults)
        console.print_line(printable("can't be read: " + fault.error.message));
    std::string more = counted(page.records.size(), "record");
    if (page.total) more += fmt::format(" of {}", *page.total);
    console.print_line(more + (page.has_more ? "; there is more" : "; that is all"));
}

} // namespace

Async<ExitCode> execute(Session& session, AdaptersTryArguments arguments) {
    Console& console = session.console();
    Witness witness;
    if (auto opened = witness.open(arguments.record); !opened) co_return fail(session, opened.error());
    if (!console.json()) console.print_line("Requests");
    const Witness::Show show = [&console](const json::object& exchange) {
        if (console.json())
            console.print_json({{"request", exchange}});
        else
            console.print_line(printable(summary_of(exchange)));
    };
    std::string entity = arguments.with.entity;
    auto system = co_await reach(session, std::move(arguments.with), arguments.replay, witness, show);
    if (!system) co_return fail(session, system.error());
    const std::unique_ptr<Adapter> adapter = system->make().value();
    PullRequest request;
    request.entity = std::move(entity);
    request.max_records = arguments.limit;
    auto page = co_await adapter->pull(std::move(request));
    if (!page) co_return fail(session, page.error());
    show_page(console, *page);
    if (witness.failed()) co_return fail(session, Error(ErrorCode::out_of_space, "can't write " + arguments.record));
    co_return page->faults.empty() ? ExitCode::done : ExitCode::waiting;
}

Async<ExitCode> execute(Session& session, AdaptersConformArguments arguments) {
    Console& console = session.console();
    if (!arguments.erase && arguments.replay.empty())
        co_return fail(session, Error(ErrorCode::invalid_request,
                                      "the trial deletes every record of " + arguments.with.entity +
                                          "; say --erase where that may be, and never where people work"));
    Witness witness;
    if (auto opened = witness.open(arguments.record); !opened) co_return fail(session, opened.error());
    auto system = co_await reach(session, std::move(arguments.with), arguments.replay, witness, {});
    if (!system) co_return fail(session, system.error());
    LiveHarness harness(std::move(*system));
    const AdapterDescription described = harness.make_adapter()->describe();
    const AdapterCapabilities can = harness.make_adapter()->capabilities();
    const std::vector<testing::Finding> findings = co_await testing::run_conformance<testing::AdapterHarness>(
        harness, testing::adapter_conformance_cases(), harness.deviations());
    if (console.json()) {
        for (const testing::Finding& finding : findings)
            console.print_json({{"case", finding.case_name},
                                {"status", testing::to_string(finding.status)},
                                {"detail", finding.detail}});
    } else {
        console.print_line(printable(described.name + ": " + described.summary));
        console.print_line("\nWhat it promises");
        console.print(promises(can));
        console.print_line("\nWhat was tried");
        for (const testing::Finding& finding : findings) {
            const std::string detail = finding.detail.empty() ? "" : ": " + finding.detail;
            console.print_line(printable(
                fmt::format("  {:14} {}{}", testing::to_string(finding.status), finding.case_name, detail)));
        }
    }
    if (witness.failed()) co_return fail(session, Error(ErrorCode::out_of_space, "can't write " + arguments.record));
    co_return testing::conforms(findings) ? ExitCode::done : ExitCode::failed;
}

} // namespace castiel_sync::service
