#include "support.hpp"

#include <core/transform.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

TransformPointer transform(std::string_view name, std::string_view options) {
    TransformStep step;
    step.name = name;
    step.options = object(options);
    std::vector<ConfigurationFault> faults;
    auto made = make_transform(step, "transform", faults);
    INFO(describe(faults));
    REQUIRE(made != nullptr);
    return made;
}

std::string text_of(const Result<json::value>& result) {
    if (!result) return "refused";
    return result->is_string() ? std::string(result->get_string()) : to_json(*result);
}

std::string to_shard(const TransformPointer& made, std::string_view text) {
    return text_of(made->to_shard(json::value(text)));
}

std::string to_external(const TransformPointer& made, std::string_view text) {
    return text_of(made->to_external(json::value(text)));
}

} // namespace

TEST_CASE("date_time without options takes ISO-8601 with a zone and gives UTC with milliseconds") {
    const auto made = transform("date_time", "{}");
    CHECK(to_shard(made, "2026-01-31T10:00:00+01:00") == "2026-01-31T09:00:00.000Z");
    CHECK(to_shard(made, "2026-01-31T09:00Z") == "2026-01-31T09:00:00.000Z");
    CHECK(to_shard(made, "2026-01-31 09:00:00.1239z") == "2026-01-31T09:00:00.123Z");
    CHECK(to_shard(made, "2026-01-01T00:30:00+0530") == "2025-12-31T19:00:00.000Z");
    CHECK(to_shard(made, "2024-02-29T23:59:59-12") == "2024-03-01T11:59:59.000Z");
    CHECK(to_external(made, "2026-01-31T10:00:00+01:00") == "2026-01-31T09:00:00.000Z");
    for (const std::string_view wrong :
         {"2026-01-31T09:00:00", "2026-01-31", "2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:00:60Z",
          "2026-01-31T09:00:00Z ", "31.01.2026 09:00", "", "2026-01-31T9:00Z", "0001-01-01T00:00:00+23:00",
          "2026-01-31T09:00:00.Z", "2026-13-01T00:00:00Z"})
        CHECK_MESSAGE(to_shard(made, wrong) == "refused", wrong);
    CHECK(to_external(made, "2026-01-31T09:00:00") == "refused");
    CHECK(text_of(made->to_shard(json::value(5))) == "refused");
}

TEST_CASE("date_time in a zone keeps the local time of the external system") {
    const auto made = transform("date_time", R"({"zone": "Europe/Berlin"})");
    CHECK(to_shard(made, "2026-01-31T10:00:00") == "2026-01-31T09:00:00.000Z");
    CHECK(to_shard(made, "2026-07-31T10:00:00") == "2026-07-31T08:00:00.000Z");
    CHECK(to_shard(made, "2026-07-31T10:00:00-07:00") == "2026-07-31T17:00:00.000Z"); // its own offset goes first
    CHECK(to_external(made, "2026-07-31T08:00:00.000Z") == "2026-07-31T10:00:00.000+02:00");
    // With the offset in the text, an hour that comes twice is no question.
    CHECK(to_external(made, "2026-10-25T00:30:00.000Z") == "2026-10-25T02:30:00.000+02:00");
    CHECK(to_external(made, "2026-10-25T01:30:00.000Z") == "2026-10-25T02:30:00.000+01:00");
}

TEST_CASE("a local time that comes twice or never parks the record, both ways") {
    const auto made = transform("date_time", R"({"zone": "Europe/Berlin", "format": "%d.%m.%Y %H:%M"})");
    CHECK(to_shard(made, "29.03.2026 01:59") == "2026-03-29T00:59:00.000Z");
    CHECK(to_shard(made, "29.03.2026 02:30") == "refused");
    CHECK(to_shard(made, "29.03.2026 03:00") == "2026-03-29T01:00:00.000Z");
    CHECK(to_shard(made, "25.10.2026 02:30") == "refused");
    CHECK(to_shard(made, "25.10.2026 03:00") == "2026-10-25T02:00:00.000Z");
    CHECK(to_external(made, "2026-10-25T00:30:00.000Z") == "refused");
    CHECK(to_external(made, "2026-10-25T01:30:00.000Z") == "refused");
    CHECK(to_external(made, "2026-10-25T02:00:00.000Z") == "25.10.2026 03:00");
    const auto reason = made->to_shard(json::value("29.03.2026 02:30"));
    REQUIRE_FALSE(reason.has_value());
    CHECK(reason.error().message.find("does not exist in Europe/Berlin") != std::string::npos);
}

TEST_CASE("after 2037 a zone with summer time is not guessed") {
    const auto berlin = transform("date_time", R"({"zone": "Europe/Berlin"})");
    CHECK(to_shard(berlin, "2037-07-01T12:00:00") == "2037-07-01T10:00:00.000Z");
    CHECK(to_shard(berlin, "2040-07-01T12:00:00") == "refused");
    CHECK(to_shard(berlin, "2040-07-01T12:00:00+02:00") == "2040-07-01T10:00:00.000Z");
    CHECK(to_external(berlin, "2040-07-01T10:00:00.000Z") == "2040-07-01T10:00:00.000Z");
    const auto tokyo = transform("date_time", R"({"zone": "Asia/Tokyo"})");
    CHECK(to_shard(tokyo, "2040-07-01T12:00:00") == "2040-07-01T03:00:00.000Z");
}

TEST_CASE("formats: every specifier, both ways") {
    struct Row {
        std::string_view options, external, shard;
    };
    for (const Row& row : std::initializer_list<Row>{
             {R"({"format": "%Y-%m-%d %H:%M:%S.%f%z"})", "2026-01-31 09:00:00.123+0000", "2026-01-31T09:00:00.123Z"},
             {R"({"zone": "Europe/Berlin", "format": "%FT%T%:z"})", "2026-01-31T10:00:00+01:00",
              "2026-01-31T09:00:00.000Z"},
             {R"({"zone": "America/New_York", "format": "%-m/%-d/%Y %-I:%M %p"})", "1/5/2026 12:07 AM",
              "2026-01-05T05:07:00.000Z"},
             {R"({"zone": "America/New_York", "format": "%m/%d/%Y %I:%M %p"})", "01/05/2026 12:07 PM",
              "2026-01-05T17:07:00.000Z"},
             {R"({"zone": "UTC", "format": "%a, %d %b %Y %H:%M"})", "Sat, 31 Jan 2026 09:00",
              "2026-01-31T09:00:00.000Z"},
             {R"({"zone": "UTC", "format": "%A %-d %B %Y, %H:%M 100%%"})", "Saturday 31 January 2026, 09:00 100%",
              "2026-01-31T09:00:00.000Z"},
             {R"({"zone": "Asia/Kolkata", "format": "%Y%m%d%H%M"})", "202601311430", "2026-01-31T09:00:00.000Z"},
         }) {
        CAPTURE(row.options);
        const auto made = transform("date_time", row.options);
        CHECK(to_shard(made, row.external) == row.shard);
        CHECK(to_external(made, row.shard) == row.external);
    }
}

TEST_CASE("a format takes its own texts only") {
    const auto made = transform("date_time", R"({"zone": "UTC", "format": "%a %d.%m.%Y %I:%M %p"})");
    CHECK(to_shard(made, "sat 31.01.2026 09:00 am") == "2026-01-31T09:00:00.000Z");
    for (const std::string_view wrong :
         {"Sun 31.01.2026 09:00 AM", "Sat 31.01.2026 13:00 PM", "Sat 31.01.2026 00:30 AM", "Sat 31.01.2026 9:00 AM",
          "Sat 31.02.2026 09:00 AM", "Sat 31.01.2026 09:00", "Sat 31.01.2026 09:00 AM ", "Sat 31.01.26 09:00 AM"})
        CHECK_MESSAGE(to_shard(made, wrong) == "refused", wrong);
}

TEST_CASE("times finer than the format are the same time to the mapping") {
    const auto made = transform("date_time", R"({"zone": "UTC", "format": "%Y-%m-%d %H:%M"})");
    CHECK(to_external(made, "2026-01-31T09:00:59.999Z") == "2026-01-31 09:00");
    CHECK(to_external(made, "1969-12-31T23:59:59.999Z") == "1969-12-31 23:59");
}

TEST_CASE("Unix time in seconds and milliseconds") {
    const auto seconds = transform("date_time", R"({"format": "unix"})");
    CHECK(text_of(seconds->to_shard(value("1769850000"))) == "2026-01-31T09:00:00.000Z");
    CHECK(text_of(seconds->to_shard(value("-1"))) == "1969-12-31T23:59:59.000Z");
    CHECK(text_of(seconds->to_shard(value("1769850000.0"))) == "2026-01-31T09:00:00.000Z");
    CHECK(to_external(seconds, "2026-01-31T09:00:00.000Z") == "1769850000");
    CHECK(to_external(seconds, "1969-12-31T23:59:58.001Z") == "-2");
    for (const std::string_view wrong : {"1.5", R"("1769850000")", "1e18", "-1e14", "true"})
        CHECK_MESSAGE(text_of(seconds->to_shard(value(wrong))) == "refused", wrong);
    const auto milliseconds = transform("date_time", R"({"format": "unix_ms"})");
    CHECK(text_of(milliseconds->to_shard(value("1769850000042"))) == "2026-01-31T09:00:00.042Z");
    CHECK(to_external(milliseconds, "2026-01-31T09:00:00.042Z") == "1769850000042");
}

TEST_CASE("date is for plain days, and never touches a zone") {
    const auto plain = transform("date", "{}");
    CHECK(to_shard(plain, "2026-01-31") == "2026-01-31");
    for (const std::string_view wrong : {"2026-02-30", "2026-1-31", "2026-01-31T00:00:00Z", "0000-01-01", ""})
        CHECK_MESSAGE(to_shard(plain, wrong) == "refused", wrong);
    const auto german = transform("date", R"({"format": "%d.%m.%Y"})");
    CHECK(to_shard(german, "31.01.2026") == "2026-01-31");
    CHECK(to_external(german, "2026-01-31") == "31.01.2026");
    CHECK(to_external(german, "31.01.2026") == "refused");
    const auto midnight = transform("date", R"({"format": "%Y-%m-%dT00:00:00.000Z"})");
    CHECK(to_shard(midnight, "2026-01-31T00:00:00.000Z") == "2026-01-31");
    CHECK(to_external(midnight, "2026-01-31") == "2026-01-31T00:00:00.000Z");
    // Without leading zeros and marks, 1 11 and 11 1 are one text.
    const auto ambiguous = transform("date", R"({"format": "%-d%-m%Y"})");
    CHECK(to_external(ambiguous, "2026-11-01") == "refused");
}
