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
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace simulation;

struct Selection {
    std::string golden_run;
    std::string resource;
    std::string fault;
    std::uint64_t call = 0; // 0: every one
    std::optional<bool> lasting;
    bool trace = false;
    std::size_t failures_shown = 10; // of one golden run
};

// What the sweep of one golden run found; told when it is over, since several are swept at once.
struct Tally {
    std::uint64_t cases = 0;
    std::uint64_t failed = 0;
    std::uint64_t crashes = 0;
    std::string told;

    template <class... Arguments>
    void tell(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
        fmt::format_to(std::back_inserter(told), text, std::forward<Arguments>(arguments)...);
    }
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

void show_failure(const GoldenRun& run, const SweptCall& call, const SweptFault& swept, bool lasting,
                  const WorldReport& report, Tally& tally) {
    tally.tell("FAILED {}: call {} of {} ({}) {}, {}\n", run.name, call.number, call.resource,
               to_string(call.operation), swept.name, lasting ? "and all after it" : "once");
    for (const std::string& violation : report.violations)
        tally.tell("  {}\n", violation);
    tally.tell("  replay: castiel_sync_sweep --case {} --resource {} --fault {} --call {} {} --trace\n", run.name,
               call.resource, swept.name, call.number, lasting ? "--lasting" : "--once");
}

void strike(const GoldenRun& run, const Selection& selection, const SweptCall& call, const SweptFault& swept,
            bool lasting, Tally& tally) {
    SweepPlan plan(call, swept.fault, lasting);
    WorldReport report = live(run, plan, selection.trace);
    if (!plan.struck()) report.violations.push_back("I33: a call that the run without faults made was not made");
    ++tally.cases;
    tally.crashes += report.crashes;
    if (report.violations.empty()) return;
    if (++tally.failed <= selection.failures_shown) show_failure(run, call, swept, lasting, report, tally);
}

void sweep_call(const GoldenRun& run, const Selection& selection, const SweptCall& call, Tally& tally) {
    for (const SweptFault& swept : swept_faults()) {
        if (!selection.fault.empty() && selection.fault != swept.name) continue;
        for (const bool lasting : {false, true}) {
            if (selection.lasting && *selection.lasting != lasting) continue;
            if (makes_sense(swept, call, lasting, run.scenario)) strike(run, selection, call, swept, lasting, tally);
        }
    }
}

// What the golden run itself must be, before anything fails in it.
bool is_golden(const GoldenRun& run, const WorldReport& report, Tally& tally) {
    for (const std::string& violation : report.violations)
        tally.tell("FAILED {} without any fault\n  {}\n", run.name, violation);
    const bool reached = report.engine_writes >= run.engine_writes && report.conflicts >= run.conflicts;
    if (!reached)
        tally.tell("FAILED {} without any fault: it wrote {} times and made {} conflicts; it is there for {} and {}\n",
                   run.name, report.engine_writes, report.conflicts, run.engine_writes, run.conflicts);
    return reached && report.violations.empty();
}

std::string describe(const std::string& resource, const std::vector<cs::testing::Operation>& operations) {
    std::map<std::string_view, std::uint64_t> counts;
    for (const auto operation : operations)
        ++counts[to_string(operation)];
    std::string text = fmt::format("{} {}", operations.size(), resource);
    if (counts.size() == 1) return text;
    const char* separator = " (";
    for (const auto& [name, count] : counts)
        text += fmt::format("{}{} {}", std::exchange(separator, ", "), count, name);
    return text + ')';
}

Tally sweep(const GoldenRun& run, const Selection& selection) {
    const auto began = std::chrono::steady_clock::now();
    Tally tally;
    SweepPlan counting;
    if (!is_golden(run, live(run, counting, false), tally)) {
        ++tally.failed;
        return tally;
    }
    std::string calls;
    for (const auto& [resource, operations] : counting.calls()) {
        calls += (calls.empty() ? "" : ", ") + describe(resource, operations);
        if (!selection.resource.empty() && selection.resource != resource) continue;
        for (std::size_t i = 0; i < operations.size(); ++i)
            if (selection.call == 0 || selection.call == i + 1)
                sweep_call(run, selection, SweptCall{resource, i + 1, operations[i]}, tally);
    }
    if (tally.failed > selection.failures_shown)
        tally.tell("{} more failures of {} are not shown: --case {} --all-failures\n",
                   tally.failed - selection.failures_shown, run.name, run.name);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    tally.tell("{}: {} cases, {} failed; calls: {}; {} crashes; {:.1f} s\n", run.name, tally.cases, tally.failed, calls,
               tally.crashes, took.count());
    return tally;
}

} // namespace

int main(int argc, char** argv) {
    const auto selection = parse(argc, argv);
    if (!selection) {
        fmt::print(stderr, "usage: castiel_sync_sweep [--case NAME] [--resource store|source|target|events|catalog] "
                           "[--fault NAME] [--call K] [--once|--lasting] [--trace] [--all-failures]\n");
        return 2;
    }
    const std::vector<GoldenRun> runs = golden_runs();
    std::vector<std::future<Tally>> sweeps; // worlds share nothing
    for (const GoldenRun& run : runs)
        if (selection->golden_run.empty() || selection->golden_run == run.name)
            sweeps.push_back(std::async(selection->trace ? std::launch::deferred : std::launch::async, sweep,
                                        std::cref(run), std::cref(*selection)));
    std::uint64_t cases = 0, failed = 0;
    for (auto& pending : sweeps) {
        const Tally tally = pending.get();
        fmt::print("{}", tally.told);
        cases += tally.cases;
        failed += tally.failed;
    }
    fmt::print("{} golden runs, {} cases, {} failed\n", sweeps.size(), cases, failed);
    if (cases == 0 && failed == 0) fmt::print(stderr, "nothing matches what was asked for\n");
    return cases > 0 && failed == 0 ? 0 : 1;
}
