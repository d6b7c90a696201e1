#include "stores/store_fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

void check_conformance(boost::asio::io_context& loop, StoreHarness& harness, std::size_t not_applicable) {
    const auto findings = run(loop, run_store_conformance(harness));
    CHECK_MESSAGE(conforms(findings), describe(findings));
    CHECK(findings.size() == store_conformance_cases().size());
    const auto skipped = std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.status == Finding::Status::not_applicable;
    });
    CHECK(static_cast<std::size_t>(skipped) == not_applicable);
}

} // namespace

TEST_CASE("the memory store conforms") {
    boost::asio::io_context loop;
    MemoryHarness harness;
    check_conformance(loop, harness, 3); // it can't be reopened
}

TEST_CASE("the SQLite store conforms, behind a bridge on the caller's own loop") {
    boost::asio::io_context loop;
    SqliteHarness harness(loop.get_executor());
    check_conformance(loop, harness, 0);
    CHECK(check_sqlite_integrity(harness.path()).has_value());
}

TEST_CASE("an overlay conforms over an empty base and over one that holds the first commits") {
    for (const int commits_to_base : {0, 1, 2, 5, 20}) {
        CAPTURE(commits_to_base);
        boost::asio::io_context loop;
        OverlayHarness harness(commits_to_base);
        check_conformance(loop, harness, 3);
    }
}
