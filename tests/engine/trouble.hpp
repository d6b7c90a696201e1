// What may go wrong between the engine and its world, told call by call: a wire to each side, a store, a process that
// dies. Where nothing is told, everything goes well.
#pragma once

#include <castiel_sync/castiel_sync.hpp>

#include <chrono>
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
    lost_for_long, // the same, and whoever asks is not answered for a while (commits only)
    request_lost, // it does not happen, and nobody knows
    refused,      // it does not happen, and the answer says so: later, perhaps
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
    std::chrono::milliseconds refused_for{0};
    std::function<Async<void>()> passes; // awaited by each push before it arrives: how long it is on its way
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
    WiredAdapter(std::unique_ptr<Adapter> inner, Wire& wire, Process& process);
    AdapterDescription describe() const override;
    AdapterCapabilities capabilities() const override;
    Async<Result<>> check() override;
    Async<Result<RecordPage>> pull(PullRequest request) override;
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override;
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override;

private:
    Async<Result<std::vector<PushOutcome>>> carry(PushRequest request);

    std::unique_ptr<Adapter> inner_;
    Wire& wire_;
    Process& process_;
};

class WiredStore final : public Store {
public:
    WiredStore(Store& inner, Fates& commits, Process& process);
    StoreLimits limits() const override;
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override;
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override;
    Async<Result<ScanPage>> scan(std::string kind, Query query) override;
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override;

    std::function<Async<void>()> passes;      // awaited by each commit before it arrives
    std::function<Async<void>()> read_passes; // the same of a read
    std::function<void(const std::vector<Write>&)> witness; // of what was committed
    int unreadable = 0; // so many reads from now on are not answered

private:
    Store& inner_;
    Fates& commits_;
    Process& process_;
};

} // namespace castiel_sync::testing
