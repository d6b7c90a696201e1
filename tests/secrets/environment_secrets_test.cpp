#include <castiel_sync/secret_provider.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>

using namespace castiel_sync;

namespace {

struct Environment {
    std::map<std::string, std::string> variables;
    testing::SimLoop loop;
    std::shared_ptr<SecretProvider> secrets =
        make_environment_secrets([this](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
        });

    Result<json::object> find(const std::string& reference) { return loop.run(secrets->find("", reference)); }
};

} // namespace

TEST_CASE("a plain name is the variable in capitals, with _ for what is no letter or figure") {
    Environment environment;
    environment.variables["CRM_API_KEY_2"] = "canary";
    CHECK(environment.find("crm-api.key/2").value() == json::object{{"value", "canary"}});
}

TEST_CASE("a reference names the variable as it is written") {
    Environment environment;
    environment.variables["crm.Key"] = "mine";
    environment.variables["CRM_KEY"] = "another";
    CHECK(environment.find("secret://environment/crm.Key").value() == json::object{{"value", "mine"}});
}

TEST_CASE("a variable may hold a JSON object") {
    Environment environment;
    environment.variables["CRM"] = R"( {"token":"t","user":"u"} )";
    CHECK(environment.find("crm").value() == json::object{{"token", "t"}, {"user", "u"}});
}

TEST_CASE("a variable that is not set, or empty, is told by its name") {
    Environment environment;
    environment.variables["EMPTY"] = "";
    for (const std::string name : {"no.such", "empty"}) {
        const auto missing = environment.find(name);
        REQUIRE(missing.has_error());
        CHECK(missing.error().code == ErrorCode::unauthenticated);
        const std::string variable = name == "empty" ? "EMPTY" : "NO_SUCH";
        CHECK(missing.error().message ==
              "the secret " + name + " is not there; set the environment variable " + variable);
    }
}

TEST_CASE("what is wrong with a variable is told without what it holds") {
    Environment environment;
    environment.variables["BROKEN"] = R"({"token": "canary-broken", )";
    const auto broken = environment.find("broken");
    REQUIRE(broken.has_error());
    CHECK(broken.error().message.find("BROKEN") != std::string::npos);
    CHECK(broken.error().message.find("canary") == std::string::npos);
}

TEST_CASE("a variable can't be replaced") {
    Environment environment;
    environment.variables["CRM"] = "old";
    CHECK_FALSE(environment.secrets->can_replace("crm"));
    const json::object old{{"value", "old"}};
    const auto replaced = environment.loop.run(environment.secrets->replace("", "crm", old, {{"value", "canary-new"}}));
    REQUIRE(replaced.has_error());
    CHECK(replaced.error().code == ErrorCode::unsupported);
    CHECK(replaced.error().message.find("canary") == std::string::npos);
}
