#include <castiel_sync/http/wrappers.hpp>

#include <utility>

namespace castiel_sync {
namespace {

class BudgetedTransport final : public HttpTransport {
public:
    BudgetedTransport(std::shared_ptr<HttpTransport> inner, std::shared_ptr<RequestBudget> budget)
        : inner_(std::move(inner)), budget_(std::move(budget)) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override {
        auto taken = co_await budget_->take();
        if (!taken) co_return taken.error();
        co_return co_await inner_->send(std::move(call));
    }

private:
    std::shared_ptr<HttpTransport> inner_;
    std::shared_ptr<RequestBudget> budget_;
};

} // namespace

std::shared_ptr<HttpTransport> make_budgeted_transport(std::shared_ptr<HttpTransport> inner,
                                                       std::shared_ptr<RequestBudget> budget) {
    if (!budget) return inner;
    return std::make_shared<BudgetedTransport>(std::move(inner), std::move(budget));
}

} // namespace castiel_sync
