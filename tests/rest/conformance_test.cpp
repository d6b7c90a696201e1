// The conformance kit over what a description may say: every way to page, to read changes, to version and to write.
#include "fake_crm.hpp"

#include <castiel_sync/testing/adapter_conformance.hpp>
#include <castiel_sync/testing/simulated_rest_server.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using rest_test::described;
using rest_test::FakeCrm;
using rest_test::json_of;
using rest_test::with;
using ServerPaging = SimulatedRestServerOptions::Paging;

namespace {

// Suspends, so that a cancellation finds the calls under way; and passes them on.
class Suspending final : public HttpTransport {
public:
    Suspending(Runtime runtime, std::function<std::shared_ptr<HttpTransport>()> inner)
        : runtime_(std::move(runtime)), inner_(std::move(inner)) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override {
        co_await boost::asio::post(runtime_.executor, boost::asio::use_awaitable);
        const std::shared_ptr<HttpTransport> inner = inner_();
        auto answer = co_await inner->send(std::move(call));
        co_await boost::asio::post(runtime_.executor, boost::asio::use_awaitable);
        co_return answer;
    }

private:
    Runtime runtime_;
    std::function<std::shared_ptr<HttpTransport>()> inner_;
};

class RestHarness final : public AdapterHarness {
public:
    RestHarness(rest_test::Fixture& fixture, const json::value& description, std::function<void()> empty,
                std::function<std::shared_ptr<HttpTransport>()> system)
        : runtime_(fixture.runtime), empty_(std::move(empty)) {
        RestParts parts;
        parts.transport = std::make_shared<Suspending>(runtime_, std::move(system));
        factory_ = rest_factory(described(description), parts);
    }

    [[nodiscard]] Runtime runtime() const override { return runtime_; }
    [[nodiscard]] std::unique_ptr<Adapter> make_adapter() const override {
        AdapterContext context;
        context.runtime = runtime_;
        context.entity = entity();
        return factory_(context).value();
    }
    Async<Result<>> reset() override {
        empty_();
        co_return Result<>();
    }

private:
    Runtime runtime_;
    std::function<void()> empty_;
    AdapterFactory factory_;
};

void check_conforms(RestHarness& harness, SimLoop& loop, std::ptrdiff_t least, std::vector<Deviation> deviations = {}) {
    auto run = run_conformance<AdapterHarness>(harness, adapter_conformance_cases(), std::move(deviations));
    const auto findings = loop.run(std::move(run));
    CHECK_MESSAGE(conforms(findings), describe(findings));
    const auto passed = std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.status == Finding::Status::passed;
    });
    CHECK_MESSAGE(passed >= least, describe(findings));
}

// `entity`: its members, over those that all share.
void check_fake(std::vector<std::pair<const char*, const char*>> members, std::ptrdiff_t least,
                FakeCrm::Paging paging = FakeCrm::Paging::by_request, std::vector<Deviation> deviations = {}) {
    json::value document = json_of(R"({
        "name": "crm", "summary": "A CRM.", "baseUrl": "https://crm.test/api", "errorMessage": "error.message",
        "entities": {"contacts": {
            "id": "id",
            "version": {"field": "revision"},
            "modifiedAt": {"field": "changed"},
            "get": {"path": "/contacts/{id}"},
            "create": {"path": "/contacts", "headers": {"Idempotency-Key": "{key}"}, "idempotent": true,
                       "answer": {"record": true}},
            "update": {"path": "/contacts/{id}", "headers": {"If-Match": "\"{version}\""}, "answer": {"record": true}},
            "delete": {"path": "/contacts/{id}", "headers": {"If-Match": "\"{version}\""}}
        }}})");
    for (const auto& [member, value] : members)
        document = with(document, std::string("entities.contacts.") + member, value);
    rest_test::Fixture fixture;
    FakeCrm crm(fixture.clock);
    crm.paging = paging;
    crm.cap = 40;
    const auto transport = std::make_shared<ScriptedTransport>([&](const HttpCall& call) { return crm.answer(call); });
    RestHarness harness(
        fixture, document,
        [&] {
            crm.clear();
            fixture.loop.run_for(std::chrono::minutes(1)); // no overlap reaches back into the last case
        },
        [&] { return transport; });
    check_conforms(harness, fixture.loop, least, std::move(deviations));
}

constexpr const char* by_page =
    R"({"path": "/contacts", "query": {"page": "{page}", "limit": "{limit}"}, "records": "data", "total": "total",
        "paging": {"type": "page"}, "pageSize": {"default": 25, "most": 40}})";

// As above, against the server that the library ships for its users' own tests.
void check_server(ServerPaging paging, const char* list) {
    json::value document = json_of(R"({
        "name": "crm", "summary": "A CRM.", "baseUrl": "https://rest.test", "errorMessage": "error.message",
        "entities": {"contacts": {
            "id": "id",
            "version": {"ignore": ["updated_at"]},
            "modifiedAt": {"field": "updated_at"},
            "get": {"path": "/contacts/{id}"},
            "create": {"path": "/contacts", "headers": {"Idempotency-Key": "{key}"}, "idempotent": true,
                       "answer": {"record": true}},
            "update": {"method": "PATCH", "path": "/contacts/{id}", "headers": {"If-Match": "{version}"},
                       "body": "{mergePatch}", "versionHeader": "ETag", "answer": {"record": true}},
            "delete": {"path": "/contacts/{id}", "headers": {"If-Match": "{version}"}, "versionHeader": "ETag"}
        }}})");
    document = with(document, "entities.contacts.list", list);
    rest_test::Fixture fixture;
    SimulatedSystemOptions options;
    options.capabilities.writable = options.capabilities.conditional_writes = true;
    options.capabilities.conditional_deletes = options.capabilities.idempotent_creates = true;
    SimulatedRestServerOptions server_options;
    server_options.paging = paging;
    server_options.max_page_size = 30;
    std::unique_ptr<SimulatedSystem> crm;
    std::shared_ptr<HttpTransport> server;
    RestHarness harness(
        fixture, document,
        [&] {
            server.reset();
            crm = std::make_unique<SimulatedSystem>(fixture.loop, options);
            server = std::make_shared<SimulatedRestServer>(*crm, server_options);
        },
        [&] { return server; });
    check_conforms(harness, fixture.loop, 20);
}

} // namespace

TEST_CASE("conforms: pages by number, versions by field with If-Match, creates by a header") {
    check_fake({{"list", by_page}}, 24);
}

TEST_CASE("conforms: pages by offset, versions of the content, creates that are found") {
    check_fake({{"list", R"({"path": "/contacts", "query": {"offset": "{offset}", "limit": "{limit}"},
                             "records": "data", "total": "total", "paging": {"type": "offset"}})"},
                {"version", R"({"ignore": ["revision", "changed"]})"},
                {"find", R"({"path": "/contacts", "query": {"key": "{key}"}, "records": "data"})"},
                {"create", R"({"path": "/contacts", "set": {"madeWith": "{key}"}, "answer": {"id": "id"}})"},
                {"update", R"({"path": "/contacts/{id}", "omit": ["revision"]})"},
                {"delete", R"({"path": "/contacts/{id}"})"}},
               20);
}

TEST_CASE("conforms: pages by key, and an id that is the key") {
    check_fake({{"list", R"({"path": "/contacts", "query": {"after": "{after}", "limit": "{limit}"},
                             "records": "data", "paging": {"type": "keyset", "key": "id"}})"},
                {"create", R"({"method": "PUT", "path": "/contacts/{key}", "headers": {"If-None-Match": "*"},
                               "idIsKey": true, "answer": {"id": "id", "version": "revision"}})"}},
               25);
}

TEST_CASE("conforms: pages that begin with the key, and a version within the record") {
    check_fake({{"list", R"({"path": "/contacts", "query": {"from": "{after}", "limit": "{limit}"},
                             "records": "data", "paging": {"type": "keyset", "key": "id", "inclusive": true}})"},
                {"update", R"({"path": "/contacts/{id}", "set": {"revision": "{version}"}})"}},
               24);
}

TEST_CASE("conforms: pages by cursor, and a feed by sequence number") {
    check_fake({{"list", R"({"path": "/contacts", "query": {"cursor": "{cursor}", "limit": "{limit}"},
                             "records": "data", "paging": {"type": "cursor", "next": "cursor"}})"},
                {"deleted", R"({"field": "gone", "equals": true})"},
                {"changes", R"({"by": "sequence", "path": "/changes", "query": {"since": "{since}", "limit": "{limit}"},
                                "records": "data", "next": "next", "position": {"path": "/position", "at": "now"}})"}},
               27);
}

TEST_CASE("conforms: a feed that tells everything from its beginning, without a listing") {
    check_fake({{"deleted", R"({"field": "gone", "equals": true})"},
                {"changes", R"({"by": "sequence", "path": "/changes", "query": {"since": "{since}", "limit": "{limit}"},
                                "records": "data", "next": "next"})"}},
               27);
}

TEST_CASE("conforms: pages by Link header, and a feed by time") {
    check_fake({{"list", R"({"path": "/contacts", "query": {"limit": "{limit}"}, "records": "data",
                             "paging": {"type": "link"}})"},
                {"deleted", R"({"field": "gone", "equals": true})"},
                {"changes", R"({"by": "timestamp", "path": "/contacts", "records": "data", "total": "total",
                                "query": {"since": "{since}", "page": "{page}", "limit": "{limit}"},
                                "paging": {"type": "page"}, "overlapSeconds": 1})"}},
               24, FakeCrm::Paging::link,
               {{"a feed answers only what changed", "what changed within the overlap comes once more"}});
}

TEST_CASE("conforms: pages by the next one's URL, many records at once") {
    check_fake({{"list", R"({"path": "/contacts", "query": {"limit": "{limit}"}, "records": "data",
                             "paging": {"type": "nextUrl", "next": "next"}})"},
                {"getMany", R"({"path": "/contacts", "query": {"ids": "{ids}"}, "records": "data", "most": 30})"},
                {"create", R"({"path": "/contacts", "set": {"madeWith": "{key}"}, "idempotent": true})"},
                {"update", R"({"path": "/contacts/{id}", "set": {"id": "{id}", "revision": "{version}"}})"},
                {"batch", R"({"path": "/batch", "body": {"items": "{items}"}, "most": 40, "results": "results",
                              "delete": {"id": "{id}", "revision": "{version}", "gone": true},
                              "answer": {"record": true},
                              "outcomes": [{"field": "error", "equals": "conflict", "means": "conflict"},
                                           {"field": "error", "equals": "not_found", "means": "gone"}]})"}},
               24, FakeCrm::Paging::next_url);
}

TEST_CASE("conforms: merge patches, and a version that only a header tells") {
    check_fake({{"list", by_page},
                {"version", R"({"ignore": ["revision", "changed"]})"},
                {"update", R"({"method": "PATCH", "path": "/contacts/{id}", "body": "{mergePatch}",
                               "headers": {"If-Match": "{version}"}, "versionHeader": "ETag"})"},
                {"delete", R"({"path": "/contacts/{id}", "headers": {"If-Match": "{version}"},
                               "versionHeader": "ETag"})"}},
               22);
}

TEST_CASE("conforms on a SimulatedRestServer, in each of its ways to page") {
    check_server(ServerPaging::page, R"({"path": "/contacts", "query": {"page": "{page}", "limit": "{limit}"},
        "records": "data", "total": "total", "paging": {"type": "page"}, "pageSize": {"default": 25, "most": 30}})");
    check_server(ServerPaging::offset, R"({"path": "/contacts", "query": {"offset": "{offset}", "limit": "{limit}"},
        "records": "data", "total": "total", "paging": {"type": "offset"}})");
    check_server(ServerPaging::cursor, R"({"path": "/contacts", "query": {"cursor": "{cursor}", "limit": "{limit}"},
        "records": "data", "paging": {"type": "cursor", "next": "next_cursor"}})");
    check_server(ServerPaging::keyset, R"({"path": "/contacts", "query": {"after_id": "{after}", "limit": "{limit}"},
        "records": "data", "paging": {"type": "keyset", "key": "id"}})");
    check_server(ServerPaging::link, R"({"path": "/contacts", "query": {"limit": "{limit}"},
        "paging": {"type": "link"}})");
}
