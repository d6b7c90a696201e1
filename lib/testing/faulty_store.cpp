#include <castiel_sync/testing/faulty_store.hpp>

#include "fault_errors.hpp"

#include <utility>

namespace castiel_sync::testing {
namespace {

using std::chrono::nanoseconds;

Async<void> commit_late(SimLoop& loop, std::shared_ptr<Store> inner, nanoseconds lateness, std::string partition,
                        std::vector<Write> writes) {
    co_await loop.sleep(lateness);
    (void)co_await inner->commit(std::move(partition), std::move(writes));
}

class FaultyStore final : public Store {
public:
    FaultyStore(SimulatedProcess& process, std::shared_ptr<Store> inner, FaultPlan& plan, std::string resource)
        : process_(process), inner_(std::move(inner)), plan_(plan), resource_(std::move(resource)) {}

    [[nodiscard]] StoreLimits limits() const override { return inner_->limits(); }

    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        const Fault fault = co_await begin(Operation::read);
        if (fails(fault)) {
            co_await process_.pass_after(fault.after);
            co_return error(fault, Operation::read);
        }
        auto answer = co_await inner_->read(std::move(partition), std::move(kind), std::move(ids));
        co_await end(fault);
        co_return answer;
    }

    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        const Fault fault = co_await begin(Operation::query);
        if (fails(fault)) {
            co_await process_.pass_after(fault.after);
            co_return error(fault, Operation::query);
        }
        auto answer = co_await inner_->query(std::move(partition), std::move(kind), std::move(query));
        co_await end(fault);
        co_return answer;
    }

    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        const Fault fault = co_await begin(Operation::scan);
        if (fails(fault)) {
            co_await process_.pass_after(fault.after);
            co_return error(fault, Operation::scan);
        }
        auto answer = co_await inner_->scan(std::move(kind), std::move(query));
        co_await end(fault);
        co_return answer;
    }

    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        co_await process_.pass();
        const Fault fault = plan_.next({resource_, Operation::commit});
        if (fault.kind == Fault::Kind::crash_before) process_.crash();
        if (fault.before > nanoseconds{0}) co_await process_.loop().sleep(fault.before);
        // What was sent before the process died may arrive all the same.
        if (process_.crashed() && (!fault.arrives || fault.kind == Fault::Kind::crash_before))
            co_await process_.pass();
        if (fault.kind == Fault::Kind::late)
            process_.loop().spawn(
                commit_late(process_.loop(), inner_, fault.lateness, std::move(partition), std::move(writes)));
        if (fails_without_effect(fault.kind)) {
            co_await process_.pass_after(fault.after);
            co_return error(fault, Operation::commit);
        }
        auto answer = co_await inner_->commit(std::move(partition), std::move(writes));
        co_await end(fault);
        if (fault.kind == Fault::Kind::answer_lost) co_return error(fault, Operation::commit);
        co_return answer;
    }

private:
    // Before a call without effect: what strikes it, when the process lives.
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

    [[nodiscard]] static bool fails(const Fault& fault) { return fails_without_effect(fault.kind); }
    [[nodiscard]] Error error(const Fault& fault, Operation operation) const {
        return fault_error(fault, {resource_, operation});
    }

    SimulatedProcess& process_;
    std::shared_ptr<Store> inner_;
    FaultPlan& plan_;
    std::string resource_;
};

} // namespace

std::unique_ptr<Store> make_faulty_store(SimulatedProcess& process, std::shared_ptr<Store> inner, FaultPlan& plan,
                                         std::string resource) {
    return std::make_unique<FaultyStore>(process, std::move(inner), plan, std::move(resource));
}

} // namespace castiel_sync::testing
