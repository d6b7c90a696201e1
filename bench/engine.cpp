// What the engine alone costs: both sides and the store are in memory, and what they take is measured apart.
//
//   bench_engine [--records N]... [--layout long|fields] [--sides listings|feeds] [--until PHASE]
//
// Per phase: records reconciled, wall and CPU time, CPU microseconds per reconciled record in the two systems, in the
// store and in the engine itself, records per second of CPU as a whole and of the engine alone, and peak memory, which
// holds the systems' records and the store. Without --sides the phases run with systems that can only be listed, then
// with systems that have a change feed. Phases: initial (source → target), first re-sync, no change, 1 % edited on each
// side with a tenth of those in conflict, 1,000 edits (500 on each side).
#include "common.hpp"

#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/stores/memory.hpp>

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::bench;
namespace asio = boost::asio;

namespace {

struct Options {
    std::vector<std::size_t> records;
    bool fields = false;
    bool listings = true;
    bool feeds = true;
    std::string until; // the last phase to run, for a profiler; empty = all
};

// CPU time of one of the engine's parts. Calls are of whole pages, so that reading the clock costs nothing beside them.
class Stopwatch {
public:
    class Lap {
    public:
        explicit Lap(Stopwatch& watch) : watch_(watch), started_(now()) {}
        ~Lap() { watch_.seconds_ += now() - started_; }
        Lap(const Lap&) = delete;
        Lap& operator=(const Lap&) = delete;

    private:
        Stopwatch& watch_;
        double started_;
    };

    [[nodiscard]] double seconds() const { return seconds_; }
    void reset() { seconds_ = 0; }

private:
    static double now() {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    }

    double seconds_ = 0;
};

// A system with one entity that does no more than an adapter must: it copies records out and in. Nothing is deleted.
class System {
public:
    System(std::string prefix, bool feed) : prefix_(std::move(prefix)), feed_(feed) {}

    void create(std::string id, json::object fields) {
        by_id_.emplace(id, rows_.size());
        Row row;
        row.id = std::move(id);
        rows_.push_back(std::move(row));
        write(rows_.size() - 1, std::move(fields));
    }

    template <class Which>
    void edit(const std::string& field, Which which) {
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            const std::size_t number = number_of(rows_[i].fields);
            if (!which(number)) continue;
            json::object fields = rows_[i].fields;
            edit_text(fields.at(field), fmt::format("edited {} {}", prefix_, number));
            write(i, std::move(fields));
        }
    }

    [[nodiscard]] AdapterCapabilities capabilities() const {
        AdapterCapabilities capabilities;
        capabilities.writable = true;
        capabilities.change_feed = feed_;
        capabilities.reports_deletions = feed_;
        capabilities.conditional_writes = true;
        capabilities.idempotent_creates = true;
        capabilities.finds_by_idempotency_key = true;
        return capabilities;
    }

    // A cursor is the number of changes, or of rows in a listing, that were answered.
    RecordPage pull(const PullRequest& request) {
        const Stopwatch::Lap lap(watch_);
        RecordPage page;
        page.listing = !feed_;
        std::size_t next = std::strtoull(request.cursor.c_str(), nullptr, 10);
        const std::size_t end = feed_ ? changes_.size() : rows_.size();
        page.records.reserve(std::min(request.max_records, end - next));
        for (; next < end && page.records.size() < request.max_records; ++next) {
            const Row& row = rows_[feed_ ? changes_[next] : next];
            if (!feed_ || row.position == next + 1) page.records.push_back(to_record(row)); // else a later change
        }
        page.has_more = next < end;
        page.next = std::to_string(next);
        return page;
    }

    std::vector<FetchedRecord> fetch(const FetchRequest& request) {
        const Stopwatch::Lap lap(watch_);
        std::vector<FetchedRecord> answers;
        answers.reserve(request.ids.size() + request.idempotency_keys.size());
        for (const std::string& id : request.ids)
            answers.push_back(look_up(id));
        for (const std::string& key : request.idempotency_keys)
            answers.push_back(look_up(prefix_ + key));
        return answers;
    }

    std::vector<PushOutcome> push(PushRequest request) {
        const Stopwatch::Lap lap(watch_);
        std::vector<PushOutcome> outcomes;
        outcomes.reserve(request.items.size());
        for (PushItem& item : request.items) {
            if (item.action == PushItem::Action::remove) fail("a record was to be removed");
            const bool creates = item.action == PushItem::Action::create;
            std::string id = creates ? prefix_ + item.idempotency_key : item.id;
            auto found = by_id_.find(id);
            PushOutcome outcome;
            outcome.status = PushOutcome::Status::applied;
            if (creates && found == by_id_.end()) {
                create(id, std::move(item.fields));
                found = by_id_.find(id);
            } else if (!creates) {
                if (found == by_id_.end()) fail("a record that is not there was to be updated");
                if (version(rows_[found->second]) != item.expected_version)
                    outcome.status = PushOutcome::Status::stale;
                else
                    write(found->second, std::move(item.fields));
            }
            outcome.id = std::move(id);
            outcome.version = version(rows_[found->second]);
            outcomes.push_back(std::move(outcome));
        }
        return outcomes;
    }

    [[nodiscard]] Stopwatch& watch() { return watch_; }

private:
    struct Row {
        std::string id;
        json::object fields;
        std::size_t position = 0; // of its last change

        Row() = default;
    };

    void write(std::size_t index, json::object fields) {
        changes_.push_back(index);
        rows_[index].fields = std::move(fields);
        rows_[index].position = changes_.size();
    }

    static std::string version(const Row& row) { return std::to_string(row.position); }

    static Record to_record(const Row& row) {
        Record record;
        record.id = row.id;
        record.fields = row.fields;
        record.version = version(row);
        return record;
    }

    [[nodiscard]] FetchedRecord look_up(const std::string& id) const {
        FetchedRecord fetched;
        const auto found = by_id_.find(id);
        fetched.presence = found == by_id_.end() ? FetchedRecord::Presence::absent : FetchedRecord::Presence::present;
        if (found != by_id_.end()) fetched.record = to_record(rows_[found->second]);
        return fetched;
    }

    std::string prefix_; // of the ids that it gives
    bool feed_;
    std::vector<Row> rows_;
    std::unordered_map<std::string, std::size_t> by_id_;
    std::vector<std::size_t> changes_;
    Stopwatch watch_;
};

class SystemAdapter final : public Adapter {
public:
    explicit SystemAdapter(System& system) : system_(system) {}

    static AdapterDescription description() {
        AdapterDescription description;
        description.name = "memory";
        return description;
    }

    [[nodiscard]] AdapterDescription describe() const override { return description(); }
    [[nodiscard]] AdapterCapabilities capabilities() const override { return system_.capabilities(); }
    Async<Result<>> check() override { co_return Result<>(); }
    Async<Result<RecordPage>> pull(PullRequest request) override { co_return system_.pull(request); }
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override { co_return system_.fetch(request); }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        co_return system_.push(std::move(request));
    }

private:
    System& system_;
};

AdapterFactory factory_of(System& system) {
    return [&system](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
        return std::unique_ptr<Adapter>(std::make_unique<SystemAdapter>(system));
    };
}

// The store in memory never waits, so that the time between call and answer is its own.
class MeasuredStore final : public Store {
public:
    explicit MeasuredStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

    [[nodiscard]] StoreLimits limits() const override { return store_->limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        const Stopwatch::Lap lap(watch_);
        co_return co_await store_->read(std::move(partition), std::move(kind), std::move(ids));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        const Stopwatch::Lap lap(watch_);
        co_return co_await store_->query(std::move(partition), std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        const Stopwatch::Lap lap(watch_);
        co_return co_await store_->commit(std::move(partition), std::move(writes));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        const Stopwatch::Lap lap(watch_);
        co_return co_await store_->scan(std::move(kind), std::move(query));
    }

    [[nodiscard]] Stopwatch& watch() { return watch_; }

private:
    std::unique_ptr<Store> store_;
    Stopwatch watch_;
};

class Bench {
public:
    Bench(std::size_t records, bool feeds, const Options& options)
        : records_(records), feeds_(feeds), options_(options), source_("s", feeds), target_("t", feeds),
          store_(make_memory_store(*clock_)) {
        registry_.add(SystemAdapter::description(), factory_of(source_));
        std::vector<Integration> all{make_integration("memory", {}, "contacts", "contact", options.fields)};
        catalog_ = make_fixed_catalog(std::move(all));
        EngineParts parts;
        parts.runtime = Runtime{loop_.get_executor(), clock_.get(), random_.get()};
        parts.store = &store_;
        parts.adapters = &registry_;
        parts.shards = factory_of(target_);
        parts.catalog = catalog_.get();
        parts.events = sink_.get();
        parts.limits.max_records_per_sync = 100'000'000;
        parts.limits.lease_duration = std::chrono::minutes(10);
        engine_.emplace(std::move(parts));
    }

    void run() {
        for (std::size_t i = 0; i < records_; ++i) {
            json::object fields = make_record(i, 0, options_.fields);
            std::string id(fields.at("id").as_string());
            source_.create(std::move(id), std::move(fields));
        }
        if (!phase("initial", records_, {records_, 0, 0})) return;
        if (!phase("first re-sync", records_, {0, 0, 0})) return;
        if (!phase("no change", feeds_ ? 0 : records_, {0, 0, 0}, feeds_ ? 20 : 1)) return;
        const auto [on_source, on_target, on_both] = count_edits();
        source_.edit("name", edited_on_source);
        target_.edit("name", edited_on_target);
        if (!phase("1 % edited", feeds_ ? on_source + on_target - on_both : records_,
                   {0, on_source + on_target - 2 * on_both, on_both}))
            return;
        if (records_ < 1000) return;
        // Not the name, of which some are in conflict by now.
        const std::string field = options_.fields ? field_name(0) : "text";
        const std::size_t step = records_ / 500;
        source_.edit(field, [&](std::size_t number) { return number % step == 0 && number < step * 500; });
        target_.edit(field, [&](std::size_t number) { return number % step == 1 && number < step * 500; });
        phase("1,000 edits", feeds_ ? 1000 : records_, {0, 1000, 0});
    }

private:
    struct Expected {
        std::size_t created = 0;
        std::size_t updated = 0;
        std::size_t conflicts = 0;
    };
    struct Edits {
        std::size_t on_source = 0;
        std::size_t on_target = 0;
        std::size_t on_both = 0;
    };

    [[nodiscard]] Edits count_edits() const {
        Edits edits;
        for (std::size_t i = 0; i < records_; ++i) {
            edits.on_source += edited_on_source(i);
            edits.on_target += edited_on_target(i);
            edits.on_both += edited_on_source(i) && edited_on_target(i);
        }
        return edits;
    }

    void sync(const Expected& expected) {
        const SyncCounters counters = run_once(loop_, *engine_).counters;
        if (counters.created != expected.created || counters.updated != expected.updated ||
            counters.conflicts != expected.conflicts)
            fail(fmt::format("created {}, updated {} and found {} conflicts; expected {}, {} and {}", counters.created,
                             counters.updated, counters.conflicts, expected.created, expected.updated,
                             expected.conflicts));
    }

    // False after the last phase to run. A phase that reconciles no records is told per run.
    bool phase(const char* name, std::size_t reconciled, const Expected& expected, int runs = 1) {
        for (Stopwatch* watch : {&source_.watch(), &target_.watch(), &store_.watch()})
            watch->reset();
        const Measured measured = measure([&] {
            for (int run = 0; run < runs; ++run)
                sync(expected);
        });
        const double systems = source_.watch().seconds() + target_.watch().seconds();
        const double store = store_.watch().seconds();
        const double engine = measured.cpu - systems - store;
        const double count = static_cast<double>(reconciled == 0 ? 1 : reconciled) * runs;
        const auto rate = [&](double seconds) {
            return reconciled == 0 ? std::string("–") : fmt::format("{:.0f}", count / seconds);
        };
        fmt::print("| {:>7} | {:<8} | {:<13} | {:>10} | {:>8.4f} | {:>8.4f} | {:>8.1f} | {:>7.1f} | {:>6.1f} "
                   "| {:>6.1f} ",
                   records_, feeds_ ? "feeds" : "listings", name, reconciled, measured.wall / runs, measured.cpu / runs,
                   measured.cpu * 1e6 / count, systems * 1e6 / count, store * 1e6 / count, engine * 1e6 / count);
        fmt::print("| {:>7} | {:>8} | {:>8.0f} |\n", rate(measured.cpu), rate(engine), measured.peak);
        std::fflush(stdout);
        return options_.until != name;
    }

    std::size_t records_;
    bool feeds_;
    const Options& options_;
    asio::io_context loop_;
    std::unique_ptr<Clock> clock_ = make_system_clock(loop_.get_executor());
    std::unique_ptr<Random> random_ = make_seeded_random(1);
    System source_;
    System target_;
    MeasuredStore store_;
    std::unique_ptr<EventSink> sink_ = make_log_event_sink([](std::string_view) {}, "bench", "bench");
    AdapterRegistry registry_;
    std::unique_ptr<IntegrationCatalog> catalog_;
    std::optional<Engine> engine_;
};

} // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::string value = i + 1 < argc ? argv[i + 1] : "";
        if (argument == "--records") {
            options.records.push_back(std::strtoull(value.c_str(), nullptr, 10));
        } else if (argument == "--layout") {
            options.fields = value == "fields";
        } else if (argument == "--sides") {
            options.listings = value == "listings";
            options.feeds = value == "feeds";
        } else if (argument == "--until") {
            options.until = value;
        } else {
            fail("unknown argument " + argument + "; see the head of bench/engine.cpp");
        }
        ++i;
    }
    if (options.records.empty()) options.records = {1'000, 10'000, 100'000};
    fmt::print("| records | sides    | phase         | reconciled |  wall s  |  CPU s   |  CPU µs  | systems | store  "
               "| engine |  per s  | engine/s | peak MiB |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (const bool feeds : {false, true}) {
        if (feeds ? !options.feeds : !options.listings) continue;
        for (const std::size_t records : options.records)
            apart([&] { Bench(records, feeds, options).run(); });
    }
}
