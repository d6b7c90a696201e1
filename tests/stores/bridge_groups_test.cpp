// Which commits a bridge hands to its store together.
#include "stores/store_fixtures.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/static_thread_pool.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <future>

using namespace castiel_sync;
using namespace castiel_sync::testing;
namespace asio = boost::asio;

namespace {

// Writes down what it is asked: "(ab)" is a group, "a" a single commit, "r" a read.
class WritingStore final : public BlockingStore {
public:
    std::string log;
    CommitGroup bounds;
    std::string refused; // the id of a document that is never taken
    std::function<void()> on_group;

    WritingStore() {
        bounds.max_commits = 100;
        bounds.max_bytes = 1'000'000;
    }

    [[nodiscard]] StoreLimits limits() const override { return {}; }
    [[nodiscard]] CommitGroup commit_group() const override { return bounds; }
    Result<std::vector<std::optional<Document>>> read(const std::string&, const std::string&,
                                                      const std::vector<std::string>& ids) override {
        log += "r";
        return std::vector<std::optional<Document>>(ids.size());
    }
    Result<DocumentPage> query(const std::string&, const std::string&, const Query&) override {
        log += "q";
        return DocumentPage();
    }
    Result<ScanPage> scan(const std::string&, const Query&) override {
        log += "s";
        return ScanPage();
    }
    Result<CommitReceipt> commit(const std::string& partition, const std::vector<Write>& writes) override {
        const std::string& id = writes.at(0).document.id;
        log += id;
        if (id == refused) return Error(ErrorCode::stale, id);
        CommitReceipt receipt;
        receipt.etags.push_back(partition + id);
        return receipt;
    }
    std::vector<Result<CommitReceipt>> commit_many(std::span<const CommitCall> calls) override {
        log += "(";
        if (on_group) on_group();
        auto answers = BlockingStore::commit_many(calls); // one after the other
        log += ")";
        return answers;
    }
};

// Calls that are made at once, and how each of them ended.
class Calls {
public:
    explicit Calls(std::shared_ptr<WritingStore> blocking)
        : blocking_(std::move(blocking)), store_(bridge(blocking_, thread_.get_executor())) {
        // Until `run`, the only thread is busy and calls wait.
        asio::post(thread_, [this] { release_.get_future().wait(); });
    }
    ~Calls() {
        release();
        thread_.join();
    }
    Calls(const Calls&) = delete;
    Calls& operator=(const Calls&) = delete;

    // Each letter is a call: r, q and s as the store writes them down, any other one a commit of that id.
    void make(std::string_view calls, std::size_t bytes = 2) {
        for (const char call : calls) {
            if (call == 'r') spawn(store_->read("p", "kind", {"a"}));
            else if (call == 'q') spawn(store_->query("p", "kind", Query()));
            else if (call == 's') spawn(store_->scan("kind", Query()));
            else commit(std::string(1, call), bytes);
        }
        loop_.poll();
    }
    void cancel(const std::string& id) {
        signals_.at(id).emit(asio::cancellation_type::terminal);
        loop_.restart();
        loop_.poll();
    }
    void release() {
        if (!std::exchange(released_, true)) release_.set_value();
    }
    std::string run() {
        release();
        loop_.restart();
        loop_.run();
        return blocking_->log;
    }
    // The etag, the error's message, or what was thrown.
    [[nodiscard]] const std::string& ending_of(const std::string& id) const { return endings_.at(id); }

private:
    template <class T>
    void spawn(Async<T> work) {
        asio::co_spawn(loop_, std::move(work), [](std::exception_ptr, const T&) {});
        loop_.restart();
        loop_.poll(); // the call is made when its coroutine runs
    }
    void commit(const std::string& id, std::size_t bytes) {
        Document document;
        document.kind = "kind";
        document.id = id;
        document.body = std::string(bytes, 'x');
        std::vector<Write> writes;
        writes.push_back(put(std::move(document)));
        asio::co_spawn(loop_, note(id, std::move(writes)),
                       asio::bind_cancellation_slot(signals_[id].slot(), [](std::exception_ptr) {}));
        loop_.restart();
        loop_.poll();
    }
    Async<void> note(std::string id, std::vector<Write> writes) {
        try {
            auto committed = co_await store_->commit("p", std::move(writes));
            endings_[id] = committed ? committed->etags.at(0) : committed.error().message;
        } catch (const std::exception& error) {
            endings_[id] = error.what();
        }
    }

    std::shared_ptr<WritingStore> blocking_;
    std::promise<void> release_;
    bool released_ = false;
    asio::static_thread_pool thread_{1};
    asio::io_context loop_;
    std::unique_ptr<Store> store_;
    std::map<std::string, asio::cancellation_signal> signals_;
    std::map<std::string, std::string> endings_;
};

} // namespace

TEST_CASE("commits that wait are one group, in the order called, and each gets its own answer") {
    auto blocking = std::make_shared<WritingStore>();
    blocking->refused = "b";
    Calls calls(blocking);
    calls.make("abc");
    CHECK(calls.run() == "(abc)");
    CHECK(calls.ending_of("a") == "pa");
    CHECK(calls.ending_of("b") == "b");
    CHECK(calls.ending_of("c") == "pc");
}

TEST_CASE("reads, queries and scans end a group and keep their place") {
    Calls calls(std::make_shared<WritingStore>());
    calls.make("abrcdqefsghrri");
    CHECK(calls.run() == "(ab)r(cd)q(ef)s(gh)rri");
}

TEST_CASE("a lone commit is no group") {
    Calls calls(std::make_shared<WritingStore>());
    calls.make("a");
    CHECK(calls.run() == "a");
}

TEST_CASE("a group has at most so many commits, and so many bytes unless it is one commit") {
    auto few = std::make_shared<WritingStore>();
    few->bounds.max_commits = 3;
    Calls many(few);
    many.make("abcdefg");
    CHECK(many.run() == "(abc)(def)g");

    auto small = std::make_shared<WritingStore>();
    small->bounds.max_bytes = 4096;
    Calls large(small);
    large.make("ab"); // 1 KiB each at least
    large.make("c", 2049);
    large.make("d", 2047);
    large.make("e", 9000);
    large.make("fghij");
    CHECK(large.run() == "(ab)(cd)e(fghi)j");
}

TEST_CASE("a store that gains nothing from groups gets none") {
    auto blocking = std::make_shared<WritingStore>();
    blocking->bounds = CommitGroup();
    Calls calls(blocking);
    calls.make("abc");
    CHECK(calls.run() == "abc");
}

TEST_CASE("a commit that is cancelled while it waits in a group never happens, and the others do") {
    Calls calls(std::make_shared<WritingStore>());
    calls.make("abcd");
    calls.cancel("b");
    CHECK(calls.ending_of("b").find("canceled") != std::string::npos);
    calls.cancel("d");
    CHECK(calls.run() == "(ac)");
    CHECK(calls.ending_of("a") == "pa");
    CHECK(calls.ending_of("c") == "pc");
}

TEST_CASE("a group whose commits are all cancelled but one is a single commit, and without any it is nothing") {
    Calls calls(std::make_shared<WritingStore>());
    calls.make("abrcd");
    for (const char* id : {"a", "c", "d"}) calls.cancel(id);
    CHECK(calls.run() == "br");
}

TEST_CASE("a commit that is cancelled while its group is under way completes, and the caller learns how") {
    auto blocking = std::make_shared<WritingStore>();
    std::promise<void> begun;
    std::promise<void> go_on;
    blocking->on_group = [&] {
        begun.set_value();
        go_on.get_future().wait();
    };
    Calls calls(blocking);
    calls.make("ab");
    calls.release();
    begun.get_future().wait();
    calls.cancel("b");
    go_on.set_value();
    CHECK(calls.run() == "(ab)");
    CHECK(calls.ending_of("b") == "pb");
}

TEST_CASE("an exception of a group reaches every caller") {
    auto blocking = std::make_shared<WritingStore>();
    blocking->on_group = [] { throw std::runtime_error("a bug"); };
    Calls calls(blocking);
    calls.make("ab");
    calls.run();
    CHECK(calls.ending_of("a") == "a bug");
    CHECK(calls.ending_of("b") == "a bug");
}

TEST_CASE("what is committed while a group is under way is the next group") {
    auto blocking = std::make_shared<WritingStore>();
    asio::io_context loop;
    const auto store = bridge(blocking, loop.get_executor());
    const auto commit = [&](const char* id) {
        std::vector<Write> writes;
        writes.push_back(castiel_sync::remove("kind", id));
        asio::co_spawn(loop, store->commit("p", std::move(writes)), [](std::exception_ptr, const auto&) {});
    };
    bool once = true;
    blocking->on_group = [&] {
        if (!std::exchange(once, false)) return;
        commit("c");
        commit("d");
    };
    commit("a");
    commit("b");
    loop.run();
    CHECK(blocking->log == "(ab)(cd)");
}
