// WorkingMemory: bounds what the pages hold that executions have in work at the same time.
//
// A page in work has its records, their links, decisions and documents in memory, many times its text. However many
// executions there are, and however far apart their systems answer: on one executor all of them would stand in the
// middle of their pages at once. So each asks for memory first, and the others wait with what they have pulled.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

namespace castiel_sync {

// Threading: on the Runtime's executor. Whoever comes first is first; only those who come back to a page in work go
// before those who begin one, since they hold it all the while. What is larger than the bound is let in by itself.
class WorkingMemory {
public:
    class Share;

    // `bytes`: of record text.
    WorkingMemory(Runtime runtime, std::size_t bytes);

private:
    struct Place;
    struct State;
    std::shared_ptr<State> state_;
};

// One execution's part of it. Gives back what it has, or leaves the line, when it goes.
class WorkingMemory::Share {
public:
    enum class Line { begins, returns };

    explicit Share(const WorkingMemory& memory);
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Takes a place in line; only while it has none and nothing is held.
    void ask(std::size_t bytes, Line line);
    // False: not its turn yet, after so long; it keeps its place. Cancellation: operation_aborted, at once.
    Async<bool> wait(std::chrono::nanoseconds longest);
    [[nodiscard]] bool holds() const;
    // How much it was; 0 when nothing was held.
    std::size_t give_back();

private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Place> place_; // in line, or what is held
};

} // namespace castiel_sync
