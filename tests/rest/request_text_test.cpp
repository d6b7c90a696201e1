#include <adapters/rest/request_text.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;

namespace {

json::object variables() {
    return {{"id", "a/b c?"},
            {"number", 7},
            {"flag", true},
            {"nothing", nullptr},
            {"ids", {"a,b", 2}},
            {"settings", {{"account", "x y"}}},
            {"object", {{"a", 1}}}};
}

std::optional<std::string> filled(std::string_view text, UrlPart part = UrlPart::none) {
    return RequestText::parse(text).value().fill(variables(), part).value();
}

std::optional<json::value> filled_json(std::string_view text) {
    return RequestJson::parse(parse_json(text).value()).value().fill(variables()).value();
}

} // namespace

TEST_CASE("a variable's text can't leave its place in a URL") {
    CHECK(filled("/contacts/{id}", UrlPart::path) == "/contacts/a%2Fb%20c%3F");
    CHECK(filled("{id}", UrlPart::query) == "a%2Fb%20c%3F");
    CHECK(percent_encoded("-._~azAZ09") == "-._~azAZ09");
    CHECK(percent_encoded("+&=#%\"<>\r\n") == "%2B%26%3D%23%25%22%3C%3E%0D%0A");
    CHECK(percent_encoded("ü") == "%C3%BC");
    CHECK(percent_encoded(std::string_view("\0", 1)) == "%00");
}

TEST_CASE("what the description itself writes stands in a URL as it is") {
    CHECK(filled("/a(b)/{number}:batch", UrlPart::path) == "/a(b)/7:batch");
}

TEST_CASE("outside of a URL a variable stands as it is") {
    CHECK(filled("W/\"{number}\"") == "W/\"7\"");
    CHECK(filled("{id}") == "a/b c?");
}

TEST_CASE("numbers and truth values are written as text") {
    CHECK(filled("{number}-{flag}") == "7-true");
    CHECK(filled("{settings.account}") == "x y");
}

TEST_CASE("a variable without value leaves the whole text out") {
    CHECK(filled("after:{cursor}") == std::nullopt);
    CHECK(filled("{nothing}") == std::nullopt);
    CHECK(filled("{settings.region}") == std::nullopt);
}

TEST_CASE("a list is joined by commas") {
    CHECK(filled("{ids}") == "a,b,2");
    CHECK(filled("{ids}", UrlPart::query) == "a%2Cb%2C2");
}

TEST_CASE("|json writes a variable as JSON") {
    CHECK(filled("{id|json}") == "\"a/b c?\"");
    CHECK(filled("{ids|json}") == R"(["a,b",2])");
    CHECK(filled("{number|json}", UrlPart::query) == "7");
    CHECK(filled("{id|json}", UrlPart::query) == "%22a%2Fb%20c%3F%22");
    CHECK(RequestText::parse("{id|json}").value().names() == std::vector<std::string>{"id"});
}

TEST_CASE("an object is no text") {
    const auto refused = RequestText::parse("{object}").value().fill(variables(), UrlPart::none);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == ErrorCode::invalid_request);
}

TEST_CASE("doubled braces are braces") {
    CHECK(filled("{{id}}") == "{id}");
    CHECK(filled("{{{number}}}") == "{7}");
}

TEST_CASE("braces that don't match are told") {
    for (const char* text : {"{id", "id}", "{{id}", "a{", "{}", "{a..b}"}) {
        CAPTURE(std::string(text));
        const auto parsed = RequestText::parse(text);
        REQUIRE(parsed.has_error());
        CHECK(parsed.error().code == ErrorCode::invalid_configuration);
    }
}

TEST_CASE("a text that is one variable keeps its type in a body") {
    CHECK(filled_json(R"({"n": "{number}", "f": "{flag}", "l": "{ids}", "o": "{object}", "t": "{number}."})") ==
          parse_json(R"({"n": 7, "f": true, "l": ["a,b", 2], "o": {"a": 1}, "t": "7."})").value());
}

TEST_CASE("members and elements of a body whose variable has no value are left out") {
    CHECK(filled_json(R"({"a": {"b": "{cursor}", "c": 1}, "d": ["{cursor}", "{number}", null]})") ==
          parse_json(R"({"a": {"c": 1}, "d": [7, null]})").value());
    CHECK(filled_json("\"{cursor}\"") == std::nullopt);
}

TEST_CASE("a body tells every variable that it names") {
    const auto body = RequestJson::parse(parse_json(R"({"a": ["{ids}", {"b": "x{number}"}], "c": 1})").value()).value();
    CHECK(body.names() == std::vector<std::string>{"ids", "number"});
}
