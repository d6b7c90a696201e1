// Wrappers that make a right engine wrong, each in one way that some invariant must notice.
#include "node.hpp"

#include <utility>

namespace simulation {
namespace {

class BrokenAdapter final : public cs::Adapter {
public:
    BrokenAdapter(Canary canary, std::shared_ptr<cs::Adapter> inner) : canary_(canary), inner_(std::move(inner)) {}

    [[nodiscard]] cs::AdapterDescription describe() const override { return inner_->describe(); }
    [[nodiscard]] cs::AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
    cs::Async<cs::Result<>> check() override { return inner_->check(); }
    cs::Async<cs::Result<std::vector<cs::FetchedRecord>>> fetch(cs::FetchRequest request) override {
        return inner_->fetch(std::move(request));
    }

    cs::Async<cs::Result<cs::RecordPage>> pull(cs::PullRequest request) override {
        auto page = co_await inner_->pull(std::move(request));
        if (canary_ == Canary::eager_cursor && page && page->records.size() > 1 && ++calls_ % 3 == 0)
            page->records.pop_back();
        co_return page;
    }

    cs::Async<cs::Result<std::vector<cs::PushOutcome>>> push(cs::PushRequest request) override {
        if (canary_ == Canary::blind_target)
            for (cs::PushItem& item : request.items) item.expected_version.clear();
        if (canary_ == Canary::double_create && !request.items.empty()) {
            cs::PushRequest again = request;
            for (cs::PushItem& item : again.items) item.idempotency_key += "-again";
            std::erase_if(again.items,
                          [](const cs::PushItem& item) { return item.action != cs::PushItem::Action::create; });
            if (!again.items.empty()) (void)co_await inner_->push(std::move(again));
        }
        if (canary_ != Canary::lying_target || ++calls_ % 2 != 0) co_return co_await inner_->push(std::move(request));
        std::vector<cs::PushOutcome> outcomes(request.items.size());
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            outcomes[i].status = cs::PushOutcome::Status::applied;
            outcomes[i].id = request.items[i].id.empty() ? "never-made" : request.items[i].id;
        }
        co_return outcomes;
    }

private:
    Canary canary_;
    std::shared_ptr<cs::Adapter> inner_;
    std::uint64_t calls_ = 0;
};

class ForgetfulStore final : public cs::Store {
public:
    explicit ForgetfulStore(std::shared_ptr<cs::Store> inner) : inner_(std::move(inner)) {}

    [[nodiscard]] cs::StoreLimits limits() const override { return inner_->limits(); }
    cs::Async<cs::Result<std::vector<std::optional<cs::Document>>>> read(std::string partition, std::string kind,
                                                                         std::vector<std::string> ids) override {
        return inner_->read(std::move(partition), std::move(kind), std::move(ids));
    }
    cs::Async<cs::Result<cs::DocumentPage>> query(std::string partition, std::string kind, cs::Query query) override {
        return inner_->query(std::move(partition), std::move(kind), std::move(query));
    }
    cs::Async<cs::Result<cs::ScanPage>> scan(std::string kind, cs::Query query) override {
        return inner_->scan(std::move(kind), std::move(query));
    }
    cs::Async<cs::Result<cs::CommitReceipt>> commit(std::string partition, std::vector<cs::Write> writes) override {
        std::vector<cs::Write> kept;
        std::vector<bool> dropped;
        for (cs::Write& write : writes) {
            dropped.push_back(write.document.kind == "link" && ++links_ % 4 == 0);
            if (!dropped.back()) kept.push_back(std::move(write));
        }
        auto receipt = co_await inner_->commit(std::move(partition), std::move(kept));
        if (!receipt) co_return receipt;
        cs::CommitReceipt whole;
        std::size_t next = 0;
        for (const bool lost : dropped) whole.etags.push_back(lost ? "etag-of-nothing" : receipt->etags[next++]);
        co_return whole;
    }

private:
    std::shared_ptr<cs::Store> inner_;
    std::uint64_t links_ = 0;
};

} // namespace

std::string_view to_string(Canary canary) {
    switch (canary) {
    case Canary::none: break;
    case Canary::lying_target: return "lying_target";
    case Canary::blind_target: return "blind_target";
    case Canary::forgetful_store: return "forgetful_store";
    case Canary::eager_cursor: return "eager_cursor";
    case Canary::double_create: return "double_create";
    case Canary::lying_disk: return "lying_disk";
    }
    return "none";
}

std::shared_ptr<cs::Adapter> break_adapter(Canary canary, Side side, std::shared_ptr<cs::Adapter> inner) {
    switch (canary) {
    case Canary::none:
    case Canary::forgetful_store:
    case Canary::lying_disk: return inner;
    case Canary::eager_cursor:
        if (side == Side::target) return inner;
        break;
    case Canary::lying_target:
    case Canary::blind_target:
    case Canary::double_create:
        if (side == Side::source) return inner;
        break;
    }
    return std::make_shared<BrokenAdapter>(canary, std::move(inner));
}

std::shared_ptr<cs::Store> break_store(Canary canary, std::shared_ptr<cs::Store> inner) {
    if (canary != Canary::forgetful_store) return inner;
    return std::make_shared<ForgetfulStore>(std::move(inner));
}

} // namespace simulation
