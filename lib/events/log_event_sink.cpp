#include <castiel_sync/events/log.hpp>

#include <utility>

namespace castiel_sync {
namespace {

class LogEventSink final : public EventSink {
public:
    LogEventSink(std::function<void(std::string_view)> write, std::string service, std::string instance)
        : write_(std::move(write)), service_(std::move(service)), instance_(std::move(instance)) {}

    Async<Result<>> publish(std::vector<Event> events) override {
        for (const auto& event : events)
            write_(to_envelope(event, service_, instance_));
        co_return Result<>();
    }

private:
    std::function<void(std::string_view)> write_;
    std::string service_;
    std::string instance_;
};

} // namespace

std::unique_ptr<EventSink> make_log_event_sink(std::function<void(std::string_view)> write, std::string service,
                                               std::string instance) {
    return std::make_unique<LogEventSink>(std::move(write), std::move(service), std::move(instance));
}

} // namespace castiel_sync
