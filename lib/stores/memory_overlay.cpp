#include "stores/overlay.hpp"

#include "stores/memory_table.hpp"

#include <map>
#include <set>
#include <stdexcept>
#include <utility>

namespace castiel_sync {
namespace {

using Ids = std::set<std::string, std::less<>>;

// The ids that were ever written or removed here, per kind and partition: what the base says about them is hidden.
// Shared with the queries under way, which go on seeing what was hidden when they began.
class HiddenIds {
public:
    [[nodiscard]] std::shared_ptr<const Ids> find(std::string_view kind, std::string_view partition) const {
        static const auto none = std::make_shared<const Ids>();
        const auto found = ids_.find({std::string(kind), std::string(partition)});
        return found == ids_.end() ? none : found->second;
    }

    [[nodiscard]] bool contains(std::string_view kind, std::string_view partition, std::string_view id) const {
        return find(kind, partition)->contains(id);
    }

    void add(const std::string& kind, const std::string& partition, const std::string& id) {
        std::shared_ptr<Ids>& ids = ids_[{kind, partition}];
        if (!ids || ids.use_count() > 1) ids = ids ? std::make_shared<Ids>(*ids) : std::make_shared<Ids>();
        ids->insert(id);
    }

private:
    std::map<std::pair<std::string, std::string>, std::shared_ptr<Ids>> ids_;
};

// The base's answer to a query, document by document: without what is hidden, from a position on.
class BaseReader {
public:
    BaseReader(Store& base, std::string partition, Query query, const CheckedQuery& checked,
               std::shared_ptr<const Ids> hidden)
        : base_(base), partition_(std::move(partition)), query_(std::move(query)), checked_(checked),
          hidden_(std::move(hidden)) {
        query_.continuation.clear();
        if (!checked_.after) return;
        ended_ = checked_.after->inner == ended;
        if (!ended_) query_.continuation = checked_.after->inner.substr(1);
    }

    // The next document, nullptr at the end. Stays until take().
    Async<Result<Document*>> peek() {
        for (;;) {
            for (; next_ < page_.documents.size(); ++next_) {
                Document& document = page_.documents[next_];
                const bool shown = checked_.after && !checked_.is_after(*checked_.after, document);
                if (!shown && !hidden_->contains(document.id)) co_return &document;
            }
            if (ended_) co_return nullptr;
            auto page = co_await base_.query(partition_, checked_.kind->kind, query_);
            if (!page) co_return page.error();
            inner_ = "@" + query_.continuation;
            page_ = std::move(*page);
            next_ = 0;
            ended_ = page_.continuation.empty();
            query_.continuation = page_.continuation;
        }
    }

    Document take() { return std::move(page_.documents[next_++]); }

    // Where the base has to be asked again to go on from here: at the beginning of the page under way.
    [[nodiscard]] std::string inner() const {
        if (next_ < page_.documents.size()) return inner_;
        return ended_ ? std::string(ended) : "@" + query_.continuation;
    }

private:
    static constexpr std::string_view ended = "-";

    Store& base_;
    std::string partition_;
    Query query_;
    const CheckedQuery& checked_;
    std::shared_ptr<const Ids> hidden_;
    DocumentPage page_;
    std::size_t next_ = 0;
    std::string inner_;
    bool ended_ = false;
};

class OverlayStore final : public Store {
public:
    OverlayStore(Store& base, Clock& clock, KindCatalog catalog)
        : base_(base), clock_(clock), catalog_(std::move(catalog)) {}

    [[nodiscard]] StoreLimits limits() const override { return base_.limits(); }

    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        if (auto declared = catalog_.find(kind); !declared) co_return declared.error();
        // Everything is asked of the base, and what is hidden is decided afterwards: a commit that happens meanwhile
        // is then seen whole or not at all.
        auto documents = co_await base_.read(partition, kind, ids);
        if (!documents) co_return documents.error();
        const auto hidden = hidden_.find(kind, partition);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (!hidden->contains(ids[i])) continue;
            const Document* document = find_here(kind, partition, ids[i]);
            (*documents)[i] = document ? std::optional<Document>(*document) : std::nullopt;
        }
        co_return std::move(*documents);
    }

    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        auto checked = check_query(catalog_, partition, kind, query);
        if (!checked) co_return checked.error();
        if (checked->after && checked->after->inner.empty()) co_return foreign_continuation();
        // Copied before the base is asked: one moment for the whole page.
        std::vector<Document> here;
        if (const MemoryTable* table = tables_.find(kind, partition))
            for (const Document* document : table->select(*checked, clock_.now(), checked->limit + 1))
                here.push_back(*document);
        BaseReader base(base_, partition, std::move(query), *checked, hidden_.find(kind, partition));
        co_return co_await merge(*checked, here, base);
    }

    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        if (auto checked = check_writes(catalog_, limits(), partition, writes); !checked) co_return checked.error();
        auto current = co_await read_unseen(partition, writes);
        if (!current) co_return current.error();
        co_return apply(partition, std::move(writes), *current);
    }

    // The base's documents first, page by page; then those that are here.
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        auto checked = check_scan(catalog_, kind, query);
        if (!checked) co_return checked.error();
        if (checked->after && checked->after->inner.empty()) co_return foreign_continuation();
        ScanPage page;
        bool base_ended = checked->after && checked->after->inner == scan_here;
        query.continuation = checked->after && !base_ended ? checked->after->inner.substr(1) : std::string();
        while (!base_ended && page.documents.size() < checked->limit) {
            query.limit = checked->limit - page.documents.size();
            auto scanned = co_await base_.scan(kind, query);
            if (!scanned) co_return scanned.error();
            for (ScannedDocument& found : scanned->documents)
                if (!hidden_.contains(kind, found.partition, found.document.id))
                    page.documents.push_back(std::move(found));
            base_ended = scanned->continuation.empty();
            query.continuation = std::move(scanned->continuation);
        }
        Position position;
        position.inner = "@" + query.continuation;
        if (base_ended) add_scanned_here(*checked, page, position);
        else page.continuation = checked->continue_after(position);
        co_return page;
    }

private:
    using Key = std::pair<std::string, std::string>; // kind, id
    static constexpr std::string_view scan_here = "-";

    [[nodiscard]] static Error foreign_continuation() {
        return Error(ErrorCode::invalid_request, "the continuation was answered by another store: pass the one that "
                                                 "this very query answered here, or none");
    }

    [[nodiscard]] const Document* find_here(std::string_view kind, std::string_view partition,
                                            std::string_view id) const {
        const MemoryTable* table = tables_.find(kind, partition);
        return table == nullptr ? nullptr : table->find(id, clock_.now());
    }

    // What the base holds of the documents that were never written here and whose present state matters.
    Async<Result<std::map<Key, Document>>> read_unseen(const std::string& partition, const std::vector<Write>& writes) {
        std::map<std::string, std::vector<std::string>> ids;
        for (const Write& write : writes)
            if (write.precondition != Write::Precondition::none &&
                !hidden_.contains(write.document.kind, partition, write.document.id))
                ids[write.document.kind].push_back(write.document.id);
        std::map<Key, Document> found;
        for (const auto& [kind, of_kind] : ids) {
            auto documents = co_await base_.read(partition, kind, of_kind);
            if (!documents) co_return documents.error();
            for (std::optional<Document>& document : *documents) {
                if (!document) continue;
                Key key(kind, document->id);
                found.emplace(std::move(key), std::move(*document));
            }
        }
        co_return found;
    }

    [[nodiscard]] Result<CommitReceipt> apply(const std::string& partition, std::vector<Write> writes,
                                              const std::map<Key, Document>& in_base) {
        for (std::size_t i = 0; i < writes.size(); ++i) {
            const Document& document = writes[i].document;
            const Document* current = find_here(document.kind, partition, document.id);
            // Looked up again: another commit may have written it while the base was asked.
            if (!hidden_.contains(document.kind, partition, document.id)) {
                const auto found = in_base.find({document.kind, document.id});
                current = found == in_base.end() ? nullptr : &found->second;
            }
            if (auto stale = check_precondition(writes[i], i, current)) return *stale;
        }
        CommitReceipt receipt;
        if (writes.empty()) return receipt;
        const std::string etag = "overlay-" + std::to_string(++commits_); // never one of the base's
        for (Write& write : writes) {
            hidden_.add(write.document.kind, partition, write.document.id);
            MemoryTable& table = tables_.at(**catalog_.find(write.document.kind), partition);
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

    static Async<Result<DocumentPage>> merge(const CheckedQuery& query, std::vector<Document>& here, BaseReader& base) {
        DocumentPage page;
        std::size_t next = 0;
        for (;;) {
            auto peeked = co_await base.peek();
            if (!peeked) co_return peeked.error();
            Document* from_base = *peeked;
            Document* from_here = next < here.size() ? &here[next] : nullptr;
            if (from_base == nullptr && from_here == nullptr) co_return page;
            if (page.documents.size() == query.limit) break;
            if (from_base == nullptr || (from_here != nullptr && query.precedes(*from_here, *from_base))) {
                page.documents.push_back(std::move(*from_here));
                ++next;
            } else {
                page.documents.push_back(base.take());
            }
        }
        Position position = query.position_of(page.documents.back());
        position.inner = base.inner();
        page.continuation = query.continue_after(position);
        co_return page;
    }

    void add_scanned_here(const CheckedQuery& query, ScanPage& page, Position begun) const {
        CheckedQuery rest = query;
        if (!query.after || query.after->inner != scan_here) rest.after.reset();
        const std::size_t room = query.limit - page.documents.size();
        std::vector<ScannedDocument> here = tables_.scan(rest, clock_.now(), room + 1);
        const bool more = here.size() > room;
        if (more) here.resize(room);
        Position position = std::move(begun);
        if (rest.after) position = *rest.after;
        for (ScannedDocument& scanned : here) {
            position.partition = scanned.partition;
            position.id = scanned.document.id;
            page.documents.push_back(std::move(scanned));
        }
        position.inner = scan_here;
        if (more) page.continuation = query.continue_after(position);
    }

    Store& base_;
    Clock& clock_;
    KindCatalog catalog_;
    MemoryTables tables_;
    HiddenIds hidden_;
    std::uint64_t commits_ = 0;
};

} // namespace

std::unique_ptr<Store> make_overlay_store(Store& base, Clock& clock, std::span<const KindDeclaration> kinds) {
    auto catalog = KindCatalog::make(kinds);
    if (!catalog) throw std::invalid_argument(catalog.error().message);
    return std::make_unique<OverlayStore>(base, clock, std::move(*catalog));
}

} // namespace castiel_sync
