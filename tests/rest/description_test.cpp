// What follows from a description.
#include "rest_documents.hpp"

using namespace castiel_sync;
using namespace rest_test;
using namespace std::chrono_literals;

namespace {

AdapterCapabilities capabilities(const json::value& document) {
    return *capabilities_of(*described(document), "contacts");
}

// everything() with one member changed.
AdapterCapabilities but(std::string_view member, std::string_view value) {
    return capabilities(with(everything(), std::string("entities.contacts.") + std::string(member), value));
}

} // namespace

TEST_CASE("nothing is promised that is not described") {
    const AdapterCapabilities can = capabilities(contacts());
    CHECK_FALSE(can.writable);
    CHECK_FALSE(can.change_feed);
    CHECK_FALSE(can.reports_deletions);
    CHECK_FALSE(can.conditional_writes);
    CHECK_FALSE(can.conditional_deletes);
    CHECK_FALSE(can.idempotent_creates);
    CHECK_FALSE(can.finds_by_idempotency_key);
    CHECK(can.max_in_flight == 1);
}

TEST_CASE("what is described is promised") {
    const AdapterCapabilities can = capabilities(everything());
    CHECK(can.writable);
    CHECK(can.change_feed);
    CHECK(can.reports_deletions);
    CHECK(can.conditional_writes);
    CHECK(can.conditional_deletes);
    CHECK(can.idempotent_creates);
    CHECK(can.finds_by_idempotency_key);
    CHECK(can.read_lag == 3s);
    CHECK(can.max_page_records == 100); // the smaller of the listing's 200 and the feed's 100
    CHECK(can.max_fetch_records == 80);
    CHECK(can.max_push_records == 50);
}

TEST_CASE("each promise rests on one part of the description") {
    CHECK_FALSE(but("deleted", "").reports_deletions);
    CHECK_FALSE(but("changes", "").reports_deletions);
    CHECK_FALSE(but("changes", "").change_feed);
    CHECK(but("changes", "").max_page_records == 200);
    CHECK_FALSE(but("update.headers", "").conditional_writes);
    CHECK(but("update.headers", "").conditional_deletes);
    CHECK_FALSE(but("delete.headers", "").conditional_deletes);
    CHECK_FALSE(but("delete", "").conditional_deletes);
    CHECK_FALSE(but("update", "").conditional_writes);
    CHECK(but("update", "").writable);
    CHECK_FALSE(but("create.idempotent", "").idempotent_creates);
    CHECK_FALSE(but("find", "").finds_by_idempotency_key);
    CHECK(but("find", "").read_lag == 0ms);
    CHECK(but("getMany", "").max_fetch_records == 50);
}

TEST_CASE("a version that is sent in the record makes writes conditional, too") {
    json::value document = with(everything(), "entities.contacts.update.headers", "");
    document = with(document, "entities.contacts.update.set", R"({"revision": "{version}"})");
    CHECK(capabilities(document).conditional_writes);
}

TEST_CASE("an id that is the key both finds and repeats") {
    json::value document = with(everything(), "entities.contacts.find", "");
    document = with(document, "entities.contacts.create",
                    R"({"method": "PUT", "path": "/contacts/{key}", "idIsKey": true})");
    const AdapterCapabilities can = capabilities(document);
    CHECK(can.idempotent_creates);
    CHECK(can.finds_by_idempotency_key);
}

TEST_CASE("a batch sets how many are pushed at once") {
    json::value document = with(everything(), "entities.contacts.create.set", R"({"key": "{key}"})");
    document = with(document, "entities.contacts.update.set", R"({"revision": "{version}"})");
    document = with(document, "entities.contacts.batch",
                    R"({"path": "/batch", "body": "{items}", "most": 20, "answer": {"record": true},
                        "delete": {"id": "{id}", "revision": "{version}", "gone": true}})");
    CHECK(capabilities(document).max_push_records == 20);
}

TEST_CASE("settings without default are required, and others are not allowed") {
    const auto description = described(everything());
    const AdapterDescription told = describe(*description);
    CHECK(told.name == "crm");
    CHECK(told.settings_schema.at("required") == json::array{"account"});
    CHECK(told.settings_schema.at("additionalProperties") == false);
}

TEST_CASE("an entity goes by its name before it goes by any") {
    const auto description = described(with(with(contacts(), "check", R"({"path": "/"})"), "entities.*",
                                            R"({"id": "uid", "list": {"path": "/{entity}"}, "get": {"path": "/{id}"}})"));
    CHECK(description->find("contacts")->list->paging.kind == RestPaging::Kind::page);
    CHECK(description->find("deals")->name == "*");
    CHECK(entity_names(*description) == std::vector<std::string>{"contacts", "*"});
    CHECK(described(contacts())->find("deals") == nullptr);
    // Which of the two is asked for is not known here.
    CHECK_FALSE(describe(*description).capabilities.has_value());
    CHECK(describe(*description).entities.empty()); // any
    CHECK(describe(*described(contacts())).entities == std::vector<std::string>{"contacts"});
}
