#include <castiel_sync/http/wrappers.hpp>

#include <net/masking.hpp>
#include <net/recorded_exchange.hpp>

#include <utility>

namespace castiel_sync {
namespace {

class RecordingTransport final : public HttpTransport {
public:
    RecordingTransport(std::shared_ptr<HttpTransport> inner, std::shared_ptr<Secrets> secrets, RecordingWriter writer)
        : inner_(std::move(inner)), secrets_(std::move(secrets)), writer_(std::move(writer)) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override {
        add_sent_secrets(*secrets_, call.headers);
        auto answer = co_await inner_->send(call);
        writer_(write_exchange(call, answer, *secrets_));
        co_return answer;
    }

private:
    std::shared_ptr<HttpTransport> inner_;
    std::shared_ptr<Secrets> secrets_;
    RecordingWriter writer_;
};

} // namespace

std::shared_ptr<HttpTransport> make_recording_transport(std::shared_ptr<HttpTransport> inner,
                                                        std::shared_ptr<Secrets> secrets, RecordingWriter writer) {
    return std::make_shared<RecordingTransport>(std::move(inner), std::move(secrets), std::move(writer));
}

} // namespace castiel_sync
