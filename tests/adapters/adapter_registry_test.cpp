#include <castiel_sync/adapter.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;

namespace {

AdapterDescription described(std::string name, std::string summary = {}) {
    AdapterDescription description;
    description.name = std::move(name);
    description.summary = std::move(summary);
    return description;
}

Result<std::unique_ptr<Adapter>> refuse(const AdapterContext& context) {
    return Error(ErrorCode::unauthenticated, "refused for " + context.tenant_id);
}

} // namespace

TEST_CASE("an adapter that is not registered is told together with those that are") {
    AdapterRegistry registry;
    AdapterContext context;
    CHECK(registry.make("jsonl", context).error().message.find("none is registered") != std::string::npos);
    registry.add(described("rest"), refuse);
    registry.add(described("jsonl"), refuse);
    const Error error = registry.make("jsnl", context).error();
    CHECK(error.code == ErrorCode::invalid_configuration);
    CHECK(error.message.find("jsonl, rest") != std::string::npos);
    CHECK(registry.find("jsnl") == nullptr);
}

TEST_CASE("a registered adapter is made by its factory, for the context given") {
    AdapterRegistry registry;
    registry.add(described("jsonl", "first"), nullptr);
    registry.add(described("jsonl", "second"), refuse);
    registry.add(described("alpha"), refuse);
    AdapterContext context;
    context.tenant_id = "t1";
    CHECK(registry.make("jsonl", context).error().message == "refused for t1");
    REQUIRE(registry.find("jsonl") != nullptr);
    CHECK(registry.find("jsonl")->summary == "second");
    REQUIRE(registry.list().size() == 2);
    CHECK(registry.list()[0].name == "alpha");
}
