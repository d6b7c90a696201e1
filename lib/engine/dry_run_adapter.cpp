#include <engine/dry_run_adapter.hpp>

#include <fmt/format.h>

#include <map>
#include <utility>

namespace castiel_sync {
namespace {

class DryRunAdapter final : public Adapter {
public:
    explicit DryRunAdapter(std::unique_ptr<Adapter> adapter) : adapter_(std::move(adapter)) {}

    AdapterDescription describe() const override { return adapter_->describe(); }
    AdapterCapabilities capabilities() const override {
        AdapterCapabilities capabilities = adapter_->capabilities();
        capabilities.writable = true;
        return capabilities;
    }
    Async<Result<>> check() override { return adapter_->check(); }
    Async<Result<RecordPage>> pull(PullRequest request) override { return adapter_->pull(std::move(request)); }

    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        FetchRequest copy = request;
        auto answers = co_await adapter_->fetch(std::move(copy));
        if (!answers) co_return answers;
        for (std::size_t i = 0; i < request.ids.size() && i < answers->size(); ++i) {
            const auto written = written_.find(std::pair(request.entity, request.ids[i]));
            if (written == written_.end()) continue;
            FetchedRecord& answer = (*answers)[i];
            answer = FetchedRecord();
            answer.presence = written->second ? FetchedRecord::Presence::present : FetchedRecord::Presence::absent;
            if (written->second) answer.record = *written->second;
        }
        co_return answers;
    }

    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        std::vector<PushOutcome> outcomes;
        for (auto& item : request.items) {
            PushOutcome outcome;
            outcome.status = PushOutcome::Status::applied;
            outcome.id = item.action == PushItem::Action::create ? "preview-" + item.idempotency_key : item.id;
            outcome.version = fmt::format("preview-{}", ++writes_);
            auto& written = written_[std::pair(request.entity, outcome.id)];
            written.reset();
            if (item.action != PushItem::Action::remove) {
                written.emplace();
                written->id = outcome.id;
                written->version = outcome.version;
                written->fields = std::move(item.fields);
            }
            outcomes.push_back(std::move(outcome));
        }
        co_return outcomes;
    }

private:
    std::unique_ptr<Adapter> adapter_;
    std::map<std::pair<std::string, std::string>, std::optional<Record>> written_; // nullopt: removed
    std::uint64_t writes_ = 0;
};

} // namespace

std::unique_ptr<Adapter> make_dry_run_adapter(std::unique_ptr<Adapter> adapter) {
    return std::make_unique<DryRunAdapter>(std::move(adapter));
}

} // namespace castiel_sync
