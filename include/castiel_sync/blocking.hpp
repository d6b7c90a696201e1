// The same resources without Async, for code that blocks (SQLite, C clients), and the bridge that makes them Async.
//
// The bridge runs each call on `executor`, one after the other as that executor runs them, and resumes the caller on
// its own executor. Give a one-thread executor to a resource that is not thread-safe. In the simulator it is the
// simulation's loop, and everything is deterministic again.
//
// Cancellation. A call that has not begun is dropped at once and never happens; one under way completes, and the caller
//               learns how. Exceptions of the resource reach the awaiting caller.
// Shutdown.     Let the bridge's executor run dry (join its thread) before the callers' executor is destroyed.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/store.hpp>

#include <memory>

namespace castiel_sync {

// Contract of every method: as in Store. Called on the bridge's executor, never concurrently.
class BlockingStore {
public:
    virtual ~BlockingStore() = default;
    BlockingStore(const BlockingStore&) = delete;
    BlockingStore& operator=(const BlockingStore&) = delete;

    [[nodiscard]] virtual StoreLimits limits() const = 0; // constant; called from any thread
    [[nodiscard]] virtual Result<std::vector<std::optional<Document>>>
    read(const std::string& partition, const std::string& kind, const std::vector<std::string>& ids) = 0;
    [[nodiscard]] virtual Result<DocumentPage> query(const std::string& partition, const std::string& kind,
                                                     const Query& query) = 0;
    [[nodiscard]] virtual Result<CommitReceipt> commit(const std::string& partition,
                                                       const std::vector<Write>& writes) = 0;
    [[nodiscard]] virtual Result<ScanPage> scan(const std::string& kind, const Query& query) = 0;

protected:
    BlockingStore() = default;
};

// Contract of every method: as in Adapter. Called on the bridge's executor, never concurrently.
class BlockingAdapter {
public:
    virtual ~BlockingAdapter() = default;
    BlockingAdapter(const BlockingAdapter&) = delete;
    BlockingAdapter& operator=(const BlockingAdapter&) = delete;

    [[nodiscard]] virtual AdapterDescription describe() const = 0;       // constant; called from any thread
    [[nodiscard]] virtual AdapterCapabilities capabilities() const = 0;  // constant; called from any thread
    [[nodiscard]] virtual Result<> check() = 0;
    [[nodiscard]] virtual Result<RecordPage> pull(const PullRequest& request) = 0;
    [[nodiscard]] virtual Result<std::vector<FetchedRecord>> fetch(const FetchRequest& request) = 0;
    [[nodiscard]] virtual Result<std::vector<PushOutcome>> push(const PushRequest& request) = 0;

protected:
    BlockingAdapter() = default;
};

[[nodiscard]] std::unique_ptr<Store> bridge(std::shared_ptr<BlockingStore> store,
                                            boost::asio::any_io_executor executor);
[[nodiscard]] std::unique_ptr<Adapter> bridge(std::shared_ptr<BlockingAdapter> adapter,
                                              boost::asio::any_io_executor executor);

} // namespace castiel_sync
