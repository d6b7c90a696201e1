#include "support.hpp"

#include <core/path.hpp>

#include <rapidcheck.h>

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

std::string found(std::string_view record, std::string_view path) {
    const json::object holder = object(record);
    const json::value* place = find_path(holder, path);
    const auto compiled = Path::parse(path);
    // The compiled path and the plain text must always agree.
    REQUIRE(compiled.has_value());
    CHECK(compiled->find(holder) == place);
    return place == nullptr ? "nothing" : to_json(*place);
}

std::string after_set(std::string_view record, std::string_view path, std::string_view what) {
    json::object holder = object(record);
    const auto done = set_path(holder, path, value(what));
    if (!done) CHECK_MESSAGE(holder == object(record), "a failed write must leave the record alone");
    return done ? to_json(holder) : "refused: " + done.error().message;
}

} // namespace

TEST_CASE("a path leads into nested objects and arrays") {
    CHECK(found(R"({"name": {"full": "Ada"}})", "name.full") == R"("Ada")");
    CHECK(found(R"({"emails": [{"address": "a"}, {"address": "b"}]})", "emails.1.address") == R"("b")");
    CHECK(found(R"({"grid": [[1, 2], [3, 4]]})", "grid.1.0") == "3");
    CHECK(found(R"({"a": 1})", "a") == "1");
}

TEST_CASE("a number names a member where the container is an object") {
    CHECK(found(R"({"totals": {"2024": 7, "007": 8}})", "totals.2024") == "7");
    CHECK(found(R"({"totals": {"2024": 7, "007": 8}})", "totals.007") == "8");
    CHECK(found(R"({"list": [1, 2]})", "list.01") == "nothing");
}

TEST_CASE("what is not there is absent, and below null everything is null") {
    CHECK(found(R"({"name": {"full": "Ada"}})", "name.last") == "nothing");
    CHECK(found(R"({"emails": []})", "emails.0.address") == "nothing");
    CHECK(found(R"({"name": "Ada"})", "name.full") == "nothing");
    CHECK(found(R"({"address": null})", "address.city") == "null");
    CHECK(found(R"({"address": {"city": null}})", "address.city") == "null");
}

TEST_CASE("a backslash keeps the dot in a name") {
    CHECK(found(R"({"a.b": {"c": 1}, "a": {"b": 2}})", R"(a\.b.c)") == "1");
    CHECK(found(R"({"a\\b": 3})", R"(a\\b)") == "3");
}

TEST_CASE("setting a path makes what is missing on the way") {
    CHECK(after_set(R"({})", "name.full", R"("Ada")") == R"({"name":{"full":"Ada"}})");
    CHECK(after_set(R"({"name": null})", "name.full", R"("Ada")") == R"({"name":{"full":"Ada"}})");
    CHECK(after_set(R"({})", "emails.0.address", R"("a")") == R"({"emails":[{"address":"a"}]})");
    CHECK(after_set(R"({"emails": [{"address": "a"}]})", "emails.1.address", R"("b")") ==
          R"({"emails":[{"address":"a"},{"address":"b"}]})");
    CHECK(after_set(R"({"totals": {}})", "totals.2024", "7") == R"({"totals":{"2024":7}})");
    CHECK(after_set(R"({"a": {"b": 1, "c": 2}})", "a.b", "3") == R"({"a":{"b":3,"c":2}})");
}

TEST_CASE("setting a path never destroys what stands in the way") {
    CHECK(after_set(R"({"name": "Ada"})", "name.full", "1").starts_with("refused"));
    CHECK(after_set(R"({"emails": []})", "emails.1.address", "1").starts_with("refused"));
    CHECK(after_set(R"({"emails": []})", "emails.first", "1").starts_with("refused"));
    CHECK(after_set(R"({})", "emails.1", "1").starts_with("refused"));
    CHECK(after_set(R"({"emails": []})", "emails.0.parts.3", "1").starts_with("refused"));
}

TEST_CASE("what is no path is refused when it is compiled") {
    for (const std::string_view text : {"", ".", "a.", ".a", "a..b", "a\\", "a\\b"})
        CHECK_FALSE_MESSAGE(Path::parse(text).has_value(), text);
    CHECK_FALSE(Path::parse(std::string(5000, 'a')).has_value());
    std::string deep = "a";
    for (int i = 0; i < 100; ++i)
        deep += ".a";
    CHECK_FALSE(Path::parse(deep).has_value());
}

TEST_CASE("what was set is found") {
    rc::check([] {
        static const std::vector<std::string> names{"a", "b", "0", "1", "name"};
        static const std::vector<std::string> records{"{}", R"({"a": {"b": [1, 2]}})",
                                                      R"({"a": [{"b": 1}], "b": null})"};
        std::string path = *rc::gen::elementOf(names);
        for (const auto& name : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(names)))
            if (path.size() < 20) path += "." + name;
        json::object record = object(*rc::gen::elementOf(records));
        const json::object before = record;
        if (set_path(record, path, json::value(42))) {
            const json::value* place = find_path(record, path);
            RC_ASSERT(place != nullptr);
            RC_ASSERT(*place == json::value(42));
        } else {
            RC_ASSERT(record == before);
        }
    });
}
