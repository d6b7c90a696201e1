// A CRM, and the adapter that makes it one side of a sync. docs/adapter-guide.md walks through it.
#pragma once

#include <castiel_sync/adapter.hpp>

#include <cstdint>
#include <map>
#include <string>

// The CRM itself. In your adapter an HTTP client or a database connection has its place.
struct Crm {
    struct Contact {
        castiel_sync::json::object fields;
        std::uint64_t revision = 0; // grows with each write to any contact
    };
    std::map<std::string, Contact> contacts;           // by id
    std::map<std::string, std::string> created_by_key; // the CRM remembers the Idempotency-Key of each create
    std::uint64_t last_revision = 0;
};

class CrmAdapter final : public castiel_sync::Adapter {
public:
    explicit CrmAdapter(Crm& crm) : crm_(crm) {}

    [[nodiscard]] castiel_sync::AdapterDescription describe() const override;
    [[nodiscard]] castiel_sync::AdapterCapabilities capabilities() const override;
    castiel_sync::Async<castiel_sync::Result<>> check() override;
    castiel_sync::Async<castiel_sync::Result<castiel_sync::RecordPage>>
    pull(castiel_sync::PullRequest request) override;
    castiel_sync::Async<castiel_sync::Result<std::vector<castiel_sync::FetchedRecord>>>
    fetch(castiel_sync::FetchRequest request) override;
    castiel_sync::Async<castiel_sync::Result<std::vector<castiel_sync::PushOutcome>>>
    push(castiel_sync::PushRequest request) override;

private:
    castiel_sync::PushOutcome create(const castiel_sync::PushItem& item);
    castiel_sync::PushOutcome update(const castiel_sync::PushItem& item);
    castiel_sync::PushOutcome remove(const castiel_sync::PushItem& item);

    Crm& crm_;
};

castiel_sync::AdapterDescription crm_description();
