// Remembers what is asked of a store, so that it can be asked of another one again: what a store costs by itself.
#pragma once

#include "common.hpp"

#include <castiel_sync/blocking.hpp>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace castiel_sync::bench {

class RecordingStore final : public Store {
public:
    explicit RecordingStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

    [[nodiscard]] StoreLimits limits() const override { return inner_->limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        calls_.push_back({partition, kind, ids});
        return inner_->read(std::move(partition), std::move(kind), std::move(ids));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        calls_.push_back({partition, kind, query});
        return inner_->query(std::move(partition), std::move(kind), std::move(query));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        return inner_->scan(std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        calls_.push_back({partition, std::string(), writes});
        return inner_->commit(std::move(partition), std::move(writes));
    }

    // All calls since the last replay. The other store must have gone through all earlier ones.
    void replay(BlockingStore& store) {
        for (const Call& call : std::exchange(calls_, {})) {
            if (const auto* ids = std::get_if<std::vector<std::string>>(&call.what)) {
                if (auto answer = store.read(call.partition, call.kind, *ids); !answer) fail(answer.error().message);
            } else if (const auto* query = std::get_if<Query>(&call.what)) {
                if (auto answer = store.query(call.partition, call.kind, *query); !answer)
                    fail(answer.error().message);
            } else {
                auto answer = store.commit(call.partition, std::get<std::vector<Write>>(call.what));
                if (!answer) fail(answer.error().message);
            }
        }
    }

private:
    struct Call {
        std::string partition;
        std::string kind;
        std::variant<std::vector<std::string>, Query, std::vector<Write>> what;
    };

    std::unique_ptr<Store> inner_;
    std::vector<Call> calls_;
};

} // namespace castiel_sync::bench
