// What the benches share: how they measure, the records they sync, and the integration that maps them.
#pragma once

#include <castiel_sync/castiel_sync.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace castiel_sync::bench {

inline const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
inline const std::string integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";

[[noreturn]] inline void fail(const std::string& message) {
    fmt::print(stderr, "bench: {}\n", message);
    std::exit(1);
}

inline double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

inline double peak_mebibytes() {
    // VmHWM, which clear_refs resets: ru_maxrss would only ever tell the largest phase.
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
    return 0;
}

// What malloc keeps of an earlier phase for later is no need of the next one.
inline void reset_peak() {
    ::malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
}

struct Measured {
    double wall = 0; // seconds
    double cpu = 0;
    double peak = 0; // MiB
};

template <class Work>
Measured measure(Work work) {
    reset_peak();
    const auto started = std::chrono::steady_clock::now();
    const double cpu = cpu_seconds();
    work();
    Measured measured;
    measured.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    measured.cpu = cpu_seconds() - cpu;
    measured.peak = peak_mebibytes();
    return measured;
}

// In a process of its own: what one size leaves behind in the heap would count as the next one's memory.
template <class Work>
void apart(Work work) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0) fail("can't start a process");
    if (child == 0) {
        work();
        std::fflush(stdout);
        std::_Exit(0);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) fail("a size did not end well; see above");
}

template <class T>
T wait(boost::asio::io_context& loop, Async<T> work) {
    std::optional<T> answer;
    boost::asio::co_spawn(loop, std::move(work), [&](std::exception_ptr thrown, T value) {
        if (thrown) std::rethrow_exception(thrown);
        answer.emplace(std::move(value));
    });
    loop.restart();
    loop.run();
    return std::move(*answer);
}

// Runs the integration once and answers its one execution, which must have completed.
inline Execution run_once(boost::asio::io_context& loop, Engine& engine) {
    SyncRequest request;
    request.tenant_id = tenant;
    request.integration_id = integration_id;
    auto executions = wait(loop, engine.run(std::move(request)));
    if (!executions) fail(executions.error().message);
    Execution execution = std::move(executions->front());
    if (execution.status != SyncStatus::completed)
        fail(execution.error ? execution.error->message : "the run did not complete");
    return execution;
}

inline std::string field_name(std::size_t i) { return fmt::format("field_{:02}", i); }

// About 1 KB: one long text, or with `fields` 42 short ones. bench/compare/pouchdb.mjs makes the same.
inline json::object make_record(std::size_t number, std::size_t edition, bool fields) {
    json::object row{{"id", fmt::format("r{:08}", number)}, {"email", fmt::format("p{}@example.org", number)}};
    if (fields) {
        for (std::size_t i = 0; i < 40; ++i)
            row[field_name(i)] = fmt::format("{:x}{}", (number * 2654435761U + i * 40503U) % 65536, i);
    } else {
        std::string text(880, 'x');
        for (std::size_t i = 0; i < 16; ++i)
            text[i * 50] = static_cast<char>('a' + (number >> i) % 16);
        row["text"] = text;
    }
    row["name"] = fmt::format("name {} {}", number, edition);
    return row;
}

// The number of a record, from its e-mail.
inline std::size_t number_of(const json::object& fields) {
    return std::strtoull(fields.at("email").as_string().c_str() + 1, nullptr, 10);
}

// The same length where the text was longer: an edit shall not make records lighter.
inline void edit_text(json::value& text, std::string edited) {
    const std::string_view before = text.as_string();
    if (before.size() > edited.size()) edited += before.substr(edited.size());
    text = edited;
}

// What the phase "1 % edited" edits on each side: every tenth of the source's records is edited on the target too.
inline bool edited_on_source(std::size_t number) { return number % 100 == 0; }
inline bool edited_on_target(std::size_t number) { return number % 1000 == 0 || number % 100 == 1; }

inline Integration make_integration(const std::string& provider, json::object settings, const std::string& entity,
                                    const std::string& shard_type, bool fields) {
    json::array mapped{json::object{{"externalField", "email"}, {"shardField", "email"}},
                       json::object{{"externalField", "name"}, {"shardField", "name"}}};
    if (fields)
        for (std::size_t i = 0; i < 40; ++i)
            mapped.push_back(json::object{{"externalField", field_name(i)}, {"shardField", field_name(i)}});
    else
        mapped.push_back(json::object{{"externalField", "text"}, {"shardField", "text"}});
    json::object document{
        {"id", integration_id},
        {"tenantId", tenant},
        {"providerName", provider},
        {"settings", std::move(settings)},
        {"syncConfig",
         json::object{{"syncDirection", "bidirectional"},
                      {"entityMappings", json::array{json::object{{"externalEntity", entity},
                                                                  {"shardTypeId", shard_type},
                                                                  {"matchKeys", json::array{"email"}},
                                                                  {"fieldMappings", std::move(mapped)}}}}}}};
    auto parsed = parse_integration(document, true);
    if (!parsed.integration) fail(parsed.faults.front().path + ": " + parsed.faults.front().message);
    return std::move(*parsed.integration);
}

} // namespace castiel_sync::bench
