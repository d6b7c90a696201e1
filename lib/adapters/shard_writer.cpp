#include <adapters/shard_writer.hpp>
#include <core/json_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace castiel_sync {
namespace {

using Kind = ShardChange::Kind;
using Status = ShardOutcome::Status;

// A larger commit would hold up other writers of the tenant for long.
constexpr std::size_t max_changes = 500;
// Each attempt that fails means that another writer got through.
constexpr unsigned max_attempts = 30;
constexpr std::chrono::nanoseconds first_pause = std::chrono::milliseconds(2);
constexpr unsigned max_doublings = 8;

ShardOutcome refused(Error error) {
    ShardOutcome outcome;
    outcome.error = std::move(error);
    return outcome;
}

ShardOutcome without_write(Status status) {
    ShardOutcome outcome;
    outcome.status = status;
    return outcome;
}

std::optional<Error> fault_of(const ShardChange& change) {
    if (auto id = check_shard_name(change.shard.id, "shard's id"); !id) return id.error();
    if (auto type = check_shard_name(change.shard.shard_type_id, "shard type"); !type) return type.error();
    if (change.kind == Kind::remove) return std::nullopt;
    if (change.shard.status.empty() || change.shard.status == deleted_status)
        return Error(ErrorCode::invalid_request, fmt::format("the shard {} can't be written with the status \"{}\"; "
                                                             "remove it instead",
                                                             change.shard.id, change.shard.status));
    if (auto data = check_json(change.shard.structured_data); !data) return data.error();
    if (auto other = check_json(change.shard.other); !other) return other.error();
    return std::nullopt;
}

// The shard as it shall be, with the etag of what it replaces.
Shard next_shard(const ShardChange& change, const std::optional<StoredShard>& present, Timestamp now) {
    const bool living = present && !present->deleted();
    Shard next;
    if (change.kind == Kind::update || change.kind == Kind::remove) {
        next = present->shard;
        next.structured_data = change.shard.structured_data;
    } else {
        next = change.shard;
        if (living)
            next.created_at = present->shard.created_at;
        else if (next.created_at == Timestamp{})
            next.created_at = now;
    }
    if (change.kind == Kind::remove) {
        next.status = deleted_status;
        next.other.clear();
    }
    next.revision = present ? present->shard.revision + 1 : 1;
    next.updated_at = now;
    next.etag = present ? present->shard.etag : std::string();
    return next;
}

class Batch {
public:
    Batch(const std::string& tenant_id, const StoreLimits& limits, ShardSequence sequence, Timestamp now)
        : tenant_id_(tenant_id), limits_(limits), sequence_(std::move(sequence)), now_(now) {}

    // False: it belongs into the next batch.
    bool add(const ShardChange& change, const std::optional<Error>& fault, const std::optional<Document>& document) {
        if (fault) return note(refused(*fault));
        std::optional<StoredShard> present;
        if (document) {
            auto read = read_shard_document(*document);
            if (!read) return note(refused(read.error()));
            present = std::move(*read);
        }
        if (auto outcome = judge(change, present)) return note(std::move(*outcome));

        StoredShard next;
        next.shard = next_shard(change, present, now_);
        next.sequence = sequence_.last + 1;
        Document written = to_document(next, tenant_id_);
        if (written.body.size() > limits_.max_document_bytes)
            return note(refused(Error(ErrorCode::invalid_record,
                                      fmt::format("the shard {} has {} bytes; the store takes at most {}",
                                                  change.shard.id, written.body.size(), limits_.max_document_bytes))));
        const bool fits = bytes_ + written.body.size() <= limits_.max_bytes - limits_.max_bytes / 8;
        if (!fits && !writes_.empty()) return false;
        bytes_ += written.body.size();
        number(next, present && !present->deleted());
        writes_.push_back(written.etag.empty() ? insert(std::move(written)) : replace(std::move(written)));
        ShardOutcome outcome;
        outcome.status = Status::written;
        outcome.shard = std::move(next.shard);
        written_.push_back(outcomes_.size());
        return note(std::move(outcome));
    }

    [[nodiscard]] std::uint64_t last() const { return sequence_.last; }

    // The counter's write comes last.
    std::vector<Write> take_writes() {
        if (writes_.empty()) return {};
        sequence_.forget_old_days(now_);
        Document document = to_document(sequence_);
        writes_.push_back(document.etag.empty() ? insert(std::move(document)) : replace(std::move(document)));
        return std::move(writes_);
    }

    std::vector<ShardOutcome> take_outcomes(const CommitReceipt& receipt) {
        for (std::size_t i = 0; i < written_.size(); ++i)
            outcomes_[written_[i]].shard.etag = receipt.etags[i];
        return std::move(outcomes_);
    }

private:
    bool note(ShardOutcome outcome) {
        outcomes_.push_back(std::move(outcome));
        return true;
    }

    // nullopt: it is to be written.
    std::optional<ShardOutcome> judge(const ShardChange& change, const std::optional<StoredShard>& present) const {
        const bool living = present && !present->deleted();
        const bool other_type = present && present->shard.shard_type_id != change.shard.shard_type_id;
        if (change.kind == Kind::update || change.kind == Kind::remove) {
            if (!living || other_type) return without_write(Status::absent);
        } else if (other_type) {
            return refused(
                Error(ErrorCode::already_exists,
                      fmt::format("the id {} belongs to a shard of the type {}, not {}; use another id",
                                  change.shard.id, present->shard.shard_type_id, change.shard.shard_type_id)));
        }
        if (change.kind == Kind::create) {
            if (!living) return std::nullopt;
            ShardOutcome outcome = without_write(Status::present);
            outcome.shard = present->shard;
            return outcome;
        }
        const bool expected = change.expected_etag.empty() || (living && present->shard.etag == change.expected_etag);
        if (!expected) return without_write(Status::stale);
        return std::nullopt;
    }

    void number(const StoredShard& next, bool was_living) {
        sequence_.last = next.sequence;
        sequence_.latest[next.shard.shard_type_id] = next.sequence;
        std::uint64_t& living = sequence_.living[next.shard.shard_type_id];
        if (next.deleted()) {
            sequence_.note_deletion(next.sequence, now_);
            if (living > 0) --living;
        } else if (!was_living) {
            ++living;
        }
    }

    const std::string& tenant_id_;
    StoreLimits limits_;
    ShardSequence sequence_;
    Timestamp now_;
    std::vector<ShardOutcome> outcomes_;
    std::vector<Write> writes_;
    std::vector<std::size_t> written_; // outcome of each write
    std::size_t bytes_ = 0;
};

// As many as one commit can hold, each id once.
std::size_t batch_size(std::span<const ShardChange> changes, const StoreLimits& limits) {
    const std::size_t most = std::min({changes.size(), max_changes, std::max<std::size_t>(limits.max_writes, 2) - 1});
    std::set<std::string_view> ids;
    std::size_t count = 0;
    while (count < most && ids.insert(changes[count].shard.id).second)
        ++count;
    return count;
}

} // namespace

Async<Result<ShardSequence>> ShardWriter::read_sequence() {
    std::vector<std::string> ids;
    ids.emplace_back(shard_sequence_id);
    auto documents = co_await store_.read(tenant_id_, std::string(shard_sequence_kind), std::move(ids));
    if (!documents) co_return documents.error();
    if (documents->size() == 1 && documents->front()) co_return read_sequence_document(*documents->front());
    co_return ShardSequence();
}

Async<Result<ShardBatch>> ShardWriter::apply_some(std::span<const ShardChange> changes) {
    const StoreLimits limits = store_.limits();
    const std::size_t size = batch_size(changes, limits);
    // A change that will be refused may have an id that no store takes; what is read in its place does not matter.
    std::vector<std::string> all_ids;
    std::vector<std::optional<Error>> faults;
    for (const ShardChange& change : changes.first(size)) {
        faults.push_back(fault_of(change));
        all_ids.push_back(faults.back() ? std::string(shard_sequence_id) : change.shard.id);
    }

    for (unsigned attempt = 0; attempt < max_attempts; ++attempt) {
        if (attempt > 0) co_await pause(attempt);
        auto sequence = co_await read_sequence();
        if (!sequence) co_return sequence.error();
        if (sequence->epoch.empty()) sequence->epoch = fmt::format("{:08x}", runtime_.random->next() >> 32);
        std::vector<std::string> ids = all_ids;
        auto documents = co_await store_.read(tenant_id_, std::string(shard_kind), std::move(ids));
        if (!documents) co_return documents.error();

        ShardBatch done;
        done.before = *sequence;
        Batch batch(tenant_id_, limits, std::move(*sequence), runtime_.clock->now());
        for (std::size_t i = 0; i < size && batch.add(changes[i], faults[i], (*documents)[i]); ++i) {
        }
        std::vector<Write> writes = batch.take_writes();
        done.after = batch.last();
        CommitReceipt receipt;
        if (!writes.empty()) {
            auto committed = co_await store_.commit(tenant_id_, std::move(writes));
            if (committed) receipt = std::move(*committed);
            else if (committed.error().code != ErrorCode::stale) co_return committed.error();
            else continue;
        }
        done.outcomes = batch.take_outcomes(receipt);
        co_return done;
    }
    co_return Error(ErrorCode::unavailable,
                    fmt::format("the local shards of tenant {} were written by others {} times in between; try again "
                                "later",
                                tenant_id_, max_attempts));
}

// Full jitter: writers that met once do not meet again.
Async<void> ShardWriter::pause(unsigned attempt) {
    const auto longest = static_cast<std::uint64_t>(first_pause.count()) << std::min(attempt, max_doublings);
    const std::chrono::nanoseconds duration(uniform(*runtime_.random, longest));
    co_await runtime_.clock->sleep_for(duration);
}

} // namespace castiel_sync
