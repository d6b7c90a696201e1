// What happened in a simulation, as text for people (only when asked for) and as a hash that two runs of one seed must
// share (always).
#pragma once

#include <castiel_sync/testing/sim_clock.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <set>
#include <string>
#include <string_view>

namespace simulation {

class Trace {
public:
    enum class Mode { off, tail, print };

    Trace(castiel_sync::testing::SimLoop& loop, Mode mode) : loop_(loop), mode_(mode) {}

    [[nodiscard]] bool on() const { return mode_ != Mode::off; }

    template <class... Arguments>
    void note(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
        if (!on()) return;
        const double now = std::chrono::duration<double>(loop_.now()).count();
        add(fmt::format("{:12.3f} s  {}", now, fmt::format(text, std::forward<Arguments>(arguments)...)));
    }

    void mix(std::uint64_t value) {
        for (int i = 0; i < 8; ++i, value >>= 8) hash_ = (hash_ ^ (value & 0xff)) * 0x100000001b3ULL;
    }
    void mix(std::string_view text) {
        for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
        mix(text.size());
    }
    [[nodiscard]] std::uint64_t hash() const { return hash_; }
    [[nodiscard]] const std::deque<std::string>& tail() const { return tail_; }

private:
    void add(std::string line) {
        if (mode_ == Mode::print) std::printf("%s\n", line.c_str());
        tail_.push_back(std::move(line));
        if (tail_.size() > 200) tail_.pop_front();
    }

    castiel_sync::testing::SimLoop& loop_;
    Mode mode_;
    std::uint64_t hash_ = 0xcbf29ce484222325ULL;
    std::deque<std::string> tail_;
};

// What a run found wrong: the first few of each invariant, without repetitions.
class Violations {
public:
    void add(std::string_view invariant, std::string message) {
        if (++counts_[std::string(invariant)] > 3 || !seen_.insert(message).second) return;
        lines_.push_back(fmt::format("{}: {}", invariant, message));
    }
    [[nodiscard]] bool none() const { return lines_.empty(); }
    [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
    [[nodiscard]] const std::map<std::string, std::size_t>& counts() const { return counts_; }

private:
    std::map<std::string, std::size_t> counts_;
    std::set<std::string> seen_;
    std::vector<std::string> lines_;
};

} // namespace simulation
