#include "transport_fixture.hpp"

#include <castiel_sync/testing/faulty_transport.hpp>
#include <castiel_sync/testing/simulated_rest_server.hpp>

#include <doctest/doctest.h>

#include <fmt/format.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;
using transport_test::call_to;
using Paging = SimulatedRestServerOptions::Paging;

namespace {

SimulatedSystemOptions everything() {
    SimulatedSystemOptions options;
    options.name = "crm";
    AdapterCapabilities& can = options.capabilities;
    can.writable = can.change_feed = can.reports_deletions = can.conditional_writes = can.conditional_deletes = true;
    can.idempotent_creates = true;
    return options;
}

struct Rest : transport_test::Fixture {
    SimulatedSystemOptions system_options = everything();
    SimulatedRestServerOptions options;
    std::unique_ptr<SimulatedSystem> crm;
    std::shared_ptr<SimulatedRestServer> server;

    void start() {
        crm = std::make_unique<SimulatedSystem>(loop, system_options);
        server = std::make_shared<SimulatedRestServer>(*crm, options);
    }
    void create_people(int count) {
        for (int number = 1; number <= count; ++number) {
            crm->create("people", {{"name", fmt::format("p{}", number)}});
            loop.run_for(1s);
        }
    }
    HttpAnswer ask(std::string method, std::string target, std::string body = {}, HttpHeaders headers = {}) {
        if (target.starts_with('/')) target = "https://rest.test" + target;
        HttpCall call = call_to(std::move(method), std::move(target), std::move(body));
        call.headers = std::move(headers);
        return send(*server, std::move(call)).value();
    }
    json::value get(std::string target) {
        const HttpAnswer answer = ask("GET", std::move(target));
        CHECK(answer.status == 200);
        return parse_json(answer.body).value();
    }
    // The names on a page, one after the other.
    static std::string names(const json::value& records) {
        std::string names;
        for (const json::value& record : records.as_array())
            names += (names.empty() ? "" : " ") + std::string(record.at("name").as_string());
        return names;
    }
};

HttpHeaders header(std::string name, std::string value) {
    HttpHeaders headers;
    headers.add(std::move(name), std::move(value));
    return headers;
}

std::string etag(const HttpAnswer& answer) { return answer.headers.find("ETag") ? *answer.headers.find("ETag") : ""; }

} // namespace

TEST_CASE_FIXTURE(Rest, "a record is created, read, replaced, changed and deleted") {
    start();
    const HttpAnswer created = ask("POST", "/people", R"({"name":"Ada","id":"mine"})");
    CHECK(created.status == 201);
    CHECK(*created.headers.find("Location") == "https://rest.test/people/crm-00001");
    CHECK(created.body == R"({"id":"crm-00001","name":"Ada","updated_at":")" + to_string(clock.now()) + "\"}");
    const HttpAnswer read = ask("GET", *created.headers.find("Location"));
    CHECK(read.status == 200);
    CHECK(read.body == created.body);
    CHECK(etag(read) == etag(created));
    CHECK(ask("HEAD", "/people/crm-00001").body.empty());
    CHECK(ask("PUT", "/people/crm-00001", R"({"a":{"x":1,"y":2},"b":3})").status == 200);
    CHECK(*crm->find("people", "crm-00001") == json::object{{"a", {{"x", 1}, {"y", 2}}}, {"b", 3}});
    CHECK(ask("PATCH", "/people/crm-00001", R"({"a":{"x":null,"z":4},"b":null,"c":[1]})").status == 200);
    CHECK(*crm->find("people", "crm-00001") == json::object{{"a", {{"y", 2}, {"z", 4}}}, {"c", json::array{1}}});
    CHECK(ask("DELETE", "/people/crm-00001").status == 204);
    CHECK(crm->find("people", "crm-00001") == nullptr);
    for (const char* method : {"GET", "PUT", "PATCH", "DELETE"})
        CHECK(ask(method, "/people/crm-00001", "{}").status == 404);
    CHECK(server->calls() == 10);
    CHECK(server->calls("DELETE") == 2);
    CHECK(server->calls("OPTIONS") == 0);
}

TEST_CASE_FIXTURE(Rest, "a write that was decided on an older version is refused") {
    start();
    const std::string id = crm->create("people", {{"name", "Ada"}});
    const std::string target = "/people/" + id;
    const std::string old = etag(ask("GET", target));
    crm->edit("people", id, {{"name", "Eve"}}); // behind the client's back
    for (const char* method : {"PUT", "PATCH", "DELETE"}) {
        CHECK(ask(method, target, "{}", header("If-Match", old)).status == 412);
        CHECK(ask(method, target, "{}", header("If-Match", "W/" + etag(ask("GET", target)))).status == 412);
    }
    CHECK(crm->find("people", id)->at("name") == "Eve");
    const HttpAnswer written = ask("PUT", target, R"({"name":"Ada"})", header("If-Match", etag(ask("GET", target))));
    CHECK(written.status == 200);
    CHECK(ask("PATCH", target, "{}", header("If-Match", "*")).status == 200);
    CHECK(ask("DELETE", target, "", header("If-Match", etag(written))).status == 412);
    CHECK(ask("DELETE", target, "", header("If-Match", etag(ask("GET", target)))).status == 204);
}

TEST_CASE_FIXTURE(Rest, "a create that is repeated with its key makes no second record") {
    options.unique_field = "email";
    start();
    const HttpHeaders key = header("Idempotency-Key", "k1");
    const HttpAnswer first = ask("POST", "/people", R"({"email":"a@x"})", key);
    CHECK(ask("POST", "/people", R"({"email":"a@x"})", key).body == first.body);
    CHECK(crm->ids("people").size() == 1);
    CHECK(ask("POST", "/people", R"({"email":"b@x"})", header("Idempotency-Key", "k2")).status == 201);
    CHECK(ask("POST", "/people", "{}").status == 201);
    CHECK(ask("POST", "/people", "{}").status == 201);
    CHECK(crm->ids("people").size() == 4);
}

TEST_CASE_FIXTURE(Rest, "what the system will not have is refused with a reason") {
    options.unique_field = "email";
    options.authorization = "Bearer t";
    system_options.refuses = [](const json::object& fields) {
        return fields.contains("bad") ? std::optional<std::string>("no bad ones") : std::nullopt;
    };
    start();
    const std::string id = crm->create("people", {{"email", "a@x"}});
    const std::string other = crm->create("people", {{"email", "b@x"}});
    const auto refusal = [this](std::string method, std::string target, std::string body) {
        return ask(std::move(method), std::move(target), std::move(body), header("Authorization", "Bearer t"));
    };
    CHECK(ask("GET", "/people").status == 401);
    CHECK(ask("GET", "/people", "", header("Authorization", "Bearer x")).status == 401);
    CHECK(refusal("POST", "/people", R"({"bad":1})").status == 422);
    CHECK(refusal("POST", "/people", R"({"bad":1})").body == R"({"error":{"code":"invalid","message":"no bad ones"}})");
    CHECK(refusal("PUT", "/people/" + id, R"({"bad":1})").status == 422);
    CHECK(refusal("POST", "/people", R"({"email":"a@x"})").status == 409);
    CHECK(refusal("PATCH", "/people/" + other, R"({"email":"a@x"})").status == 409);
    CHECK(refusal("PATCH", "/people/" + id, R"({"email":"a@x"})").status == 200);
    for (const char* body : {"", "[]", "{", "null", "{\"a\":1,\"a\":2}", "\xff"}) {
        CHECK(refusal("POST", "/people", body).status == 400);
        CHECK(refusal("PATCH", "/people/" + id, body).status == 400);
    }
    CHECK(refusal("DELETE", "/people", "").status == 405);
    CHECK(refusal("POST", "/people/" + id, "{}").status == 405);
    for (const char* place : {"https://rest.test", "https://rest.test/", "https://other.test/people", "/people/a/b",
                              "/people/", "https://rest.testing/people"})
        CHECK(refusal("GET", place, "").status == 404);
    CHECK(crm->ids("people").size() == 2);
}

TEST_CASE_FIXTURE(Rest, "pages by number and by offset come with a total, and records move between them") {
    SUBCASE("page") {
        start();
        create_people(5);
        const json::value first = get("/people?limit=2");
        CHECK(names(first.at("data")) == "p1 p2");
        CHECK(first.at("pages") == 3);
        CHECK(first.at("total") == 5);
        crm->remove("people", "crm-00001");
        const json::value second = get("/people?page=2&limit=2");
        CHECK(names(second.at("data")) == "p4 p5"); // p3 was overlooked, as it is everywhere
        CHECK(second.at("page") == 2);
        CHECK(names(get("/people?page=99&limit=2").at("data")) == "");
        CHECK(ask("GET", "/people?page=0").status == 400);
    }
    SUBCASE("offset") {
        options.paging = Paging::offset;
        start();
        create_people(5);
        CHECK(names(get("/people?offset=3&limit=9").at("data")) == "p4 p5");
        CHECK(get("/people?offset=3").at("total") == 5);
        CHECK(names(get("/people?offset=18446744073709551615").at("data")) == "");
        CHECK(ask("GET", "/people?offset=-1").status == 400);
    }
}

TEST_CASE_FIXTURE(Rest, "cursors and links lead over every record, whatever is deleted meanwhile") {
    std::string found;
    const auto take = [&](const json::value& records) { found += names(records) + "|"; };
    SUBCASE("cursor") {
        options.paging = Paging::cursor;
        start();
        create_people(5);
        json::value page = get("/people?limit=2");
        take(page.at("data"));
        crm->remove("people", "crm-00002");
        while (page.at("next_cursor").is_string()) {
            page = get("/people?limit=2&cursor=" + std::string(page.at("next_cursor").as_string()));
            take(page.at("data"));
        }
        CHECK(ask("GET", "/people?cursor=mine").status == 400);
    }
    SUBCASE("link") {
        options.paging = Paging::link;
        start();
        create_people(5);
        HttpAnswer answer = ask("GET", "/people?limit=2&updated_since=2000-01-01T00%3A00%3A00Z");
        take(parse_json(answer.body).value());
        crm->remove("people", "crm-00002");
        while (const std::string* link = answer.headers.find("Link")) {
            CHECK(link->ends_with("&limit=2&updated_since=2000-01-01T00%3A00%3A00Z>; rel=\"next\""));
            answer = ask("GET", link->substr(1, link->find('>') - 1));
            take(parse_json(answer.body).value());
        }
    }
    CHECK(found == "p1 p2|p3 p4|p5|");
}

TEST_CASE_FIXTURE(Rest, "keysets go by the last change, and by id within one moment") {
    options.paging = Paging::keyset;
    start();
    for (int number = 1; number <= 4; ++number)
        crm->create("people", {{"name", fmt::format("p{}", number)}});
    loop.run_for(5s);
    crm->edit("people", "crm-00002", {{"name", "p2b"}});
    const json::value first = get("/people?limit=2&updated_since=2000-01-01T00:00:00Z");
    CHECK(names(first.at("data")) == "p1 p3");
    CHECK(first.at("has_more") == true);
    const json::value last = first.at("data").as_array().back();
    const json::value second = get("/people?limit=2&updated_since=" + std::string(last.at("updated_at").as_string()) +
                                   "&after_id=" + std::string(last.at("id").as_string()));
    CHECK(names(second.at("data")) == "p4 p2b");
    CHECK(second.at("has_more") == false);
    CHECK(names(get("/people?after_id=crm-00003").at("data")) == "p4");
    CHECK(ask("GET", "/people?updated_since=yesterday").status == 400);
}

TEST_CASE_FIXTURE(Rest, "the feed tells changes and deletions by sequence, from anywhere it remembers") {
    start();
    create_people(3);
    crm->remove("people", "crm-00001");
    crm->set_broken("people", "crm-00003", true);
    const json::value first = get("/people/changes?limit=2");
    CHECK(first.at("has_more") == true);
    REQUIRE(first.at("changes").as_array().size() == 2);
    CHECK(first.at("changes").at(0).at("record").at("name") == "p2");
    CHECK(to_json(first.at("changes").at(1)) == R"({"sequence":4,"id":"crm-00001","deleted":true})");
    const json::value second = get(fmt::format("/people/changes?since={}", first.at("next").to_number<int>()));
    CHECK(
        to_json(second) ==
        R"({"changes":[{"sequence":5,"id":"crm-00003","deleted":false,"record":"broken"}],"next":5,"has_more":false})");
    server->forget_changes_before(5);
    CHECK(ask("GET", "/people/changes?since=4").status == 410);
    CHECK(ask("GET", "/people/changes?since=5").status == 200);
    CHECK(ask("GET", "/people/changes?since=x").status == 400);
}

TEST_CASE_FIXTURE(Rest, "a system may tell less than it knows") {
    options.answers_writes = false;
    system_options.hides_versions = true;
    system_options.integer_ids = true;
    system_options.tells_modified_at = false;
    system_options.capabilities.change_feed = false;
    start();
    const HttpAnswer created = ask("POST", "/people", "{}");
    CHECK(created.body == R"({"id":1})");
    CHECK(etag(created) == "");
    const HttpAnswer written = ask("PUT", "/people/1", R"({"name":"Ada"})");
    CHECK(written.status == 204);
    CHECK(written.body == "");
    CHECK(ask("GET", "/people/1").body == R"({"id":1,"name":"Ada"})");
    CHECK(ask("GET", "/people/changes").status == 404);
    CHECK(ask("GET", "/people?updated_since=2000-01-01T00:00:00Z").status == 400);
}

TEST_CASE_FIXTURE(Rest, "the system sees who wrote what, and each call once") {
    start();
    std::string seen;
    crm->on_write([&](const SystemWrite& write) { seen += write.actor + ":" + write.id + " "; });
    std::size_t requests = 0;
    crm->on_request([&](const std::string& actor) { requests += actor == "rest"; });
    crm->create("people", {});
    (void)ask("POST", "/people", "{}", header("Idempotency-Key", "k"));
    (void)ask("PATCH", "/people/crm-00001", "{}");
    (void)ask("GET", "/people");
    CHECK(seen == ":crm-00001 rest:crm-00002 rest:crm-00001 ");
    CHECK(requests == 3);
}

TEST_CASE_FIXTURE(Rest, "ids of any characters are found by their encoded form") {
    start();
    CHECK(ask("GET", "/people/a%20b%2Fc").status == 404);
    CHECK(ask("GET", "/people/a%20b%2Fc").body ==
          R"({"error":{"code":"not_found","message":"there is no people a b/c"}})");
    CHECK(ask("GET", "/people/%zz%").status == 404);
}

TEST_CASE_FIXTURE(Rest, "behind a faulty transport a create is done although nobody hears of it") {
    start();
    SimulatedProcess process(loop, "node");
    Fault lost;
    lost.kind = Fault::Kind::answer_lost;
    NthCallFault plan("crm", 1, lost);
    const auto transport = make_faulty_transport(process, server, plan, "crm");
    HttpCall call = call_to("POST", "https://rest.test/people", "{}");
    call.headers.add("Idempotency-Key", "k");
    CHECK(send(*transport, call).error().code == ErrorCode::unknown_outcome);
    CHECK(crm->ids("people").size() == 1);
    CHECK(send(*transport, call)->status == 201);
    CHECK(crm->ids("people").size() == 1);
}
