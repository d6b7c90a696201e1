#include <engine/store_budget.hpp>

#include <core/request_budget.hpp>
#include <core/retry.hpp>
#include <engine/documents.hpp>

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;

class StoreBudget final : public RequestBudget {
public:
    StoreBudget(const Runtime& runtime, Store& store, const Integration& integration, milliseconds longest_wait)
        : runtime_(runtime), store_(store), tenant_id_(integration.tenant_id), account_(account_of(integration)),
          provider_(integration.provider_name), limit_(integration.rate_limit), longest_wait_(longest_wait) {}

    Async<Result<>> take() override {
        Clock& clock = *runtime_.clock;
        const auto end = clock.monotonic() + longest_wait_;
        for (;;) {
            if (left_ > 0 && clock.monotonic() < lasts_until_) {
                --left_;
                co_return Result<>();
            }
            left_ = 0;
            auto grant = co_await claim(requests_at_once(limit_));
            if (!grant) co_return grant.error();
            if (grant->granted > 0) {
                if (clock.monotonic() >= lasts_until_)
                    co_return Error(ErrorCode::unavailable, "the store took so long that what it granted is too old");
                left_ = grant->granted;
                continue;
            }
            if (clock.monotonic() + grant->wait > end) {
                Error error(ErrorCode::throttled,
                            fmt::format("the request budget of this {} account is used up for {} s; rateLimit of the "
                                        "integration sets it",
                                        provider_, (grant->wait.count() + 999) / 1000));
                error.retry_after = grant->wait;
                co_return error;
            }
            co_await clock.sleep_for(grant->wait);
        }
    }

private:
    // Who shares the credentials shares the account.
    static std::string account_of(const Integration& integration) {
        return integration.credential_secret_name.empty()
                   ? hash_of({"integration", integration.id})
                   : hash_of({"account", integration.provider_name, integration.credential_secret_name});
    }

    Async<Result<RequestGrant>> claim(std::size_t wanted) {
        constexpr std::size_t rounds = 32; // others claim in the same moment
        for (std::size_t round = 0;; ++round) {
            std::vector<std::string> ids{account_};
            auto documents = co_await store_.read(tenant_id_, "budget", std::move(ids));
            if (!documents) co_return documents.error();
            Budget budget;
            budget.account = account_;
            if (documents->front()) {
                auto stored = from_document<Budget>(*documents->front());
                if (!stored) co_return stored.error();
                budget = std::move(*stored);
            }
            const auto before = runtime_.clock->monotonic();
            const Timestamp now = runtime_.clock->now();
            const RequestGrant grant = grant_requests(budget.use, limit_, wanted, now);
            if (grant.granted == 0) co_return grant;
            Write write;
            write.precondition = budget.etag.empty() ? Write::Precondition::absent : Write::Precondition::etag;
            write.document = to_document(budget, now + std::chrono::hours(2));
            std::vector<Write> writes;
            writes.push_back(std::move(write));
            auto receipt = co_await store_.commit(tenant_id_, std::move(writes));
            if (receipt) {
                lasts_until_ = before + grant_lasts;
                co_return grant;
            }
            const Error error = receipt.error();
            // Whether it was counted does not matter to the caller: nothing was sent.
            if (error.code == ErrorCode::unknown_outcome || round == rounds)
                co_return Error(ErrorCode::unavailable, "the request budget can't be asked: " + error.message);
            if (error.code != ErrorCode::stale) co_return error;
            const RetryPolicy policy{milliseconds(5), milliseconds(500)};
            co_await runtime_.clock->sleep_for(retry_delay(policy, round, error, *runtime_.random));
        }
    }

    const Runtime runtime_;
    Store& store_;
    const std::string tenant_id_;
    const std::string account_;
    const std::string provider_;
    const RateLimit limit_;
    const milliseconds longest_wait_;
    std::size_t left_ = 0;
    std::chrono::nanoseconds lasts_until_{0};
};

} // namespace

std::shared_ptr<RequestBudget> make_store_budget(const Runtime& runtime, Store& store, const Integration& integration,
                                                 milliseconds longest_wait) {
    if (integration.rate_limit == RateLimit()) return nullptr;
    return std::make_shared<StoreBudget>(runtime, store, integration, longest_wait);
}

} // namespace castiel_sync
