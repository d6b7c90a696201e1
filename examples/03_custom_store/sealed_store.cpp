#include "sealed_store.hpp"

#include <utility>

using namespace castiel_sync;

namespace {

constexpr std::string_view prefix = R"({"sealed":")", suffix = R"("})";
constexpr std::string_view digits = "0123456789abcdef";
constexpr std::string_view seal_mark = "sealed:"; // in front of the body, so that another key or a flipped bit is seen

} // namespace

// A sealed body is longer than the open one: what fits here has to fit below.
StoreLimits SealedStore::limits() const {
    StoreLimits limits = below_.limits();
    const std::size_t overhead = prefix.size() + suffix.size() + 2 * seal_mark.size();
    limits.max_document_bytes = (limits.max_document_bytes - overhead) / 2;
    limits.max_bytes = (limits.max_bytes - overhead * limits.max_writes) / 2;
    return limits;
}

Async<Result<std::vector<std::optional<Document>>>> SealedStore::read(std::string partition, std::string kind,
                                                                      std::vector<std::string> ids) {
    auto documents = co_await below_.read(std::move(partition), std::move(kind), std::move(ids));
    if (!documents) co_return documents.error(); // an error is passed on, never turned into "there is none"
    for (auto& document : *documents)
        if (document)
            if (auto opened = open(*document); !opened) co_return opened.error();
    co_return documents;
}

Async<Result<DocumentPage>> SealedStore::query(std::string partition, std::string kind, Query query) {
    auto page = co_await below_.query(std::move(partition), std::move(kind), std::move(query));
    if (!page) co_return page.error();
    for (Document& document : page->documents)
        if (auto opened = open(document); !opened) co_return opened.error();
    co_return page;
}

Async<Result<CommitReceipt>> SealedStore::commit(std::string partition, std::vector<Write> writes) {
    std::size_t bytes = 0;
    for (Write& write : writes) {
        if (write.action != Write::Action::put) continue;
        bytes += write.document.body.size();
        write.document.body = seal(write.document.body);
    }
    if (bytes > limits().max_bytes)
        co_return Error(ErrorCode::invalid_request, "a commit of " + std::to_string(bytes) +
                                                        " bytes is larger than limits(); split it");
    // Preconditions, etags and all-or-nothing are the work of the store below.
    auto receipt = co_await below_.commit(std::move(partition), std::move(writes));
    co_return receipt;
}

Async<Result<ScanPage>> SealedStore::scan(std::string kind, Query query) {
    auto page = co_await below_.scan(std::move(kind), std::move(query));
    if (!page) co_return page.error();
    for (ScannedDocument& scanned : page->documents)
        if (auto opened = open(scanned.document); !opened) co_return opened.error();
    co_return page;
}

// A toy in the place of real encryption. The result is a JSON object again, as a store's bodies have to be.
std::string SealedStore::seal(const std::string& body) const {
    const std::string marked = std::string(seal_mark) + body;
    std::string sealed(prefix);
    for (std::size_t i = 0; i < marked.size(); ++i) {
        const auto byte = static_cast<unsigned char>(marked[i] ^ key_[i % key_.size()]);
        sealed += digits[byte / 16];
        sealed += digits[byte % 16];
    }
    return sealed.append(suffix);
}

Result<> SealedStore::open(Document& document) const {
    const std::string_view sealed = document.body;
    const Error damaged(ErrorCode::corrupted, "document " + document.id + " is not sealed with this store's key");
    if (!sealed.starts_with(prefix) || !sealed.ends_with(suffix)) return damaged;
    std::string body;
    for (std::size_t i = prefix.size(); i + suffix.size() < sealed.size(); i += 2) {
        const auto high = digits.find(sealed[i]), low = digits.find(sealed[i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) return damaged;
        body += static_cast<char>(static_cast<char>(high * 16 + low) ^ key_[body.size() % key_.size()]);
    }
    if (!body.starts_with(seal_mark)) return damaged;
    document.body = body.substr(seal_mark.size());
    return Result<>();
}
