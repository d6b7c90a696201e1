#include <engine/working_memory.hpp>

#include <async/gate.hpp>

#include <array>
#include <cassert>
#include <list>
#include <utility>

namespace castiel_sync {

struct WorkingMemory::Place {
    Place(const Runtime& runtime, std::size_t asked) : gate(runtime), bytes(asked) {}

    Gate gate;
    std::size_t bytes;
    bool let_in = false;
};

struct WorkingMemory::State {
    State(Runtime on, std::size_t most) : runtime(std::move(on)), bound(most) {}

    // The first in line keeps those behind it waiting, also where it is large and they are small: it would wait for
    // ever.
    void let_in() {
        for (;;) {
            auto& line = returns.empty() ? begins : returns;
            if (line.empty()) return;
            const std::shared_ptr<Place> first = line.front();
            if (taken > 0 && taken + first->bytes > bound) return;
            line.pop_front();
            taken += first->bytes;
            first->let_in = true;
            first->gate.open();
        }
    }

    Runtime runtime;
    std::size_t bound;
    std::size_t taken = 0;
    std::list<std::shared_ptr<Place>> returns, begins;
};

WorkingMemory::WorkingMemory(Runtime runtime, std::size_t bytes)
    : state_(std::make_shared<State>(std::move(runtime), bytes)) {}

WorkingMemory::Share::Share(const WorkingMemory& memory) : state_(memory.state_) {}

WorkingMemory::Share::~Share() { give_back(); }

void WorkingMemory::Share::ask(std::size_t bytes, Line line) {
    assert(!place_);
    place_ = std::make_shared<Place>(state_->runtime, bytes);
    (line == Line::returns ? state_->returns : state_->begins).push_back(place_);
    state_->let_in();
}

Async<bool> WorkingMemory::Share::wait(std::chrono::nanoseconds longest) {
    if (place_->let_in) co_return true;
    const std::shared_ptr<Place> place = place_;
    const bool opened = co_await place->gate.wait(longest);
    co_return opened;
}

bool WorkingMemory::Share::holds() const { return place_ && place_->let_in; }

std::size_t WorkingMemory::Share::give_back() {
    const std::shared_ptr<Place> place = std::exchange(place_, nullptr);
    if (!place) return 0;
    if (place->let_in) {
        state_->taken -= place->bytes;
    } else {
        state_->returns.remove(place);
        state_->begins.remove(place);
    }
    state_->let_in();
    return place->let_in ? place->bytes : 0;
}

} // namespace castiel_sync
