// Layer L3: golden runs in which one call fails, every call in turn, in every way that makes sense for it: once, or
// from then on until the world heals. Whatever was struck, the oracle of the simulator must be content at the end.
//
//     castiel_sync_sweep                                    everything; ends with 1 when a case fails
//     castiel_sync_sweep --case two_way --resource store    a part of it; also --fault F, --call K, --once, --lasting
//     castiel_sync_sweep --case two_way --resource store --fault answer_lost --call 17 --once --trace
//                                                           one case, telling everything it does
//     castiel_sync_sweep --pairs                            on the shortest golden run: every fault, and a crash later;
//                                                           every crash, and a fault later; with --case all on
//                                                           each. Also --then-resource R, --then-fault F,
//                                                           --then-call K
#include "golden_runs.hpp"
#include "sweep_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
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

struct CallSelection {
    std::string resource;
    std::string fault;
    std::uint64_t call = 0; // 0: every one

    [[nodiscard]] bool takes(std::string_view of, std::uint64_t number) const {
        return (resource.empty() || resource == of) && (call == 0 || call == number);
    }
    [[nodiscard]] bool takes(const SweptFault& swept) const { return fault.empty() || fault == swept.name; }
};

struct Selection {
    std::string golden_run;
    CallSelection first, then;
    bool pairs = false;
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

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<Selection> parse(int argc, char** argv) {
    Selection selection;
    for (int i = 1; i < argc; ++i) {
        std::string_view option = argv[i];
        const bool named = i + 1 < argc;
        if (option == "--trace") {
            selection.trace = true;
        } else if (option == "--once") {
            selection.lasting = false;
        } else if (option == "--lasting") {
            selection.lasting = true;
        } else if (option == "--pairs") {
            selection.pairs = true;
        } else if (option == "--all-failures") {
            selection.failures_shown = static_cast<std::size_t>(-1);
        } else if (option == "--case" && named) {
            selection.golden_run = argv[++i];
        } else {
            const bool second = option.starts_with("--then-");
            CallSelection& of = second ? selection.then : selection.first;
            option.remove_prefix(std::min<std::size_t>(second ? 7 : 2, option.size()));
            if (option == "resource" && named) {
                of.resource = argv[++i];
            } else if (option == "fault" && named) {
                of.fault = argv[++i];
            } else if (option == "call" && named) {
                const auto number = parse_number(argv[++i]);
                if (!number) return std::nullopt;
                of.call = *number;
            } else {
                return std::nullopt;
            }
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

std::string describe(const Strike& strike) {
    return fmt::format("call {} of {} ({}) {}, {}", strike.call.number, strike.call.resource,
                       to_string(strike.call.operation), strike.swept.name,
                       strike.lasting ? "and all after it" : "once");
}

std::string options_of(const Strike& strike, std::string_view prefix) {
    return fmt::format(" --{0}resource {1} --{0}fault {2} --{0}call {3}", prefix, strike.call.resource,
                       strike.swept.name, strike.call.number);
}

void show_failure(const GoldenRun& run, const std::vector<Strike>& strikes, const WorldReport& report, Tally& tally) {
    const bool pair = strikes.size() > 1;
    tally.tell("FAILED {}: {}{}\n", run.name, describe(strikes.front()),
               pair ? ", and then " + describe(strikes.back()) : "");
    for (const std::string& violation : report.violations)
        tally.tell("  {}\n", violation);
    tally.tell("  replay: castiel_sync_sweep --case {}{}{} {} --trace\n", run.name, options_of(strikes.front(), ""),
               pair ? " --pairs" + options_of(strikes.back(), "then-") : "",
               strikes.front().lasting ? "--lasting" : "--once");
}

void strike(const GoldenRun& run, const Selection& selection, const std::vector<Strike>& strikes, SweepPlan& plan,
            bool trace, Tally& tally) {
    WorldReport report = live(run, plan, trace);
    if (!plan.all_struck()) report.violations.push_back("I33: a call that was made without this fault was not made");
    ++tally.cases;
    tally.crashes += report.crashes;
    if (!report.violations.empty() && ++tally.failed <= selection.failures_shown)
        show_failure(run, strikes, report, tally);
}

bool is_crash(const SweptFault& swept) {
    using Kind = cs::testing::Fault::Kind;
    return swept.fault.kind == Kind::crash_before || swept.fault.kind == Kind::crash_after;
}

// One of the two is a crash: two failures in a row are what the random seeds are full of.
void sweep_second(const GoldenRun& run, const Selection& selection, const Strike& first, const SweepPlan& alone,
                  Tally& tally) {
    for (const auto& [resource, operations] : alone.calls())
        for (std::size_t i = alone.calls_before(resource); i < operations.size(); ++i) {
            if (!selection.then.takes(resource, i + 1)) continue;
            const SweptCall call{resource, i + 1, operations[i]};
            for (const SweptFault& swept : swept_faults()) {
                if (!selection.then.takes(swept) || !(is_crash(first.swept) || is_crash(swept))) continue;
                if (!makes_sense(swept, call, false, run.scenario)) continue;
                const std::vector<Strike> both{first, Strike{call, swept, false}};
                SweepPlan plan(both);
                strike(run, selection, both, plan, selection.trace, tally);
            }
        }
}

void sweep_call(const GoldenRun& run, const Selection& selection, const SweptCall& call, Tally& tally) {
    for (const SweptFault& swept : swept_faults()) {
        if (!selection.first.takes(swept)) continue;
        for (const bool lasting : {false, true}) {
            if (selection.lasting && *selection.lasting != lasting) continue;
            if (lasting && selection.pairs) continue; // nothing comes after it
            if (!makes_sense(swept, call, lasting, run.scenario)) continue;
            const std::vector<Strike> first{Strike{call, swept, lasting}};
            SweepPlan alone(first);
            strike(run, selection, first, alone, selection.trace && !selection.pairs, tally);
            if (selection.pairs) sweep_second(run, selection, first.front(), alone, tally);
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
        for (std::size_t i = 0; i < operations.size(); ++i)
            if (selection.first.takes(resource, i + 1))
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

std::size_t length_of(const GoldenRun& run) {
    SweepPlan counting;
    live(run, counting, false);
    std::size_t length = 0;
    for (const auto& [resource, operations] : counting.calls())
        length += operations.size();
    return length;
}

// All that are asked for; of pairs, which are many, the shortest alone.
std::vector<GoldenRun> selected_runs(const Selection& selection) {
    std::vector<GoldenRun> runs = golden_runs();
    if (selection.golden_run == "all") return runs;
    if (!selection.golden_run.empty())
        std::erase_if(runs, [&](const GoldenRun& run) { return run.name != selection.golden_run; });
    if (!selection.pairs || runs.empty()) return runs;
    const auto shortest = std::min_element(runs.begin(), runs.end(), [](const GoldenRun& one, const GoldenRun& other) {
        return length_of(one) < length_of(other);
    });
    return {*shortest};
}

} // namespace

int main(int argc, char** argv) {
    const auto selection = parse(argc, argv);
    if (!selection) {
        fmt::print(stderr, "usage: castiel_sync_sweep [--case NAME] [--resource store|source|target|events|catalog] "
                           "[--fault NAME] [--call K] [--once|--lasting] [--trace] [--all-failures]\n"
                           "       castiel_sync_sweep --pairs [the same] [--then-resource R] [--then-fault NAME] "
                           "[--then-call K]\n");
        return 2;
    }
    const std::vector<GoldenRun> runs = selected_runs(*selection);
    std::vector<std::future<Tally>> sweeps; // worlds share nothing
    for (const GoldenRun& run : runs)
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
