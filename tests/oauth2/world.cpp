#include "world.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

namespace castiel_sync::oauth2_test {
namespace {

json::object description_of(std::string_view grant, const json::object& more) {
    json::object authentication{
        {"type", "oauth2"}, {"grant", grant}, {"tokenUrl", "https://login.test/{settings.realm}/token"}};
    for (const auto& member : more)
        authentication[member.key()] = member.value();
    json::object entity{{"id", "id"},
                        {"list", {{"path", "/contacts"}, {"records", "items"}}},
                        {"get", {{"path", "/contacts/{id}"}}}};
    return {{"name", "crm"},
            {"summary", "A system."},
            {"settings", {{"realm", {{"type", "string"}, {"default", "main"}}},
                          {"folder", {{"type", "string"}, {"default", ""}}}}},
            {"baseUrl", "https://crm.test"},
            {"authentication", std::move(authentication)},
            {"check", {{"path", "/me"}}},
            {"errorMessage", "message"},
            {"entities", {{"contacts", std::move(entity)}}}};
}

std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            plain += text[at];
            continue;
        }
        plain += static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16));
        at += 2;
    }
    return plain;
}

Async<void> keep(Adapter& adapter, std::vector<Result<>>& answers) {
    auto answer = co_await adapter.check();
    answers.push_back(std::move(answer));
}

} // namespace

Async<Result<json::object>> OneSecret::find(std::string, std::string asked) {
    if (latency.count() > 0) co_await clock_.sleep_for(latency);
    if (asked != reference) co_return Error(ErrorCode::unauthenticated, "there is no such secret");
    co_return stored;
}

Async<Result<>> OneSecret::replace(std::string, std::string, json::object expected, json::object secret) {
    if (latency.count() > 0) co_await clock_.sleep_for(latency);
    if (expected == secret) {
        if (before_trial) std::exchange(before_trial, nullptr)();
        if (trial_error) co_return *trial_error;
        if (stored != expected) co_return Error(ErrorCode::stale, "changed meanwhile");
        co_return Result<>();
    }
    ++writes;
    happened->emplace_back("write");
    if (before_write) std::exchange(before_write, nullptr)();
    if (throws) throw std::runtime_error("canary: a bug of the place");
    if (write_error && !writes_all_the_same) co_return *write_error;
    if (stored != expected) co_return Error(ErrorCode::stale, "changed meanwhile");
    stored = std::move(secret);
    if (write_error) co_return *write_error;
    co_return Result<>();
}

World::World(std::string_view grant, json::object more) {
    secrets->stored = {
        {"clientId", "client-7"}, {"clientSecret", "canary:secret"}, {"refreshToken", "canary-refresh-1"}};
    secrets->happened = &happened;
    transport = std::make_shared<testing::ScriptedTransport>(
        [this](const HttpCall& call) -> Result<HttpAnswer> {
            if (transport_error) return *transport_error;
            return answer(call);
        });
    parts_.transport = transport;
    parts_.secrets = secrets;
    parts_.tokens = make_rest_tokens();
    describe_anew(grant, more);
}

void World::describe_anew(std::string_view grant, const json::object& more) {
    auto parsed = parse_rest_description(description_of(grant, more));
    for (const ConfigurationFault& fault : parsed.faults)
        MESSAGE(fault.path << ": " << fault.message);
    REQUIRE(parsed.description != nullptr);
    factory_ = rest_factory(parsed.description, parts_);
}

Result<std::unique_ptr<Adapter>> World::make(const std::string& tenant) {
    AdapterContext context;
    context.runtime = {loop.executor(), &clock, random.get()};
    context.tenant_id = tenant;
    context.integration_id = integration;
    context.entity = "contacts";
    context.settings = settings;
    context.credentials = secrets->stored;
    context.credential_reference = reference;
    return factory_(context);
}

Result<> World::check() {
    auto adapter = make();
    if (!adapter) return adapter.error();
    return loop.run((*adapter)->check());
}

std::string World::refresh_token() const { return std::string(secrets->stored.at("refreshToken").as_string()); }

std::vector<HttpCall> World::token_calls() const {
    std::vector<HttpCall> found;
    for (const HttpCall& call : transport->calls())
        if (call.url.starts_with("https://login.test/")) found.push_back(call);
    return found;
}

HttpAnswer World::answer(const HttpCall& call) {
    if (call.url.starts_with("https://login.test/")) {
        happened.emplace_back("token");
        return grant_token(call);
    }
    happened.emplace_back("api");
    const std::string* sent = call.headers.find("Authorization");
    REQUIRE(sent != nullptr);
    REQUIRE(sent->starts_with("Bearer "));
    const std::string token = sent->substr(7);
    if (!refused.contains(token)) return testing::json_answer(200, json::object());
    return refusal ? refusal(token) : testing::json_answer(401, json::object());
}

HttpAnswer World::grant_token(const HttpCall& call) {
    if (on_token) std::exchange(on_token, nullptr)();
    if (token_answer) return *token_answer;
    const auto form = form_of(call);
    if (form.at("grant_type") == "refresh_token" && form.at("refresh_token") != good_refresh)
        return testing::json_answer(400, {{"error", "invalid_grant"}});
    json::object granted{{"access_token", "canary-access-" + std::to_string(++issued)}, {"token_type", "bearer"}};
    if (expires_in) granted["expires_in"] = *expires_in;
    if (rotates) {
        good_refresh = "canary-refresh-" + std::to_string(issued + 1);
        granted["refresh_token"] = good_refresh;
    }
    return testing::json_answer(200, granted);
}

void Callers::add(int count) {
    for (int i = 0; i < count; ++i) {
        adapters.push_back(world.make().value());
        world.loop.spawn(keep(*adapters.back(), answers));
    }
}

std::map<std::string, std::string> form_of(const HttpCall& call) {
    std::map<std::string, std::string> form;
    std::string_view rest = call.body;
    while (!rest.empty()) {
        const std::string_view field = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), field.size() + 1));
        const std::size_t equals = field.find('=');
        form[decoded(field.substr(0, equals))] = decoded(field.substr(equals + 1));
    }
    return form;
}

bool holds_secret(std::string_view text) {
    // In base64, too, wherever it begins.
    for (const std::string_view part : {"canary", "Y2FuYXJ5", "NhbmFye", "jYW5hcn"})
        if (text.find(part) != std::string_view::npos) return true;
    return false;
}

} // namespace castiel_sync::oauth2_test
