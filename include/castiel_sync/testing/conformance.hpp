// Conformance kits: what every implementation of a resource has to do, as a list of cases that know no test framework.
//
// A kit is a list of cases over a Harness: an object of the author's that makes the thing under test and says what it
// can do. Run the kit in any test framework, or in none:
//
//     auto findings = co_await run_conformance<StoreHarness>(harness, store_conformance_cases(), deviations);
//     CHECK_MESSAGE(conforms(findings), describe(findings));
//
// A kit is strict. What the thing under test knowingly does otherwise is stated as a Deviation with a reason, and the
// reason shows in the report.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync::testing {

struct Finding {
    enum class Status {
        passed,
        failed,         // `detail` says what was expected and what was seen
        not_applicable, // the harness lacks the capability that the case needs
        deviates,       // the author stated this deviation; not run. `detail` is the reason
    };
    std::string case_name; // filled in by run_conformance
    Status status = Status::passed;
    std::string detail;

    Finding() = default;
    Finding(Status how, std::string why) : status(how), detail(std::move(why)) {}
};

[[nodiscard]] std::string_view to_string(Finding::Status status) noexcept;

[[nodiscard]] Finding passed();
[[nodiscard]] Finding failed(std::string detail);

// A case that the thing under test knowingly does not pass. Without a reason, or with a name that no case has, it is a
// failure itself.
struct Deviation {
    std::string case_name;
    std::string reason;

    Deviation() = default;
    Deviation(std::string name, std::string why) : case_name(std::move(name)), reason(std::move(why)) {}
};

// `Harness` has `bool has(std::string_view capability) const`. `run` must be a plain function: a coroutine lambda with
// captures would outlive them.
template <class Harness>
struct ConformanceCase {
    std::string name;
    std::string capability; // what the harness must have; empty: nothing
    Async<Finding> (*run)(Harness& harness) = nullptr;
};

// Thrown by the helpers below and turned into a failed Finding by run_conformance, so that a case reads straight down.
struct ConformanceFailure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Ends the case as failed unless `condition` holds. `expectation` says what must hold: "a removed document is absent".
void require(bool condition, std::string_view expectation);

// Ends the case as failed with both values in the text.
void require_equal(std::string_view actual, std::string_view expected, std::string_view expectation);

// The value of a result that must be one.
template <class T>
[[nodiscard]] T require_value(Result<T> result, std::string_view call) {
    if (!result) throw ConformanceFailure(std::string(call) + " answered an error: " + result.error().message);
    return std::move(*result);
}

inline void require_value(Result<> result, std::string_view call) {
    if (!result) throw ConformanceFailure(std::string(call) + " answered an error: " + result.error().message);
}

// Ends the case as failed unless the result is an error with this code and a message.
template <class T>
Error require_error(const Result<T>& result, ErrorCode code, std::string_view call) {
    if (result)
        throw ConformanceFailure(std::string(call) + " succeeded; expected the error " +
                                 std::string(castiel_sync::to_string(code)));
    Error error = result.error();
    if (error.code != code)
        throw ConformanceFailure(std::string(call) + " answered " + std::string(castiel_sync::to_string(error.code)) +
                                 " (" + error.message + "); expected " + std::string(castiel_sync::to_string(code)));
    if (error.message.empty()) throw ConformanceFailure(std::string(call) + " answered an error without a message");
    return error;
}

// No failure among them.
[[nodiscard]] bool conforms(std::span<const Finding> findings) noexcept;

// One line per finding, failures first.
[[nodiscard]] std::string describe(std::span<const Finding> findings);

// The faults of a list of deviations itself: no reason, or no such case.
[[nodiscard]] std::vector<Finding> check_deviations(std::span<const Deviation> deviations,
                                                    std::span<const std::string_view> case_names);
[[nodiscard]] const Deviation* find_deviation(std::span<const Deviation> deviations,
                                              std::string_view case_name) noexcept;

template <class Harness>
Async<Finding> run_conformance_case(Harness& harness, const ConformanceCase<Harness>& conformance_case) {
    Finding finding;
    try {
        finding = co_await conformance_case.run(harness);
    } catch (const boost::system::system_error& error) {
        if (error.code() == boost::asio::error::operation_aborted) throw;
        finding = failed(std::string("threw ") + error.what());
    } catch (const ConformanceFailure& failure) {
        finding = failed(failure.what());
    } catch (const std::exception& exception) {
        finding = failed(std::string("threw ") + exception.what());
    }
    finding.case_name = conformance_case.name;
    co_return finding;
}

// One finding per case, in order, after the faults of `deviations` itself. Harness and cases must live until it ends.
template <class Harness>
Async<std::vector<Finding>> run_conformance(Harness& harness, std::span<const ConformanceCase<Harness>> cases,
                                            std::vector<Deviation> deviations = {}) {
    std::vector<std::string_view> names;
    for (const auto& conformance_case : cases) names.push_back(conformance_case.name);
    std::vector<Finding> findings = check_deviations(deviations, names);
    for (const auto& conformance_case : cases) {
        Finding finding;
        if (const Deviation* deviation = find_deviation(deviations, conformance_case.name)) {
            finding = Finding(Finding::Status::deviates, deviation->reason);
        } else if (!conformance_case.capability.empty() && !harness.has(conformance_case.capability)) {
            finding = Finding(Finding::Status::not_applicable, "needs " + conformance_case.capability);
        } else {
            finding = co_await run_conformance_case(harness, conformance_case);
        }
        finding.case_name = conformance_case.name;
        findings.push_back(std::move(finding));
    }
    co_return findings;
}

} // namespace castiel_sync::testing
