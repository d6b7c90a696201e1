// castiel-sync webhooks: endpoints and deliveries on the store itself, while nobody serves.
#include "office.hpp"

#include <castiel_sync/time.hpp>

#include <chrono>
#include <filesystem>

using namespace castiel_sync;
using castiel_sync::service_test::Office;
using castiel_sync::service_test::Outcome;

namespace {

const std::string integration = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
const std::string url = "https://receiver.example.com/castiel";

std::vector<std::string> creation(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"webhooks", "create", "--integration", "7d3c5f5e",
                                   "--url",    url,      "--event",       "integration.sync.*"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

// Answers its id.
std::string create(const Office& office, const std::vector<std::string>& more = {}) {
    const auto made = office.command(creation(more));
    REQUIRE_MESSAGE(made.exit_code == 0, made.errors);
    return std::string(made.lines().at(0).at("webhookId").as_string());
}

json::object show(const Office& office, const std::string& id) {
    const auto shown = office.command({"webhooks", "show", id});
    REQUIRE_MESSAGE(shown.exit_code == 0, shown.errors);
    return shown.lines().at(0);
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::size_t count_of(const Office& office, const std::string& id, const std::string& state) {
    const auto listed = office.command({"webhooks", "deliveries", id, "--state", state});
    REQUIRE_MESSAGE(listed.exit_code == 0, listed.errors);
    return listed.lines().size();
}

} // namespace

TEST_CASE("webhooks create prints the endpoint with its secret, and nothing shows the secret or a header again") {
    const Office office;
    const auto made = office.command(
        creation({"--event", "integration.conflict.detected", "--thin", "--description", "to the CRM's team",
                  "--max-in-flight", "3", "--rate-per-minute", "60", "--header", "Authorization: Bearer canary"}));
    REQUIRE_MESSAGE(made.exit_code == 0, made.errors);
    const json::object document = made.lines().at(0);
    const std::string secret(document.at("secret").as_string());
    CHECK(secret.starts_with("whsec_"));
    CHECK(document.at("integrationId").as_string() == integration);
    CHECK(document.at("events") == json::array{"integration.sync.*", "integration.conflict.detected"});
    CHECK(document.at("thin") == true);
    CHECK(document.at("description") == "to the CRM's team");
    CHECK(document.at("maxInFlight") == 3);
    CHECK(document.at("ratePerMinute") == 60);
    CHECK(document.at("headers") == json::object{{"Authorization", "[hidden]"}});

    const std::string id(document.at("webhookId").as_string());
    CHECK(show(office, id.substr(0, 8)).at("url").as_string() == url);
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"webhooks", "show", id},
                                               {"webhooks", "list"},
                                               {"webhooks", "show", id, "--json"},
                                               {"webhooks", "list", "--integration", "7d3c5f5e", "--json"}}) {
        const auto told = office.workplace.run(words);
        CHECK(told.exit_code == 0);
        CHECK(contains(told.output, id.substr(0, 12)));
        for (const std::string& text : {told.output, told.errors}) {
            CHECK_FALSE(contains(text, secret));
            CHECK_FALSE(contains(text, "canary"));
        }
    }
    CHECK(office.command({"webhooks", "list", "--integration", "00000000-0000-4000-8000-000000000000"}).output.empty());
}

TEST_CASE("people read the secret on a line of its own, and that they have to keep it; also with --quiet") {
    const Office office;
    const auto made = office.workplace.run(creation());
    CHECK(contains(made.output, "\nsecret          whsec_"));
    CHECK(contains(made.output, "Keep the secret: it is not shown again."));
    const auto quiet = office.workplace.run(creation({"--quiet"}));
    CHECK(contains(quiet.output, "secret          whsec_"));
}

TEST_CASE("webhooks rotate-secret prints another secret, once") {
    const Office office;
    const auto made = office.command(creation()).lines().at(0);
    const std::string id(made.at("webhookId").as_string());
    const auto rotated = office.command({"webhooks", "rotate-secret", id});
    CHECK(rotated.exit_code == 0);
    CHECK(rotated.lines().at(0).at("secret").as_string().starts_with("whsec_"));
    CHECK(rotated.lines().at(0).at("secret") != made.at("secret"));
    const auto told = office.workplace.run({"webhooks", "rotate-secret", id});
    CHECK(contains(told.output, "\nsecret          whsec_"));
    CHECK(contains(told.output, "Keep the secret: it is not shown again. The one before signs along for 24 hours."));
    CHECK_FALSE(show(office, id).contains("secret"));
}

TEST_CASE("webhooks update changes what is given and nothing else") {
    const Office office;
    const std::string id = create(office, {"--rate-per-minute", "60", "--thin", "--header", "X-Team: crm"});
    const auto update = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"webhooks", "update", id.substr(0, 8)});
        const auto updated = office.command(words);
        CHECK_MESSAGE(updated.exit_code == 0, updated.errors);
        return updated.lines().at(0);
    };
    CHECK(update({"--description", "x"}).at("url").as_string() == url);
    CHECK(show(office, id).at("thin") == true);
    CHECK(update({"--no-thin"}).at("thin") == false);
    CHECK(update({"--thin"}).at("thin") == true);
    CHECK(show(office, id).at("ratePerMinute") == 60);
    CHECK_FALSE(update({"--rate-per-minute", "0"}).contains("ratePerMinute"));
    CHECK(update({"--event", "*"}).at("events") == json::array{"*"});
    CHECK(update({"--header", "X-Team: [hidden]", "--header", "X-Other:1"}).at("headers").as_object().size() == 2);
    CHECK_FALSE(update({"--no-headers"}).contains("headers"));
    CHECK_FALSE(update({"--description", ""}).contains("description"));
}

TEST_CASE("the values of headers do not follow an endpoint to another host") {
    const Office office;
    const std::string id = create(office, {"--header", "Authorization: Bearer canary"});
    const auto moved = office.command({"webhooks", "update", id, "--url", "https://elsewhere.example.com/"});
    CHECK(moved.exit_code == 2);
    CHECK(contains(moved.errors, "the url leads to another host"));
    CHECK(show(office, id).at("url").as_string() == url);
    CHECK(office
              .command({"webhooks", "update", id, "--url", "https://elsewhere.example.com/", "--header",
                        "Authorization: Bearer new"})
              .exit_code == 0);
}

TEST_CASE("events of a run wait for a service, as a table and as documents; a test event, too") {
    const Office office;
    const std::string id = create(office);
    office.set_shard("Ada", "name=Ada King");
    CHECK(office.run() == 0);
    const auto tested = office.workplace.run({"webhooks", "test", id});
    CHECK(tested.exit_code == 0);
    CHECK(contains(tested.output, "a running service (castiel-sync serve) sends it."));

    const auto listed = office.command({"webhooks", "deliveries", id}).lines();
    CHECK(listed.size() >= 3);
    CHECK(listed.at(0).at("eventType") == "integration.webhook.test");
    CHECK(count_of(office, id, "waiting") == listed.size());
    CHECK(count_of(office, id, "delivered") == 0);
    CHECK(office.command({"webhooks", "deliveries", id, "--limit", "2"}).lines().size() == 2);
    const std::string delivery(listed.at(0).at("deliveryId").as_string());
    const auto table = office.workplace.run({"webhooks", "deliveries", id, "--limit", "1"});
    CHECK(contains(table.output, delivery));
    CHECK(contains(table.output, "There are more; see --limit."));
    CHECK(office.command({"webhooks", "delivery", id, delivery}).lines().at(0) == listed.at(0));
    const auto shown = office.workplace.run({"webhooks", "delivery", id, delivery.substr(0, 23)});
    CHECK(shown.exit_code == 0);
    CHECK(contains(shown.output, "integration.webhook.test"));
    CHECK(office.command({"webhooks", "test", id}).lines().at(0).at("state") == "waiting");
}

TEST_CASE("what is switched off takes no test, and may be switched on again") {
    const Office office;
    const std::string id = create(office);
    const auto off = office.command({"webhooks", "disable", id});
    CHECK(off.exit_code == 0);
    CHECK(off.lines().at(0).at("active") == false);
    CHECK(off.lines().at(0).at("disabledReason") == "owner");
    CHECK(contains(office.workplace.run({"webhooks", "list"}).output, "off: owner"));
    const auto refused = office.command({"webhooks", "test", id});
    CHECK(refused.exit_code == 1);
    CHECK(contains(refused.errors, "switched off"));
    CHECK(office.command({"webhooks", "enable", id}).lines().at(0).at("active") == true);
    CHECK(office.command({"webhooks", "test", id}).exit_code == 0);
}

TEST_CASE("webhooks redeliver takes several, and goes on past one that is not there") {
    const Office office;
    const std::string id = create(office);
    const auto test_of = [&] {
        return std::string(office.command({"webhooks", "test", id}).lines().at(0).at("deliveryId").as_string());
    };
    const std::string first = test_of();
    const std::string second = test_of();
    const auto both = office.command({"webhooks", "redeliver", id, first, second});
    CHECK(both.exit_code == 0);
    CHECK(both.lines().size() == 2);
    const auto some = office.command({"webhooks", "redeliver", id, "00000000-0000-4000-8000-000000000000", second});
    CHECK(some.exit_code == 1);
    REQUIRE(some.lines().size() == 1);
    CHECK(some.lines()[0].at("deliveryId").as_string() == second);
    CHECK(contains(office.workplace.run({"webhooks", "redeliver", id, first}).output,
                   "a running service (castiel-sync serve) sends it."));
}

TEST_CASE("webhooks recover counts what an endpoint missed, and sends it") {
    const Office office;
    const std::string id = create(office);
    CHECK(office.command({"webhooks", "disable", id}).exit_code == 0);
    office.set_shard("Ada", "name=Ada King");
    CHECK(office.run() == 0);
    REQUIRE(office.command({"webhooks", "deliveries", id}).output.empty());
    CHECK(office.command({"webhooks", "enable", id}).exit_code == 0);
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const std::string since = to_string(now - std::chrono::hours(1));
    const std::vector<std::string> recover{"webhooks", "recover", id, "--since", since};
    const auto with = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words = recover;
        words.insert(words.end(), more.begin(), more.end());
        return words;
    };
    const auto counted = office.command(with({"--dry-run"}));
    CHECK(counted.exit_code == 0);
    CHECK(counted.lines().at(0).at("dryRun") == true);
    const auto missed = counted.lines().at(0).at("deliveries").to_number<std::size_t>();
    CHECK(missed >= 2);
    CHECK(contains(office.workplace.run(with({"--dry-run"})).output, "would be sent; nothing was changed."));
    CHECK(office.command(with({"--until", "2001-01-01T00:00:00Z"})).lines().at(0).at("deliveries") == 0);
    REQUIRE(count_of(office, id, "waiting") == 0);
    CHECK(contains(office.workplace.run(recover).output,
                   std::to_string(missed) + " deliveries: a running service (castiel-sync serve) sends them."));
    CHECK(count_of(office, id, "waiting") == missed);
    CHECK(contains(office.workplace.run(recover).output, "There is nothing to send."));
}

TEST_CASE("webhooks delete ends an endpoint") {
    const Office office;
    const std::string id = create(office);
    CHECK(office.command({"webhooks", "delete", id.substr(0, 8)}).exit_code == 0);
    CHECK(office.command({"webhooks", "delete", id}).exit_code == 1);
    CHECK(office.command({"webhooks", "show", id}).exit_code == 1);
    CHECK(contains(office.workplace.run({"webhooks", "list"}).output, "No webhooks."));
}

TEST_CASE("exit 1 for a webhook or a delivery that is not there, 2 for what can't be asked") {
    const Office office;
    const std::string id = create(office);
    const std::string nobody = "00000000-0000-4000-8000-000000000000";
    for (const char* name : {"show", "update", "enable", "disable", "delete", "rotate-secret", "test", "deliveries"}) {
        std::vector<std::string> words{"webhooks", name, nobody};
        if (words[1] == "update") words.insert(words.end(), {"--url", url});
        const auto refused = office.command(words);
        CHECK(refused.exit_code == 1);
        CHECK(contains(refused.errors, "there is no webhook " + nobody));
        CHECK(refused.output.empty());
    }
    CHECK(office.command({"webhooks", "delivery", id, nobody}).exit_code == 1);
    CHECK(office.command({"webhooks", "delivery", id, "0000-"}).exit_code == 1);
    CHECK(office.command({"webhooks", "recover", nobody, "--since", "2026-11-28T00:00:00Z"}).exit_code == 1);

    const auto refused = [&](const std::vector<std::string>& words, std::string_view why) {
        const auto outcome = office.command(words);
        CHECK(outcome.exit_code == 2);
        CHECK_MESSAGE(contains(outcome.errors, why), outcome.errors);
        CHECK(outcome.output.empty());
        CHECK_FALSE(contains(outcome.errors, "canary"));
    };
    refused({"webhooks"}, "Usage:");
    refused({"webhooks", "show", "0"}, "at least 4 characters");
    refused({"webhooks", "update", id}, "nothing is said to change");
    refused({"webhooks", "update", id, "--no-headers", "--header", "X-A: 1"}, "excludes");
    refused({"webhooks", "deliveries", id, "--state", "half"}, "--state");
    refused({"webhooks", "recover", id, "--since", "yesterday"}, "--since must be a time such as");
    refused({"webhooks", "recover", id, "--since", "2026-11-28T00:00:00Z", "--until", "x"}, "--until must be a time");
    refused({"webhooks", "recover", id, "--since", "2001-01-01T00:00:00Z"}, "since: events are kept for 14 days");
    refused({"webhooks", "create", "--integration", "7d3c5f5e", "--url", url}, "--event");
    refused({"webhooks", "create", "--integration", nobody, "--url", url, "--event", "*"}, "no integration has the id");
    refused({"webhooks", "create", "--integration", "nobody", "--url", url, "--event", "*"}, "no integration is");
    refused(creation({"--max-in-flight", "0"}), "maxInFlight: 1 to 100");
    refused(creation({"--max-in-flight", "many"}), "--max-in-flight");
    refused(creation({"--header", "canary"}), "'Name: value'");
    refused(creation({"--header", "X-A: canary", "--header", "X-A: 2"}), "--header X-A is given twice");
    refused(creation({"--header", "webhook-id: 1"}), "webhook-id is not for webhooks to set");
    refused(creation({"--event", "no type"}), "is no type of event");
    refused({"webhooks", "create", "--integration", "7d3c5f5e", "--url", "http://127.0.0.1/", "--event", "*"}, "url: ");
    CHECK(office.command({"webhooks", "list"}).lines().size() == 1);
}

TEST_CASE("I22: a tenant's webhooks are nobody else's") {
    const Office office;
    const std::string id = create(office);
    const std::string other = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0002";
    CHECK(office.command({"webhooks", "show", id, "--tenant", other}).exit_code == 1);
    CHECK(office.command({"webhooks", "list", "--tenant", other}).output.empty());
}

TEST_CASE("webhooks can't be read without the key that their secrets were sealed with") {
    const Office office;
    const std::string id = create(office, {"--header", "X-A: canary"});
    std::filesystem::remove(office.workplace.folder() / "data/castiel-sync.db.key");
    const auto refused = office.command({"webhooks", "show", id});
    CHECK(refused.exit_code == 2);
    CHECK(refused.output.empty());
    CHECK_FALSE(contains(refused.errors, "canary"));
}
