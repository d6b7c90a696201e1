// check: the configuration was read when this runs; now the store and every adapter.
#include "commands.hpp"

#include "output/text.hpp"

#include <castiel_sync/stores/sqlite.hpp>

#include <fmt/format.h>

namespace castiel_sync::service {
namespace {

class Checklist {
public:
    explicit Checklist(Console& console) : console_(console) {}

    void add(const std::string& part, const Result<>& result, const std::string& detail) {
        if (!result) code_ = graver(code_, ExitCode::failed);
        const std::string message = result ? detail : result.error().message;
        if (console_.json()) {
            console_.print_json({{"part", part}, {"status", result ? "ok" : "failed"}, {"message", message}});
        } else if (!result || !console_.quiet()) {
            console_.print_line(printable(fmt::format("{:7} {}: {}", result ? "ok" : "failed", part, message)));
        }
    }

    [[nodiscard]] ExitCode code() const { return code_; }

private:
    Console& console_;
    ExitCode code_ = ExitCode::done;
};

std::string name_of(const Integration& integration) {
    return integration.name.empty() ? integration.id : integration.name + " (" + integration.id + ")";
}

} // namespace

Async<ExitCode> execute(Session& session, CheckArguments arguments) {
    Checklist checklist(session.console());
    const Configuration& configuration = session.configuration();
    std::string files;
    for (const std::string& file : configuration.files)
        files.append(files.empty() ? "" : ", ") += file;
    checklist.add("configuration", {},
                  counted(configuration.integrations.size(), "integration") + " from " +
                      (files.empty() ? "the built-in defaults" : files));
    const auto opened = session.open_store(Session::Missing::create);
    const bool in_memory = configuration.storage_type == Configuration::StorageType::memory;
    checklist.add("store", opened, in_memory ? "in memory, forgets everything at the end" : configuration.storage_path);
    if (!opened) co_return checklist.code();
    if (arguments.integrity && !in_memory)
        checklist.add("integrity", check_sqlite_integrity(configuration.storage_path),
                      "every page and every document of the store is whole");

    auto integrations = session.integrations("");
    if (!integrations && !configuration.integrations.empty()) co_return fail(session, integrations.error());
    if (!integrations) co_return checklist.code();
    for (const Integration& integration : *integrations) {
        auto reached = co_await session.engine().check(integration.tenant_id, integration.id);
        checklist.add("integration " + name_of(integration), reached,
                      integration.provider_name + " and the shards can be reached");
    }
    co_return checklist.code();
}

} // namespace castiel_sync::service
