// Something that many wait for.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/runtime.hpp>

#include <chrono>
#include <memory>

namespace castiel_sync {

// Threading: on the Runtime's executor. Closed when it is made, and open for good once it was opened.
class Gate {
public:
    explicit Gate(Runtime runtime);
    ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    void open();
    // Nobody will ever open it: the coroutines that wait are destroyed. For the end of their executor.
    void abandon();

    // Cancellation of both: operation_aborted, at once.
    Async<void> wait();
    // False: it was still closed after so long.
    Async<bool> wait(std::chrono::nanoseconds longest);

private:
    struct State;

    Runtime runtime_;
    std::shared_ptr<State> state_;
};

} // namespace castiel_sync
