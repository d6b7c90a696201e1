#include <castiel_sync/adapters/local_shards.hpp>

#include <adapters/shard_feed.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace castiel_sync {
namespace {

Result<std::uint64_t> read_continuation(const std::string& text) {
    std::uint64_t position = 0;
    if (text.empty()) return position;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), position);
    if (fault == std::errc() && end == text.data() + text.size()) return position;
    return Error(ErrorCode::invalid_request, "the continuation is not one of a list of shards; begin without one");
}

Result<Shard> written_shard(ShardOutcome outcome, const std::string& id) {
    switch (outcome.status) {
    case ShardOutcome::Status::written:
    case ShardOutcome::Status::present:
        return Result<Shard>(std::move(outcome.shard));
    case ShardOutcome::Status::stale:
        return Error(ErrorCode::stale,
                     fmt::format("the shard {} is not in the state that was expected; read it again", id));
    case ShardOutcome::Status::absent:
        return Error(ErrorCode::not_found, fmt::format("there is no shard {}", id));
    case ShardOutcome::Status::refused:
        break;
    }
    return outcome.error.value_or(Error(ErrorCode::internal, "a shard was refused without a reason"));
}

} // namespace

LocalShards::LocalShards(Runtime runtime, Store& store, std::string tenant_id)
    : runtime_(std::move(runtime)), store_(&store), tenant_id_(std::move(tenant_id)) {}

Async<Result<std::optional<Shard>>> LocalShards::get(std::string shard_type_id, std::string id) {
    if (auto named = check_shard_name(id, "shard's id"); !named) co_return named.error();
    std::vector<std::string> ids;
    ids.push_back(id);
    auto documents = co_await store_->read(tenant_id_, std::string(shard_kind), std::move(ids));
    if (!documents) co_return documents.error();
    if (documents->empty() || !documents->front()) co_return std::optional<Shard>();
    auto stored = read_shard_document(*documents->front());
    if (!stored) co_return stored.error();
    const bool of_type = shard_type_id.empty() || stored->shard.shard_type_id == shard_type_id;
    if (stored->deleted() || !of_type) co_return std::optional<Shard>();
    co_return std::optional<Shard>(std::move(stored->shard));
}

Async<Result<ShardPage>> LocalShards::list(std::string shard_type_id, std::size_t limit, std::string continuation) {
    auto position = read_continuation(continuation);
    if (!position) co_return position.error();
    if (limit == 0)
        co_return Error(ErrorCode::invalid_request, "a list of no shards was asked for; ask for one or more");
    constexpr std::size_t most = 500;
    ShardPage page;
    while (page.items.size() < limit) {
        auto slice = co_await read_slice(*store_, tenant_id_, shard_type_id, *position,
                                         std::min(most, limit - page.items.size()));
        if (!slice) co_return slice.error();
        for (const Document& document : slice->documents) {
            auto stored = read_shard_document(document);
            if (!stored) co_return stored.error();
            *position = stored->sequence;
            if (!stored->deleted()) page.items.push_back(std::move(stored->shard));
        }
        if (slice->complete) co_return page;
    }
    page.continuation = std::to_string(*position);
    co_return page;
}

Async<Result<Shard>> LocalShards::put(Shard shard, std::string expected_etag) {
    std::vector<ShardChange> changes(1);
    if (shard.id.empty()) shard.id = make_ordered_uuid(runtime_.clock->now(), *runtime_.random);
    const std::string id = shard.id;
    changes.front().shard = std::move(shard);
    changes.front().expected_etag = std::move(expected_etag);
    ShardWriter writer(runtime_, *store_, tenant_id_);
    auto done = co_await writer.apply_some(changes);
    if (!done) co_return done.error();
    co_return written_shard(std::move(done->outcomes.front()), id);
}

Async<Result<std::optional<Shard>>> LocalShards::create(Shard shard) {
    std::vector<ShardChange> changes(1);
    if (shard.id.empty()) shard.id = make_ordered_uuid(runtime_.clock->now(), *runtime_.random);
    const std::string id = shard.id;
    changes.front().kind = ShardChange::Kind::create;
    changes.front().shard = std::move(shard);
    ShardWriter writer(runtime_, *store_, tenant_id_);
    auto done = co_await writer.apply_some(changes);
    if (!done) co_return done.error();
    if (done->outcomes.front().status == ShardOutcome::Status::present) co_return std::optional<Shard>();
    auto created = written_shard(std::move(done->outcomes.front()), id);
    if (!created) co_return created.error();
    co_return std::optional<Shard>(std::move(*created));
}

Async<Result<std::vector<Shard>>> LocalShards::put_many(std::vector<Shard> shards) {
    std::vector<ShardChange> changes(shards.size());
    for (std::size_t i = 0; i < shards.size(); ++i) {
        changes[i].shard = std::move(shards[i]);
        if (changes[i].shard.id.empty())
            changes[i].shard.id = make_ordered_uuid(runtime_.clock->now(), *runtime_.random);
    }
    ShardWriter writer(runtime_, *store_, tenant_id_);
    std::vector<Shard> written;
    written.reserve(changes.size());
    while (written.size() < changes.size()) {
        const std::span<const ShardChange> rest = std::span(changes).subspan(written.size());
        auto done = co_await writer.apply_some(rest);
        if (!done) co_return done.error();
        for (ShardOutcome& outcome : done->outcomes) {
            auto shard = written_shard(std::move(outcome), changes[written.size()].shard.id);
            if (!shard) co_return shard.error();
            written.push_back(std::move(*shard));
        }
    }
    co_return written;
}

Async<Result<bool>> LocalShards::remove(std::string shard_type_id, std::string id, std::string expected_etag) {
    if (shard_type_id.empty()) {
        auto present = co_await get(std::string(), id);
        if (!present) co_return present.error();
        if (!*present) co_return false;
        shard_type_id = (*present)->shard_type_id;
    }
    std::vector<ShardChange> changes(1);
    changes.front().kind = ShardChange::Kind::remove;
    changes.front().shard.id = id;
    changes.front().shard.shard_type_id = std::move(shard_type_id);
    changes.front().expected_etag = std::move(expected_etag);
    ShardWriter writer(runtime_, *store_, tenant_id_);
    auto done = co_await writer.apply_some(changes);
    if (!done) co_return done.error();
    if (done->outcomes.front().status == ShardOutcome::Status::absent) co_return false;
    auto removed = written_shard(std::move(done->outcomes.front()), id);
    if (!removed) co_return removed.error();
    co_return true;
}

} // namespace castiel_sync
