// A host cancels a run at every step it takes.
#include "world.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

// Waits a moment at each call, before or after the store has done it, where a cancellation can reach it.
class SlowStore final : public Store {
public:
    SlowStore(Store& inner, SimLoop& loop) : inner_(inner), loop_(loop) {}
    std::size_t calls = 0;
    std::size_t cancel_at = 0;
    bool after = false;
    boost::asio::cancellation_signal signal;

    [[nodiscard]] StoreLimits limits() const override { return inner_.limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        co_await wait(false);
        auto documents = co_await inner_.read(std::move(partition), std::move(kind), std::move(ids));
        co_await wait(true);
        co_return documents;
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        co_await wait(false);
        auto page = co_await inner_.query(std::move(partition), std::move(kind), std::move(query));
        co_await wait(true);
        co_return page;
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        return inner_.scan(std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        co_await wait(false);
        auto receipt = co_await inner_.commit(std::move(partition), std::move(writes));
        co_await wait(true);
        co_return receipt;
    }

private:
    Async<void> wait(bool done) {
        if (!done) ++calls;
        if (calls == cancel_at && done == after)
            loop_.after(std::chrono::milliseconds(1),
                        [this] { signal.emit(boost::asio::cancellation_type::terminal); });
        co_await loop_.sleep(std::chrono::milliseconds(2));
    }

    Store& inner_;
    SimLoop& loop_;
};

struct Cancelled {
    World world;
    SlowStore slow{*world.store, world.loop};
    bool threw = false;
    std::optional<Result<std::vector<Execution>>> answer;

    Cancelled() {
        world.source.create("contacts", person("a@x", "A"));
        world.target.create("contact", {{"email", "b@x"}, {"name", "B"}});
    }

    void run(std::size_t cancel_at, bool after) {
        slow.cancel_at = cancel_at;
        slow.after = after;
        EngineParts parts;
        parts.runtime = Runtime{world.loop.executor(), &world.clock, world.random.get()};
        parts.store = &slow;
        parts.adapters = &world.registry;
        parts.shards = world.wired(world.target, world.to_target);
        parts.catalog = world.catalog.get();
        parts.events = &world.sink;
        parts.limits = world.limits;
        parts.instance = "test";
        Engine engine(std::move(parts));
        bool done = false;
        boost::asio::co_spawn(world.loop.executor(), engine.run(world.request()),
                              boost::asio::bind_cancellation_slot(
                                  slow.signal.slot(), [&](std::exception_ptr thrown, auto executions) {
                                      done = true;
                                      threw = thrown != nullptr;
                                      if (!thrown) answer.emplace(std::move(executions));
                                  }));
        world.loop.run_until_idle();
        REQUIRE(done);
    }
};

} // namespace

TEST_CASE("a run that is cancelled at any step says so, leaves nothing running, and the next goes on (I16, I38)") {
    bool reached_the_end = false;
    for (std::size_t step = 1; !reached_the_end; ++step)
        for (const bool after : {false, true}) {
            CAPTURE(step);
            CAPTURE(after);
            Cancelled host;
            host.run(step, after);
            REQUIRE_FALSE(host.threw);
            REQUIRE(host.answer.has_value());
            if (host.answer->has_value()) {
                for (const Execution& execution : host.answer->value())
                    CHECK((execution.status == SyncStatus::cancelled || execution.status == SyncStatus::completed));
            } else {
                CHECK(host.answer->error().code == ErrorCode::cancelled);
            }
            for (const Execution& execution : host.world.stored<Execution>("execution"))
                CHECK(execution.status != SyncStatus::running);
            for (const TaskDocument& task : host.world.stored<TaskDocument>("task"))
                CHECK(task.status != SyncStatus::running);
            reached_the_end = host.slow.calls < step;
            host.world.loop.run_for(std::chrono::minutes(5));
            host.world.sync_well();
            CHECK(host.world.source.ids("contacts").size() == 2);
            CHECK(host.world.target.ids("contact").size() == 2);
            CHECK(host.world.live_links().size() == 2);
        }
}
