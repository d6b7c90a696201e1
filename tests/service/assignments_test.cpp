#include "commands/commands.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::service;

TEST_CASE("a value on the command line is JSON, or else text") {
    CHECK(parse_assignment("count=5")->second == 5);
    CHECK(parse_assignment("tags=[\"a\"]")->second == json::array{"a"});
    CHECK(parse_assignment("name=null")->second == nullptr);
    CHECK(parse_assignment("name=\"5\"")->second == "5");
    CHECK(parse_assignment("phone=+43 1 555=1")->second == "+43 1 555=1");
    CHECK(parse_assignment("name=")->second == "");
}

TEST_CASE("what begins as JSON and is none is a slip, not text") {
    CHECK(parse_assignment("tags=[a]").has_error());
    CHECK(parse_assignment("name=\"a").has_error());
    CHECK(parse_assignment("name").has_error());
    CHECK(parse_assignment("=5").has_error());
    CHECK(parse_assignments({"a=1", "a=2"}).has_error());
}

TEST_CASE("a path is set through objects and arrays, and stops at anything else") {
    json::object record{{"tags", json::array{"a", "b"}}, {"name", "Ada"}};
    REQUIRE(assign(record, "address.city", "Wien").has_value());
    REQUIRE(assign(record, "tags.1", "c").has_value());
    REQUIRE(assign(record, "tags.2", "d").has_value());
    CHECK(record["address"] == json::object{{"city", "Wien"}});
    CHECK(record["tags"] == json::array{"a", "c", "d"});
    CHECK(assign(record, "name.full", "x").has_error());
    CHECK(assign(record, "tags.9", "x").has_error());
    // A dot at the end names a member without a name, and not the whole that stands before it.
    REQUIRE(assign(record, "address.", "x").has_value());
    CHECK(record["address"] == json::object{{"city", "Wien"}, {"", "x"}});
    CHECK(assign(record, "name.", "x").has_error());
}

TEST_CASE("an id is found by its beginning, if that is long enough and its own") {
    const std::vector<std::string> ids{"abcd1111", "abcd2222", "beef3333", "beef"};
    CHECK(choose_id(ids, "abcd1", "conflict").value() == "abcd1111");
    CHECK(choose_id(ids, "beef", "conflict").value() == "beef");
    CHECK(choose_id(ids, "abcd", "conflict").error().code == ErrorCode::invalid_request);
    CHECK(choose_id(ids, "bee", "conflict").error().code == ErrorCode::invalid_request);
    CHECK(choose_id(ids, "ffff", "conflict").error().code == ErrorCode::not_found);
}

TEST_CASE("of several outcomes the gravest is told") {
    CHECK(graver(ExitCode::waiting, ExitCode::latched) == ExitCode::latched);
    CHECK(graver(ExitCode::failed, ExitCode::latched) == ExitCode::failed);
    CHECK(graver(ExitCode::done, ExitCode::waiting) == ExitCode::waiting);
}
