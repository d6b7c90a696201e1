#include "store_content.hpp"

#include <fmt/format.h>

namespace simulation {
namespace {

bool expired(const cs::Document& document, cs::Timestamp now) {
    return document.expires_at && *document.expires_at <= now;
}

bool same(const cs::Document& one, const cs::Document& other) {
    return one.body == other.body && one.index == other.index && one.expires_at == other.expires_at;
}

} // namespace

void StoreContent::apply(const Commit& commit) {
    for (const cs::Write& write : commit.writes) {
        Key key{commit.partition, write.document.kind, write.document.id};
        if (write.action == cs::Write::Action::put) documents_[std::move(key)] = write.document;
        else documents_.erase(key);
    }
}

cs::Result<StoreContent> StoreContent::of(cs::BlockingStore& store) {
    StoreContent content;
    for (const cs::KindDeclaration& kind : cs::engine_kinds()) {
        cs::Query query;
        query.limit = 1000;
        do {
            auto page = store.scan(kind.kind, query);
            if (!page) return page.error();
            for (cs::ScannedDocument& found : page->documents) {
                Key key{found.partition, found.document.kind, found.document.id};
                content.documents_.emplace(std::move(key), std::move(found.document));
            }
            query.continuation = page->continuation;
        } while (!query.continuation.empty());
    }
    return content;
}

std::string StoreContent::difference_from(const StoreContent& other, cs::Timestamp now) const {
    const auto name = [](const Key& key) {
        return fmt::format("{} {} of {}", std::get<1>(key), std::get<2>(key), std::get<0>(key));
    };
    for (const auto& [key, document] : documents_) {
        if (expired(document, now)) continue;
        const auto found = other.documents_.find(key);
        if (found == other.documents_.end()) return fmt::format("{} is missing", name(key));
        if (!same(document, found->second))
            return fmt::format("{} is {} instead of {}", name(key), found->second.body, document.body);
    }
    for (const auto& [key, document] : other.documents_)
        if (!expired(document, now) && !documents_.contains(key)) return fmt::format("{} is too much", name(key));
    return {};
}

} // namespace simulation
