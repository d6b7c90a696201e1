// The progress line of a run: what is done, how fast, and how long it will still take where that is known.
#pragma once

#include "console.hpp"

#include <castiel_sync/observer.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace castiel_sync::service {

struct ProgressFigures {
    std::string entity;
    std::uint64_t processed = 0;
    std::optional<std::uint64_t> expected;
    std::uint64_t conflicts = 0;
    std::uint64_t failed = 0;
    std::chrono::duration<double> elapsed{};
};

// "contacts: 1240 of 5000 records, 820/s, 3 conflicts, 5 s left"
[[nodiscard]] std::string progress_line(const ProgressFigures& figures);

// Adds up over the executions of one stream: a capped run is followed by the next one.
class ProgressObserver : public Observer {
public:
    explicit ProgressObserver(Console& console);

    void on_progress(const Progress& progress) override;
    void on_finished(const Execution& execution) override;

private:
    struct Stream {
        std::uint64_t processed = 0;
        std::uint64_t conflicts = 0;
        std::uint64_t failed = 0;
        std::optional<std::uint64_t> expected;
        std::chrono::steady_clock::time_point started;
    };

    Console& console_;
    std::map<std::string, Stream> streams_; // what its finished executions did
    std::chrono::steady_clock::time_point last_shown_;
};

} // namespace castiel_sync::service
