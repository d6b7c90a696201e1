// What every Store has to do, as cases. Run it on yours:
//
//     class MyHarness : public castiel_sync::testing::StoreHarness { ... };
//     MyHarness harness;
//     auto findings = co_await run_store_conformance(harness);
//     if (!conforms(findings)) std::cerr << describe(findings);
#pragma once

#include <castiel_sync/store.hpp>
#include <castiel_sync/testing/conformance.hpp>
#include <castiel_sync/time.hpp>

#include <chrono>
#include <span>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

// The kinds that the cases use. Open the store with these (and any others).
[[nodiscard]] std::span<const KindDeclaration> store_conformance_kinds();

// Makes the stores under test. One case at a time; a store is used until the next call of fresh() or reopen().
class StoreHarness {
public:
    virtual ~StoreHarness() = default;
    StoreHarness(const StoreHarness&) = delete;
    StoreHarness& operator=(const StoreHarness&) = delete;

    // A store that holds nothing.
    virtual Async<Store*> fresh() = 0;

    // Capability "reopen": closes the store and opens it again, as after the end of the process.
    virtual Async<Store*> reopen();

    // Capability "clock": moves the clock that decides about expiry.
    [[nodiscard]] virtual Timestamp now();
    virtual void advance(std::chrono::milliseconds duration);

    [[nodiscard]] virtual bool has(std::string_view capability) const = 0;

protected:
    StoreHarness() = default;
};

using StoreCase = ConformanceCase<StoreHarness>;

[[nodiscard]] std::span<const StoreCase> store_conformance_cases();

// All of them. `harness` must live until it ends.
Async<std::vector<Finding>> run_store_conformance(StoreHarness& harness, std::vector<Deviation> deviations = {});

} // namespace castiel_sync::testing
