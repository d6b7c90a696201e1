// What a sync costs, end to end: a folder of JSON Lines and local shards in SQLite, mapped, journalled, in both
// directions.
//
//   bench_sync [--records N]... [--layout long|fields] [--synchronous normal|full] [--until PHASE]
//
// Per phase: wall and CPU time, CPU microseconds per record, peak memory. Phases: initial (file → shards), first
// re-sync, no change, 1 % edited on each side with a tenth of those in conflict, outbound (shards → an empty file).
#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/stores/sqlite.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

using namespace castiel_sync;
namespace asio = boost::asio;

namespace {

const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
const std::string integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";

struct Options {
    std::vector<std::size_t> records;
    bool fields = false;
    bool full = true;
    std::string until; // the last phase to run, for a profiler; empty = all
};

[[noreturn]] void fail(const std::string& message) {
    fmt::print(stderr, "bench_sync: {}\n", message);
    std::exit(1);
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double peak_mebibytes() {
    // VmHWM, which clear_refs resets: ru_maxrss would only ever tell the largest phase.
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
    return 0;
}

// What malloc keeps of an earlier phase for later is no need of the next one.
void reset_peak() {
    ::malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
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

class Bench {
public:
    Bench(std::size_t records, const Options& options) : records_(records), options_(options) {
        std::filesystem::create_directories(folder_);
        SqliteOptions sqlite;
        sqlite.path = (folder_ / "store.db").string();
        sqlite.synchronous_full = options.full;
        auto opened = open_sqlite_store(std::move(sqlite));
        if (!opened) fail(opened.error().message);
        store_ = bridge(std::move(*opened), loop_.get_executor());
        registry_.add(jsonl_description(), jsonl_factory(loop_.get_executor()));
        runtime_ = Runtime{loop_.get_executor(), clock_.get(), random_.get()};
    }
    ~Bench() {
        engine_.reset();
        store_.reset();
        std::filesystem::remove_all(folder_);
    }

    void run() {
        write_file(0);
        use_entity("contacts", "contact");
        if (!phase("initial", [this] { sync(records_); })) return;
        if (!phase("first re-sync", [this] { sync(0); })) return;
        if (!phase("no change", [this] { sync(0); })) return;
        edit();
        if (!phase("1 % edited", [this] { sync(std::nullopt); })) return;
        std::ofstream(folder_ / "copy.jsonl").flush();
        use_entity("copy", "contact");
        phase("outbound", [this] { sync(records_); });
    }

private:
    std::string field_name(std::size_t i) const { return options_.fields ? fmt::format("field_{:02}", i) : "text"; }
    std::size_t field_count() const { return options_.fields ? 42 : 1; }

    json::object record(std::size_t number, std::size_t edition) const {
        json::object row{{"id", fmt::format("r{:08}", number)}, {"email", fmt::format("p{}@example.org", number)}};
        if (options_.fields) {
            for (std::size_t i = 0; i < 40; ++i)
                row[field_name(i)] = fmt::format("{:x}{}", (number * 2654435761U + i * 40503U) % 65536, i);
        } else {
            std::string text(880, 'x');
            for (std::size_t i = 0; i < 16; ++i) text[i * 50] = static_cast<char>('a' + (number >> i) % 16);
            row["text"] = text;
        }
        row["name"] = fmt::format("name {} {}", number, edition);
        return row;
    }

    void write_file(std::size_t edited_every) {
        std::ofstream out(folder_ / "contacts.jsonl", std::ios::trunc);
        for (std::size_t i = 0; i < records_; ++i)
            out << to_json(record(i, edited_every != 0 && i % edited_every == 0 ? 1 : 0)) << '\n';
    }

    void use_entity(const std::string& entity, const std::string& shard_type) {
        json::array fields{json::object{{"externalField", "email"}, {"shardField", "email"}},
                           json::object{{"externalField", "name"}, {"shardField", "name"}}};
        if (options_.fields)
            for (std::size_t i = 0; i < 40; ++i)
                fields.push_back(json::object{{"externalField", field_name(i)}, {"shardField", field_name(i)}});
        else
            fields.push_back(json::object{{"externalField", "text"}, {"shardField", "text"}});
        json::object document{
            {"id", integration_id}, {"tenantId", tenant}, {"providerName", "jsonl"},
            {"settings", json::object{{"path", folder_.string()}}},
            {"syncConfig",
             json::object{{"syncDirection", "bidirectional"},
                          {"entityMappings",
                           json::array{json::object{{"externalEntity", entity},
                                                    {"shardTypeId", shard_type},
                                                    {"matchKeys", json::array{"email"}},
                                                    {"fieldMappings", std::move(fields)}}}}}}};
        auto parsed = parse_integration(document, true);
        if (!parsed.integration) fail(parsed.faults.front().path + ": " + parsed.faults.front().message);
        std::vector<Integration> all{*parsed.integration};
        catalog_ = make_fixed_catalog(std::move(all));
        EngineParts parts;
        parts.runtime = runtime_;
        parts.store = store_.get();
        parts.adapters = &registry_;
        parts.shards = local_shards_factory(*store_);
        parts.catalog = catalog_.get();
        parts.events = sink_.get();
        parts.limits.max_records_per_sync = 100'000'000;
        parts.limits.lease_duration = std::chrono::minutes(10);
        engine_ = std::make_unique<Engine>(std::move(parts));
    }

    template <class T>
    T wait(Async<T> work) {
        std::optional<T> answer;
        asio::co_spawn(loop_, std::move(work), [&](std::exception_ptr thrown, T value) {
            if (thrown) std::rethrow_exception(thrown);
            answer.emplace(std::move(value));
        });
        loop_.restart();
        loop_.run();
        return std::move(*answer);
    }

    void sync(std::optional<std::size_t> expected_created) {
        SyncRequest request;
        request.tenant_id = tenant;
        request.integration_id = integration_id;
        auto executions = wait(engine_->run(std::move(request)));
        if (!executions) fail(executions.error().message);
        const Execution& execution = executions->front();
        if (execution.status != SyncStatus::completed)
            fail(execution.error ? execution.error->message : "the run did not complete");
        if (expected_created && execution.counters.created != *expected_created)
            fail(fmt::format("created {} records, expected {}", execution.counters.created, *expected_created));
        conflicts_ = execution.counters.conflicts;
        updated_ = execution.counters.updated;
    }

    // 1 % on each side; every tenth of them touches the same field of the same record on both.
    void edit() {
        write_file(100);
        LocalShards shards(runtime_, *store_, tenant);
        std::string continuation;
        std::vector<Shard> edited;
        do {
            auto page = wait(shards.list("contact", 1000, continuation));
            if (!page) fail(page.error().message);
            for (auto& shard : page->items) {
                const std::string email(shard.structured_data.at("email").as_string());
                const auto number = std::strtoull(email.c_str() + 1, nullptr, 10);
                const bool conflict = number % 1000 == 0;
                if (!conflict && number % 100 != 1) continue;
                shard.structured_data["name"] = fmt::format("shard {}", number);
                edited.push_back(std::move(shard));
            }
            continuation = page->continuation;
        } while (!continuation.empty());
        auto done = wait(shards.put_many(std::move(edited)));
        if (!done) fail(done.error().message);
    }

    // False after the last phase to run.
    template <class Work>
    bool phase(const char* name, Work work) {
        reset_peak();
        const auto wall = std::chrono::steady_clock::now();
        const double cpu = cpu_seconds();
        work();
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count();
        const double used = cpu_seconds() - cpu;
        fmt::print("| {:>7} | {:<13} | {:>8.2f} | {:>8.2f} | {:>10.1f} | {:>7.0f} |\n", records_, name, seconds, used,
                   used * 1e6 / static_cast<double>(records_), peak_mebibytes());
        std::fflush(stdout);
        return options_.until != name;
    }

    std::size_t records_;
    const Options& options_;
    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / fmt::format("castiel-bench-{}", ::getpid());
    asio::io_context loop_;
    std::unique_ptr<Clock> clock_ = make_system_clock(loop_.get_executor());
    std::unique_ptr<Random> random_ = make_seeded_random(1);
    Runtime runtime_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<EventSink> sink_ = make_log_event_sink([](std::string_view) {}, "bench", "bench");
    AdapterRegistry registry_;
    std::unique_ptr<IntegrationCatalog> catalog_;
    std::unique_ptr<Engine> engine_;
    std::uint64_t conflicts_ = 0, updated_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::string value = i + 1 < argc ? argv[i + 1] : "";
        if (argument == "--records")
            options.records.push_back(std::strtoull(value.c_str(), nullptr, 10));
        else if (argument == "--layout")
            options.fields = value == "fields";
        else if (argument == "--synchronous")
            options.full = value == "full";
        else if (argument == "--until")
            options.until = value;
        else
            fail("unknown argument " + argument + "; see the head of bench/sync.cpp");
        ++i;
    }
    if (options.records.empty()) options.records = {1'000, 10'000, 100'000};
    fmt::print("| records | phase         |  wall s  |  CPU s   | CPU µs/rec | peak MiB |\n"
               "|---|---|---|---|---|---|\n");
    for (const std::size_t records : options.records)
        apart([&] { Bench(records, options).run(); });
}
