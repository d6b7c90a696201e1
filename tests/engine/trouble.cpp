#include "trouble.hpp"

namespace castiel_sync::testing {

WiredAdapter::WiredAdapter(std::unique_ptr<Adapter> inner, Wire& wire, Process& process)
    : inner_(std::move(inner)), wire_(wire), process_(process) {}

AdapterDescription WiredAdapter::describe() const { return inner_->describe(); }

AdapterCapabilities WiredAdapter::capabilities() const { return inner_->capabilities(); }

Async<Result<>> WiredAdapter::check() { return inner_->check(); }

Async<Result<RecordPage>> WiredAdapter::pull(PullRequest request) {
    process_.step();
    return inner_->pull(std::move(request));
}

Async<Result<std::vector<FetchedRecord>>> WiredAdapter::fetch(FetchRequest request) {
    process_.step();
    int& left = request.ids.empty() ? wire_.key_look_ups_fail : wire_.unreadable;
    if (left == 0) co_return co_await inner_->fetch(std::move(request));
    --left;
    co_return std::vector<FetchedRecord>(request.ids.size() + request.idempotency_keys.size());
}

Async<Result<std::vector<PushOutcome>>> WiredAdapter::push(PushRequest request) {
    process_.step();
    wire_.sent.insert(wire_.sent.end(), request.items.begin(), request.items.end());
    const Fate fate = wire_.pushes.take();
    if (wire_.passes) co_await wire_.passes();
    if (fate == Fate::dies_before) process_.die();
    if (fate == Fate::refused) {
        Error later(ErrorCode::unavailable, "the system is not there now");
        later.retry_after = wire_.refused_for;
        co_return later;
    }
    const bool happens = fate != Fate::request_lost && fate != Fate::late;
    if (fate == Fate::late) wire_.under_way.push_back(request);
    auto answer = Result<std::vector<PushOutcome>>(Error(ErrorCode::unknown_outcome, "nobody answered"));
    if (happens) answer = co_await carry(std::move(request));
    if (auto acts = std::exchange(wire_.meanwhile, {})) acts();
    if (fate == Fate::dies_after) process_.die();
    if (fate != Fate::arrives) co_return Error(ErrorCode::unknown_outcome, "nobody answered");
    co_return answer;
}

Async<Result<std::vector<PushOutcome>>> WiredAdapter::carry(PushRequest request) {
    if (wire_.unique.empty()) co_return co_await inner_->push(std::move(request));
    std::vector<PushOutcome> outcomes;
    for (auto& item : request.items) {
        PushRequest one;
        one.entity = request.entity;
        if (item.action == PushItem::Action::create) {
            PullRequest everything;
            everything.entity = request.entity;
            auto page = co_await inner_->pull(std::move(everything));
            if (!page) co_return page.error();
            PushOutcome known;
            for (auto& record : page->records) {
                const auto* held = record.fields.if_contains(wire_.unique);
                const auto* wanted = item.fields.if_contains(wire_.unique);
                if (!held || !wanted || *held != *wanted) continue;
                known.status = PushOutcome::Status::applied;
                known.id = record.id;
                known.version = record.version;
                known.fields = record.fields;
            }
            if (known.status == PushOutcome::Status::applied) {
                outcomes.push_back(std::move(known));
                continue;
            }
        }
        one.items.push_back(std::move(item));
        auto answer = co_await inner_->push(std::move(one));
        if (!answer) co_return answer;
        outcomes.push_back(std::move(answer->front()));
    }
    co_return outcomes;
}

WiredStore::WiredStore(Store& inner, Fates& commits, Process& process)
    : inner_(inner), commits_(commits), process_(process) {}

StoreLimits WiredStore::limits() const { return inner_.limits(); }

Async<Result<std::vector<std::optional<Document>>>> WiredStore::read(std::string partition, std::string kind,
                                                                     std::vector<std::string> ids) {
    process_.step();
    if (read_passes) co_await read_passes();
    if (unreadable > 0) {
        --unreadable;
        co_return Error(ErrorCode::unavailable, "the store does not answer");
    }
    co_return co_await inner_.read(std::move(partition), std::move(kind), std::move(ids));
}

Async<Result<DocumentPage>> WiredStore::query(std::string partition, std::string kind, Query query) {
    process_.step();
    return inner_.query(std::move(partition), std::move(kind), std::move(query));
}

Async<Result<ScanPage>> WiredStore::scan(std::string kind, Query query) {
    process_.step();
    return inner_.scan(std::move(kind), std::move(query));
}

Async<Result<CommitReceipt>> WiredStore::commit(std::string partition, std::vector<Write> writes) {
    process_.step();
    const Fate fate = commits_.take();
    if (fate == Fate::dies_before) process_.die();
    auto receipt = Result<CommitReceipt>(Error(ErrorCode::unknown_outcome, "the store did not answer"));
    if (fate == Fate::refused) co_return Error(ErrorCode::unavailable, "the store is not there now");
    if (passes) co_await passes();
    const std::vector<Write> copy = writes;
    if (fate != Fate::request_lost) receipt = co_await inner_.commit(std::move(partition), std::move(writes));
    if (receipt && witness) witness(copy);
    if (fate == Fate::lost_for_long) unreadable = 15; // as often as the engine asks before it gives the commit up
    if (fate == Fate::dies_after) process_.die();
    if (fate != Fate::arrives) co_return Error(ErrorCode::unknown_outcome, "the store did not answer");
    co_return receipt;
}

} // namespace castiel_sync::testing
