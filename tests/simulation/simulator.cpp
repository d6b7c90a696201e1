// Layer L2: the real engine in a simulated world, seed by seed.
//
//     castiel_sync_simulator --seeds 1..1000        many seeds; ends with 1 when one fails
//     castiel_sync_simulator --seed 7 --trace       one seed, telling everything it does
//     castiel_sync_simulator --seeds 1..100 --rest  the external system is reached by the REST adapter
//     castiel_sync_simulator --canary               broken engines: ends with 1 when one of them is not noticed
//     castiel_sync_simulator --seeds 1..50 --twice  each seed twice; ends with 1 when the two runs differ (I33)
#include "rest_source.hpp"
#include "world.hpp"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace simulation;

struct Options {
    std::uint64_t first = 1;
    std::uint64_t last = 100;
    bool trace = false;
    bool twice = false;
    bool canary = false;
    bool keep_going = false;
    bool rest = false;
    std::string show;
    std::optional<bool> on_disk; // else as the seed draws
};

struct Totals {
    std::uint64_t seeds = 0, failed = 0;
    WorldReport sum;
    std::uint64_t trace_hash = 0; // of all traces, in order
};

bool parse(std::string_view text, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--trace") {
            options.trace = true;
        } else if (option == "--twice") {
            options.twice = true;
        } else if (option == "--canary") {
            options.canary = true;
        } else if (option == "--rest") {
            options.rest = true;
        } else if (option == "--keep-going") {
            options.keep_going = true;
        } else if (option == "--show" && i + 1 < argc) {
            options.show = argv[++i];
        } else if (option == "--store" && i + 1 < argc) {
            const std::string_view store = argv[++i];
            if (store != "memory" && store != "sqlite") return std::nullopt;
            options.on_disk = store == "sqlite";
        } else if ((option == "--seed" || option == "--seeds") && i + 1 < argc) {
            const std::string_view range = argv[++i];
            const auto dots = range.find("..");
            if (!parse(range.substr(0, dots), options.first)) return std::nullopt;
            options.last = options.first;
            if (dots != std::string_view::npos && !parse(range.substr(dots + 2), options.last)) return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    return options;
}

WorldReport simulate(const Scenario& scenario, Trace::Mode trace, Canary canary, std::string show = {}) {
    WorldOptions options;
    options.trace = trace;
    options.show = std::move(show);
    options.canary = canary;
    return World(scenario, options).run();
}

void show_failure(const Scenario& scenario, const WorldReport& report) {
    std::printf("FAILED %s", describe(scenario).c_str());
    for (const std::string& violation : report.violations) std::printf("  %s\n", violation.c_str());
    // The same seed again, this time remembering what it does.
    const WorldReport again = simulate(scenario, Trace::Mode::tail, Canary::none);
    std::printf("the end of its trace:\n");
    const std::size_t begin = again.trace_tail.size() > 60 ? again.trace_tail.size() - 60 : 0;
    for (std::size_t i = begin; i < again.trace_tail.size(); ++i) std::printf("%s\n", again.trace_tail[i].c_str());
    std::printf("replay: castiel_sync_simulator --seed %llu --store %s%s --trace\n\n",
                static_cast<unsigned long long>(scenario.seed), scenario.on_disk ? "sqlite" : "memory",
                scenario.by_rest ? " --rest" : "");
}

constexpr std::pair<std::uint64_t cs::testing::DiskCounts::*, const char*> disk_counts[] = {
    {&cs::testing::DiskCounts::power_losses, "power losses"},
    {&cs::testing::DiskCounts::lost_sectors, "lost sectors"},
    {&cs::testing::DiskCounts::torn_sectors, "torn sectors"},
    {&cs::testing::DiskCounts::deaths, "deaths within a call"},
    {&cs::testing::DiskCounts::disk_full, "disk full"},
    {&cs::testing::DiskCounts::read_errors, "read errors"},
    {&cs::testing::DiskCounts::short_reads, "short reads"},
    {&cs::testing::DiskCounts::write_errors, "write errors"},
    {&cs::testing::DiskCounts::sync_errors, "sync errors"},
};

void add(WorldReport& sum, const WorldReport& one) {
    sum.virtual_time += one.virtual_time;
    sum.steps += one.steps;
    sum.runs += one.runs;
    sum.user_writes += one.user_writes;
    sum.engine_writes += one.engine_writes;
    sum.commits += one.commits;
    sum.crashes += one.crashes;
    sum.conflicts += one.conflicts;
    sum.resolved += one.resolved;
    sum.parked += one.parked;
    for (std::size_t i = 0; i < sum.faults.size(); ++i) sum.faults[i] += one.faults[i];
    for (std::size_t i = 0; i < situations; ++i) sum.situations[i] += one.situations[i];
    sum.on_disk += one.on_disk;
    for (const auto& count : disk_counts) sum.disk.*(count.first) += one.disk.*(count.first);
}

void show_totals(const Totals& totals) {
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    const WorldReport& sum = totals.sum;
    std::printf("%llu seeds, %llu failed; %.0f simulated hours, %llu runs, %llu commits, %llu user writes, %llu engine "
                "writes, %llu conflicts (%llu resolved), %llu parked, %llu crashes\nfaults:",
                number(totals.seeds), number(totals.failed),
                std::chrono::duration<double, std::ratio<3600>>(sum.virtual_time).count(), number(sum.runs),
                number(sum.commits), number(sum.user_writes), number(sum.engine_writes), number(sum.conflicts),
                number(sum.resolved), number(sum.parked), number(sum.crashes));
    for (std::size_t i = 1; i < sum.faults.size(); ++i)
        std::printf(" %s %llu", std::string(to_string(static_cast<cs::testing::Fault::Kind>(i))).c_str(),
                    number(sum.faults[i]));
    // The same for whatever compiler built this (I33).
    std::printf("\ntrace hash %016llx\n", number(totals.trace_hash));
}

void show_disks(const WorldReport& sum) {
    if (sum.on_disk == 0) return;
    std::printf("%llu seeds on a disk:", static_cast<unsigned long long>(sum.on_disk));
    const char* separator = "";
    for (const auto& [count, name] : disk_counts) {
        std::printf("%s %s %llu", separator, name, static_cast<unsigned long long>(sum.disk.*count));
        separator = ",";
    }
    std::printf("\n");
}

// Enough seeds reach every situation that is worth it; false: these did not.
bool show_situations(const Totals& totals) {
    const auto enough = [](Situation situation) { return situation == Situation::lease_lost_in_push ? 3000U : 1000U; };
    std::string missed;
    std::printf("reached:");
    const char* separator = "";
    for (std::size_t i = 0; i < situations; ++i) {
        const auto situation = static_cast<Situation>(i);
        if (needs_disk(situation) && totals.sum.on_disk == 0) continue;
        const auto count = static_cast<unsigned long long>(totals.sum.situations[i]);
        std::printf("%s %s %llu", separator, std::string(to_string(situation)).c_str(), count);
        separator = ",";
        if (count == 0 && totals.seeds >= enough(situation))
            missed += (missed.empty() ? "" : ", ") + std::string(to_string(situation));
    }
    std::printf("\n");
    if (!missed.empty())
        std::printf("FAILED: %llu seeds never reached: %s\n", static_cast<unsigned long long>(totals.seeds),
                    missed.c_str());
    return missed.empty();
}

int run_seeds(const Options& options) {
    Totals totals;
    for (std::uint64_t seed = options.first; seed <= options.last; ++seed) {
        Scenario scenario = draw_scenario(seed);
        if (options.on_disk) scenario.on_disk = *options.on_disk;
        if (options.rest) reach_by_rest(scenario);
        if (options.trace) std::printf("%s", describe(scenario).c_str());
        WorldReport report = simulate(scenario, options.trace ? Trace::Mode::print : Trace::Mode::off, Canary::none,
                                      options.show);
        if (options.twice && report.violations.empty()) {
            const WorldReport again = simulate(scenario, Trace::Mode::tail, Canary::none);
            if (again.trace_hash != report.trace_hash || again.steps != report.steps)
                report.violations.push_back("I33: the same seed ran differently the second time");
        }
        ++totals.seeds;
        totals.trace_hash = (totals.trace_hash ^ report.trace_hash) * 0x9e3779b97f4a7c15;
        add(totals.sum, report);
        if (report.violations.empty()) continue;
        ++totals.failed;
        if (options.trace)
            for (const std::string& violation : report.violations) std::printf("%s\n", violation.c_str());
        else
            show_failure(scenario, report);
        if (totals.failed >= 5 && !options.keep_going) break;
    }
    const bool all_reached = show_situations(totals);
    show_disks(totals.sum);
    show_totals(totals);
    return totals.failed == 0 && all_reached ? 0 : 1;
}

// Each broken engine must be noticed within a few seeds.
int run_canaries() {
    bool all_noticed = true;
    for (const Canary canary : canaries) {
        std::string noticed;
        for (std::uint64_t seed = 1; seed <= 40 && noticed.empty(); ++seed) {
            Scenario scenario = draw_scenario(seed);
            if (canary == Canary::lying_disk) scenario.on_disk = true;
            const WorldReport report = simulate(scenario, Trace::Mode::off, canary);
            if (!report.violations.empty()) noticed = "seed " + std::to_string(seed) + ", " + report.violations.front();
        }
        std::printf("canary %s: %s\n", std::string(to_string(canary)).c_str(),
                    noticed.empty() ? "NOT NOTICED" : noticed.c_str());
        all_noticed = all_noticed && !noticed.empty();
    }
    return all_noticed ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    const auto options = parse(argc, argv);
    if (!options) {
        std::fprintf(stderr, "usage: castiel_sync_simulator [--seed N | --seeds A..B] [--store memory|sqlite] "
                             "[--rest] [--trace [--show KIND,…]] [--twice] [--keep-going] [--canary]\n");
        return 2;
    }
    return options->canary ? run_canaries() : run_seeds(*options);
}
