#include <castiel_sync/testing/conformance.hpp>

#include <algorithm>

namespace castiel_sync::testing {

std::string_view to_string(Finding::Status status) noexcept {
    switch (status) {
    case Finding::Status::passed: return "passed";
    case Finding::Status::failed: return "failed";
    case Finding::Status::not_applicable: return "not_applicable";
    case Finding::Status::deviates: return "deviates";
    }
    return "failed";
}

Finding passed() { return Finding(Finding::Status::passed, {}); }

Finding failed(std::string detail) { return Finding(Finding::Status::failed, std::move(detail)); }

void require(bool condition, std::string_view expectation) {
    if (!condition) throw ConformanceFailure("expected: " + std::string(expectation));
}

void require_equal(std::string_view actual, std::string_view expected, std::string_view expectation) {
    if (actual == expected) return;
    throw ConformanceFailure("expected: " + std::string(expectation) + "; wanted \"" + std::string(expected) +
                             "\", saw \"" + std::string(actual) + "\"");
}

bool conforms(std::span<const Finding> findings) noexcept {
    return std::none_of(findings.begin(), findings.end(),
                        [](const Finding& finding) { return finding.status == Finding::Status::failed; });
}

std::string describe(std::span<const Finding> findings) {
    std::string failures;
    std::string others;
    for (const Finding& finding : findings) {
        std::string& text = finding.status == Finding::Status::failed ? failures : others;
        text += std::string(to_string(finding.status)) + "  " + finding.case_name;
        if (!finding.detail.empty()) text += ": " + finding.detail;
        text += '\n';
    }
    return failures + others;
}

std::vector<Finding> check_deviations(std::span<const Deviation> deviations,
                                      std::span<const std::string_view> case_names) {
    std::vector<Finding> findings;
    for (const auto& deviation : deviations) {
        const bool known = std::find(case_names.begin(), case_names.end(), deviation.case_name) != case_names.end();
        if (known && !deviation.reason.empty()) continue;
        Finding finding =
            failed(known ? "this deviation states no reason" : "a deviation names a case that is not there");
        finding.case_name = deviation.case_name;
        findings.push_back(std::move(finding));
    }
    return findings;
}

const Deviation* find_deviation(std::span<const Deviation> deviations, std::string_view case_name) noexcept {
    const auto found = std::find_if(deviations.begin(), deviations.end(),
                                    [&](const Deviation& deviation) { return deviation.case_name == case_name; });
    return found == deviations.end() ? nullptr : &*found;
}

} // namespace castiel_sync::testing
