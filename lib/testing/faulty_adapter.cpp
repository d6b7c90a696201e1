#include <castiel_sync/testing/faulty_adapter.hpp>

#include "fault_errors.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace castiel_sync::testing {
namespace {

using std::chrono::nanoseconds;
using Outcomes = std::vector<PushOutcome>;

Async<void> push_late(SimLoop& loop, std::shared_ptr<Adapter> inner, nanoseconds lateness, PushRequest request) {
    co_await loop.sleep(lateness);
    (void)co_await inner->push(std::move(request));
}

PushOutcome failed_outcome(PushOutcome::Status status, Error error) {
    PushOutcome outcome;
    outcome.status = status;
    outcome.error = std::move(error);
    return outcome;
}

class FaultyAdapter final : public Adapter {
public:
    FaultyAdapter(SimulatedProcess& process, std::shared_ptr<Adapter> inner, FaultPlan& plan, std::string resource)
        : process_(process), inner_(std::move(inner)), plan_(plan), resource_(std::move(resource)) {}

    [[nodiscard]] AdapterDescription describe() const override { return inner_->describe(); }
    [[nodiscard]] AdapterCapabilities capabilities() const override { return inner_->capabilities(); }

    Async<Result<>> check() override {
        const Fault fault = co_await begin(Operation::check);
        if (fails_without_effect(fault.kind)) {
            co_await process_.pass_after(fault.after);
            co_return error(fault, Operation::check);
        }
        auto answer = co_await inner_->check();
        co_await end(fault);
        co_return answer;
    }

    Async<Result<RecordPage>> pull(PullRequest request) override {
        const Fault fault = co_await begin(Operation::pull);
        if (fails_without_effect(fault.kind)) {
            co_await process_.pass_after(fault.after);
            co_return error(fault, Operation::pull);
        }
        std::string entity = request.entity;
        const std::size_t max_records = request.max_records;
        auto answer = co_await inner_->pull(std::move(request));
        co_await end(fault);
        // A page is whole or refused: half a page is an error.
        if (fault.kind == Fault::Kind::partial) co_return error(fault, Operation::pull);
        if (answer) {
            if (fault.kind == Fault::Kind::repeated)
                co_await repeat_rows(*answer, std::move(entity), max_records);
            remember_rows(*answer);
        }
        co_return answer;
    }

    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        const Fault fault = co_await begin(Operation::fetch);
        if (fails_without_effect(fault.kind)) {
            co_await process_.pass_after(fault.after);
            co_return error(fault, Operation::fetch);
        }
        auto answer = co_await inner_->fetch(std::move(request));
        co_await end(fault);
        if (answer && fault.kind == Fault::Kind::partial) {
            if (!fault.variant) co_return error(fault, Operation::fetch);
            for (std::size_t i = answer->size() / 2; i < answer->size(); ++i) {
                FetchedRecord unknown;
                unknown.error = error(fault, Operation::fetch);
                (*answer)[i] = std::move(unknown);
            }
        }
        co_return answer;
    }

    Async<Result<Outcomes>> push(PushRequest request) override {
        co_await process_.pass();
        const Fault fault = plan_.next({resource_, Operation::push});
        if (fault.kind == Fault::Kind::crash_before) process_.crash();
        if (fault.before > nanoseconds{0}) co_await process_.loop().sleep(fault.before);
        // What was sent before the process died may arrive all the same.
        if (process_.crashed() && (!fault.arrives || fault.kind == Fault::Kind::crash_before))
            co_await process_.pass();
        if (fault.kind == Fault::Kind::late)
            process_.loop().spawn(push_late(process_.loop(), inner_, fault.lateness, request));
        if (fails_without_effect(fault.kind)) {
            co_await process_.pass_after(fault.after);
            co_return refuse(fault, request.items);
        }
        if (fault.kind == Fault::Kind::partial) co_return co_await push_half(fault, std::move(request));
        co_return co_await push_whole(fault, std::move(request));
    }

private:
    Async<Fault> begin(Operation operation) {
        co_await process_.pass();
        Fault fault = plan_.next({resource_, operation});
        if (fault.kind == Fault::Kind::crash_before) process_.crash();
        co_await process_.pass_after(fault.before);
        co_return fault;
    }

    Async<void> end(Fault fault) {
        if (fault.kind == Fault::Kind::crash_after) process_.crash();
        co_await process_.pass_after(fault.after);
    }

    Async<Result<Outcomes>> push_whole(Fault fault, PushRequest request) {
        const std::size_t count = request.items.size();
        auto answer = co_await inner_->push(request);
        if (fault.kind == Fault::Kind::duplicated) {
            auto second = co_await inner_->push(std::move(request));
            if (fault.variant) answer = std::move(second);
        }
        co_await end(fault);
        if (fault.kind != Fault::Kind::answer_lost) co_return answer;
        if (!fault.variant) co_return error(fault, Operation::push);
        co_return Outcomes(count, failed_outcome(PushOutcome::Status::unknown, error(fault, Operation::push)));
    }

    Async<Result<Outcomes>> push_half(Fault fault, PushRequest request) {
        const std::size_t count = request.items.size();
        request.items.resize(count / 2);
        auto answer = co_await inner_->push(std::move(request));
        co_await end(fault);
        if (!answer) co_return answer;
        const auto status = fault.variant ? PushOutcome::Status::not_sent : PushOutcome::Status::unknown;
        const Error reason(fault.variant ? ErrorCode::unavailable : ErrorCode::unknown_outcome,
                           error(fault, Operation::push).message);
        answer->resize(count, failed_outcome(status, reason));
        co_return answer;
    }

    // The whole call fails, or (variant) each item says so by itself.
    [[nodiscard]] Result<Outcomes> refuse(const Fault& fault, const std::vector<PushItem>& items) const {
        const Error reason = error(fault, Operation::push);
        if (fault.kind == Fault::Kind::stale) {
            Outcomes outcomes;
            for (const PushItem& item : items)
                outcomes.push_back(item.action == PushItem::Action::create
                                       ? failed_outcome(PushOutcome::Status::not_sent,
                                                        Error(ErrorCode::unavailable, reason.message))
                                       : failed_outcome(PushOutcome::Status::stale, reason));
            return outcomes;
        }
        if (!fault.variant) return reason;
        const auto status = reason.code == ErrorCode::unknown_outcome ? PushOutcome::Status::unknown
                                                                      : PushOutcome::Status::not_sent;
        return Outcomes(items.size(), failed_outcome(status, reason));
    }

    // A feed that answers at least once: rows of earlier pages come again, in their present form, and one of this
    // page's rows comes twice.
    Async<void> repeat_rows(RecordPage& page, std::string entity, std::size_t max_records) {
        FetchRequest again;
        again.entity = std::move(entity);
        for (const std::string& id : earlier_)
            if (page.records.size() + again.ids.size() + 1 < max_records) again.ids.push_back(id);
        if (page.records.size() + again.ids.size() < max_records && !page.records.empty())
            page.records.push_back(page.records.front());
        if (again.ids.empty()) co_return;
        auto rows = co_await inner_->fetch(std::move(again));
        if (!rows) co_return;
        for (FetchedRecord& row : *rows)
            if (row.presence == FetchedRecord::Presence::present)
                page.records.insert(page.records.begin(), std::move(row.record));
    }

    void remember_rows(const RecordPage& page) {
        for (const Record& record : page.records) {
            if (std::find(earlier_.begin(), earlier_.end(), record.id) != earlier_.end()) continue;
            earlier_.push_back(record.id);
            if (earlier_.size() > 3) earlier_.pop_front();
        }
    }

    [[nodiscard]] Error error(const Fault& fault, Operation operation) const {
        return fault_error(fault, {resource_, operation});
    }

    SimulatedProcess& process_;
    std::shared_ptr<Adapter> inner_;
    FaultPlan& plan_;
    std::string resource_;
    std::deque<std::string> earlier_; // ids of rows that the last pages held
};

} // namespace

std::unique_ptr<Adapter> make_faulty_adapter(SimulatedProcess& process, std::shared_ptr<Adapter> inner, FaultPlan& plan,
                                             std::string resource) {
    return std::make_unique<FaultyAdapter>(process, std::move(inner), plan, std::move(resource));
}

} // namespace castiel_sync::testing
