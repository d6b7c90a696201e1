#include "jsonl_folder.hpp"

#include <core/hashes.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing;

using Presence = FetchedRecord::Presence;

namespace {

Presence presence(BlockingAdapter& adapter, const std::string& id, std::string& why) {
    auto answers = fetch(adapter, {id});
    if (!answers) FAIL(answers.error().message);
    why = answers->front().error ? answers->front().error->message : std::string();
    return answers->front().presence;
}

} // namespace

TEST_CASE("I5: a record is absent only when no line could be it") {
    JsonlFolder folder;
    std::string why;
    folder.write("{\"id\":\"a\"}\n");
    CHECK(presence(*folder.adapter(), "gone", why) == Presence::absent);

    for (const char* line : {"garbage", "{\"name\":\"the id was lost\"}", "{\"id\":null}", "{\"id\":\"cut", "\xff"}) {
        CAPTURE(line);
        folder.write("{\"id\":\"a\"}\n" + std::string(line) + "\n");
        const auto adapter = folder.adapter();
        CHECK(presence(*adapter, "gone", why) == Presence::unknown);
        CHECK(why.find("contacts.jsonl:2") != std::string::npos);
        CHECK(presence(*adapter, "a", why) == Presence::present);
    }

    // Lines that say whose they are, or that they are no record's, leave no doubt about another record.
    const std::string long_id(600, 'x');
    folder.write("{\"id\":\"broken\",\"n\":NaN}\n{\"id\":\"" + long_id + "\"}\n{\"id\":1}\n{\"id\":1}\n");
    CHECK(presence(*folder.adapter(), "gone", why) == Presence::absent);
}

TEST_CASE("a record whose line is broken, or stands twice, is unknown and the answer says why") {
    JsonlFolder folder;
    std::string why;
    folder.write("{\"id\":\"broken\",\"n\":NaN}\n{\"id\":\"7\"}\n{\"id\":7}\n");
    const auto adapter = folder.adapter();
    CHECK(presence(*adapter, "broken", why) == Presence::unknown);
    CHECK(why.find("contacts.jsonl:1") != std::string::npos);
    CHECK(presence(*adapter, "7", why) == Presence::unknown);
    CHECK(why.find("2, 3") != std::string::npos);
}

TEST_CASE("a fetch sees an edit that was made after the adapter had read the file") {
    JsonlFolder folder;
    folder.write("{\"id\":\"a\",\"n\":1}\n");
    const auto adapter = folder.adapter();
    const auto first = fetch(*adapter, {"a"});
    REQUIRE(first.has_value());
    folder.replace("{\"id\":\"b\"}\n{\"id\":\"a\",\"n\":2}\n");
    const auto second = fetch(*adapter, {"a", "b"});
    REQUIRE(second.has_value());
    CHECK((*second)[0].record.fields.at("n") == 2);
    CHECK((*second)[0].record.version != (*first)[0].record.version);
    CHECK((*second)[1].presence == Presence::present);
}

TEST_CASE("more records than one request may name are refused") {
    JsonlFolder folder;
    folder.write("");
    const auto adapter = folder.adapter();
    std::vector<std::string> ids(adapter->capabilities().max_fetch_records + 1, "x");
    CHECK(fetch(*adapter, ids).error().code == ErrorCode::invalid_request);
}
