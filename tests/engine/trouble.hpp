// What may go wrong between the engine and its world, told call by call: a wire to each side, a store, a process that
// dies. Where nothing is told, everything goes well.
#pragma once

#include <castiel_sync/castiel_sync.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync::testing {

struct ProcessDied : std::runtime_error {
    ProcessDied() : std::runtime_error("the process died") {}
};

// Of a push or a commit.
enum class Fate {
    arrives,      // it happens, and is answered
    answer_lost,  // it happens, and nobody hears of it
    request_lost, // it does not happen, and nobody knows
    late,         // as request_lost, until the wire delivers it (pushes only)
    dies_before,  // the process dies; it does not happen
    dies_after,   // it happens, and the process dies before it hears of it
};

// What becomes of the next ones, in order, and of all that follow.
struct Fates {
    std::vector<Fate> next;
    Fate otherwise = Fate::arrives;

    Fate take() {
        if (next.empty()) return otherwise;
        const Fate fate = next.front();
        next.erase(next.begin());
        return fate;
    }
};

// Once dead, every call from the process to its world throws, until another one takes its place.
struct Process {
    bool dead = false;

    void step() const {
        if (dead) throw ProcessDied();
    }
    [[noreturn]] void die() {
        dead = true;
        throw ProcessDied();
    }
};

struct Wire {
    Fates pushes;
    int unreadable = 0;        // so many fetches of records from now on can't tell whether they exist
    int key_look_ups_fail = 0; // so many fetches by key from now on can't tell either
    std::string unique; // a create that shares this field with a record that exists is answered with that record
    std::function<void()> meanwhile;    // what a user does right after the next push, once
    std::vector<PushItem> sent;         // whatever was pushed, arrived or not
    std::vector<PushRequest> under_way; // late ones

    // Creates that were sent, oldest first.
    std::vector<PushItem> creates() const {
        std::vector<PushItem> items;
        for (const auto& item : sent)
            if (item.action == PushItem::Action::create) items.push_back(item);
        return items;
    }
};

class WiredAdapter final : public Adapter {
public:
    WiredAdapter(std::unique_ptr<Adapter> inner, Wire& wire, Process& process)
        : inner_(std::move(inner)), wire_(wire), process_(process) {}
    AdapterDescription describe() const override { return inner_->describe(); }
    AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
    Async<Result<>> check() override { return inner_->check(); }
    Async<Result<RecordPage>> pull(PullRequest request) override {
        process_.step();
        return inner_->pull(std::move(request));
    }

    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        process_.step();
        int& left = request.ids.empty() ? wire_.key_look_ups_fail : wire_.unreadable;
        if (left == 0) co_return co_await inner_->fetch(std::move(request));
        --left;
        co_return std::vector<FetchedRecord>(request.ids.size() + request.idempotency_keys.size());
    }

    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        process_.step();
        wire_.sent.insert(wire_.sent.end(), request.items.begin(), request.items.end());
        const Fate fate = wire_.pushes.take();
        if (fate == Fate::dies_before) process_.die();
        const bool happens = fate != Fate::request_lost && fate != Fate::late;
        if (fate == Fate::late) wire_.under_way.push_back(request);
        auto answer = Result<std::vector<PushOutcome>>(Error(ErrorCode::unknown_outcome, "nobody answered"));
        if (happens) answer = co_await carry(std::move(request));
        if (auto acts = std::exchange(wire_.meanwhile, {})) acts();
        if (fate == Fate::dies_after) process_.die();
        if (fate != Fate::arrives) co_return Error(ErrorCode::unknown_outcome, "nobody answered");
        co_return answer;
    }

private:
    Async<Result<std::vector<PushOutcome>>> carry(PushRequest request) {
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

    std::unique_ptr<Adapter> inner_;
    Wire& wire_;
    Process& process_;
};

class WiredStore final : public Store {
public:
    WiredStore(Store& inner, Fates& commits, Process& process)
        : inner_(inner), commits_(commits), process_(process) {}
    StoreLimits limits() const override { return inner_.limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        process_.step();
        return inner_.read(std::move(partition), std::move(kind), std::move(ids));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        process_.step();
        return inner_.query(std::move(partition), std::move(kind), std::move(query));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        process_.step();
        return inner_.scan(std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        process_.step();
        const Fate fate = commits_.take();
        if (fate == Fate::dies_before) process_.die();
        auto receipt = Result<CommitReceipt>(Error(ErrorCode::unknown_outcome, "the store did not answer"));
        if (fate != Fate::request_lost) receipt = co_await inner_.commit(std::move(partition), std::move(writes));
        if (fate == Fate::dies_after) process_.die();
        if (fate != Fate::arrives) co_return Error(ErrorCode::unknown_outcome, "the store did not answer");
        co_return receipt;
    }

private:
    Store& inner_;
    Fates& commits_;
    Process& process_;
};

} // namespace castiel_sync::testing
