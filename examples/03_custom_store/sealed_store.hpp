// A store around another one that seals what lies at rest: a wrapper is the shortest way to a store of your own.
#pragma once

#include <castiel_sync/store.hpp>

#include <string>

// Document bodies are sealed on their way in and opened on their way out. Ids and index values stay readable, because
// the store below filters and orders by them.
class SealedStore final : public castiel_sync::Store {
public:
    SealedStore(castiel_sync::Store& below, std::string key) : below_(below), key_(std::move(key)) {}

    [[nodiscard]] castiel_sync::StoreLimits limits() const override;
    castiel_sync::Async<castiel_sync::Result<std::vector<std::optional<castiel_sync::Document>>>>
    read(std::string partition, std::string kind, std::vector<std::string> ids) override;
    castiel_sync::Async<castiel_sync::Result<castiel_sync::DocumentPage>>
    query(std::string partition, std::string kind, castiel_sync::Query query) override;
    castiel_sync::Async<castiel_sync::Result<castiel_sync::CommitReceipt>>
    commit(std::string partition, std::vector<castiel_sync::Write> writes) override;
    castiel_sync::Async<castiel_sync::Result<castiel_sync::ScanPage>> scan(std::string kind,
                                                                         castiel_sync::Query query) override;

private:
    [[nodiscard]] std::string seal(const std::string& body) const;
    [[nodiscard]] castiel_sync::Result<> open(castiel_sync::Document& document) const;

    castiel_sync::Store& below_;
    std::string key_;
};
