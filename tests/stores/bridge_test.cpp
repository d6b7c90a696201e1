#include "stores/store_fixtures.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/static_thread_pool.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>

using namespace castiel_sync;
using namespace castiel_sync::testing;
namespace asio = boost::asio;

namespace {

// Does what a test tells it to, and counts.
class ScriptedStore final : public BlockingStore {
public:
    std::function<Result<CommitReceipt>(const std::vector<Write>&)> on_commit;
    std::atomic<int> commits{0};

    [[nodiscard]] StoreLimits limits() const override {
        StoreLimits limits;
        limits.max_writes = 7;
        return limits;
    }
    Result<std::vector<std::optional<Document>>> read(const std::string&, const std::string&,
                                                      const std::vector<std::string>& ids) override {
        return std::vector<std::optional<Document>>(ids.size());
    }
    Result<DocumentPage> query(const std::string& partition, const std::string& kind, const Query& query) override {
        DocumentPage page;
        page.continuation = partition + "/" + kind + "/" + std::to_string(query.limit);
        return page;
    }
    Result<CommitReceipt> commit(const std::string&, const std::vector<Write>& writes) override {
        ++commits;
        return on_commit(writes);
    }
    Result<ScanPage> scan(const std::string&, const Query&) override {
        return Error(ErrorCode::unavailable, "not now");
    }
};

class ScriptedAdapter final : public BlockingAdapter {
public:
    [[nodiscard]] AdapterDescription describe() const override {
        AdapterDescription description;
        description.name = "scripted";
        return description;
    }
    [[nodiscard]] AdapterCapabilities capabilities() const override {
        AdapterCapabilities capabilities;
        capabilities.max_page_records = 3;
        return capabilities;
    }
    Result<> check() override { return Error(ErrorCode::forbidden, "no"); }
    Result<RecordPage> pull(const PullRequest& request) override {
        RecordPage page;
        page.next = request.entity + request.cursor;
        return page;
    }
    Result<std::vector<FetchedRecord>> fetch(const FetchRequest& request) override {
        return std::vector<FetchedRecord>(request.ids.size());
    }
    Result<std::vector<PushOutcome>> push(const PushRequest& request) override {
        return std::vector<PushOutcome>(request.items.size());
    }
};

struct Bridged {
    std::shared_ptr<ScriptedStore> blocking = std::make_shared<ScriptedStore>();
    asio::static_thread_pool thread{1};
    asio::io_context loop;
    std::unique_ptr<Store> store = bridge(blocking, thread.get_executor());

    ~Bridged() { thread.join(); }
};

Async<std::thread::id> thread_after_commit(Store& store) {
    auto committed = co_await store.commit("p", std::vector<Write>(2));
    REQUIRE(committed.has_value());
    REQUIRE(committed->etags.size() == 2);
    co_return std::this_thread::get_id();
}

// How a commit that may be cancelled ended.
struct Ending {
    std::optional<bool> succeeded;
    std::optional<boost::system::error_code> thrown;
};

Async<void> commit_and_note(Store& store, Ending& ending) {
    try {
        auto committed = co_await store.commit("p", std::vector<Write>(1));
        ending.succeeded = committed.has_value();
    } catch (const boost::system::system_error& error) {
        ending.thrown = error.code();
    }
}

} // namespace

TEST_CASE("a blocking call runs on the bridge's thread, and the caller goes on on its own") {
    Bridged bridged;
    std::thread::id ran_on;
    bridged.blocking->on_commit = [&](const std::vector<Write>& writes) {
        ran_on = std::this_thread::get_id();
        CommitReceipt receipt;
        receipt.etags.resize(writes.size());
        return receipt;
    };
    const std::thread::id resumed_on = run(bridged.loop, thread_after_commit(*bridged.store));
    CHECK(resumed_on == std::this_thread::get_id());
    CHECK(ran_on != std::thread::id());
    CHECK(ran_on != resumed_on);
}

TEST_CASE("a bridge passes arguments, results, errors and limits on") {
    Bridged bridged;
    Query query;
    query.limit = 12;
    CHECK(run(bridged.loop, bridged.store->query("p", "k", query))->continuation == "p/k/12");
    CHECK(run(bridged.loop, bridged.store->read("p", "k", {"a", "b"}))->size() == 2);
    CHECK(run(bridged.loop, bridged.store->scan("k", Query())).error() == Error(ErrorCode::unavailable, "not now"));
    CHECK(bridged.store->limits().max_writes == 7);

    const auto adapter = bridge(std::make_shared<ScriptedAdapter>(), bridged.thread.get_executor());
    CHECK(adapter->describe().name == "scripted");
    CHECK(adapter->capabilities().max_page_records == 3);
    CHECK(run(bridged.loop, adapter->check()).error().code == ErrorCode::forbidden);
    PullRequest pull;
    pull.entity = "contacts";
    pull.cursor = "7";
    CHECK(run(bridged.loop, adapter->pull(pull))->next == "contacts7");
    FetchRequest fetch;
    fetch.ids = {"1", "2"};
    CHECK(run(bridged.loop, adapter->fetch(fetch))->size() == 2);
    PushRequest push;
    push.items.resize(3);
    CHECK(run(bridged.loop, adapter->push(push))->size() == 3);
}

TEST_CASE("an exception of a blocking call reaches the awaiting caller") {
    Bridged bridged;
    bridged.blocking->on_commit = [](const std::vector<Write>&) -> Result<CommitReceipt> {
        throw std::runtime_error("a bug");
    };
    CHECK_THROWS_WITH_AS(run(bridged.loop, bridged.store->commit("p", {})), "a bug", std::runtime_error);
}

TEST_CASE("a cancelled call that has not begun never happens") {
    Bridged bridged;
    bridged.blocking->on_commit = [](const std::vector<Write>&) { return CommitReceipt(); };
    std::promise<void> release;
    asio::post(bridged.thread, [&] { release.get_future().wait(); }); // keeps the only thread busy
    Ending ending;
    asio::cancellation_signal signal;
    asio::co_spawn(bridged.loop, commit_and_note(*bridged.store, ending),
                   asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
    bridged.loop.poll();
    signal.emit(asio::cancellation_type::terminal);
    bridged.loop.run(); // ends while the thread is still busy: the caller does not wait for it
    CHECK(ending.thrown == asio::error::operation_aborted);
    release.set_value();
    bridged.thread.join();
    CHECK(bridged.blocking->commits == 0);
}

TEST_CASE("a cancelled call that is under way completes, and the caller learns how") {
    Bridged bridged;
    std::promise<void> begun;
    std::promise<void> release;
    bridged.blocking->on_commit = [&](const std::vector<Write>&) {
        begun.set_value();
        release.get_future().wait();
        return CommitReceipt();
    };
    Ending ending;
    asio::cancellation_signal signal;
    asio::co_spawn(bridged.loop, commit_and_note(*bridged.store, ending),
                   asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
    bridged.loop.poll();
    begun.get_future().wait();
    signal.emit(asio::cancellation_type::terminal);
    bridged.loop.restart();
    bridged.loop.poll();
    CHECK_FALSE(ending.succeeded.has_value());
    CHECK_FALSE(ending.thrown.has_value());
    release.set_value();
    bridged.loop.restart();
    bridged.loop.run();
    CHECK(ending.succeeded == true);
    CHECK(bridged.blocking->commits == 1);
}

TEST_CASE("on the caller's own executor calls run in the order made, one after the other") {
    asio::io_context loop;
    auto blocking = std::make_shared<ScriptedStore>();
    std::string order;
    blocking->on_commit = [&](const std::vector<Write>& writes) {
        order += writes[0].document.id;
        return CommitReceipt();
    };
    const auto store = bridge(blocking, loop.get_executor());
    for (const char* id : {"a", "b", "c"}) {
        std::vector<Write> writes;
        writes.push_back(castiel_sync::remove("kind", id));
        asio::co_spawn(loop, store->commit("p", writes), [&order, id](std::exception_ptr, Result<CommitReceipt>) {
            order += std::string(">") + id;
        });
    }
    loop.run();
    CHECK(order == "abc>a>b>c");
}

TEST_CASE("a caller that goes away with its loop takes its calls with it") {
    auto blocking = std::make_shared<ScriptedStore>();
    blocking->on_commit = [](const std::vector<Write>&) { return CommitReceipt(); };
    asio::io_context blocking_loop;
    const auto store = bridge(blocking, blocking_loop.get_executor());
    Ending ending;
    {
        asio::io_context loop;
        asio::co_spawn(loop, commit_and_note(*store, ending), [](std::exception_ptr) {});
        loop.poll();
        blocking_loop.poll(); // the answer is on its way when the loop ends
    }
    CHECK(blocking->commits == 1);
    CHECK_FALSE(ending.succeeded.has_value());
}
