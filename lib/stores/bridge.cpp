// Runs a blocking call on another executor and resumes the awaiting coroutine on its own.
#include <castiel_sync/blocking.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace castiel_sync {
namespace {

namespace asio = boost::asio;

// One call to be made: the object, its method, and the arguments, all owned.
template <class Outcome_, class Resource, class Method, class... Arguments>
class Call {
public:
    using Outcome = Outcome_;

    Call(std::shared_ptr<Resource> resource, Method method, Arguments... arguments)
        : resource_(std::move(resource)), method_(method), arguments_(std::move(arguments)...) {}

    Outcome operator()() {
        return std::apply([&](const Arguments&... arguments) { return ((*resource_).*method_)(arguments...); },
                          arguments_);
    }

private:
    std::shared_ptr<Resource> resource_;
    Method method_;
    std::tuple<Arguments...> arguments_;
};

// A call on its way. Whoever takes it out of `queued` decides its fate: the executor runs it, or the caller's
// cancellation drops it. Either way the handler leaves with Complete, so that nothing of the caller's stays behind on
// the bridge's executor.
template <class Work, class Handler>
class Operation : public std::enable_shared_from_this<Operation<Work, Handler>> {
public:
    using Outcome = typename Work::Outcome;
    using CallerExecutor = asio::associated_executor_t<Handler, asio::any_io_executor>;
    using CallerWork = asio::executor_work_guard<CallerExecutor>;

    Operation(Work work, Handler handler, const asio::any_io_executor& executor)
        : work_(std::move(work)), caller_(asio::get_associated_executor(handler, executor)),
          handler_(std::move(handler)) {}

    void start(const asio::any_io_executor& executor) {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.assign(Cancel{this->weak_from_this()});
        asio::post(executor, Run{this->shared_from_this()});
    }

private:
    enum class State { queued, running, dropped };

    struct Cancel {
        std::weak_ptr<Operation> operation;
        void operator()(asio::cancellation_type) const {
            if (auto held = operation.lock()) held->drop();
        }
    };
    struct Run {
        std::shared_ptr<Operation> operation;
        void operator()() const { operation->run(); }
    };
    struct Complete {
        CallerWork caller;
        Handler handler;
        std::exception_ptr thrown;
        Outcome outcome;
        void operator()() {
            auto slot = asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected()) slot.clear();
            std::move(handler)(std::move(thrown), std::move(outcome));
        }
    };

    [[nodiscard]] bool leave_queue(State next) {
        State expected = State::queued;
        return state_.compare_exchange_strong(expected, next);
    }

    void complete(std::exception_ptr thrown, Outcome outcome) {
        const CallerExecutor executor = caller_.get_executor();
        asio::post(executor,
                   Complete{std::move(caller_), std::move(handler_), std::move(thrown), std::move(outcome)});
    }

    // On the caller's executor.
    void drop() {
        if (!leave_queue(State::dropped)) return;
        complete(std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted)), Outcome{});
    }

    // On the bridge's executor.
    void run() {
        if (!leave_queue(State::running)) return;
        Outcome outcome{};
        std::exception_ptr thrown;
        try {
            outcome = work_();
        } catch (...) {
            thrown = std::current_exception();
        }
        complete(std::move(thrown), std::move(outcome));
    }

    std::atomic<State> state_{State::queued};
    Work work_;
    CallerWork caller_;
    Handler handler_;
};

// A named function object: g++ 12 destroys capturing lambdas twice in an expression that awaits.
struct Start {
    template <class Handler, class Work>
    void operator()(Handler&& handler, asio::any_io_executor executor, Work work) const {
        using Started = Operation<Work, std::decay_t<Handler>>;
        std::make_shared<Started>(std::move(work), std::forward<Handler>(handler), executor)->start(executor);
    }
};

template <class Outcome, class Resource, class... Parameters, class... Arguments>
Async<Outcome> call(const asio::any_io_executor& executor, const std::shared_ptr<Resource>& resource,
                    Outcome (Resource::*method)(Parameters...), Arguments... arguments) {
    using Work = Call<Outcome, Resource, Outcome (Resource::*)(Parameters...), Arguments...>;
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, Outcome)>(
        Start{}, asio::use_awaitable, executor, Work(resource, method, std::move(arguments)...));
}

class BridgedStore final : public Store {
public:
    BridgedStore(std::shared_ptr<BlockingStore> store, asio::any_io_executor executor)
        : store_(std::move(store)), executor_(std::move(executor)) {}

    [[nodiscard]] StoreLimits limits() const override { return store_->limits(); }

    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        return call(executor_, store_, &BlockingStore::read, std::move(partition), std::move(kind), std::move(ids));
    }

    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        return call(executor_, store_, &BlockingStore::query, std::move(partition), std::move(kind), std::move(query));
    }

    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        return call(executor_, store_, &BlockingStore::commit, std::move(partition), std::move(writes));
    }

    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        return call(executor_, store_, &BlockingStore::scan, std::move(kind), std::move(query));
    }

private:
    std::shared_ptr<BlockingStore> store_;
    asio::any_io_executor executor_;
};

class BridgedAdapter final : public Adapter {
public:
    BridgedAdapter(std::shared_ptr<BlockingAdapter> adapter, asio::any_io_executor executor)
        : adapter_(std::move(adapter)), executor_(std::move(executor)) {}

    [[nodiscard]] AdapterDescription describe() const override { return adapter_->describe(); }
    [[nodiscard]] AdapterCapabilities capabilities() const override { return adapter_->capabilities(); }

    Async<Result<>> check() override { return call(executor_, adapter_, &BlockingAdapter::check); }

    Async<Result<RecordPage>> pull(PullRequest request) override {
        return call(executor_, adapter_, &BlockingAdapter::pull, std::move(request));
    }

    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        return call(executor_, adapter_, &BlockingAdapter::fetch, std::move(request));
    }

    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        return call(executor_, adapter_, &BlockingAdapter::push, std::move(request));
    }

private:
    std::shared_ptr<BlockingAdapter> adapter_;
    asio::any_io_executor executor_;
};

} // namespace

std::unique_ptr<Store> bridge(std::shared_ptr<BlockingStore> store, boost::asio::any_io_executor executor) {
    return std::make_unique<BridgedStore>(std::move(store), std::move(executor));
}

std::unique_ptr<Adapter> bridge(std::shared_ptr<BlockingAdapter> adapter, boost::asio::any_io_executor executor) {
    return std::make_unique<BridgedAdapter>(std::move(adapter), std::move(executor));
}

} // namespace castiel_sync
