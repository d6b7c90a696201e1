// Layer L3: golden runs in which one call fails, every call in turn, in every way that makes sense for it: once, or
// from then on until the world heals. Whatever was struck, the oracle of the simulator must be content at the end.
//
//     castiel_sync_sweep                                    everything; ends with 1 when a case fails
//     castiel_sync_sweep --case two_way --resource store    a part of it; also --fault F, --call K, --once, --lasting
//     castiel_sync_sweep --case two_way --resource store --fault answer_lost --call 17 --once --trace
//                                                           one case, telling everything it does
#include "golden_runs.hpp"
#include "sweep_plan.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace simulation;
using cs::testing::Call;

struct Selection {
    std::string golden_run;
    std::string resource;
    std::string fault;
    std::uint64_t call = 0; // 0: every one
    std::optional<bool> lasting;
    bool trace = false;
    std::size_t failures_shown = 10; // of one golden run
};

struct Strike {
    std::string resource;
    std::uint64_t call = 0;
    SweptFault swept;
    bool lasting = false;
};

struct Tally {
    std::uint64_t cases = 0;
    std::uint64_t failed = 0;
    std::uint64_t crashes = 0;
    std::map<std::string, std::uint64_t, std::less<>> cases_by_fault;
};

std::optional<Selection> parse(int argc, char** argv) {
    Selection selection;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        const bool named = i + 1 < argc;
        if (option == "--trace") {
            selection.trace = true;
        } else if (option == "--once") {
            selection.lasting = false;
        } else if (option == "--lasting") {
            selection.lasting = true;
        } else if (option == "--all-failures") {
            selection.failures_shown = static_cast<std::size_t>(-1);
        } else if (option == "--case" && named) {
            selection.golden_run = argv[++i];
        } else if (option == "--resource" && named) {
            selection.resource = argv[++i];
        } else if (option == "--fault" && named) {
            selection.fault = argv[++i];
        } else if (option == "--call" && named) {
            const std::string_view number = argv[++i];
            const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), selection.call);
            if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    return selection;
}

WorldReport live(const GoldenRun& run, SweepPlan& plan, bool trace) {
    WorldOptions options;
    options.trace = trace ? Trace::Mode::print : Trace::Mode::off;
    options.plan = &plan;
    options.script = &run.script;
    return World(run.scenario, options).run();
}

void show_failure(const GoldenRun& run, const Strike& strike, cs::testing::Operation operation,
                  const WorldReport& report) {
    fmt::print("FAILED {}: call {} of {} ({}) {}, {}\n", run.name, strike.call, strike.resource, to_string(operation),
               strike.swept.name, strike.lasting ? "and all after it" : "once");
    for (const std::string& violation : report.violations) fmt::print("  {}\n", violation);
    fmt::print("  replay: castiel_sync_sweep --case {} --resource {} --fault {} --call {} {} --trace\n", run.name,
               strike.resource, strike.swept.name, strike.call, strike.lasting ? "--lasting" : "--once");
}

void sweep_call(const GoldenRun& run, const Selection& selection, const Call& call, std::uint64_t number,
                Tally& tally) {
    for (const SweptFault& swept : swept_faults()) {
        if (!selection.fault.empty() && selection.fault != swept.name) continue;
        if (!makes_sense(swept, call, run.scenario)) continue;
        for (const bool lasting : {false, true}) {
            if (selection.lasting && *selection.lasting != lasting) continue;
            const Strike strike{std::string(call.resource), number, swept, lasting};
            SweepPlan plan(strike.resource, number, swept.fault, lasting);
            WorldReport report = live(run, plan, selection.trace);
            if (!plan.struck()) report.violations.push_back("I33: the call that a run without faults makes was not made");
            ++tally.cases;
            ++tally.cases_by_fault[std::string(swept.name)];
            tally.crashes += report.crashes;
            if (report.violations.empty()) continue;
            if (++tally.failed <= selection.failures_shown) show_failure(run, strike, call.operation, report);
        }
    }
}

// What the golden run itself must be, before anything fails in it.
bool is_golden(const GoldenRun& run, const WorldReport& report) {
    for (const std::string& violation : report.violations)
        fmt::print("FAILED {} without any fault\n  {}\n", run.name, violation);
    const bool reached = report.engine_writes >= run.engine_writes && report.conflicts >= run.conflicts;
    if (!reached)
        fmt::print("FAILED {} without any fault: it wrote {} times and made {} conflicts; it is there for {} and {}\n",
                   run.name, report.engine_writes, report.conflicts, run.engine_writes, run.conflicts);
    return reached && report.violations.empty();
}

bool sweep(const GoldenRun& run, const Selection& selection) {
    const auto began = std::chrono::steady_clock::now();
    SweepPlan counting("", 0, {}, false);
    const WorldReport golden = live(run, counting, selection.trace && selection.resource.empty());
    if (!is_golden(run, golden)) return false;
    Tally tally;
    std::string counts;
    for (const auto& [resource, operations] : counting.calls()) {
        std::map<std::string_view, std::uint64_t> by_operation;
        for (const auto operation : operations) ++by_operation[to_string(operation)];
        counts += fmt::format("{}{} {} (", counts.empty() ? "" : ", ", operations.size(), resource);
        for (const auto& [name, count] : by_operation)
            counts += fmt::format("{}{} {}", counts.back() == '(' ? "" : " ", count, name);
        counts += ')';
        if (!selection.resource.empty() && selection.resource != resource) continue;
        for (std::size_t i = 0; i < operations.size(); ++i)
            if (selection.call == 0 || selection.call == i + 1)
                sweep_call(run, selection, Call{resource, operations[i]}, i + 1, tally);
    }
    if (tally.failed > selection.failures_shown)
        fmt::print("{} more failures of {} are not shown: --case {} --all-failures\n",
                   tally.failed - selection.failures_shown, run.name, run.name);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    fmt::print("{}: {} cases, {} failed; calls: {}; {} crashes; {:.1f} s\n", run.name, tally.cases, tally.failed, counts,
               tally.crashes, took.count());
    return tally.failed == 0;
}

} // namespace

int main(int argc, char** argv) {
    const auto selection = parse(argc, argv);
    if (!selection) {
        std::fprintf(stderr, "usage: castiel_sync_sweep [--case NAME] [--resource store|source|target|events|catalog] "
                             "[--fault NAME] [--call K] [--once|--lasting] [--trace] [--all-failures]\n");
        return 2;
    }
    bool well = true, any = false;
    for (const GoldenRun& run : golden_runs()) {
        if (!selection->golden_run.empty() && selection->golden_run != run.name) continue;
        any = true;
        well = sweep(run, *selection) && well;
    }
    if (!any) fmt::print(stderr, "there is no golden run {}\n", selection->golden_run);
    return any && well ? 0 : 1;
}
