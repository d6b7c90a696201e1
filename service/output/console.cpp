#include "console.hpp"

#include "log.hpp"
#include "text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace castiel_sync::service {
namespace {

std::size_t terminal_columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

Console::Console(bool as_json, bool is_quiet)
    : json_(as_json), quiet_(is_quiet), progress_(!as_json && !is_quiet && isatty(STDERR_FILENO) == 1) {}

Console::~Console() { show_progress(""); }

void Console::print(std::string_view text) {
    show_progress("");
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && errno == EPIPE) reader_gone_ = true;
}

void Console::print_line(std::string_view text) { print(std::string(text) + '\n'); }

void Console::print_json(const json::object& line) { print_line(to_json(line)); }

void Console::tell(std::string_view text) {
    if (!json_ && !quiet_) print_line(text);
}

void Console::show_progress(std::string_view line) {
    if (!progress_ || (line.empty() && !progress_shown_)) return;
    const std::string text = "\r\033[K" + shortened(line, terminal_columns() - 1);
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
    progress_shown_ = !line.empty();
}

void Console::log(LogLevel level, std::string_view message, const json::object& fields) {
    show_progress("");
    service::log(level, message, fields);
}

void Console::flush() { std::fflush(stdout); }

bool Console::finish() {
    show_progress("");
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
    if (!reader_gone_ && errno != EPIPE) log(LogLevel::error, "standard output could not be written to its end");
    return false;
}

} // namespace castiel_sync::service
