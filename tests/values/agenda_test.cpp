#include <core/agenda.hpp>

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <vector>

using namespace castiel_sync;
using namespace std::chrono_literals;

namespace {

const Timestamp start{std::chrono::milliseconds(1'000'000)};

} // namespace

TEST_CASE("a task is given out when it is due, the longest due first") {
    Agenda agenda(3);
    agenda.add({"a", "2"}, start + 2s);
    agenda.add({"a", "1"}, start + 1s);
    CHECK_FALSE(agenda.take(start).has_value());
    CHECK(agenda.next_due() == start + 1s);
    CHECK(agenda.take(start + 5s)->task_id == "1");
    CHECK(agenda.take(start + 5s)->task_id == "2");
    CHECK_FALSE(agenda.take(start + 5s).has_value());
    CHECK(agenda.given_out() == 2);
}

TEST_CASE("tenants take turns, however much one of them asks for (I21)") {
    Agenda agenda(2);
    for (int i = 0; i < 5000; ++i) agenda.add({"flood", fmt::format("f{:04}", i)}, start);
    CHECK(agenda.take(start)->tenant_id == "flood");
    agenda.add({"b", "1"}, start + 1s);
    agenda.add({"c", "1"}, start + 1s);
    std::vector<std::string> order;
    for (int i = 0; i < 3; ++i) order.push_back(agenda.take(start + 1s)->tenant_id);
    CHECK(order == std::vector<std::string>{"b", "c", "flood"});
    // No more of one tenant at once than it has slots.
    CHECK_FALSE(agenda.take(start + 1s).has_value());
    CHECK_FALSE(agenda.next_due().has_value());
    agenda.give_back({"flood", "f0000"});
    CHECK(agenda.next_due() == start);
    CHECK(agenda.take(start + 1s)->task_id == "f0002");
}

TEST_CASE("a task is not given out twice at once, and what is asked of it meanwhile counts from its return on") {
    Agenda agenda(3);
    agenda.add({"a", "1"}, start);
    REQUIRE(agenda.take(start).has_value());
    agenda.add({"a", "1"}, start + 3s);
    agenda.add_if_new({"a", "1"}, start);
    CHECK_FALSE(agenda.take(start + 10s).has_value());
    agenda.give_back({"a", "1"});
    CHECK(agenda.next_due() == start + 3s);
    REQUIRE(agenda.take(start + 3s).has_value());
    agenda.give_back({"a", "1"});
    CHECK(agenda.size() == 0);
    CHECK_FALSE(agenda.next_due().has_value());
}

TEST_CASE("a later wish replaces an earlier one, a look at the store does not") {
    Agenda agenda(3);
    agenda.add({"a", "1"}, start + 5s);
    agenda.add_if_new({"a", "1"}, start);
    CHECK(agenda.next_due() == start + 5s);
    agenda.add({"a", "1"}, start + 1s);
    CHECK(agenda.next_due() == start + 1s);
    CHECK(agenda.size() == 1);
}
