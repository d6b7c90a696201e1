#include <castiel_sync/stores/sqlite.hpp>

#include "stores/sqlite_connection.hpp"
#include "stores/sqlite_rows.hpp"
#include "stores/sqlite_schema.hpp"
#include "stores/sqlite_sql.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace castiel_sync {
namespace {

using TransactionKind = SqliteTransaction::Kind;

// A commit also removes up to this many expired documents of each kind that it writes: more than it can add, so the
// file does not grow without end, and few enough that no commit takes long.
constexpr std::size_t min_expired_per_commit = 16;
constexpr std::size_t expired_per_write = 2;

// Commits that share a transaction: by so many, waiting for the disk is a small part of what they cost, and the
// transaction takes no longer than one ordinary commit of a page of records.
constexpr std::size_t max_grouped_commits = 128;
constexpr std::size_t max_grouped_bytes = 1024 * 1024;

Timestamp machine_now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

// nullopt for a text that no commit ever gave out.
std::optional<std::int64_t> parse_etag(std::string_view text) {
    std::int64_t etag = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), etag);
    if (error != std::errc() || end != text.data() + text.size() || std::to_string(etag) != text) return std::nullopt;
    return etag;
}

bool by_id(const Document& left, const Document& right) { return left.id < right.id; }

// So many by their ids, in any order.
void keep_first(std::vector<Document>& documents, std::size_t count) {
    if (documents.size() <= count) return;
    const auto end = documents.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(documents.begin(), end, documents.end(), by_id);
    documents.erase(end, documents.end());
}

class SqliteStore final : public BlockingStore {
public:
    SqliteStore(std::unique_ptr<SqliteConnection> connection, KindCatalog catalog, const SqliteOptions& options)
        : connection_(std::move(connection)), catalog_(std::move(catalog)),
          now_(options.now ? options.now : machine_now), read_only_(options.read_only) {
        for (const auto& [name, declaration] : catalog_.all()) kinds_.emplace(name, SqliteKind(declaration));
    }

    [[nodiscard]] const SqliteKinds& kinds() const { return kinds_; }

    [[nodiscard]] StoreLimits limits() const override { return {}; }

    Result<std::vector<std::optional<Document>>> read(const std::string& partition, const std::string& kind,
                                                      const std::vector<std::string>& ids) override;
    Result<DocumentPage> query(const std::string& partition, const std::string& kind, const Query& query) override;
    Result<CommitReceipt> commit(const std::string& partition, const std::vector<Write>& writes) override;
    std::vector<Result<CommitReceipt>> commit_many(std::span<const CommitCall> calls) override;
    [[nodiscard]] CommitGroup commit_group() const override;
    Result<ScanPage> scan(const std::string& kind, const Query& query) override;

private:
    // What all writes of one commit share.
    struct Batch {
        std::int64_t partition = 0;
        std::int64_t etag = 0;
        Timestamp now{};
    };
    // A commit in a group that has something to write.
    struct Member {
        const CommitCall* call;
        Result<CommitReceipt>* answer;
        std::int64_t partition = 0;
    };
    using WriteCounts = std::map<std::string_view, std::size_t>; // by kind
    struct Selection {
        std::vector<Document> documents;
        bool more = false; // there are more than were asked for
    };

    [[nodiscard]] Result<> make_ready();
    [[nodiscard]] Result<std::int64_t> next_etag();
    [[nodiscard]] Result<std::optional<std::int64_t>> look_up_partition(std::string_view name);
    [[nodiscard]] Result<std::optional<std::int64_t>> find_partition(std::string_view name);
    [[nodiscard]] Result<std::int64_t> make_partition(std::string_view name);
    [[nodiscard]] Result<Selection> select(const CheckedQuery& query, std::int64_t partition, Timestamp now,
                                           std::size_t limit);
    [[nodiscard]] Result<> check(const CommitCall& call) const;
    [[nodiscard]] Result<CommitReceipt> commit_alone(const CommitCall& call);
    [[nodiscard]] bool commit_together(std::span<Member> members);
    [[nodiscard]] Result<CommitReceipt> write_all(Batch& batch, const CommitCall& call);
    [[nodiscard]] Result<> finish(SqliteTransaction& transaction);
    [[nodiscard]] Result<> apply(const Batch& batch, const Write& write, std::size_t position);
    [[nodiscard]] Result<> put(const Batch& batch, const SqliteKind& kind, const Write& write, std::size_t position);
    [[nodiscard]] Result<> remove(const Batch& batch, const SqliteKind& kind, const Write& write, std::size_t position);
    [[nodiscard]] Result<> remove_expired(Timestamp now, const WriteCounts& counts);
    [[nodiscard]] Result<bool> change(const std::string& sql, const Batch& batch, const Write& write,
                                      std::int64_t checksum);
    [[nodiscard]] Error changed_meanwhile(const Batch& batch, const SqliteKind& kind, const Write& write,
                                          std::size_t position);

    [[nodiscard]] const SqliteKind& kind_of(const std::string& kind) const { return kinds_.find(kind)->second; }

    std::unique_ptr<SqliteConnection> connection_;
    KindCatalog catalog_;
    SqliteKinds kinds_;
    std::function<Timestamp()> now_;
    bool read_only_;
    bool unsettled_ = false; // the fate of the last commit is unknown
    std::map<std::string, std::int64_t, std::less<>> partitions_; // only those that are committed; none is ever removed
};

// A commit that failed with an I/O error may still lie whole in the log, to be found after the next crash. Another
// commit overwrites it; only then may anybody be told what the store holds.
Result<> SqliteStore::make_ready() {
    if (connection_->has_moved())
        return Error(ErrorCode::corrupted,
                     fmt::format("{}: the file was moved, replaced or deleted while it was open: what is written now "
                                 "would be lost. Put it back and start again.",
                                 connection_->path()));
    if (!unsettled_) return {};
    auto transaction = SqliteTransaction::begin(*connection_, TransactionKind::write);
    if (!transaction) return transaction.error();
    if (auto etag = next_etag(); !etag) return etag.error();
    if (auto committed = transaction->commit(); !committed) {
        Error error = committed.error();
        if (error.code == ErrorCode::unknown_outcome) error.code = ErrorCode::unavailable;
        return error;
    }
    unsettled_ = false;
    return {};
}

// Two statements: RETURNING, like a subquery with a limit, makes a table in memory each time, which costs more than the
// rest of a small commit.
Result<std::int64_t> SqliteStore::next_etag() {
    auto update = connection_->prepare("UPDATE castiel_commit SET last=last+1 WHERE row=1");
    if (!update) return update.error();
    if (auto done = update->run(); !done) return done.error();
    auto statement = connection_->prepare("SELECT last FROM castiel_commit WHERE row=1");
    if (!statement) return statement.error();
    auto row = statement->step();
    if (!row) return row.error();
    if (!*row)
        return Error(ErrorCode::corrupted, fmt::format("{}: the commit counter is gone: restore the file from a backup",
                                                       connection_->path()));
    return statement->number(0);
}

Result<std::optional<std::int64_t>> SqliteStore::look_up_partition(std::string_view name) {
    if (const auto known = partitions_.find(name); known != partitions_.end())
        return std::optional<std::int64_t>(known->second);
    auto statement = connection_->prepare("SELECT number FROM castiel_partition WHERE name=?");
    if (!statement) return statement.error();
    statement->bind(1, name);
    auto row = statement->step();
    if (!row) return row.error();
    if (!*row) return std::optional<std::int64_t>();
    return std::optional<std::int64_t>(statement->number(0));
}

// In a transaction that reads: what is found is committed, so it is there for good.
Result<std::optional<std::int64_t>> SqliteStore::find_partition(std::string_view name) {
    auto number = look_up_partition(name);
    if (number && *number) partitions_.emplace(name, **number);
    return number;
}

// What is found may have been made by an earlier commit of the same transaction, which may yet fail.
Result<std::int64_t> SqliteStore::make_partition(std::string_view name) {
    auto found = look_up_partition(name);
    if (!found) return found.error();
    if (*found) return **found;
    auto statement = connection_->prepare("INSERT INTO castiel_partition (name) VALUES (?) RETURNING number");
    if (!statement) return statement.error();
    statement->bind(1, name);
    auto row = statement->step();
    if (!row) return row.error();
    return statement->number(0);
}

Result<std::vector<std::optional<Document>>> SqliteStore::read(const std::string& partition, const std::string& kind,
                                                               const std::vector<std::string>& ids) {
    if (auto checked = check_partition(partition); !checked) return checked.error();
    if (auto declared = catalog_.find(kind); !declared) return declared.error();
    if (auto ready = make_ready(); !ready) return ready.error();
    std::vector<std::optional<Document>> documents(ids.size());
    const Timestamp now = now_();
    auto transaction = SqliteTransaction::begin(*connection_, TransactionKind::read);
    if (!transaction) return transaction.error();
    const auto number = find_partition(partition);
    if (!number) return number.error();
    if (!*number) return documents;
    const SqliteKind& sqlite_kind = kind_of(kind);
    auto statement = connection_->prepare(sqlite_kind.read);
    if (!statement) return statement.error();
    statement->bind(sqlite_parameter::partition, **number);
    statement->bind(sqlite_parameter::now, std::optional<Timestamp>(now));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        statement->bind(sqlite_parameter::id, std::string_view(ids[i]));
        auto row = statement->step();
        if (!row) return row.error();
        if (*row) {
            auto document = decode_row(*connection_, sqlite_kind, **number, *statement);
            if (!document) return document.error();
            documents[i] = std::move(*document);
        }
        statement->reset();
    }
    return documents;
}

Result<SqliteStore::Selection> SqliteStore::select(const CheckedQuery& query, std::int64_t partition, Timestamp now,
                                                   std::size_t limit) {
    Selection selection;
    const SqliteKind& kind = kind_of(query.kind->kind);
    const bool unsorted = comes_unsorted(query);
    std::vector<Document>& documents = selection.documents;
    for (const SqliteSelect& part : make_selects(query, partition, now)) {
        auto statement = connection_->prepare(part.sql);
        if (!statement) return statement.error();
        int parameter = 0;
        for (const IndexValue& value : part.parameters) statement->bind(++parameter, value);
        if (!unsorted) statement->bind(++parameter, static_cast<std::int64_t>(limit + 1 - documents.size()));
        for (;;) {
            auto row = statement->step();
            if (!row) return row.error();
            if (!*row) break;
            auto document = decode_row(*connection_, kind, partition, *statement);
            if (!document) return document.error();
            documents.push_back(std::move(*document));
            if (unsorted && documents.size() > 2 * (limit + 1)) keep_first(documents, limit + 1);
        }
    }
    if (unsorted) {
        keep_first(documents, limit + 1);
        std::sort(documents.begin(), documents.end(), by_id);
    }
    selection.more = documents.size() > limit;
    if (selection.more) documents.pop_back();
    return selection;
}

Result<DocumentPage> SqliteStore::query(const std::string& partition, const std::string& kind, const Query& query) {
    const auto checked = check_query(catalog_, partition, kind, query);
    if (!checked) return checked.error();
    if (auto ready = make_ready(); !ready) return ready.error();
    auto transaction = SqliteTransaction::begin(*connection_, TransactionKind::read);
    if (!transaction) return transaction.error();
    DocumentPage page;
    const auto number = find_partition(partition);
    if (!number) return number.error();
    if (!*number) return page;
    auto selection = select(*checked, **number, now_(), checked->limit);
    if (!selection) return selection.error();
    page.documents = std::move(selection->documents);
    if (selection->more) page.continuation = checked->continue_after(checked->position_of(page.documents.back()));
    return page;
}

Result<ScanPage> SqliteStore::scan(const std::string& kind, const Query& query) {
    const auto checked = check_scan(catalog_, kind, query);
    if (!checked) return checked.error();
    if (auto ready = make_ready(); !ready) return ready.error();
    auto transaction = SqliteTransaction::begin(*connection_, TransactionKind::read);
    if (!transaction) return transaction.error();
    ScanPage page;
    const Timestamp now = now_();
    CheckedQuery within = *checked;
    // Partition by partition, since every index begins with it.
    auto partitions = connection_->prepare("SELECT number, name FROM castiel_partition WHERE name>=? ORDER BY name");
    if (!partitions) return partitions.error();
    partitions->bind(1, checked->after ? std::string_view(checked->after->partition) : std::string_view());
    for (;;) {
        auto row = partitions->step();
        if (!row) return row.error();
        if (!*row) return page;
        const std::string name(partitions->text(1));
        if (checked->after && name != checked->after->partition) within.after.reset();
        auto selection = select(within, partitions->number(0), now, checked->limit - page.documents.size());
        if (!selection) return selection.error();
        for (Document& document : selection->documents) page.documents.push_back({name, std::move(document)});
        if (!selection->more) continue;
        Position position;
        position.partition = page.documents.back().partition;
        position.id = page.documents.back().document.id;
        page.continuation = checked->continue_after(position);
        return page;
    }
}

Result<> SqliteStore::check(const CommitCall& call) const {
    if (auto checked = check_writes(catalog_, limits(), call.partition, call.writes); !checked) return checked;
    if (read_only_)
        return Error(ErrorCode::invalid_configuration,
                     fmt::format("{}: opened with read_only; open it without to write", connection_->path()));
    return {};
}

Result<CommitReceipt> SqliteStore::commit(const std::string& partition, const std::vector<Write>& writes) {
    CommitCall call;
    call.partition = partition;
    call.writes = writes;
    if (auto checked = check(call); !checked) return checked.error();
    if (writes.empty()) return CommitReceipt();
    return commit_alone(call);
}

CommitGroup SqliteStore::commit_group() const {
    CommitGroup group;
    group.max_commits = max_grouped_commits;
    group.max_bytes = max_grouped_bytes;
    return group;
}

std::vector<Result<CommitReceipt>> SqliteStore::commit_many(std::span<const CommitCall> calls) {
    std::vector<Result<CommitReceipt>> answers(calls.size());
    std::vector<Member> members;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        if (auto checked = check(calls[i]); !checked) answers[i] = checked.error();
        else if (!calls[i].writes.empty()) members.push_back({&calls[i], &answers[i]});
    }
    if (members.size() > 1 && commit_together(members)) return answers;
    for (const Member& member : members) *member.answer = commit_alone(*member.call);
    return answers;
}

Result<CommitReceipt> SqliteStore::commit_alone(const CommitCall& call) {
    if (auto ready = make_ready(); !ready) return ready.error();
    auto transaction = SqliteTransaction::begin(*connection_, TransactionKind::write);
    if (!transaction) return transaction.error();
    Batch batch;
    auto receipt = write_all(batch, call);
    if (!receipt) return receipt;
    WriteCounts counts;
    for (const Write& write : call.writes) ++counts[write.document.kind];
    if (auto removed = remove_expired(batch.now, counts); !removed) return removed.error();
    if (auto finished = finish(*transaction); !finished) return finished.error();
    partitions_.emplace(call.partition, batch.partition);
    return receipt;
}

// One transaction for all, in which each can be undone alone; what is stale, is. False: one failed in another way, and
// with it perhaps the transaction. Nothing was written then, and only commits of their own tell whom it concerns.
bool SqliteStore::commit_together(std::span<Member> members) {
    const auto all_fail = [&](const Error& error) {
        for (const Member& member : members) *member.answer = error;
        return true;
    };
    if (auto ready = make_ready(); !ready) return all_fail(ready.error());
    auto transaction = SqliteTransaction::begin(*connection_, TransactionKind::write);
    if (!transaction) return all_fail(transaction.error());
    Timestamp now{};
    WriteCounts counts;
    for (Member& member : members) {
        if (!transaction->begin_part()) return false;
        Batch batch;
        *member.answer = write_all(batch, *member.call);
        const bool kept = member.answer->has_value();
        if (!kept && member.answer->error().code != ErrorCode::stale) return false;
        if (auto ended = kept ? transaction->keep_part() : transaction->undo_part(); !ended) return false;
        if (!kept) continue;
        now = batch.now;
        member.partition = batch.partition;
        for (const Write& write : member.call->writes) ++counts[write.document.kind];
    }
    if (counts.empty()) return true; // all are stale
    if (auto removed = remove_expired(now, counts); !removed) return false;
    if (auto committed = finish(*transaction); !committed) {
        for (const Member& member : members) {
            const bool stale = !*member.answer;
            *member.answer = committed.error();
            // Nothing of it can come to light.
            if (stale && committed.error().code == ErrorCode::unknown_outcome)
                *member.answer = Error(ErrorCode::unavailable, "Nothing was written; of a commit before it that is "
                                                               "unknown. " + committed.error().message);
        }
        return true;
    }
    for (const Member& member : members)
        if (*member.answer) partitions_.emplace(member.call->partition, member.partition);
    return true;
}

// Within a transaction.
Result<CommitReceipt> SqliteStore::write_all(Batch& batch, const CommitCall& call) {
    batch.now = now_();
    auto number = make_partition(call.partition);
    if (!number) return number.error();
    batch.partition = *number;
    auto etag = next_etag();
    if (!etag) return etag.error();
    batch.etag = *etag;
    CommitReceipt receipt;
    for (std::size_t i = 0; i < call.writes.size(); ++i) {
        const Write& write = call.writes[i];
        if (auto applied = apply(batch, write, i); !applied) return applied.error();
        receipt.etags.push_back(write.action == Write::Action::put ? std::to_string(batch.etag) : std::string());
    }
    return receipt;
}

Result<> SqliteStore::finish(SqliteTransaction& transaction) {
    auto committed = transaction.commit();
    if (!committed) unsettled_ = committed.error().code == ErrorCode::unknown_outcome;
    return committed;
}

Result<> SqliteStore::apply(const Batch& batch, const Write& write, std::size_t position) {
    const SqliteKind& kind = kind_of(write.document.kind);
    return write.action == Write::Action::put ? put(batch, kind, write, position)
                                              : remove(batch, kind, write, position);
}

// True: a row was changed.
Result<bool> SqliteStore::change(const std::string& sql, const Batch& batch, const Write& write,
                                 std::int64_t checksum) {
    auto statement = connection_->prepare(sql);
    if (!statement) return statement.error();
    const Document& document = write.document;
    statement->bind(sqlite_parameter::partition, batch.partition);
    statement->bind(sqlite_parameter::id, std::string_view(document.id));
    statement->bind(sqlite_parameter::now, std::optional<Timestamp>(batch.now));
    if (write.precondition == Write::Precondition::etag)
        statement->bind(sqlite_parameter::expected_etag, parse_etag(document.etag).value_or(-1));
    if (write.action == Write::Action::put) {
        statement->bind(sqlite_parameter::etag, batch.etag);
        statement->bind(sqlite_parameter::expires_at, document.expires_at);
        statement->bind(sqlite_parameter::checksum, checksum);
        statement->bind(sqlite_parameter::body, std::string_view(document.body));
        for (std::size_t i = 0; i < document.index.size(); ++i)
            statement->bind(sqlite_parameter::first_field + static_cast<int>(i), document.index[i]);
    }
    if (auto done = statement->run(); !done) return done.error();
    return connection_->changed_rows() > 0;
}

Result<> SqliteStore::put(const Batch& batch, const SqliteKind& kind, const Write& write, std::size_t position) {
    const std::int64_t checksum = checksum_of(kind, batch.partition, batch.etag, write.document);
    if (write.precondition == Write::Precondition::absent) {
        auto inserted = change(kind.insert, batch, write, checksum);
        if (!inserted) return inserted.error();
        if (!*inserted) return stale_write(write, position, "it exists already");
        return {};
    }
    const bool conditional = write.precondition == Write::Precondition::etag;
    // Setting the body alone spares every index. Who never read a document most likely makes it.
    if (!write.document.index.empty() && !write.document.etag.empty()) {
        auto changed = change(conditional ? kind.replace_body : kind.update_body, batch, write, checksum);
        if (!changed) return changed.error();
        if (*changed) return {};
    }
    auto changed = change(conditional ? kind.replace : kind.put, batch, write, checksum);
    if (!changed) return changed.error();
    if (!*changed) return changed_meanwhile(batch, kind, write, position);
    return {};
}

Result<> SqliteStore::remove(const Batch& batch, const SqliteKind& kind, const Write& write, std::size_t position) {
    const bool conditional = write.precondition == Write::Precondition::etag;
    auto changed = change(conditional ? kind.remove_if : kind.remove, batch, write, 0);
    if (!changed) return changed.error();
    if (conditional && !*changed) return changed_meanwhile(batch, kind, write, position);
    return {};
}

Error SqliteStore::changed_meanwhile(const Batch& batch, const SqliteKind& kind, const Write& write,
                                     std::size_t position) {
    auto statement = connection_->prepare(kind.read);
    if (!statement) return statement.error();
    statement->bind(sqlite_parameter::partition, batch.partition);
    statement->bind(sqlite_parameter::id, std::string_view(write.document.id));
    statement->bind(sqlite_parameter::now, std::optional<Timestamp>(batch.now));
    auto row = statement->step();
    if (!row) return row.error();
    return stale_write(write, position, *row ? "it has changed since it was read" : "it does not exist any more");
}

Result<> SqliteStore::remove_expired(Timestamp now, const WriteCounts& counts) {
    for (const auto& [kind, count] : counts) {
        const SqliteKind& sqlite_kind = kinds_.find(kind)->second;
        auto any = connection_->prepare(sqlite_kind.any_expired);
        if (!any) return any.error();
        any->bind(sqlite_parameter::now, std::optional<Timestamp>(now));
        auto found = any->step();
        if (!found) return found.error();
        any->reset();
        if (!*found) continue;
        auto statement = connection_->prepare(sqlite_kind.remove_expired);
        if (!statement) return statement.error();
        const std::size_t limit = std::max(min_expired_per_commit, count * expired_per_write);
        statement->bind(sqlite_parameter::now, std::optional<Timestamp>(now));
        statement->bind(sqlite_parameter::etag, static_cast<std::int64_t>(limit));
        if (auto removed = statement->run(); !removed) return removed;
    }
    return {};
}

Error refuse_path(std::string_view path) {
    return Error(ErrorCode::invalid_configuration,
                 fmt::format("storage path \"{}\": name a file; a database in memory would lose everything", path));
}

// What opening may have changed is looked at again by the next one: nobody needs to know how it ended.
Error failed_to_open(Error error) {
    if (error.code == ErrorCode::unknown_outcome) error.code = ErrorCode::unavailable;
    return error;
}

} // namespace

Result<std::shared_ptr<BlockingStore>> open_sqlite_store(SqliteOptions options) {
    if (options.path.empty() || options.path == ":memory:" || options.path.find('\0') != std::string::npos)
        return refuse_path(options.path);
    auto catalog = KindCatalog::make(options.kinds);
    if (!catalog) return catalog.error();
    // Absolute, so that it goes on naming the same file, and never looks like a "file:" URI.
    std::error_code failed;
    const std::string path = std::filesystem::absolute(options.path, failed).lexically_normal().string();
    if (failed) return refuse_path(options.path);
    // A file system of the caller's own may know nothing of the machine's folders.
    if (options.vfs.empty())
        if (auto prepared = prepare_sqlite_file(path, options.read_only); !prepared) return prepared.error();
    SqliteConnection::Options connection_options;
    connection_options.path = path;
    connection_options.vfs = options.vfs;
    connection_options.read_only = options.read_only;
    connection_options.busy_timeout = options.busy_timeout;
    auto opened = SqliteConnection::open(connection_options);
    if (!opened) return opened.error();
    SqliteConnection& connection = **opened;
    if (auto ours = check_sqlite_owner(connection); !ours) return failed_to_open(ours.error());
    if (auto configured = configure_sqlite(connection, options.synchronous_full, options.read_only); !configured)
        return failed_to_open(configured.error());
    // The last commit of a process that died may have reached the log and not the disk. From here on it is seen, so it
    // must not be undone by a power loss. Synchronising alone does not see to that: where a synchronisation has failed
    // before, the system has forgotten what it could not write. So the log's content is written once more, into the
    // file itself, and the log begins anew; unless other processes use it, which then may stand behind such a gap.
    if (!options.read_only)
        if (auto emptied = connection.ask("PRAGMA wal_checkpoint(TRUNCATE)"); !emptied)
            return failed_to_open(emptied.error());
    if (auto durable = connection.synchronise_log(); !durable) return durable.error();
    auto store = std::make_shared<SqliteStore>(std::move(*opened), std::move(*catalog), options);
    if (auto prepared = prepare_sqlite_schema(connection, store->kinds(), options.read_only); !prepared)
        return failed_to_open(prepared.error());
    // What undoes a part of a transaction would go to a file in the machine's temporary folder once it is over 64 KiB.
    // Not before: making an index sorts all of its table.
    if (auto set = connection.execute("PRAGMA temp_store=MEMORY"); !set) return failed_to_open(set.error());
    return std::shared_ptr<BlockingStore>(std::move(store));
}

} // namespace castiel_sync
