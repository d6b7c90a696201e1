// Points in time as systems write them.
#include "rest_documents.hpp"

#include <adapters/rest/values.hpp>

#include <rapidcheck.h>

using namespace castiel_sync;
using namespace rest_test;
using namespace std::chrono_literals;

namespace {

RestTimeFormat format_of(std::string_view format) {
    const std::string modified = R"({"field": "at", "format": ")" + std::string(format) + "\"}";
    return entity_of(with(contacts(), "entities.contacts.modifiedAt", modified)).modified_at_format;
}

// Sun, 06 Nov 1994 08:49:37 GMT
const Timestamp moment = std::chrono::sys_days{std::chrono::year{1994} / 11 / 6} + 8h + 49min + 37s;

} // namespace

TEST_CASE("a time is read in every format") {
    CHECK(format_of("iso8601").read("1994-11-06T08:49:37Z") == moment);
    CHECK(format_of("iso8601").read("1994-11-06T09:49:37.250+01:00") == moment + 250ms);
    CHECK(format_of("iso8601").read("1994-11-06T08:49:37") == moment);
    CHECK(format_of("seconds").read(784111777) == moment);
    CHECK(format_of("seconds").read(784111777.25) == moment + 250ms);
    CHECK(format_of("milliseconds").read(784111777250) == moment + 250ms);
    CHECK(format_of("httpDate").read("Sun, 06 Nov 1994 08:49:37 GMT") == moment);
    CHECK(format_of("%d.%m.%Y %H:%M:%S").read("06.11.1994 08:49:37") == moment);
}

TEST_CASE("what is no time of the format is not guessed") {
    CHECK_FALSE(format_of("iso8601").read(784111777));
    CHECK_FALSE(format_of("iso8601").read("1994-02-30T00:00:00Z"));
    CHECK_FALSE(format_of("seconds").read("784111777"));
    CHECK_FALSE(format_of("seconds").read(1e300));
    CHECK_FALSE(format_of("milliseconds").read(-1e300));
    CHECK_FALSE(format_of("milliseconds").read(nullptr));
    CHECK_FALSE(format_of("httpDate").read("Mon, 06 Nov 1994 08:49:37 GMT")); // it was a Sunday
    CHECK_FALSE(format_of("%d.%m.%Y").read("31.02.1994"));
}

TEST_CASE("a time is written so that it is read as the same, or as an earlier one where the format is coarse") {
    for (const char* name : {"iso8601", "seconds", "milliseconds", "httpDate", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"}) {
        CAPTURE(std::string(name));
        const RestTimeFormat format = format_of(name);
        CHECK(rc::check([&] {
            const auto count = *rc::gen::inRange<std::int64_t>(0, 4'102'444'800'000);
            const Timestamp time{std::chrono::milliseconds(count)};
            const auto read = format.read(format.write(time));
            RC_ASSERT(read.has_value());
            RC_ASSERT(*read <= time); // a later `since` would pass over changes
            RC_ASSERT(time - *read < 24h);
        }));
    }
}
