#include <castiel_sync/secret_provider.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>

using namespace castiel_sync;

namespace {

// Answers what it was asked for, and takes every replacement.
class EchoingSecrets final : public SecretProvider {
public:
    explicit EchoingSecrets(std::string name) : name_(std::move(name)) {}

    Async<Result<json::object>> find(std::string tenant_id, std::string reference) override {
        co_return json::object{{name_, tenant_id + " " + reference}};
    }
    Async<Result<>> replace(std::string, std::string, json::object, json::object) override { co_return Result<>(); }
    [[nodiscard]] bool can_replace(std::string_view) const override { return true; }

private:
    std::string name_;
};

struct Places {
    testing::SimLoop loop;
    std::shared_ptr<SecretProvider> secrets =
        make_secrets_by_place({{"environment", std::make_shared<EchoingSecrets>("environment")},
                               {"file", std::make_shared<EchoingSecrets>("file")}});

    Result<json::object> find(const std::string& reference) { return loop.run(secrets->find("t", reference)); }
};

} // namespace

TEST_CASE("each reference goes to its place as it is") {
    Places places;
    CHECK(places.find("secret://file/crm").value() == json::object{{"file", "t secret://file/crm"}});
    CHECK(places.find("secret://environment/CRM").value() ==
          json::object{{"environment", "t secret://environment/CRM"}});
    CHECK(places.find("crm").value() == json::object{{"environment", "t crm"}});
}

TEST_CASE("a place that is not known is told with those that are") {
    Places places;
    const auto found = places.find("secret://vault/crm");
    REQUIRE(found.has_error());
    CHECK(found.error().code == ErrorCode::invalid_configuration);
    CHECK(found.error().message ==
          "\"secret://vault/crm\" leads to a place \"vault\" that is not known; use one of: environment, file");
    CHECK_FALSE(places.secrets->can_replace("secret://vault/crm"));
}

TEST_CASE("a replacement goes to its place") {
    Places places;
    CHECK(places.secrets->can_replace("secret://file/crm"));
    CHECK(places.loop.run(places.secrets->replace("t", "secret://file/crm", {}, {})).has_value());
}

TEST_CASE("what begins as a reference has to be one") {
    for (const char* reference :
         {"", "secret://", "secret://file", "secret://file/", "secret:///crm", "secret://file/../crm",
          "secret://file/a/b", "secret://file/.hidden", "secret://file/..", "secret://file/a b", "secret://file/a%2Fb",
          "secret://file/\xC3\xA4", "secret://../crm"}) {
        CAPTURE(reference);
        const auto parsed = parse_secret_reference(reference);
        REQUIRE(parsed.has_error());
        CHECK(parsed.error().code == ErrorCode::invalid_configuration);
    }
    CHECK(parse_secret_reference("secret://file/" + std::string(200, 'a')).has_value());
    CHECK(parse_secret_reference("secret://file/" + std::string(201, 'a')).has_error());
    CHECK(parse_secret_reference(std::string("secret://file/a\0b", 17)).has_error());
}

TEST_CASE("a reference has a place and a name") {
    const auto parsed = parse_secret_reference("secret://file/crm-2.live_key");
    REQUIRE(parsed.has_value());
    CHECK(parsed->place == "file");
    CHECK(parsed->name == "crm-2.live_key");
}
