#include <async/gate.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <cstdint>
#include <map>
#include <utility>

namespace castiel_sync {

namespace asio = boost::asio;

struct Gate::State {
    using Handler = asio::any_completion_handler<void(boost::system::error_code)>;

    explicit State(asio::any_io_executor on) : executor(std::move(on)) {}

    void resume(Handler handler, boost::system::error_code error) {
        asio::post(executor, [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
    }

    struct Cancel {
        std::weak_ptr<State> state;
        std::uint64_t number = 0;
        void operator()(asio::cancellation_type) const {
            const auto held = state.lock();
            if (!held) return;
            const auto found = held->waiting.find(number);
            if (found == held->waiting.end()) return;
            Handler handler = std::move(found->second);
            held->waiting.erase(found);
            held->resume(std::move(handler), asio::error::operation_aborted);
        }
    };

    // A named function object: g++ 12 destroys capturing lambdas twice in such an expression.
    struct Wait {
        std::shared_ptr<State> state;
        template <class CompletionHandler>
        void operator()(CompletionHandler&& completion) const {
            // The wrapper takes over the handler's cancellation slot: wrap first, assign the wrapper's slot then.
            Handler handler(std::forward<CompletionHandler>(completion));
            if (state->is_open) return state->resume(std::move(handler), {});
            const std::uint64_t number = state->next++;
            auto slot = handler.get_cancellation_slot();
            state->waiting.emplace(number, std::move(handler));
            if (slot.is_connected()) slot.assign(Cancel{state, number});
        }
    };

    static Async<void> wait(std::shared_ptr<State> state) {
        const Wait begin{std::move(state)};
        co_await asio::async_initiate<const asio::use_awaitable_t<>, void(boost::system::error_code)>(
            begin, asio::use_awaitable);
    }

    asio::any_io_executor executor;
    bool is_open = false;
    std::uint64_t next = 0;
    std::map<std::uint64_t, Handler> waiting;
};

Gate::Gate(Runtime runtime) : runtime_(std::move(runtime)), state_(std::make_shared<State>(runtime_.executor)) {}

Gate::~Gate() = default;

void Gate::open() {
    state_->is_open = true;
    for (auto& [number, handler] : std::exchange(state_->waiting, {}))
        state_->resume(std::move(handler), {});
}

void Gate::abandon() {
    auto doomed = std::exchange(state_->waiting, {});
    doomed.clear();
}

Async<void> Gate::wait() { return State::wait(state_); }

Async<bool> Gate::wait(std::chrono::nanoseconds longest) {
    if (state_->is_open) co_return true;
    const std::shared_ptr<State> state = state_; // whoever opens the gate may destroy it
    auto opened = asio::co_spawn(runtime_.executor, State::wait(state), asio::deferred);
    auto late = asio::co_spawn(runtime_.executor, runtime_.clock->sleep_for(longest), asio::deferred);
    auto both = asio::experimental::make_parallel_group(std::move(opened), std::move(late));
    co_await std::move(both).async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    // Where the caller was cancelled, the next thing that it awaits throws; this may be the last.
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error(asio::error::operation_aborted);
    co_return state->is_open;
}

} // namespace castiel_sync
