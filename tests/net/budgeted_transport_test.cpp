#include "transport_fixture.hpp"

#include <castiel_sync/http/wrappers.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;
using transport_test::answering;
using transport_test::call_to;

namespace {

class CountedBudget final : public RequestBudget {
public:
    CountedBudget(Clock& clock, int allowed) : clock_(clock), allowed_(allowed) {}

    Async<Result<>> take() override {
        if (allowed_-- > 0) co_return Result<>();
        co_await clock_.sleep_for(1s);
        Error error(ErrorCode::throttled, "the minute is used up");
        error.retry_after = 40s;
        co_return error;
    }

private:
    Clock& clock_;
    int allowed_;
};

} // namespace

TEST_CASE_FIXTURE(transport_test::Fixture, "every call takes from the budget, and is not sent when that is used up") {
    const auto inner = answering({json_answer(200, nullptr)});
    const auto transport = make_budgeted_transport(inner, std::make_shared<CountedBudget>(clock, 2));
    CHECK(send(*transport, call_to("GET", "https://crm.test/a"))->status == 200);
    CHECK(send(*transport, call_to("POST", "https://crm.test/b"))->status == 200);
    const auto refused = send(*transport, call_to("GET", "https://crm.test/c"));
    REQUIRE(!refused);
    CHECK(refused.error().code == ErrorCode::throttled);
    CHECK(refused.error().retry_after == 40s);
    REQUIRE(inner->calls().size() == 2);
    CHECK(inner->calls()[1].url == "https://crm.test/b");
}

TEST_CASE_FIXTURE(transport_test::Fixture, "every attempt of a retrying transport takes from the budget") {
    const auto inner = answering({json_answer(503, nullptr)});
    const auto budgeted = make_budgeted_transport(inner, std::make_shared<CountedBudget>(clock, 2));
    const auto refused = send(*make_retrying_transport(budgeted, runtime), call_to("GET", "https://crm.test/a"));
    REQUIRE(!refused);
    CHECK(refused.error().code == ErrorCode::throttled);
    CHECK(inner->calls().size() == 2);
}

TEST_CASE("without a budget there is nothing around the transport") {
    const auto inner = answering({json_answer(200, nullptr)});
    CHECK(make_budgeted_transport(inner, nullptr) == inner);
}
