// A system that a description leads to, without an integration: for `adapters try` and `adapters conform`.
#pragma once

#include "systems/descriptions.hpp"

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/testing/adapter_conformance.hpp>

#include <memory>
#include <string>
#include <vector>

namespace castiel_sync::service {

struct LiveSystem {
    AdapterFactory factory;
    AdapterContext context; // with settings, credentials and the entity
    json::object conformance; // what the description says of it to the kit

    [[nodiscard]] Result<std::unique_ptr<Adapter>> make() const { return factory(context); }
};

// Empties the entity through the adapter itself, and takes its samples from the description.
class LiveHarness final : public testing::AdapterHarness {
public:
    // `system` makes adapters: it has been tried.
    explicit LiveHarness(LiveSystem system);

    [[nodiscard]] Runtime runtime() const override { return system_.context.runtime; }
    [[nodiscard]] std::unique_ptr<Adapter> make_adapter() const override;
    Async<Result<>> reset() override;
    [[nodiscard]] std::string entity() const override { return system_.context.entity; }
    [[nodiscard]] std::string unknown_entity() const override { return "no-such-entity"; }
    [[nodiscard]] json::object sample(std::size_t number) const override;
    [[nodiscard]] std::string text_field() const override;
    [[nodiscard]] std::string integer_field() const override;
    [[nodiscard]] bool keeps_unknown_members() const override;

    [[nodiscard]] std::vector<testing::Deviation> deviations() const;

private:
    [[nodiscard]] std::string text_of(std::string_view member, std::string_view otherwise) const;

    LiveSystem system_;
};

} // namespace castiel_sync::service
