// What an adapter is told of the credentials that it works with.
#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("the source's adapter gets the credentials and where they are kept, and the shards' gets neither") {
    Integration integration = contacts_integration();
    integration.credential_secret_name = "secret://file/crm";
    World world(integration);
    const auto secrets = [](const std::string& name) -> Result<json::object> { return json::object{{"of", name}}; };
    world.catalog = make_fixed_catalog({integration}, secrets);
    std::vector<AdapterContext> contexts;
    const auto noting = [&](SimulatedSystem& system, Wire& wire) {
        return [&contexts, make = world.wired(system, wire)](const AdapterContext& context) {
            contexts.push_back(context);
            return make(context);
        };
    };
    world.registry.add(world.source.describe(), noting(world.source, world.to_source));
    EngineParts parts;
    parts.runtime = Runtime{world.loop.executor(), &world.clock, world.random.get()};
    parts.store = &world.wired_store;
    parts.adapters = &world.registry;
    parts.shards = noting(world.target, world.to_target);
    parts.catalog = world.catalog.get();
    parts.instance = "test";
    Engine engine(std::move(parts));
    REQUIRE(world.loop.run(engine.run(world.request())).has_value());
    REQUIRE(contexts.size() == 2);
    CHECK(contexts[0].credential_reference == "secret://file/crm");
    CHECK(contexts[0].credentials == json::object{{"of", "secret://file/crm"}});
    CHECK(contexts[1].credential_reference.empty());
    CHECK(contexts[1].credentials.empty());
}
