// Local shards as a side of a sync.
#include <castiel_sync/adapters/local_shards.hpp>

#include <core/hashes.hpp>
#include <adapters/shard_feed.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t max_batch = 5000;
constexpr std::size_t max_read = 1000;

using Action = PushItem::Action;

// Takes the fields out of the item: they are the change's from then on.
ShardChange change_of(const std::string& entity, PushItem& item) {
    ShardChange change;
    switch (item.action) {
    case Action::create:
        change.kind = ShardChange::Kind::create;
        break;
    case Action::update:
        change.kind = ShardChange::Kind::update;
        break;
    case Action::remove:
        change.kind = ShardChange::Kind::remove;
        break;
    }
    const bool creates = item.action == Action::create;
    // Without a key there is no id, and the writer refuses the item.
    if (!creates)
        change.shard.id = item.id;
    else if (!item.idempotency_key.empty())
        change.shard.id = id_from_key(item.idempotency_key);
    change.shard.shard_type_id = entity;
    change.shard.structured_data = std::move(item.fields);
    if (!creates) change.expected_etag = item.expected_version;
    return change;
}

PushOutcome present_outcome(Shard shard, const ShardChange& change) {
    PushOutcome outcome;
    outcome.status = PushOutcome::Status::applied;
    outcome.id = std::move(shard.id);
    outcome.modified_at = shard.updated_at;
    if (equal_values(shard.structured_data, change.shard.structured_data)) {
        outcome.version = std::move(shard.etag);
    } else {
        // Edited since it was created. Without a version the caller can't take that edit for its own.
        outcome.fields = std::move(shard.structured_data);
    }
    return outcome;
}

PushOutcome outcome_of(ShardOutcome written, const ShardChange& change) {
    const bool removes = change.kind == ShardChange::Kind::remove;
    PushOutcome outcome;
    switch (written.status) {
    case ShardOutcome::Status::written:
        outcome.status = PushOutcome::Status::applied;
        if (removes) break;
        outcome.id = std::move(written.shard.id);
        outcome.version = std::move(written.shard.etag);
        outcome.modified_at = written.shard.updated_at;
        break;
    case ShardOutcome::Status::present:
        return present_outcome(std::move(written.shard), change);
    case ShardOutcome::Status::absent:
        outcome.status = removes ? PushOutcome::Status::applied : PushOutcome::Status::absent;
        break;
    case ShardOutcome::Status::stale:
        outcome.status = PushOutcome::Status::stale;
        break;
    case ShardOutcome::Status::refused:
        outcome.status = PushOutcome::Status::rejected;
        outcome.error = std::move(written.error);
        break;
    }
    return outcome;
}

// What the rest of a push comes to when a commit in the middle of it failed.
void add_failed(std::vector<PushOutcome>& outcomes, std::size_t count, const Error& error) {
    const bool sent = error.code != ErrorCode::unavailable && error.code != ErrorCode::throttled;
    while (outcomes.size() < count) {
        PushOutcome outcome;
        outcome.status = sent ? PushOutcome::Status::unknown : PushOutcome::Status::not_sent;
        outcome.error = error;
        outcomes.push_back(std::move(outcome));
    }
}

// A feed's position that moves along with what its caller writes, as long as nobody else writes shards of the type.
class OwnWrites {
public:
    explicit OwnWrites(const PushRequest& request) : shard_type_id_(request.entity) {
        auto cursor = ShardCursor::parse(request.cursor);
        if (cursor && !cursor->listing) position_ = std::move(*cursor);
    }

    void follow(const ShardBatch& batch) {
        if (!position_) return;
        const ShardSequence& before = batch.before;
        // A cursor without an epoch was made before the tenant's first shard.
        const bool ours = position_->epoch.empty() || position_->epoch == before.epoch;
        if (!ours || position_->position > before.last || position_->position < before.latest_of(shard_type_id_))
            return position_.reset();
        position_->epoch = before.epoch;
        position_->position = batch.after;
    }

    [[nodiscard]] std::string cursor() const { return position_ ? position_->text() : std::string(); }

private:
    std::string shard_type_id_;
    std::optional<ShardCursor> position_;
};

class LocalShardsAdapter final : public Adapter {
public:
    LocalShardsAdapter(Runtime runtime, Store& store, std::string tenant_id)
        : runtime_(std::move(runtime)), store_(store), tenant_id_(std::move(tenant_id)) {}

    [[nodiscard]] AdapterDescription describe() const override { return local_shards_description(); }

    [[nodiscard]] AdapterCapabilities capabilities() const override {
        AdapterCapabilities capabilities;
        capabilities.writable = true;
        capabilities.change_feed = true;
        capabilities.reports_deletions = true;
        capabilities.conditional_writes = true;
        capabilities.conditional_deletes = true;
        capabilities.idempotent_creates = true;
        capabilities.finds_by_idempotency_key = true;
        capabilities.local = true;
        capabilities.max_page_records = max_batch;
        capabilities.max_fetch_records = max_batch;
        capabilities.max_push_records = max_batch;
        capabilities.max_in_flight = 4;
        return capabilities;
    }

    Async<Result<>> check() override {
        ShardWriter reader(runtime_, store_, tenant_id_);
        auto sequence = co_await reader.read_sequence();
        if (!sequence) co_return sequence.error();
        co_return Result<>();
    }

    Async<Result<RecordPage>> pull(PullRequest request) override {
        if (auto entity = check_shard_name(request.entity, "shard type"); !entity) co_return entity.error();
        if (request.max_records == 0)
            co_return Error(ErrorCode::invalid_request, "a page of no records was asked for; ask for at least one");
        request.max_records = std::min(request.max_records, max_batch);
        auto page = co_await pull_shards(runtime_, store_, tenant_id_, std::move(request));
        co_return page;
    }

    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        if (auto entity = check_shard_name(request.entity, "shard type"); !entity) co_return entity.error();
        std::vector<std::string> ids = std::move(request.ids);
        for (const std::string& key : request.idempotency_keys)
            ids.push_back(id_from_key(key));
        if (auto fits = check_size(ids.size()); !fits) co_return fits.error();
        std::vector<FetchedRecord> answers;
        answers.reserve(ids.size());
        while (answers.size() < ids.size()) {
            const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(answers.size());
            const auto end = begin + static_cast<std::ptrdiff_t>(std::min(max_read, ids.size() - answers.size()));
            std::vector<std::string> some(begin, end);
            auto documents = co_await store_.read(tenant_id_, std::string(shard_kind), std::move(some));
            if (!documents) co_return documents.error();
            for (const auto& document : *documents)
                answers.push_back(answer(document, request.entity));
        }
        co_return answers;
    }

    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        if (auto entity = check_shard_name(request.entity, "shard type"); !entity) co_return entity.error();
        if (auto fits = check_size(request.items.size()); !fits) co_return fits.error();
        std::vector<ShardChange> changes;
        changes.reserve(request.items.size());
        for (PushItem& item : request.items)
            changes.push_back(change_of(request.entity, item));
        ShardWriter writer(runtime_, store_, tenant_id_);
        OwnWrites own(request);
        std::vector<PushOutcome> outcomes;
        outcomes.reserve(changes.size());
        while (outcomes.size() < changes.size()) {
            const std::span<const ShardChange> rest = std::span(changes).subspan(outcomes.size());
            auto done = co_await writer.apply_some(rest);
            if (!done) {
                if (outcomes.empty()) co_return done.error();
                add_failed(outcomes, changes.size(), done.error());
                co_return outcomes;
            }
            own.follow(*done);
            for (ShardOutcome& outcome : done->outcomes)
                outcomes.push_back(outcome_of(std::move(outcome), changes[outcomes.size()]));
        }
        if (!outcomes.empty()) outcomes.back().cursor = own.cursor();
        co_return outcomes;
    }

private:
    static Result<> check_size(std::size_t size) {
        if (size <= max_batch) return {};
        return Error(ErrorCode::invalid_request,
                     fmt::format("{} records in one request; the local shards take at most {}", size, max_batch));
    }

    static FetchedRecord answer(const std::optional<Document>& document, const std::string& entity) {
        FetchedRecord fetched;
        fetched.presence = FetchedRecord::Presence::absent;
        if (!document) return fetched;
        auto stored = read_shard_document(*document);
        if (!stored) {
            fetched.presence = FetchedRecord::Presence::unknown;
            fetched.error = stored.error();
        } else if (!stored->deleted() && stored->shard.shard_type_id == entity) {
            fetched.presence = FetchedRecord::Presence::present;
            fetched.record = to_record(std::move(*stored));
        }
        return fetched;
    }

    Runtime runtime_;
    Store& store_;
    std::string tenant_id_;
};

} // namespace

AdapterDescription local_shards_description() {
    AdapterDescription description;
    description.name = "local-shards";
    description.summary = "Castiel's shards, kept in the engine's own store";
    description.settings_schema.emplace("type", "object");
    return description;
}

AdapterFactory local_shards_factory(Store& store) {
    return [&store](const AdapterContext& context) -> Result<std::unique_ptr<Adapter>> {
        if (context.tenant_id.empty())
            return Error(ErrorCode::invalid_configuration, "local shards belong to a tenant; name one");
        return std::unique_ptr<Adapter>(
            std::make_unique<LocalShardsAdapter>(context.runtime, store, context.tenant_id));
    };
}

} // namespace castiel_sync
