// What a sync costs, end to end: a folder of JSON Lines and local shards in SQLite, mapped, journalled, in both
// directions.
//
//   bench_sync [--records N]... [--layout long|fields] [--sides file|feeds] [--synchronous normal|full] [--until PHASE]
//              [--replay yes]
//
// Per phase: wall and CPU time, CPU microseconds per record, peak memory. Phases: initial (file → shards), first
// re-sync, no change, 1 % edited on each side with a tenth of those in conflict, outbound (shards → an empty file).
// With `--sides feeds` the source is a system with a change feed too, instead of the folder: local shards of another
// tenant in the same SQLite file. "no change" is the mean of 20 runs then, and a phase with 1,000 edits is added, 500
// on each side whatever the number of records. With `--replay yes` whatever a phase asked of its store is asked of a
// second one: what is left of the phase if nothing but the store cost anything.
#include "common.hpp"
#include "recorder.hpp"

#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/stores/sqlite.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::bench;
namespace asio = boost::asio;

namespace {

const std::string source_tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0002"; // with --sides feeds

struct Options {
    std::vector<std::size_t> records;
    bool fields = false;
    bool feeds = false;
    bool full = true;
    bool replay = false;
    std::string until; // the last phase to run, for a profiler; empty = all
};

class Bench {
public:
    Bench(std::size_t records, const Options& options) : records_(records), options_(options) {
        std::filesystem::create_directories(folder_);
        store_ = bridge(open_store("store.db"), loop_.get_executor());
        if (options.replay) {
            auto recording = std::make_unique<RecordingStore>(std::move(store_));
            recorder_ = recording.get();
            store_ = std::move(recording);
            second_ = open_store("second.db");
        }
        registry_.add(jsonl_description(), jsonl_factory(loop_.get_executor()));
        AdapterDescription feed;
        feed.name = "feed";
        registry_.add(std::move(feed), [shards = local_shards_factory(*store_)](const AdapterContext& context) {
            AdapterContext other = context;
            other.tenant_id = source_tenant;
            return shards(other);
        });
        runtime_ = Runtime{loop_.get_executor(), clock_.get(), random_.get()};
    }
    ~Bench() {
        engine_.reset();
        store_.reset();
        std::filesystem::remove_all(folder_);
    }

    void run() {
        if (options_.feeds)
            fill_source();
        else
            write_file(false);
        use_entity("contacts", "contact");
        if (!phase("initial", [this] { sync(records_); })) return;
        if (!phase("first re-sync", [this] { sync(0); })) return;
        if (!phase("no change", [this] { sync(0); }, options_.feeds ? 20 : 1)) return;
        if (options_.feeds)
            edit_shards(source_tenant, "contacts", "name", edited_on_source);
        else
            write_file(true);
        edit_shards(tenant, "contact", "name", edited_on_target);
        if (!phase("1 % edited", [this] { sync(std::nullopt); })) return;
        if (options_.feeds && records_ >= 1000) {
            const std::size_t step = records_ / 500;
            const auto on_source = [&](std::size_t number) { return number % step == 0 && number < step * 500; };
            const auto on_target = [&](std::size_t number) { return number % step == 1 && number < step * 500; };
            edit_shards(source_tenant, "contacts", edited_field(), on_source);
            edit_shards(tenant, "contact", edited_field(), on_target);
            if (!phase("1,000 edits", [this] { sync(0, 1000); })) return;
        }
        if (!options_.feeds) std::ofstream(folder_ / "copy.jsonl").flush();
        use_entity("copy", "contact");
        phase("outbound", [this] { sync(records_); });
    }

private:
    std::shared_ptr<BlockingStore> open_store(const std::string& name) const {
        SqliteOptions sqlite;
        sqlite.path = (folder_ / name).string();
        sqlite.synchronous_full = options_.full;
        auto opened = open_sqlite_store(std::move(sqlite));
        if (!opened) fail(opened.error().message);
        return std::move(*opened);
    }

    // Not the name, of which some are in conflict by then.
    std::string edited_field() const { return options_.fields ? field_name(0) : "text"; }

    void write_file(bool edited) {
        std::ofstream out(folder_ / "contacts.jsonl", std::ios::trunc);
        for (std::size_t i = 0; i < records_; ++i)
            out << to_json(make_record(i, edited && edited_on_source(i) ? 1 : 0, options_.fields)) << '\n';
    }

    void fill_source() {
        LocalShards shards(runtime_, *store_, source_tenant);
        std::vector<Shard> some;
        for (std::size_t i = 0; i < records_; ++i) {
            Shard shard;
            shard.shard_type_id = "contacts";
            shard.structured_data = make_record(i, 0, options_.fields);
            shard.structured_data.erase("id");
            some.push_back(std::move(shard));
            if (some.size() < 500 && i + 1 < records_) continue;
            auto done = wait(loop_, shards.put_many(std::exchange(some, {})));
            if (!done) fail(done.error().message);
        }
    }

    void use_entity(const std::string& entity, const std::string& shard_type) {
        json::object settings;
        if (!options_.feeds) settings["path"] = folder_.string();
        std::vector<Integration> all{make_integration(options_.feeds ? "feed" : "jsonl", std::move(settings), entity,
                                                      shard_type, options_.fields)};
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

    void sync(std::optional<std::size_t> expected_created, std::optional<std::size_t> expected_updated = {}) {
        const Execution execution = run_once(loop_, *engine_);
        if (expected_created && execution.counters.created != *expected_created)
            fail(fmt::format("created {} records, expected {}", execution.counters.created, *expected_created));
        if (expected_updated && execution.counters.updated != *expected_updated)
            fail(fmt::format("updated {} records, expected {}", execution.counters.updated, *expected_updated));
    }

    template <class Which>
    void edit_shards(const std::string& tenant_id, const std::string& type, const std::string& field, Which which) {
        LocalShards shards(runtime_, *store_, tenant_id);
        std::string continuation;
        std::vector<Shard> edited;
        do {
            auto page = wait(loop_, shards.list(type, 1000, continuation));
            if (!page) fail(page.error().message);
            for (auto& shard : page->items) {
                const std::size_t number = number_of(shard.structured_data);
                if (!which(number)) continue;
                edit_text(shard.structured_data.at(field), fmt::format("edited {} {}", type, number));
                edited.push_back(std::move(shard));
            }
            continuation = page->continuation;
        } while (!continuation.empty());
        auto done = wait(loop_, shards.put_many(std::move(edited)));
        if (!done) fail(done.error().message);
    }

    // False after the last phase to run.
    template <class Work>
    bool phase(const char* name, Work work, int runs = 1) {
        if (recorder_) recorder_->replay(*second_); // what the bench itself did since the last phase
        print(name, measure([&] {
                  for (int run = 0; run < runs; ++run) work();
              }),
              runs);
        if (recorder_) print("its store", measure([&] { recorder_->replay(*second_); }), runs);
        return options_.until != name;
    }

    void print(const char* name, const Measured& measured, int runs) const {
        fmt::print("| {:>7} | {:<13} | {:>9.4f} | {:>9.4f} | {:>10.1f} | {:>7.0f} |\n", records_, name,
                   measured.wall / runs, measured.cpu / runs,
                   measured.cpu / runs * 1e6 / static_cast<double>(records_), measured.peak);
        std::fflush(stdout);
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
    RecordingStore* recorder_ = nullptr; // the same, with --replay
    std::shared_ptr<BlockingStore> second_; // which is asked the same then
    std::unique_ptr<EventSink> sink_ = make_log_event_sink([](std::string_view) {}, "bench", "bench");
    AdapterRegistry registry_;
    std::unique_ptr<IntegrationCatalog> catalog_;
    std::unique_ptr<Engine> engine_;
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
        else if (argument == "--sides")
            options.feeds = value == "feeds";
        else if (argument == "--synchronous")
            options.full = value == "full";
        else if (argument == "--replay")
            options.replay = value == "yes";
        else if (argument == "--until")
            options.until = value;
        else
            fail("unknown argument " + argument + "; see the head of bench/sync.cpp");
        ++i;
    }
    if (options.records.empty()) options.records = {1'000, 10'000, 100'000};
    fmt::print("| records | phase         |  wall s   |  CPU s    | CPU µs/rec | peak MiB |\n"
               "|---|---|---|---|---|---|\n");
    for (const std::size_t records : options.records)
        apart([&] { Bench(records, options).run(); });
}
