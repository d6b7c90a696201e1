// Runs a blocking call on another executor and resumes the awaiting coroutine on its own. Commits to a store that wait
// together are run together.
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

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
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

// Whoever waits for the outcome of a call. Taking it out of `queued` decides its fate: the bridge's executor begins the
// call, or the caller's cancellation drops it.
template <class Outcome>
class Caller {
public:
    Caller() = default;
    virtual ~Caller() = default;
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    // On the bridge's executor. False: it was dropped. After true it gets one answer.
    [[nodiscard]] bool begin() { return leave_queue(State::running); }
    virtual void answer(std::exception_ptr thrown, Outcome outcome) = 0;

protected:
    enum class State { queued, running, dropped };

    [[nodiscard]] bool leave_queue(State next) {
        State expected = State::queued;
        return state_.compare_exchange_strong(expected, next);
    }

private:
    std::atomic<State> state_{State::queued};
};

// However it ends, the handler leaves with Complete, so that nothing of the caller's stays behind on the bridge's
// executor.
template <class Outcome, class Handler>
class WaitingCaller final : public Caller<Outcome>,
                            public std::enable_shared_from_this<WaitingCaller<Outcome, Handler>> {
public:
    using CallerExecutor = asio::associated_executor_t<Handler, asio::any_io_executor>;
    using CallerWork = asio::executor_work_guard<CallerExecutor>;

    WaitingCaller(Handler handler, const asio::any_io_executor& executor)
        : work_(asio::get_associated_executor(handler, executor)), handler_(std::move(handler)) {}

    void listen_for_cancellation() {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.assign(Cancel{this->weak_from_this()});
    }

    void answer(std::exception_ptr thrown, Outcome outcome) override {
        const CallerExecutor executor = work_.get_executor();
        asio::post(executor, Complete{std::move(work_), std::move(handler_), std::move(thrown), std::move(outcome)});
    }

private:
    struct Cancel {
        std::weak_ptr<WaitingCaller> caller;
        void operator()(asio::cancellation_type) const {
            if (auto held = caller.lock()) held->drop();
        }
    };
    struct Complete {
        CallerWork work;
        Handler handler;
        std::exception_ptr thrown;
        Outcome outcome;
        void operator()() {
            auto slot = asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected()) slot.clear();
            std::move(handler)(std::move(thrown), std::move(outcome));
        }
    };

    // On the caller's executor.
    void drop() {
        if (!this->leave_queue(Caller<Outcome>::State::dropped)) return;
        answer(std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted)), Outcome{});
    }

    CallerWork work_;
    Handler handler_;
};

// A call in the executor's queue.
template <class Work>
struct Run {
    using Outcome = typename Work::Outcome;
    std::shared_ptr<Caller<Outcome>> caller;
    Work work;

    void operator()() {
        if (!caller->begin()) return;
        Outcome outcome{};
        std::exception_ptr thrown;
        try {
            outcome = work();
        } catch (...) {
            thrown = std::current_exception();
        }
        caller->answer(std::move(thrown), std::move(outcome));
    }
};

// Named function objects: g++ 12 destroys capturing lambdas twice in an expression that awaits.
template <class Work>
struct PostCall {
    using Outcome = typename Work::Outcome;
    asio::any_io_executor executor;
    Work work;

    void operator()(std::shared_ptr<Caller<Outcome>> caller) {
        asio::post(executor, Run<Work>{std::move(caller), std::move(work)});
    }
};

// Makes a caller of the coroutine that awaits, and hands it to `enqueue`, which starts the call.
struct Start {
    template <class Handler, class Enqueue>
    void operator()(Handler&& handler, const asio::any_io_executor& executor, Enqueue enqueue) const {
        using Waiting = WaitingCaller<typename Enqueue::Outcome, std::decay_t<Handler>>;
        auto caller = std::make_shared<Waiting>(std::forward<Handler>(handler), executor);
        caller->listen_for_cancellation();
        enqueue(std::move(caller));
    }
};

template <class Enqueue>
Async<typename Enqueue::Outcome> start(const asio::any_io_executor& executor, Enqueue enqueue) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, typename Enqueue::Outcome)>(
        Start{}, asio::use_awaitable, executor, std::move(enqueue));
}

template <class Outcome, class Resource, class... Parameters, class... Arguments>
auto make_call(const std::shared_ptr<Resource>& resource, Outcome (Resource::*method)(Parameters...),
               Arguments... arguments) {
    return Call<Outcome, Resource, Outcome (Resource::*)(Parameters...), Arguments...>(resource, method,
                                                                                       std::move(arguments)...);
}

template <class Outcome, class Resource, class... Parameters, class... Arguments>
Async<Outcome> call(const asio::any_io_executor& executor, const std::shared_ptr<Resource>& resource,
                    Outcome (Resource::*method)(Parameters...), Arguments... arguments) {
    auto work = make_call(resource, method, std::move(arguments)...);
    return start(executor, PostCall<decltype(work)>{executor, std::move(work)});
}

struct WaitingCommit {
    std::shared_ptr<Caller<Result<CommitReceipt>>> caller;
    std::string partition;
    std::vector<Write> writes;
};

// A store's calls on their way to the executor, whose queue holds groups of commits instead of single ones.
class StoreQueue : public std::enable_shared_from_this<StoreQueue> {
public:
    StoreQueue(std::shared_ptr<BlockingStore> store, asio::any_io_executor executor)
        : store_(std::move(store)), executor_(std::move(executor)), bounds_(store_->commit_group()) {}

    [[nodiscard]] const std::shared_ptr<BlockingStore>& store() const { return store_; }
    [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }

    void add(WaitingCommit commit) {
        const std::size_t bytes = size_of(commit.writes);
        // Also while posting: a group that others can join has its place in the executor's queue.
        const std::lock_guard lock(mutex_);
        std::shared_ptr<Group> group = last_.lock();
        const bool joins = group != nullptr && group->commits.size() < bounds_.max_commits &&
                           group->bytes + bytes <= bounds_.max_bytes;
        if (!joins) group = std::make_shared<Group>();
        group->commits.push_back(std::move(commit));
        group->bytes += bytes;
        if (joins) return;
        last_ = group;
        asio::post(executor_, RunGroup{shared_from_this(), std::move(group)});
    }

    // Something else comes next: what is committed from now on comes after it.
    void end_group() {
        const std::lock_guard lock(mutex_);
        last_.reset();
    }

private:
    struct Group {
        std::vector<WaitingCommit> commits;
        std::size_t bytes = 0;
    };
    struct RunGroup {
        std::shared_ptr<StoreQueue> queue;
        std::shared_ptr<Group> group;
        void operator()() const { queue->run(group); }
    };

    static std::size_t size_of(const std::vector<Write>& writes) {
        constexpr std::size_t least = 1024; // also what is removed costs something
        std::size_t bytes = 0;
        for (const Write& write : writes) bytes += std::max(least, write.document.body.size());
        return bytes;
    }

    // What has not been dropped meanwhile.
    [[nodiscard]] std::vector<WaitingCommit> begin(const std::shared_ptr<Group>& group) {
        std::vector<WaitingCommit> waiting;
        {
            const std::lock_guard lock(mutex_);
            if (last_.lock() == group) last_.reset();
            waiting = std::move(group->commits);
        }
        std::vector<WaitingCommit> begun;
        begun.reserve(waiting.size());
        for (WaitingCommit& commit : waiting)
            if (commit.caller->begin()) begun.push_back(std::move(commit));
        return begun;
    }

    [[nodiscard]] std::vector<Result<CommitReceipt>> commit(const std::vector<WaitingCommit>& commits) {
        if (commits.size() == 1) return {store_->commit(commits[0].partition, commits[0].writes)};
        std::vector<CommitCall> calls(commits.size());
        for (std::size_t i = 0; i < commits.size(); ++i) {
            calls[i].partition = commits[i].partition;
            calls[i].writes = commits[i].writes;
        }
        auto answers = store_->commit_many(calls);
        if (answers.size() != calls.size()) throw std::logic_error("commit_many owes every call one answer");
        return answers;
    }

    // On the bridge's executor.
    void run(const std::shared_ptr<Group>& group) {
        const std::vector<WaitingCommit> commits = begin(group);
        if (commits.empty()) return;
        std::vector<Result<CommitReceipt>> answers(commits.size());
        std::exception_ptr thrown;
        try {
            answers = commit(commits);
        } catch (...) {
            thrown = std::current_exception();
        }
        // The last one takes it along: nothing of the callers' stays behind on this executor.
        for (std::size_t i = 0; i < commits.size(); ++i) {
            std::exception_ptr told = i + 1 < commits.size() ? thrown : std::move(thrown);
            commits[i].caller->answer(std::move(told), std::move(answers[i]));
        }
    }

    std::shared_ptr<BlockingStore> store_;
    asio::any_io_executor executor_;
    CommitGroup bounds_;
    std::mutex mutex_;
    std::weak_ptr<Group> last_; // at the end of the executor's queue: the next commit may join it
};

struct PostCommit {
    using Outcome = Result<CommitReceipt>;
    std::shared_ptr<StoreQueue> queue;
    std::string partition;
    std::vector<Write> writes;

    void operator()(std::shared_ptr<Caller<Outcome>> caller) {
        queue->add({std::move(caller), std::move(partition), std::move(writes)});
    }
};

// Any other call of a store.
template <class Work>
struct PostAfterCommits {
    using Outcome = typename Work::Outcome;
    std::shared_ptr<StoreQueue> queue;
    Work work;

    void operator()(std::shared_ptr<Caller<Outcome>> caller) {
        queue->end_group();
        asio::post(queue->executor(), Run<Work>{std::move(caller), std::move(work)});
    }
};

class BridgedStore final : public Store {
public:
    BridgedStore(std::shared_ptr<BlockingStore> store, asio::any_io_executor executor)
        : queue_(std::make_shared<StoreQueue>(std::move(store), std::move(executor))) {}

    [[nodiscard]] StoreLimits limits() const override { return queue_->store()->limits(); }

    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        return call_store(&BlockingStore::read, std::move(partition), std::move(kind), std::move(ids));
    }

    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        return call_store(&BlockingStore::query, std::move(partition), std::move(kind), std::move(query));
    }

    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        return start(queue_->executor(), PostCommit{queue_, std::move(partition), std::move(writes)});
    }

    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        return call_store(&BlockingStore::scan, std::move(kind), std::move(query));
    }

private:
    template <class Outcome, class... Parameters, class... Arguments>
    Async<Outcome> call_store(Outcome (BlockingStore::*method)(Parameters...), Arguments... arguments) {
        auto work = make_call(queue_->store(), method, std::move(arguments)...);
        return start(queue_->executor(), PostAfterCommits<decltype(work)>{queue_, std::move(work)});
    }

    std::shared_ptr<StoreQueue> queue_;
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

std::vector<Result<CommitReceipt>> BlockingStore::commit_many(std::span<const CommitCall> calls) {
    std::vector<Result<CommitReceipt>> answers;
    answers.reserve(calls.size());
    for (const CommitCall& call : calls)
        answers.push_back(
            commit(std::string(call.partition), std::vector<Write>(call.writes.begin(), call.writes.end())));
    return answers;
}

std::unique_ptr<Store> bridge(std::shared_ptr<BlockingStore> store, boost::asio::any_io_executor executor) {
    return std::make_unique<BridgedStore>(std::move(store), std::move(executor));
}

std::unique_ptr<Adapter> bridge(std::shared_ptr<BlockingAdapter> adapter, boost::asio::any_io_executor executor) {
    return std::make_unique<BridgedAdapter>(std::move(adapter), std::move(executor));
}

} // namespace castiel_sync
