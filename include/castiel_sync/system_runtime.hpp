// SystemRuntime: the machine's clocks and randomness on an executor, in one object: what most hosts pass to an engine.
#pragma once

#include <castiel_sync/runtime.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <utility>

namespace castiel_sync {

// Ownership: must outlive everything that was given its Runtime.
class SystemRuntime {
public:
    explicit SystemRuntime(boost::asio::any_io_executor executor)
        : clock_(make_system_clock(executor)), random_(make_system_random()),
          runtime_{std::move(executor), clock_.get(), random_.get()} {}

    [[nodiscard]] const Runtime& runtime() const { return runtime_; }
    [[nodiscard]] Clock& clock() const { return *clock_; }

private:
    std::unique_ptr<Clock> clock_;
    std::unique_ptr<Random> random_;
    Runtime runtime_;
};

} // namespace castiel_sync
