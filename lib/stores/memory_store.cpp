#include <castiel_sync/stores/memory.hpp>

#include "stores/memory_table.hpp"

#include <stdexcept>
#include <utility>

namespace castiel_sync {
namespace {

// Each commit also forgets this many expired documents of every kind that it writes, so that memory stays bounded.
constexpr std::size_t expired_per_write = 2;

class MemoryStore final : public Store {
public:
    MemoryStore(Clock& clock, KindCatalog catalog) : clock_(clock), catalog_(std::move(catalog)) {}

    [[nodiscard]] StoreLimits limits() const override { return {}; }

    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        co_return read_now(partition, kind, ids);
    }

    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        co_return query_now(partition, kind, query);
    }

    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        co_return commit_now(partition, std::move(writes));
    }

    Async<Result<ScanPage>> scan(std::string kind, Query query) override { co_return scan_now(kind, query); }

private:
    Result<std::vector<std::optional<Document>>> read_now(const std::string& partition, const std::string& kind,
                                                          const std::vector<std::string>& ids) {
        if (auto checked = check_partition(partition); !checked) return checked.error();
        if (auto declared = catalog_.find(kind); !declared) return declared.error();
        std::vector<std::optional<Document>> documents(ids.size());
        const MemoryTable* table = tables_.find(kind, partition);
        if (table == nullptr) return documents;
        const Timestamp now = clock_.now();
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (const Document* document = table->find(ids[i], now)) documents[i] = *document;
        return documents;
    }

    Result<DocumentPage> query_now(const std::string& partition, const std::string& kind, const Query& query) {
        const auto checked = check_query(catalog_, partition, kind, query);
        if (!checked) return checked.error();
        DocumentPage page;
        const MemoryTable* table = tables_.find(kind, partition);
        if (table == nullptr) return page;
        const auto selected = table->select(*checked, clock_.now(), checked->limit + 1);
        for (std::size_t i = 0; i < selected.size() && i < checked->limit; ++i) page.documents.push_back(*selected[i]);
        if (selected.size() > checked->limit)
            page.continuation = checked->continue_after(checked->position_of(page.documents.back()));
        return page;
    }

    Result<ScanPage> scan_now(const std::string& kind, const Query& query) {
        const auto checked = check_scan(catalog_, kind, query);
        if (!checked) return checked.error();
        return make_scan_page(*checked, tables_.scan(*checked, clock_.now(), checked->limit + 1));
    }

    Result<CommitReceipt> commit_now(const std::string& partition, std::vector<Write> writes) {
        if (auto checked = check_writes(catalog_, limits(), partition, writes); !checked) return checked.error();
        CommitReceipt receipt;
        if (writes.empty()) return receipt;
        const Timestamp now = clock_.now();
        for (std::size_t i = 0; i < writes.size(); ++i) {
            const MemoryTable* table = tables_.find(writes[i].document.kind, partition);
            const Document* current = table ? table->find(writes[i].document.id, now) : nullptr;
            if (auto stale = check_precondition(writes[i], i, current)) return *stale;
        }
        const std::string etag = std::to_string(++commits_);
        for (Write& write : writes) {
            MemoryTable& table = tables_.at(**catalog_.find(write.document.kind), partition);
            table.remove_expired(now, expired_per_write);
            if (write.action == Write::Action::remove) {
                table.remove(write.document.id);
                receipt.etags.emplace_back();
                continue;
            }
            write.document.etag = etag;
            table.put(std::move(write.document));
            receipt.etags.push_back(etag);
        }
        return receipt;
    }

    Clock& clock_;
    KindCatalog catalog_;
    MemoryTables tables_;
    std::uint64_t commits_ = 0; // also the etag of all that a commit writes: no document gets one twice
};

} // namespace

std::unique_ptr<Store> make_memory_store(Clock& clock, std::span<const KindDeclaration> kinds) {
    auto catalog = KindCatalog::make(kinds);
    if (!catalog) throw std::invalid_argument(catalog.error().message);
    return std::make_unique<MemoryStore>(clock, std::move(*catalog));
}

} // namespace castiel_sync
