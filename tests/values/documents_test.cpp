#include <castiel_sync/conflict.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace castiel_sync;

namespace {

std::vector<std::string> names(const json::object& object) {
    std::vector<std::string> found;
    for (const auto& member : object)
        found.emplace_back(member.key());
    return found;
}

Conflict name_conflict() {
    Conflict conflict;
    conflict.conflict_id = "c1";
    conflict.tenant_id = "tenant";
    conflict.stream_id = "s1";
    conflict.integration_id = "i1";
    conflict.execution_id = "e1";
    conflict.task_id = "t1";
    conflict.entity_type = "contacts";
    conflict.link_id = "l1";
    conflict.source_id = "7";
    conflict.target_id = "shard-7";
    conflict.source_version = "v2";
    conflict.target_version = "9";
    conflict.source_data = json::object{{"name", "Ada"}};
    conflict.target_data = json::object{{"name", nullptr}};
    conflict.created_at = *parse_timestamp("2026-11-23T06:00:00Z");
    ConflictField field;
    field.field = "name";
    field.source = "Ada";
    field.target = nullptr;
    field.rule = "manual";
    conflict.fields.push_back(field);
    return conflict;
}

std::string strategy_of(const Conflict& conflict) {
    return std::string(to_json_object(conflict).at("resolutionStrategy").as_string());
}

} // namespace

TEST_CASE("an execution prints the members of the interface in their order, and its measures behind them") {
    Execution execution;
    execution.execution_id = "e1";
    execution.tenant_id = "not shown";
    execution.direction = Direction::inbound;
    execution.status = SyncStatus::failed;
    execution.counters = {10, 1, 2, 3, 4, 5, 6};
    execution.started_at = *parse_timestamp("2026-11-23T06:00:00Z");
    CHECK(names(to_json_object(execution)) ==
          std::vector<std::string>{"executionId", "taskId", "integrationId", "entityType", "direction", "status",
                                   "hasMore", "recordsProcessed", "recordsCreated", "recordsUpdated", "recordsDeleted",
                                   "recordsSkipped", "recordsFailed", "conflicts", "startedAt", "pages"});

    execution.completed_at = *parse_timestamp("2026-11-23T06:00:01Z");
    execution.pages = 2;
    execution.error = Error(ErrorCode::throttled, "the CRM asks to wait");
    execution.error->retry_after = std::chrono::milliseconds{1500};
    CHECK(to_json(to_json_object(execution)) ==
          R"({"executionId":"e1","taskId":"","integrationId":"","entityType":"","direction":"inbound",)"
          R"("status":"failed","hasMore":false,"recordsProcessed":10,"recordsCreated":1,"recordsUpdated":2,)"
          R"("recordsDeleted":3,"recordsSkipped":4,"recordsFailed":5,"conflicts":6,)"
          R"("startedAt":"2026-11-23T06:00:00.000Z","completedAt":"2026-11-23T06:00:01.000Z",)"
          R"("error":{"code":"throttled","message":"the CRM asks to wait","retryAfterMs":1500},)"
          R"("pages":2,"durationMs":1000,"recordsPerSecond":10})");
}

TEST_CASE("an open conflict shows both sides, and tells an absent value from null") {
    CHECK(to_json(to_json_object(name_conflict())) ==
          R"({"conflictId":"c1","tenantId":"tenant","taskId":"t1","executionId":"e1","integrationId":"i1",)"
          R"("streamId":"s1","entityType":"contacts","type":"update_update","state":"open","entityId":"shard-7",)"
          R"("linkId":"l1","sourceId":"7","targetId":"shard-7","sourceVersion":"v2","targetVersion":"9",)"
          R"("sourceData":{"name":"Ada"},"targetData":{"name":null},"baseData":{},)"
          R"("fields":[{"field":"name","source":"Ada","target":null,"rule":"manual"}],)"
          R"("resolutionStrategy":"manual","resolved":false,"createdAt":"2026-11-23T06:00:00.000Z"})");
}

TEST_CASE("a conflict whose shard does not exist is known by the external record") {
    Conflict conflict = name_conflict();
    conflict.target_id.clear();
    CHECK(to_json_object(conflict).at("entityId") == "7");
}

TEST_CASE("resolutionStrategy says what decided: the rule, or whose values a person took") {
    Conflict conflict = name_conflict();
    conflict.state = ConflictState::auto_resolved;
    conflict.fields[0].rule = "newest_wins";
    CHECK(strategy_of(conflict) == "newest_wins");
    ConflictField second;
    second.field = "mail";
    second.rule = "max";
    second.source = 2;
    second.target = 1;
    second.result = 2;
    conflict.fields.push_back(second);
    CHECK(strategy_of(conflict) == "merge");

    conflict.state = ConflictState::resolved;
    conflict.fields[0].result = "Ada";
    CHECK(strategy_of(conflict) == "source_wins");
    conflict.fields[0].result = nullptr;
    CHECK(strategy_of(conflict) == "merge");
    conflict.fields[1].result = 1;
    CHECK(strategy_of(conflict) == "target_wins");
    CHECK(to_json_object(conflict).at("resolved") == true);

    conflict.fields.clear();
    CHECK(strategy_of(conflict) == "manual");
}

TEST_CASE("a line of a plan has the members of the interface") {
    PlannedRecord planned;
    planned.action = "update";
    planned.entity_type = "contacts";
    planned.source_id = "7";
    PlannedField field;
    field.field = "name";
    field.base = "Ada";
    field.source = "Ada L.";
    field.result = "Ada L.";
    planned.fields.push_back(field);
    CHECK(to_json(to_json_object(planned)) ==
          R"({"action":"update","entityType":"contacts","sourceId":"7",)"
          R"("fields":[{"field":"name","base":"Ada","source":"Ada L.","result":"Ada L."}]})");

    planned.fields.clear();
    planned.action = "skip";
    planned.shard_id = "shard-7";
    planned.reason = "out of the filter's scope";
    CHECK(names(to_json_object(planned)) ==
          std::vector<std::string>{"action", "entityType", "sourceId", "shardId", "fields", "reason"});
}

TEST_CASE("a parked record tells its reason, and where a person finds the row") {
    ParkedRecord parked;
    parked.parked_id = "p1";
    parked.reason = Error(ErrorCode::invalid_record, "mail: a text is expected");
    parked.place = "contacts.jsonl:17";
    parked.payload = "{\"mail\":\xff}";
    const auto object = to_json_object(parked);
    CHECK_FALSE(object.contains("recordId"));
    CHECK_FALSE(object.contains("discarded"));
    parked.discarded = true;
    CHECK(to_json_object(parked).at("discarded") == true);
    CHECK(object.at("place") == "contacts.jsonl:17");
    CHECK(to_json(object.at("reason")) == R"({"code":"invalid_record","message":"mail: a text is expected"})");
    CHECK(parse_json(to_json(object)).value().at("payload") == "{\"mail\":\xef\xbf\xbd}");
}

TEST_CASE("a stream shows the latch that holds it") {
    StreamSummary stream;
    stream.stream_id = "s1";
    CHECK_FALSE(to_json_object(stream).contains("latch"));
    stream.latch.emplace();
    stream.latch->rail = Rail::empty_side;
    stream.latch->flow = Side::source;
    stream.latch->examples = {"1", "2"};
    const auto latch = to_json_object(stream).at("latch").as_object();
    CHECK(latch.at("rail") == "empty_side");
    CHECK(latch.at("flow") == "source");
    CHECK(latch.at("examples") == json::array{"1", "2"});
}

TEST_CASE("a journal entry tells before and after of each field, and leaves out what was not there") {
    JournalEntry entry;
    entry.journal_id = "j1";
    entry.source_id = "7";
    entry.actor = "ada";
    entry.action = "updated";
    JournalChange change;
    change.field = "name";
    change.after = "Ada";
    change.rule = "resolved_by:ada";
    entry.changes.push_back(change);
    const auto object = to_json_object(entry);
    CHECK_FALSE(object.contains("targetId"));
    CHECK(object.at("written") == "target");
    CHECK(to_json(object.at("changes")) == R"([{"field":"name","after":"Ada","rule":"resolved_by:ada"}])");
}
