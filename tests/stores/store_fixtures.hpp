// Stores for tests: each harness makes one kind of store, all on one loop with a clock that tests move.
#pragma once

#include "stores/overlay.hpp"

#include <castiel_sync/blocking.hpp>
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/stores/sqlite.hpp>
#include <castiel_sync/testing/store_conformance.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <stdlib.h>

namespace castiel_sync::testing {

// Time stands still until a test moves it.
class ManualClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() override { return now_; }
    [[nodiscard]] std::chrono::nanoseconds monotonic() override { return now_.time_since_epoch(); }
    Async<void> sleep_for(std::chrono::nanoseconds) override { throw std::logic_error("stores do not sleep"); }
    void advance(std::chrono::milliseconds duration) { now_ += duration; }

private:
    Timestamp now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};
};

// Runs `work` on the loop to its end and answers its result.
template <class T>
T run(boost::asio::io_context& loop, Async<T> work) {
    std::optional<T> value;
    std::exception_ptr thrown;
    boost::asio::co_spawn(loop, std::move(work), [&](std::exception_ptr exception, T result) {
        thrown = exception;
        if (!thrown) value.emplace(std::move(result));
    });
    loop.restart();
    loop.run();
    if (thrown) std::rethrow_exception(thrown);
    REQUIRE(value.has_value());
    return std::move(*value);
}

// A folder that is gone with the object.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "castiel_sync_test_XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

class ClockedHarness : public StoreHarness {
public:
    [[nodiscard]] Timestamp now() override { return clock_.now(); }
    void advance(std::chrono::milliseconds duration) override { clock_.advance(duration); }
    [[nodiscard]] bool has(std::string_view capability) const override { return capability == "clock"; }

protected:
    ManualClock clock_;
};

class MemoryHarness final : public ClockedHarness {
public:
    Async<Store*> fresh() override {
        store_ = make_memory_store(clock_, store_conformance_kinds());
        co_return store_.get();
    }

private:
    std::unique_ptr<Store> store_;
};

class SqliteHarness final : public ClockedHarness {
public:
    explicit SqliteHarness(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    Async<Store*> fresh() override {
        ++count_;
        return reopen();
    }

    Async<Store*> reopen() override {
        store_.reset();
        SqliteOptions options;
        options.path = path();
        options.kinds = store_conformance_kinds();
        options.synchronous_full = false; // the cases commit thousands of times, and none pulls the plug
        options.now = [this] { return clock_.now(); };
        auto opened = open_sqlite_store(options);
        if (!opened) throw std::runtime_error(opened.error().message);
        store_ = bridge(std::move(*opened), executor_);
        co_return store_.get();
    }

    [[nodiscard]] std::string path() const { return folder_.file("store-" + std::to_string(count_) + ".db"); }

    [[nodiscard]] bool has(std::string_view capability) const override {
        return capability == "reopen" || capability == "clock";
    }

private:
    TemporaryFolder folder_;
    boost::asio::any_io_executor executor_;
    std::unique_ptr<Store> store_;
    int count_ = 0;
};

// Lets the first commits to each partition through to a base and keeps the others in an overlay above it, so that
// every case meets a base that already holds something of what it looks for.
class LayeredStore final : public Store {
public:
    LayeredStore(std::unique_ptr<Store> base, Clock& clock, int commits_to_base)
        : base_(std::move(base)), overlay_(make_overlay_store(*base_, clock, store_conformance_kinds())),
          commits_to_base_(commits_to_base) {}

    [[nodiscard]] StoreLimits limits() const override { return overlay_->limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        return overlay_->read(std::move(partition), std::move(kind), std::move(ids));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        return overlay_->query(std::move(partition), std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        Store& store = ++commits_[partition] > commits_to_base_ ? *overlay_ : *base_;
        return store.commit(std::move(partition), std::move(writes));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        return overlay_->scan(std::move(kind), std::move(query));
    }

private:
    std::unique_ptr<Store> base_;
    std::unique_ptr<Store> overlay_;
    int commits_to_base_;
    std::map<std::string, int> commits_;
};

class OverlayHarness final : public ClockedHarness {
public:
    explicit OverlayHarness(int commits_to_base) : commits_to_base_(commits_to_base) {}

    Async<Store*> fresh() override {
        store_ = std::make_unique<LayeredStore>(make_memory_store(clock_, store_conformance_kinds()), clock_,
                                                commits_to_base_);
        co_return store_.get();
    }

private:
    int commits_to_base_;
    std::unique_ptr<Store> store_;
};

} // namespace castiel_sync::testing
