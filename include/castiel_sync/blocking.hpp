// The same resources without Async, for code that blocks (SQLite, C clients), and the bridge that makes them Async.
//
// The bridge runs each call on `executor`, one after the other as that executor runs them, and resumes the caller on
// its own executor. Give a one-thread executor to a resource that is not thread-safe. In the simulator it is the
// simulation's loop, and everything is deterministic again.
//
// Groups.       Commits that wait for the executor one behind the other are handed to the store together, when it says
//               by commit_group that it gains from that: one transaction, and one wait for the disk, for all of them.
//               A commit joins the group that is waiting, or begins one at the end of the queue. A read, a query or a
//               scan ends the group before it, so every call keeps its place; nobody waits for a group to fill, and a
//               lone commit is as fast as ever. All commits of a group are answered when it is done.
//
// Cancellation. A call that has not begun is dropped at once and never happens; one under way completes, and the caller
//               learns how. A group's commits begin together. Exceptions of the resource reach the awaiting caller, or
//               every caller of the group.
// Shutdown.     Let the bridge's executor run dry (join its thread) before the callers' executor is destroyed.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/store.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// One commit among several that were called at once. What it names belongs to the caller.
struct CommitCall {
    std::string_view partition;
    std::span<const Write> writes;

    CommitCall() = default;
};

// How large a group of commits may be, so that its first one, and whoever waits behind it, does not wait for long.
struct CommitGroup {
    std::size_t max_commits = 1; // 1: the store gains nothing from groups
    std::size_t max_bytes = 0;   // of bodies, each write counted as 1 KiB at least. A larger commit is a group alone

    CommitGroup() = default;
};

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
    // One answer per call, in order, and the store as if each had been a commit of its own, in this order: each is all
    // or nothing, sees what those before it wrote, and fails alone. Only what fails for all of them, as making them
    // durable does, is every one's error; also for those that were stale, since that may have been so only because of
    // one that now did not happen. By default one after the other.
    [[nodiscard]] virtual std::vector<Result<CommitReceipt>> commit_many(std::span<const CommitCall> calls);
    [[nodiscard]] virtual CommitGroup commit_group() const { return {}; } // constant; called from any thread
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
