#include "progress.hpp"

#include "text.hpp"

#include <fmt/format.h>

namespace castiel_sync::service {
namespace {

using namespace std::chrono_literals;

constexpr auto least_interval = 100ms; // a terminal needs no more

std::string shown_time(double seconds) {
    const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
    if (whole < 90) return fmt::format("{} s", whole);
    if (whole < 5400) return fmt::format("{} min", (whole + 30) / 60);
    return fmt::format("{:.1f} h", seconds / 3600);
}

} // namespace

std::string progress_line(const ProgressFigures& figures) {
    std::string line = fmt::format("{}: {}", printable(figures.entity), figures.processed);
    if (figures.expected && *figures.expected >= figures.processed) line += fmt::format(" of {}", *figures.expected);
    line += " records";
    const double seconds = figures.elapsed.count();
    const double rate = seconds > 0 ? static_cast<double>(figures.processed) / seconds : 0;
    if (rate >= 1) line += fmt::format(", {:.0f}/s", rate);
    if (figures.conflicts != 0) line += ", " + counted(figures.conflicts, "conflict");
    if (figures.failed != 0) line += fmt::format(", {} parked", figures.failed);
    if (figures.expected && *figures.expected > figures.processed && rate > 0)
        line += fmt::format(", {} left", shown_time(static_cast<double>(*figures.expected - figures.processed) / rate));
    return line;
}

ProgressObserver::ProgressObserver(Console& console) : console_(console) {}

void ProgressObserver::on_progress(const Progress& progress) {
    if (!console_.shows_progress()) return;
    const auto now = std::chrono::steady_clock::now();
    Stream& stream = streams_[progress.execution.stream_id];
    if (stream.started == std::chrono::steady_clock::time_point()) stream.started = now;
    if (progress.expected) stream.expected = progress.expected;
    if (now - last_shown_ < least_interval) return;
    last_shown_ = now;
    const SyncCounters& counters = progress.execution.counters;
    console_.show_progress(
        progress_line({progress.execution.entity_type, stream.processed + counters.processed, stream.expected,
                       stream.conflicts + counters.conflicts, stream.failed + counters.failed, now - stream.started}));
}

void ProgressObserver::on_finished(const Execution& execution) {
    Stream& stream = streams_[execution.stream_id];
    stream.processed += execution.counters.processed;
    stream.conflicts += execution.counters.conflicts;
    stream.failed += execution.counters.failed;
}

} // namespace castiel_sync::service
