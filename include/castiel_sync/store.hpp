// Store: where the engine keeps what it knows. One small abstract resource; leases, slots, fencing, the outbox and
// retention are functions on top of commit's preconditions, so they work on every store alike.
//
// A document is JSON text with a kind, an id and a few index values. Stores keep the text as it is and filter and
// order by index values only; they never look into the text.
//
// Threading.    Called on the engine's executor; any number of calls may overlap.
// Errors.       stale: a precondition failed, nothing was written. unavailable: nothing was written, repeat later.
//               unknown_outcome: a commit may have happened. corrupted, out_of_space: stop.
// Durability.   A commit that answered success survives a crash of process and machine.
// Check yours with castiel_sync/testing/store_conformance.hpp.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace castiel_sync {

// monostate (absent) orders before every number, numbers before every text; text is compared by bytes.
using IndexValue = std::variant<std::monostate, std::int64_t, std::string>;

struct Document {
    std::string kind;
    std::string id;                      // 1 to 1,000 bytes of UTF-8, unique in (partition, kind)
    std::string etag;                    // set by the store, never reused, also not after deletion. In a put without
                                         // precondition it only hints that the document is there already
    std::optional<Timestamp> expires_at; // afterwards the document may vanish at any time
    std::vector<IndexValue> index;       // in the order of the kind's declared fields; exactly as many
    std::string body;                    // a JSON object as text

    Document() = default;
};

// A declared kind: its index fields, and the field lists (each ordered) that queries use. Stores create them at open.
struct KindDeclaration {
    struct Index {
        std::vector<std::string> fields;
    };
    std::string kind;
    std::vector<std::string> fields; // names: lower case and underscore
    std::vector<Index> indexes;
};

// less, greater and their kin hold between values of one type only: "less than 5" finds numbers, neither texts nor
// documents without the value. They take no monostate; equal and any_of do, and find documents without the value.
struct Condition {
    enum class Comparison { equal, any_of, less, less_or_equal, greater, greater_or_equal };
    std::string field;
    Comparison comparison = Comparison::equal;
    std::vector<IndexValue> values; // exactly one, except for any_of (1 to 1,000)

    Condition() = default;
    Condition(std::string name, Comparison how, IndexValue value);
    Condition(std::string name, std::vector<IndexValue> choices); // any_of
};

struct Order {
    std::string field;
    bool descending = false;
};

struct Query {
    std::vector<Condition> conditions; // all must hold
    std::vector<Order> order;          // ties, and an empty order, by id ascending
    std::size_t limit = 100;           // 1 to 1,000
    std::string continuation;          // of an earlier answer to the same query (limit aside), or empty

    Query() = default;
};

// A page may hold fewer documents than the limit, even none, and not be the last one.
struct DocumentPage {
    std::vector<Document> documents;
    std::string continuation; // empty: this was the last page

    DocumentPage() = default;
};

struct ScannedDocument {
    std::string partition;
    Document document;
};

struct ScanPage {
    std::vector<ScannedDocument> documents;
    std::string continuation;

    ScanPage() = default;
};

struct Write {
    enum class Action { put, remove };
    enum class Precondition {
        none,   // put: insert or replace. remove: absent is fine
        absent, // put only
        etag,   // document.etag is the current one
    };
    Action action = Action::put;
    Precondition precondition = Precondition::none;
    Document document; // remove: kind, id and (with etag) etag are read, nothing else

    Write() = default;
};

// Write castiel_sync::remove(...): with literals for both names, an unqualified call means std::remove.
[[nodiscard]] Write put(Document document);              // precondition none
[[nodiscard]] Write insert(Document document);           // precondition absent
[[nodiscard]] Write replace(Document document);          // precondition etag
[[nodiscard]] Write remove(std::string kind, std::string id, std::string etag = {}); // etag empty: precondition none

// etags[i] belongs to writes[i]; empty for removals.
struct CommitReceipt {
    std::vector<std::string> etags;

    CommitReceipt() = default;
};

struct StoreLimits {
    std::size_t max_writes = 5000;                  // in one commit
    std::size_t max_bytes = 64 * 1024 * 1024;       // of bodies in one commit
    std::size_t max_document_bytes = 16 * 1024 * 1024;
};

class Store {
public:
    virtual ~Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    [[nodiscard]] virtual StoreLimits limits() const = 0;

    // A partition is named by 1 to 1,000 bytes of UTF-8.

    // One answer per id, in order; nullopt where there is none (or it is expired).
    virtual Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                                     std::vector<std::string> ids) = 0;

    // Sees every commit that completed before the call. A page continued after later commits shows each untouched
    // document exactly once. A continuation of another query is invalid_request.
    virtual Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) = 0;

    // All or nothing. The message of stale names the first write whose precondition failed. A kind that is not
    // declared, a document over the limits, or the same (kind, id) twice in a batch is invalid_request. An empty batch
    // is fine and changes nothing.
    virtual Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) = 0;

    // Over all partitions, unordered; for housekeeping. Query::order must be empty.
    virtual Async<Result<ScanPage>> scan(std::string kind, Query query) = 0;

protected:
    Store() = default;
};

// The kinds that the engine and the local shards keep. A store is opened with a list of declarations; use this one
// (and add your own kinds after it, if the host keeps documents in the same store).
[[nodiscard]] std::span<const KindDeclaration> engine_kinds();

} // namespace castiel_sync
