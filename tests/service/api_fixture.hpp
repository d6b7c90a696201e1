// The HTTP API without its server: an engine on a store in memory, in virtual time, that requests are handed to.
#pragma once

#include "catalog/embedded_catalog.hpp"
#include "http/api.hpp"

#include <castiel_sync/testing/sim_clock.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync::service {

inline const std::string some_tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
inline const std::string other_tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0002";

struct ApiFixtureOptions {
    std::vector<std::string> secrets; // of tokens; none: nobody needs one
    bool embedded = true;             // integrations and shards live here
    std::vector<ConfiguredIntegration> configured;

    ApiFixtureOptions() = default;
};

// A store that can be out of order, and in which others may write in between.
class TroubledStore final : public Store {
public:
    explicit TroubledStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

    std::optional<Error> trouble; // of every call
    // Done once, just before the next commit that writes this kind first.
    std::string interrupted_kind;
    std::function<Async<void>()> meanwhile;

    [[nodiscard]] StoreLimits limits() const override { return inner_->limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override;
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override;
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override;
    Async<Result<ScanPage>> scan(std::string kind, Query query) override;

private:
    std::unique_ptr<Store> inner_;
};

// Adapters: `jsonl`, and `vault`, which can't be made and whose setting `token` is writeOnly.
class ApiFixture {
public:
    using Headers = std::vector<std::pair<std::string, std::string>>;

    explicit ApiFixture(ApiFixtureOptions options = {});
    ~ApiFixture();

    // As some_tenant, unless a header says otherwise; a body is JSON, unless a header says otherwise. A header without
    // value is left out. Checks that openapi.yaml documents the answer's status and its body.
    HttpResponse send(const std::string& method, const std::string& target, const std::string& body = "",
                      const Headers& headers = {});
    // The same, for what is sent while another request is under way.
    Async<HttpResponse> answer(std::string method, std::string target, std::string body = "", Headers headers = {});

    template <class T>
    T run(Async<T> work) {
        return loop.run(std::move(work));
    }

    testing::SimLoop loop;
    testing::SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    Runtime runtime{loop.executor(), &clock, random.get()};
    std::unique_ptr<TroubledStore> store; // of engine_kinds(), service_kinds() and webhook_kinds()
    std::map<std::string, std::string> environment;
    std::shared_ptr<SecretProvider> secret_provider; // of the environment; any other is "the secret of" its variable
    AdapterRegistry adapters;
    std::vector<std::string> log; // messages
    std::unique_ptr<EmbeddedCatalog> catalog;
    Sealer sealer = Sealer::make({Sealer::make_key(*random)}).value();
    std::unique_ptr<Webhooks> webhooks;
    std::unique_ptr<Engine> engine;
    std::unique_ptr<InboundHooks> hooks;
    std::unique_ptr<Scheduler> scheduler; // runs once somebody spawns it
    std::unique_ptr<Authentication> authentication;
    std::unique_ptr<Api> api;
};

// Of an answer: its JSON, its places (of a VALIDATION_ERROR, with their messages), one of its headers ("" without).
[[nodiscard]] json::object body_of(const HttpResponse& response);
[[nodiscard]] std::string message_of(const HttpResponse& response);
[[nodiscard]] std::vector<std::string> faults_of(const HttpResponse& response);
[[nodiscard]] std::string header_of(const HttpResponse& response, std::string_view name);

} // namespace castiel_sync::service
