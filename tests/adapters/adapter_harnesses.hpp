// The library's own adapters, as the conformance kit meets them.
#pragma once

#include "jsonl_folder.hpp"
#include "local_shards_fixture.hpp"

#include <castiel_sync/testing/adapter_conformance.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace castiel_sync::testing {

// Puts something between the kit and the adapter; by default nothing.
using Wrap = std::function<std::unique_ptr<Adapter>(std::unique_ptr<Adapter>)>;

class JsonlHarness final : public AdapterHarness {
public:
    explicit JsonlHarness(SimLoop& loop, Wrap wrap = {}) : loop_(loop), wrap_(std::move(wrap)) {}

    [[nodiscard]] Runtime runtime() const override { return Runtime{loop_.executor(), &clock_, random_.get()}; }
    [[nodiscard]] std::unique_ptr<Adapter> make_adapter() const override {
        auto adapter = bridge(folder_.adapter(), loop_.executor());
        return wrap_ ? wrap_(std::move(adapter)) : std::move(adapter);
    }
    Async<Result<>> reset() override {
        folder_.write("");
        co_return Result<>();
    }

private:
    SimLoop& loop_;
    mutable SimClock clock_{loop_};
    std::unique_ptr<Random> random_ = make_seeded_random(1);
    JsonlFolder folder_;
    Wrap wrap_;
};

class LocalShardsHarness final : public AdapterHarness {
public:
    explicit LocalShardsHarness(SimLoop& loop, Wrap wrap = {}) : loop_(loop), wrap_(std::move(wrap)) {}

    [[nodiscard]] Runtime runtime() const override { return Runtime{loop_.executor(), &clock_, random_.get()}; }
    [[nodiscard]] std::unique_ptr<Adapter> make_adapter() const override {
        AdapterContext context;
        context.runtime = runtime();
        context.tenant_id = "tenant-" + std::to_string(tenant_);
        auto adapter = local_shards_factory(*store_)(context).value();
        return wrap_ ? wrap_(std::move(adapter)) : std::move(adapter);
    }
    Async<Result<>> reset() override {
        ++tenant_;
        co_return Result<>();
    }
    [[nodiscard]] std::string unknown_entity() const override { return {}; } // every name is a shard type

private:
    SimLoop& loop_;
    mutable SimClock clock_{loop_};
    std::unique_ptr<Random> random_ = make_seeded_random(1);
    // A store that suspends, so that a cancellation finds the calls under way.
    std::unique_ptr<Store> store_ = std::make_unique<WatchedStore>(loop_, make_memory_store(clock_));
    int tenant_ = 0;
    Wrap wrap_;
};

} // namespace castiel_sync::testing
