#include <castiel_sync/event.hpp>
#include <castiel_sync/events/log.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <exception>
#include <string>
#include <vector>

using namespace castiel_sync;

namespace {

Event started_event() {
    Event event;
    event.id = "4325753c-0000-4000-8000-000000000001";
    event.type = "integration.sync.started";
    event.timestamp = *parse_timestamp("2026-11-23T04:00:20.537Z");
    event.tenant_id = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
    event.stream_id = "s1";
    event.sequence = 3;
    event.data = json::object{{"taskId", "t1"}, {"direction", "inbound"}};
    event.correlation_id = "5f3a6d83-0000-4000-8000-000000000002";
    return event;
}

constexpr std::string_view started_envelope =
    R"({"id":"4325753c-0000-4000-8000-000000000001","type":"integration.sync.started","version":"1.0",)"
    R"("timestamp":"2026-11-23T04:00:20.537Z","tenantId":"7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",)"
    R"("source":{"service":"integration-sync","instance":"integration-sync-7-1"},)"
    R"("data":{"taskId":"t1","direction":"inbound","streamId":"s1","sequence":3},)"
    R"("metadata":{"correlationId":"5f3a6d83-0000-4000-8000-000000000002"}})";

} // namespace

TEST_CASE("I15 an envelope has the platform's members in one fixed form, so each resend is byte-equal") {
    CHECK(to_envelope(started_event(), "integration-sync", "integration-sync-7-1") == started_envelope);
}

TEST_CASE("an event without correlation id has no metadata, since the platform refuses an empty one") {
    Event event = started_event();
    event.correlation_id.clear();
    const auto envelope = parse_json_object(to_envelope(event, "a", "b")).value();
    CHECK_FALSE(envelope.contains("metadata"));
}

TEST_CASE("data that already names a stream is overruled, not doubled") {
    Event event = started_event();
    event.data["streamId"] = "another";
    const auto envelope = parse_json_object(to_envelope(event, "a", "b")).value();
    CHECK(envelope.at("data").at("streamId") == "s1");
}

TEST_CASE("the log sink writes one envelope per event, in order") {
    std::vector<std::string> lines;
    const auto sink = make_log_event_sink([&](std::string_view line) { lines.emplace_back(line); }, "integration-sync",
                                          "integration-sync-7-1");
    Event second = started_event();
    second.sequence = 4;
    boost::asio::io_context loop;
    bool accepted = false;
    boost::asio::co_spawn(
        loop, sink->publish({started_event(), second}),
        [&](std::exception_ptr thrown, Result<> outcome) { accepted = !thrown && outcome.has_value(); });
    loop.run();
    CHECK(accepted);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == started_envelope);
    CHECK(parse_json_object(lines[1]).value().at("data").at("sequence") == 4);
}
