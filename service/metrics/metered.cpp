#include "metered.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <utility>

namespace castiel_sync::service {
namespace {

ErrorCode code_of(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& fault) {
        return fault.code() == boost::asio::error::operation_aborted ? ErrorCode::cancelled : ErrorCode::internal;
    } catch (...) {
        return ErrorCode::internal;
    }
}

// One frame around a call: `count` is told what became of it and how long that took.
template <class Answer, class Count>
Async<Answer> timed(Async<Answer> call, Clock& clock, Count count) {
    const auto begin = clock.monotonic();
    std::exception_ptr thrown;
    try {
        Answer answer = co_await std::move(call);
        count(answer ? std::optional<ErrorCode>() : std::optional(answer.error().code), clock.monotonic() - begin);
        co_return answer;
    } catch (...) {
        thrown = std::current_exception();
    }
    count(code_of(thrown), clock.monotonic() - begin);
    std::rethrow_exception(thrown);
}

struct CountStoreCall {
    Metrics* metrics;
    StoreCall call;
    void operator()(std::optional<ErrorCode> fault, std::chrono::nanoseconds duration) const {
        metrics->count_call(call, fault, duration);
    }
};

struct CountAdapterCall {
    Metrics* metrics;
    const std::string* adapter;
    AdapterCall call;
    void operator()(std::optional<ErrorCode> fault, std::chrono::nanoseconds duration) const {
        metrics->count_call(*adapter, call, fault, duration);
    }
};

class MeteredStore final : public Store {
public:
    MeteredStore(Store& inner, Metrics& metrics, Clock& clock) : inner_(inner), metrics_(metrics), clock_(clock) {}

    [[nodiscard]] StoreLimits limits() const override { return inner_.limits(); }

    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        return timed(inner_.read(std::move(partition), std::move(kind), std::move(ids)), clock_,
                     count(StoreCall::read));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        return timed(inner_.query(std::move(partition), std::move(kind), std::move(query)), clock_,
                     count(StoreCall::query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        return timed(inner_.commit(std::move(partition), std::move(writes)), clock_, count(StoreCall::commit));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        return timed(inner_.scan(std::move(kind), std::move(query)), clock_, count(StoreCall::scan));
    }

private:
    [[nodiscard]] CountStoreCall count(StoreCall call) const { return {&metrics_, call}; }

    Store& inner_;
    Metrics& metrics_;
    Clock& clock_;
};

class MeteredAdapter final : public Adapter {
public:
    MeteredAdapter(std::string name, std::unique_ptr<Adapter> inner, Metrics& metrics, Clock& clock)
        : name_(std::move(name)), inner_(std::move(inner)), metrics_(metrics), clock_(clock) {}

    [[nodiscard]] AdapterDescription describe() const override { return inner_->describe(); }
    [[nodiscard]] AdapterCapabilities capabilities() const override { return inner_->capabilities(); }

    Async<Result<>> check() override { return timed(inner_->check(), clock_, count(AdapterCall::check)); }
    Async<Result<RecordPage>> pull(PullRequest request) override {
        return timed(inner_->pull(std::move(request)), clock_, count(AdapterCall::pull));
    }
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        return timed(inner_->fetch(std::move(request)), clock_, count(AdapterCall::fetch));
    }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        return timed(inner_->push(std::move(request)), clock_, count(AdapterCall::push));
    }

private:
    [[nodiscard]] CountAdapterCall count(AdapterCall call) const { return {&metrics_, &name_, call}; }

    std::string name_;
    std::unique_ptr<Adapter> inner_;
    Metrics& metrics_;
    Clock& clock_;
};

class MeteredSink final : public EventSink {
public:
    MeteredSink(EventSink& inner, Metrics& metrics) : inner_(inner), metrics_(metrics) {}

    Async<Result<>> publish(std::vector<Event> events) override {
        const std::size_t count = events.size();
        auto published = co_await inner_.publish(std::move(events));
        if (published)
            metrics_.count_published_events(count);
        else
            metrics_.count_failed_publication();
        co_return published;
    }

private:
    EventSink& inner_;
    Metrics& metrics_;
};

} // namespace

std::unique_ptr<Store> make_metered_store(Store& inner, Metrics& metrics, Clock& clock) {
    return std::make_unique<MeteredStore>(inner, metrics, clock);
}

AdapterFactory make_metered_adapters(std::string name, AdapterFactory inner, Metrics& metrics, Clock& clock) {
    return [name = std::move(name), inner = std::move(inner), &metrics,
            &clock](const AdapterContext& context) -> Result<std::unique_ptr<Adapter>> {
        auto made = inner(context);
        if (!made) return made.error();
        return std::unique_ptr<Adapter>(
            std::make_unique<MeteredAdapter>(name, std::move(made.value()), metrics, clock));
    };
}

std::unique_ptr<EventSink> make_metered_sink(EventSink& inner, Metrics& metrics) {
    return std::make_unique<MeteredSink>(inner, metrics);
}

void MetricsObserver::on_log(LogLevel level, std::string_view message, const json::object& fields) {
    metrics_.count_log_line(level);
    if (next_ != nullptr) next_->on_log(level, message, fields);
}
void MetricsObserver::on_progress(const Progress& progress) {
    if (next_ != nullptr) next_->on_progress(progress);
}
void MetricsObserver::on_planned(const PlannedRecord& planned) {
    if (next_ != nullptr) next_->on_planned(planned);
}
void MetricsObserver::on_finished(const Execution& execution) {
    metrics_.count_execution(execution);
    if (next_ != nullptr) next_->on_finished(execution);
}

} // namespace castiel_sync::service
