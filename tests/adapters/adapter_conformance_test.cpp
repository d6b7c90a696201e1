#include "adapter_harnesses.hpp"

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

std::size_t passed_cases(std::span<const Finding> findings) {
    return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.status == Finding::Status::passed;
    }));
}

} // namespace

TEST_CASE("the jsonl adapter conforms") {
    SimLoop loop;
    JsonlHarness harness(loop);
    const auto findings = loop.run(run_conformance<AdapterHarness>(harness, adapter_conformance_cases()));
    MESSAGE(describe(findings));
    CHECK(conforms(findings));
    CHECK(passed_cases(findings) >= 28); // all but those of a change feed
}

TEST_CASE("the local shards conform") {
    SimLoop loop;
    LocalShardsHarness harness(loop);
    const auto findings = loop.run(run_conformance<AdapterHarness>(harness, adapter_conformance_cases()));
    MESSAGE(describe(findings));
    CHECK(conforms(findings));
    CHECK(passed_cases(findings) >= 30); // all but the unknown entity
}
