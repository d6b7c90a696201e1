// What durable requests cost that come at once: callers that each write one document after the other into one SQLite
// store, through the bridge, synchronous=FULL.
//
//   bench_commits [--callers N]... [--seconds N] [--folder PATH] [--reads yes]
//
// Per number of callers: commits per second, CPU microseconds of the whole process per commit, and how long a caller
// waited for one (mean and longest). A document is about 1 KB and new; with `--reads yes` each caller reads the one it
// wrote before the next commit. The store lies in a folder of its own in PATH, by default the current one: what is
// measured is mostly that disk.
#include "common.hpp"

#include <castiel_sync/stores/sqlite.hpp>

#include <boost/asio/detached.hpp>
#include <boost/asio/static_thread_pool.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::bench;
namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

const std::vector<KindDeclaration>& kinds() {
    static const std::vector<KindDeclaration> declared{{"request", {"caller", "number"}, {{{"caller", "number"}}}}};
    return declared;
}

struct Options {
    std::vector<std::size_t> callers;
    std::chrono::seconds duration{3};
    std::filesystem::path folder = ".";
    bool reads = false;
};

class Bench {
public:
    Bench(std::size_t callers, const Options& options) : callers_(callers), options_(options) {
        std::filesystem::create_directories(folder_);
        SqliteOptions sqlite;
        sqlite.path = (folder_ / "store.db").string();
        sqlite.kinds = kinds();
        auto opened = open_sqlite_store(std::move(sqlite));
        if (!opened) fail(opened.error().message);
        store_ = bridge(std::move(*opened), thread_.get_executor());
    }
    ~Bench() {
        thread_.join();
        store_.reset();
        std::filesystem::remove_all(folder_);
    }

    void run() {
        const Measured measured = measure([&] {
            end_ = SteadyClock::now() + options_.duration;
            for (std::size_t i = 0; i < callers_; ++i) asio::co_spawn(loop_, call(i), asio::detached);
            loop_.run();
        });
        const auto commits = static_cast<double>(commits_);
        fmt::print("| {:>7} | {:>9.0f} | {:>10.1f} | {:>9.2f} | {:>9.1f} |\n", callers_, commits / measured.wall,
                   measured.cpu * 1e6 / commits, waited_ * 1e3 / commits, longest_ * 1e3);
    }

private:
    Async<void> call(std::size_t caller) {
        for (std::size_t number = 0; SteadyClock::now() < end_; ++number) {
            Document document;
            document.kind = "request";
            document.id = fmt::format("{:016x}", (caller * 1'000'003 + number) * 0x9e3779b97f4a7c15U);
            document.index = {static_cast<std::int64_t>(caller), static_cast<std::int64_t>(number)};
            document.body = "{\"text\":\"" + std::string(900, static_cast<char>('a' + number % 26)) + "\"}";
            std::vector<std::string> ids{document.id};
            std::vector<Write> writes;
            writes.push_back(insert(std::move(document)));
            const auto started = SteadyClock::now();
            auto committed = co_await store_->commit("tenant", std::move(writes));
            if (!committed) fail(committed.error().message);
            const double seconds = std::chrono::duration<double>(SteadyClock::now() - started).count();
            waited_ += seconds;
            longest_ = std::max(longest_, seconds);
            ++commits_;
            if (!options_.reads) continue;
            auto read = co_await store_->read("tenant", "request", std::move(ids));
            if (!read || !read->front()) fail("what was committed is not there");
        }
    }

    std::size_t callers_;
    const Options& options_;
    std::filesystem::path folder_ = options_.folder / fmt::format("bench_commits.{}", ::getpid());
    asio::io_context loop_;
    asio::static_thread_pool thread_{1};
    std::unique_ptr<Store> store_;
    SteadyClock::time_point end_;
    std::size_t commits_ = 0;
    double waited_ = 0;
    double longest_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::string value = i + 1 < argc ? argv[i + 1] : "";
        if (argument == "--callers")
            options.callers.push_back(std::strtoull(value.c_str(), nullptr, 10));
        else if (argument == "--seconds")
            options.duration = std::chrono::seconds(std::strtoull(value.c_str(), nullptr, 10));
        else if (argument == "--folder")
            options.folder = value;
        else if (argument == "--reads")
            options.reads = value == "yes";
        else
            fail("unknown argument " + argument + "; see the head of bench/commits.cpp");
        ++i;
    }
    if (options.callers.empty()) options.callers = {1, 8, 32, 128};
    fmt::print("| callers | commits/s | CPU µs/com | mean ms   | longest   |\n|---|---|---|---|---|\n");
    for (const std::size_t callers : options.callers)
        apart([&] { Bench(callers, options).run(); });
}
