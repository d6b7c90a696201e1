// Tasks, executions, streams, conflicts, parked records and history over HTTP, with a simulated CRM behind it. That
// each answer is as openapi.yaml says is checked by the fixture.
#include "api_fixture.hpp"

#include <castiel_sync/testing/simulated_system.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::service;
using namespace std::chrono_literals;

namespace {

const std::string id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
const std::string trigger = R"({"integrationId": ")" + id + R"("})";
const ApiFixture::Headers as_other{{"X-Tenant-ID", other_tenant}};

const std::string crm_integration = R"({
    "name": "CRM", "providerName": "crm", "settings": {},
    "syncConfig": {
        "syncDirection": "bidirectional",
        "entityMappings": [{"externalEntity": "contacts", "shardTypeId": "contact", "matchKeys": ["email"],
            "fieldMappings": [{"externalField": "mail", "shardField": "email"},
                              {"externalField": "name", "shardField": "name"},
                              {"externalField": "grade", "shardField": "grade", "values": {"A": 1, "B": 2}}]}]}})";

testing::SimulatedSystemOptions crm_options() {
    testing::SimulatedSystemOptions options;
    options.name = "crm";
    options.capabilities.writable = true;
    options.capabilities.change_feed = true;
    options.capabilities.reports_deletions = true;
    options.capabilities.conditional_writes = true;
    options.capabilities.conditional_deletes = true;
    options.capabilities.idempotent_creates = true;
    return options;
}

class Collected final : public HttpStream {
public:
    std::string text;
    Async<Result<>> write(std::string piece) override {
        text += piece;
        co_return Result<>();
    }
};

struct Office {
    ApiFixture api;
    testing::SimulatedSystem crm{api.loop, crm_options()};

    Office() {
        api.adapters.add(crm.describe(), crm.factory("sync"));
        REQUIRE(api.send("PUT", "/api/v1/integrations/" + id, crm_integration).status == 201);
        api.loop.spawn(api.scheduler->run());
    }

    json::object get(const std::string& target) {
        const auto answer = api.send("GET", "/api/v1" + target);
        REQUIRE_MESSAGE(answer.status == 200, answer.body);
        return body_of(answer);
    }
    HttpResponse post(const std::string& target, const std::string& body = "") {
        return api.send("POST", "/api/v1" + target, body);
    }
    json::object only(const std::string& list) {
        const json::array items = get(list).at("items").as_array();
        REQUIRE(items.size() == 1);
        return items[0].as_object();
    }
    std::string text(const json::object& object, std::string_view member) {
        return std::string(object.at(member).as_string());
    }

    // A sync that is let run to its end; the minimum interval passes first.
    json::object sync() {
        api.loop.run_for(6min);
        const auto accepted = post("/sync/trigger", trigger);
        REQUIRE_MESSAGE(accepted.status == 202, accepted.body);
        api.loop.run_for(10s);
        return get("/sync/tasks/" + text(body_of(accepted), "taskId"));
    }

    std::string make_conflict() {
        const std::string contact = crm.create("contacts", {{"mail", "ada@x.example"}, {"name", "Ada"}});
        sync();
        crm.edit("contacts", contact, {{"mail", "ada@x.example"}, {"name", "Ada L."}});
        const std::string shard = text(only("/shards"), "id");
        REQUIRE(api.send("PUT", "/api/v1/shards/" + shard,
                         R"({"shardTypeId": "contact", "structuredData": {"email": "ada@x.example", "name": "A. King"}})")
                    .status == 200);
        sync();
        return text(only("/sync/conflicts?state=open"), "conflictId");
    }
    std::string name_of_contact() {
        return text(*crm.find("contacts", crm.ids("contacts").at(0)), "name");
    }
};

} // namespace

TEST_CASE("a triggered sync is accepted, runs by itself, and is told with what its executions did") {
    Office office;
    office.crm.create("contacts", {{"mail", "ada@x.example"}, {"name", "Ada"}});
    const json::object task = office.sync();
    CHECK(task.at("status") == "completed");
    CHECK(task.at("recordsCreated").to_number<int>() == 1);
    CHECK(task.at("trigger") == "manual");
    const std::string task_id = office.text(task, "taskId");
    CHECK(office.only("/sync/tasks?integrationId=" + id + "&status=completed").at("taskId") == task.at("taskId"));
    CHECK(office.get("/sync/tasks?status=failed").at("items").as_array().empty());
    const json::object execution = office.only("/sync/tasks/" + task_id + "/executions");
    CHECK(execution.at("status") == "completed");
    const std::string execution_id = office.text(execution, "executionId");
    CHECK(office.get("/sync/executions/" + execution_id) == execution);
    CHECK(office.only("/sync/executions?status=completed") == execution);

    SUBCASE("a second one within the minimum interval says when it will run") {
        const auto second = office.post("/sync/trigger", trigger);
        REQUIRE(second.status == 202);
        CHECK(body_of(second).contains("notBefore"));
        office.api.loop.run_for(6min);
        CHECK(office.get("/sync/tasks?status=completed").at("items").as_array().size() == 2);
    }
    SUBCASE("its events end at once, however late somebody asks") {
        const auto followed = office.api.send("GET", "/api/v1/sync/executions/" + execution_id + "/events");
        REQUIRE(followed.stream);
        Collected events;
        office.api.run(followed.stream(events));
        CHECK(events.text.find("event: end\n") != std::string::npos);
        CHECK(events.text.find(R"("status":"completed")") != std::string::npos);
    }
    SUBCASE("nothing of it is there for another tenant") {
        for (const std::string& target :
             {"/sync/tasks/" + task_id, "/sync/tasks/" + task_id + "/executions", "/sync/executions/" + execution_id,
              "/sync/executions/" + execution_id + "/events",
              "/sync/streams/" + office.text(office.only("/sync/streams"), "streamId")})
            CHECK(office.api.send("GET", "/api/v1" + target, "", as_other).status == 404);
        for (const char* action : {"execute", "cancel"})
            CHECK(office.api.send("POST", "/api/v1/sync/tasks/" + task_id + "/" + action, "", as_other).status == 404);
        for (const char* list : {"/sync/tasks", "/sync/executions", "/sync/streams", "/sync/conflicts", "/sync/parked"})
            CHECK(office.api.send("GET", std::string("/api/v1") + list, "", as_other).body == R"({"items":[]})");
        CHECK(office.api.send("POST", "/api/v1/sync/trigger", trigger, as_other).status == 404);
    }
}

TEST_CASE("a held task runs once it is executed, and whoever follows its execution late hears of its end") {
    Office office;
    testing::SimLoop& loop = office.api.loop;
    for (int i = 0; i < 50; ++i)
        office.crm.create("contacts", {{"mail", "m" + std::to_string(i) + "@x.example"}, {"name", "N"}});
    const auto held = office.post("/sync/tasks", R"({"integrationId": ")" + id + R"(", "run": false})");
    REQUIRE(held.status == 201);
    CHECK(body_of(held).at("held") == true);
    const std::string task = "/sync/tasks/" + office.text(body_of(held), "taskId");
    loop.run_for(1min);
    CHECK(office.get(task).at("attempts").to_number<int>() == 0);
    CHECK(office.post(task + "/execute").status == 202);
    loop.run_for(1s);
    const json::object execution = office.only(task + "/executions");
    const auto followed =
        office.api.send("GET", "/api/v1/sync/executions/" + office.text(execution, "executionId") + "/events");
    REQUIRE(followed.stream);
    Collected events;
    office.api.run(followed.stream(events));
    CHECK(events.text.find("event: end\n") != std::string::npos);
    CHECK(events.text.starts_with("id: "));
    CHECK(office.post(task + "/execute").status == 409);
    CHECK(office.post(task + "/cancel").status == 409);
}

TEST_CASE("who follows a running execution hears of its state, and of its end") {
    Office office;
    office.crm.create("contacts", {{"mail", "ada@x.example"}, {"name", "Ada"}});
    Collected events;
    HttpResponse followed;
    const auto follow = [&]() -> Async<void> {
        const auto running = co_await office.api.answer("GET", "/api/v1/sync/executions?status=running");
        const json::array items = body_of(running).at("items").as_array();
        REQUIRE(items.size() == 1);
        const std::string execution = office.text(items[0].as_object(), "executionId");
        followed = co_await office.api.answer("GET", "/api/v1/sync/executions/" + execution + "/events");
        office.api.loop.spawn(followed.stream(events));
        co_await office.api.clock.sleep_for(2s);
    };
    const auto once_begun = [&]() -> Async<void> {
        office.api.store->interrupted_kind = "stream";
        office.api.store->meanwhile = follow;
        co_return;
    };
    office.api.store->interrupted_kind = "stream"; // the claim
    office.api.store->meanwhile = once_begun;
    CHECK(office.sync().at("status") == "completed");
    const auto progress = events.text.find("event: progress\n"), end = events.text.find("event: end\n");
    REQUIRE(end != std::string::npos);
    CHECK(progress < end);
    // What has not changed is not told again.
    CHECK(events.text.find("event: progress\n", progress + 1) == std::string::npos);
}

TEST_CASE("a task that waits is cancelled at once") {
    Office office;
    const auto held = office.post("/sync/tasks", R"({"integrationId": ")" + id + R"(", "run": false})");
    const std::string task = "/sync/tasks/" + office.text(body_of(held), "taskId");
    const auto cancelled = office.post(task + "/cancel");
    CHECK(cancelled.status == 202);
    CHECK(body_of(cancelled).at("status") == "cancelled");
    CHECK(office.post(task + "/cancel").status == 202); // it is what was asked for
}

TEST_CASE("a trigger with a key is one task, however often it is sent (I32)") {
    Office office;
    const ApiFixture::Headers key{{"Idempotency-Key", "k-1"}};
    const auto first = office.api.send("POST", "/api/v1/sync/trigger", trigger, key);
    REQUIRE(first.status == 202);
    const auto again = office.api.send("POST", "/api/v1/sync/trigger", trigger, key);
    CHECK(again.body == first.body);
    CHECK(header_of(again, "Idempotency-Replayed") == "true");
    const auto other = office.api.send("POST", "/api/v1/sync/trigger",
                                       R"({"integrationId": ")" + id + R"(", "direction": "inbound"})", key);
    CHECK(other.status == 422);
    CHECK(office.get("/sync/tasks").at("items").as_array().size() == 1);
}

TEST_CASE("what can't be synced is refused, with the place") {
    Office office;
    CHECK(office.post("/sync/trigger", R"({"integrationId": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a99"})").status == 404);
    CHECK(office.post("/sync/trigger", R"({"integrationId": ")" + id + R"(", "entityType": "pigeons"})").status == 404);
    const auto filter = office.post("/sync/trigger", R"({"integrationId": ")" + id +
                                                         R"(", "filters": [{"field": "a", "operator": "gt", "value": true}]})");
    CHECK(filter.status == 400);
    REQUIRE(faults_of(filter).size() == 1);
    CHECK(faults_of(filter)[0].starts_with("body.filters[0]"));
}

TEST_CASE("a preview tells what a sync would do, and does none of it") {
    Office office;
    office.crm.create("contacts", {{"mail", "ada@x.example"}, {"name", "Ada"}});
    office.crm.create("contacts", {{"mail", "bob@x.example"}, {"name", "Bob"}});
    const auto plan = office.post("/sync/preview", trigger);
    REQUIRE(plan.status == 200);
    REQUIRE(body_of(plan).at("items").as_array().size() == 2);
    CHECK(body_of(plan).at("items").as_array()[0].at("action") == "create");
    CHECK(office.get("/shards").at("items").as_array().empty());
    const auto cut = office.post("/sync/preview?limit=1", trigger);
    CHECK(body_of(cut).at("items").as_array().size() == 1);
    CHECK(body_of(cut).at("truncated") == true);
}

TEST_CASE("conflicts resolved alike: those that stay open are told with their reasons") {
    Office office;
    for (const char* name : {"ada", "bob", "cleo", "dora"})
        office.crm.create("contacts", {{"mail", std::string(name) + "@x.example"}, {"name", "old"}});
    office.sync();
    const json::object shards = office.get("/shards");
    for (const json::value& shard : shards.at("items").as_array()) {
        const std::string mail = office.text(shard.at("structuredData").as_object(), "email");
        const json::object ours{{"shardTypeId", "contact"}, {"structuredData", {{"email", mail}, {"name", "ours"}}}};
        const std::string path = "/api/v1/shards/" + office.text(shard.as_object(), "id");
        REQUIRE(office.api.send("PUT", path, to_json(ours)).status == 200);
    }
    const auto edit_all = [&](const std::string& name, std::size_t from) {
        const auto ids = office.crm.ids("contacts");
        for (std::size_t i = from; i < ids.size(); ++i) {
            const std::string mail = office.text(*office.crm.find("contacts", ids[i]), "mail");
            office.crm.edit("contacts", ids[i], {{"mail", mail}, {"name", name}});
        }
    };
    edit_all("theirs", 0);
    office.sync();
    edit_all("theirs, moved", 2);
    const json::object open = office.get("/sync/conflicts?state=open");
    std::string asked;
    for (const json::value& conflict : open.at("items").as_array())
        if (office.text(conflict.as_object(), "sourceId") == office.crm.ids("contacts").at(0))
            asked = office.text(conflict.as_object(), "conflictId");
    const auto resolved =
        office.post("/sync/conflicts/" + asked + "/resolve", R"({"resolution": "source_wins", "applyTo": "stream"})");
    REQUIRE_MESSAGE(resolved.status == 200, resolved.body);
    const json::object applied = body_of(resolved).at("appliedTo").as_object();
    CHECK(applied.at("resolved").to_number<int>() == 2);
    CHECK(applied.at("left").to_number<int>() == 2);
    REQUIRE(applied.at("reasons").as_array().size() == 1);
    const json::object reason = applied.at("reasons").as_array()[0].as_object();
    CHECK(reason.at("code") == "stale");
    CHECK(reason.at("count").to_number<int>() == 2);
    CHECK(office.get("/sync/conflicts/" + office.text(reason, "conflictId")).at("state") == "superseded");
    const json::object now = office.get("/sync/conflicts?state=open"); // the questions as they are now
    CHECK(now.at("items").as_array().size() == 2);
    for (const json::value& conflict : now.at("items").as_array())
        CHECK(conflict.at("sourceData").at("name") == "theirs, moved");
}

TEST_CASE("a conflict is shown with both sides, and resolving it writes the choice to both (I37)") {
    Office office;
    const std::string conflict = "/sync/conflicts/" + office.make_conflict();
    const json::object shown = office.get(conflict);
    CHECK(shown.at("sourceData").at("name") == "Ada L.");
    CHECK(shown.at("targetData").at("name") == "A. King");
    const std::string shard = office.text(shown, "targetId");
    CHECK(office.only("/sync/conflicts?entityId=" + shard).at("conflictId") == shown.at("conflictId"));
    CHECK(office.get("/sync/conflicts?entityId=nobody").at("items").as_array().empty());

    SUBCASE("a side") {
        const auto resolved = office.post(conflict + "/resolve", R"({"resolution": "target_wins", "note": "asked her"})");
        REQUIRE_MESSAGE(resolved.status == 200, resolved.body);
        CHECK(body_of(resolved).at("state") == "resolved");
        CHECK(body_of(resolved).at("resolvedBy") == "anonymous");
        CHECK(office.name_of_contact() == "A. King");
        CHECK(office.post(conflict + "/resolve", R"({"resolution": "target_wins"})").status == 409);
    }
    SUBCASE("values") {
        CHECK(office.post(conflict + "/resolve", R"({"resolution": "manual"})").status == 400);
        CHECK(office.post(conflict + "/resolve", R"({"resolution": "source_wins", "values": {"name": "x"}})").status == 400);
        CHECK(office.post(conflict + "/resolve", R"({"resolution": "link"})").status == 400);
        CHECK(office.post(conflict + "/resolve", R"({"resolution": "manual", "values": {"name": "Countess"}})").status == 200);
        CHECK(office.name_of_contact() == "Countess");
    }
    SUBCASE("all of the stream") {
        const auto resolved = office.post(conflict + "/resolve", R"({"resolution": "source_wins", "applyTo": "stream"})");
        REQUIRE(resolved.status == 200);
        CHECK(body_of(resolved).at("appliedTo").at("resolved").to_number<int>() == 1);
        CHECK(body_of(resolved).at("appliedTo").at("left").to_number<int>() == 0);
    }
    SUBCASE("a side that moved makes it another question, which the answer shows") {
        office.crm.edit("contacts", office.crm.ids("contacts").at(0), {{"mail", "ada@x.example"}, {"name", "Ada M."}});
        const auto moved = office.post(conflict + "/resolve", R"({"resolution": "target_wins"})");
        REQUIRE(moved.status == 409);
        CHECK(body_of(moved).at("error").at("details").at("conflict").at("sourceData").at("name") == "Ada M.");
        CHECK(office.name_of_contact() == "Ada M.");
    }
    SUBCASE("setting it aside") {
        CHECK(body_of(office.post(conflict + "/ignore")).at("state") == "ignored");
    }
    SUBCASE("another tenant") {
        CHECK(office.api.send("GET", "/api/v1" + conflict, "", as_other).status == 404);
        CHECK(office.api.send("POST", "/api/v1" + conflict + "/resolve", R"({"resolution": "source_wins"})", as_other).status == 404);
        CHECK(office.api.send("POST", "/api/v1" + conflict + "/ignore", "", as_other).status == 404);
        CHECK(office.name_of_contact() == "Ada L.");
    }
}

TEST_CASE("a parked record is shown with its reason, and is retried with a value or set aside") {
    Office office;
    office.crm.create("contacts", {{"mail", "ada@x.example"}, {"name", "Ada"}, {"grade", "Z"}});
    office.sync();
    const json::object parked = office.only("/sync/parked");
    CHECK(office.text(parked, "field").find("grade") != std::string::npos);
    const std::string target = "/sync/parked/" + office.text(parked, "parkedId");
    SUBCASE("retried") {
        const auto retried = office.post(target + "/retry", R"({"values": {"grade": "B"}})");
        REQUIRE_MESSAGE(retried.status == 200, retried.body);
        CHECK(body_of(retried).at("parked") == false);
        CHECK(office.get("/sync/parked").at("items").as_array().empty());
        CHECK(office.only("/shards").at("structuredData").at("grade").to_number<int>() == 2);
    }
    SUBCASE("set aside") {
        CHECK(office.post(target + "/discard").status == 204);
        CHECK(office.only("/sync/parked").at("discarded") == true);
    }
    SUBCASE("another tenant") {
        CHECK(office.api.send("POST", "/api/v1" + target + "/discard", "", as_other).status == 404);
        CHECK(office.api.send("POST", "/api/v1" + target + "/retry", "{}", as_other).status == 404);
    }
}

TEST_CASE("a stream is paused, resumed and read anew, and its latch is judged") {
    Office office;
    for (int i = 0; i < 30; ++i)
        office.crm.create("contacts", {{"mail", "m" + std::to_string(i) + "@x.example"}, {"name", "N"}});
    office.sync();
    const std::string stream = "/sync/streams/" + office.text(office.only("/sync/streams"), "streamId");
    CHECK(body_of(office.post(stream + "/pause")).at("paused") == true);
    CHECK(body_of(office.post(stream + "/resume")).at("paused") == false);
    CHECK(office.post(stream + "/reset").status == 200);
    CHECK(office.post(stream + "/approve").status == 409);
    for (const std::string& contact : office.crm.ids("contacts"))
        office.crm.remove("contacts", contact);
    office.sync();
    const json::object held = office.get(stream);
    REQUIRE(held.contains("latch"));
    CHECK(office.post(stream + "/approve", R"({"latchId": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a99"})").status == 409);
    const std::string latch = R"({"latchId": ")" + office.text(held.at("latch").as_object(), "latchId") + R"("})";
    SUBCASE("approved") {
        const auto approved = office.post(stream + "/approve", latch);
        REQUIRE(approved.status == 200);
        CHECK_FALSE(body_of(approved).contains("latch"));
        office.sync();
        CHECK(office.get("/shards").at("items").as_array().empty());
    }
    SUBCASE("rejected") {
        CHECK(office.post(stream + "/reject").status == 200);
        office.sync();
        CHECK(office.get("/shards").at("items").as_array().size() == 30);
    }
    SUBCASE("another tenant") {
        for (const char* action : {"pause", "resume", "reset", "approve", "reject"})
            CHECK(office.api.send("POST", "/api/v1" + stream + "/" + action, "", as_other).status == 404);
    }
}

TEST_CASE("the history of a record tells who wrote what, newest first") {
    Office office;
    const std::string contact = office.crm.create("contacts", {{"mail", "ada@x.example"}, {"name", "Ada"}});
    office.sync();
    office.crm.edit("contacts", contact, {{"mail", "ada@x.example"}, {"name", "Ada L."}});
    office.sync();
    const json::array entries = office.get("/sync/records/contacts/" + contact + "/history").at("items").as_array();
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].at("action") == "updated");
    CHECK(entries[1].at("action") == "created");
    CHECK(office.api.send("GET", "/api/v1/sync/records/contacts/nobody/history").status == 404);
    CHECK(office.api.send("GET", "/api/v1/sync/records/contacts/" + contact + "/history", "", as_other).status == 404);
}
