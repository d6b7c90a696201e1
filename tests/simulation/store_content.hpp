// Everything that a store acknowledged, whoever was told: what its files must hold.
#pragma once

#include <castiel_sync/blocking.hpp>
#include <castiel_sync/store.hpp>

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace simulation {

namespace cs = castiel_sync;

class StoreContent {
public:
    struct Commit {
        std::string node;
        std::string partition;
        std::vector<cs::Write> writes;
    };

    void apply(const Commit& commit);
    [[nodiscard]] bool empty() const { return documents_.empty(); }

    // Everything that a store holds.
    [[nodiscard]] static cs::Result<StoreContent> of(cs::BlockingStore& store);
    // What one lacks or holds otherwise than the other, among what has not expired; empty: nothing.
    [[nodiscard]] std::string difference_from(const StoreContent& other, cs::Timestamp now) const;

private:
    using Key = std::tuple<std::string, std::string, std::string>; // partition, kind, id

    std::map<Key, cs::Document> documents_;
};

} // namespace simulation
