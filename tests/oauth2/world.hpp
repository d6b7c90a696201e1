// A system behind OAuth2 with its token endpoint, a place of secrets, and adapters for both, in virtual time.
//
// Every text that is secret holds "canary".
#pragma once

#include <castiel_sync/adapters/rest.hpp>
#include <castiel_sync/testing/scripted_transport.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync::oauth2_test {

inline const std::string reference = "secret://file/crm";

// One secret, whoever asks.
class OneSecret final : public SecretProvider {
public:
    explicit OneSecret(Clock& clock) : clock_(clock) {}

    json::object stored;
    bool writable = true;
    std::chrono::nanoseconds latency{0};
    // Of a replacement by itself, which changes nothing, and of any other.
    std::optional<Error> trial_error;
    std::optional<Error> write_error;
    bool writes_all_the_same = false; // and answers write_error
    bool throws = false;
    std::function<void()> before_trial; // once
    std::function<void()> before_write; // once
    int writes = 0;                     // that changed something, refused ones included
    std::vector<std::string>* happened = nullptr;

    Async<Result<json::object>> find(std::string tenant_id, std::string asked) override;
    Async<Result<>> replace(std::string tenant_id, std::string asked, json::object expected,
                            json::object secret) override;
    [[nodiscard]] bool can_replace(std::string_view asked) const override { return writable && asked == reference; }

private:
    Clock& clock_;
};

class World {
public:
    explicit World(std::string_view grant = "refreshToken", json::object more = {});

    // What is made from now on goes by another description of the same name.
    void describe_anew(std::string_view grant, const json::object& more);

    // A new adapter, as one execution makes it, and one request by it.
    [[nodiscard]] Result<std::unique_ptr<Adapter>> make(const std::string& tenant = "t");
    [[nodiscard]] Result<> check();

    // What the token endpoint was sent.
    [[nodiscard]] std::vector<HttpCall> token_calls() const;
    [[nodiscard]] std::size_t token_requests() const { return token_calls().size(); }
    [[nodiscard]] std::string refresh_token() const;

    testing::SimLoop loop;
    testing::SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    std::vector<std::string> happened; // "token", "write", "api"
    std::shared_ptr<OneSecret> secrets = std::make_shared<OneSecret>(clock);
    json::object settings;
    std::string integration = "i";

    // The token endpoint: takes `good_refresh`, and answers canary-access-1, -2, …
    std::string good_refresh = "canary-refresh-1";
    bool rotates = false; // answers canary-refresh-2, -3, …, and takes only the last one
    std::optional<json::value> expires_in;
    std::optional<HttpAnswer> token_answer; // instead
    std::optional<Error> transport_error;   // of every call
    std::function<void()> on_token;         // once, before it answers
    int issued = 0;

    // The system: takes every token but these.
    std::set<std::string> refused;
    std::function<HttpAnswer(const std::string& token)> refusal;

    std::shared_ptr<testing::ScriptedTransport> transport;

private:
    [[nodiscard]] HttpAnswer answer(const HttpCall& call);
    [[nodiscard]] HttpAnswer grant_token(const HttpCall& call);

    RestParts parts_;
    AdapterFactory factory_;
};

// Checks that wait at the same time.
struct Callers {
    explicit Callers(World& in) : world(in) {}

    void add(int count = 1);
    void finish() { world.loop.run_until_idle(); }

    World& world;
    std::vector<std::unique_ptr<Adapter>> adapters;
    std::vector<Result<>> answers;
};

[[nodiscard]] std::map<std::string, std::string> form_of(const HttpCall& call);
[[nodiscard]] bool holds_secret(std::string_view text);

} // namespace castiel_sync::oauth2_test
