// Standard output, and the progress line on a terminal's standard error.
#pragma once

#include <castiel_sync/json.hpp>
#include <castiel_sync/observer.hpp>

#include <string>
#include <string_view>

namespace castiel_sync::service {

// What a command's exit tells a script.
enum class ExitCode {
    done = 0,
    failed = 1,
    usage = 2,   // also: the configuration has faults
    waiting = 3, // done, but conflicts or parked records wait for a person
    latched = 4, // a safety rail holds a stream
};

class Console {
public:
    Console(bool as_json, bool is_quiet);
    ~Console();
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    [[nodiscard]] bool json() const { return json_; }
    [[nodiscard]] bool quiet() const { return quiet_; }

    // The answer of a command: always written.
    void print(std::string_view text);
    void print_line(std::string_view text);
    void print_json(const json::object& line);
    // For people: not with --json, not with --quiet.
    void tell(std::string_view text);

    // Replaces the progress line; "" takes it away. Without a terminal, with --json or --quiet, nothing is shown.
    void show_progress(std::string_view line);
    [[nodiscard]] bool shows_progress() const { return progress_; }

    // As log(), without tearing the progress line.
    void log(LogLevel level, std::string_view message, const json::object& fields = {});

    // What was printed so far is written now: for a command that goes on.
    static void flush();

    // False when something could not be written. A full disk is logged; a reader that has seen enough is not.
    [[nodiscard]] bool finish();

private:
    bool json_;
    bool quiet_;
    bool progress_;
    bool progress_shown_ = false;
    bool reader_gone_ = false;
};

} // namespace castiel_sync::service
