// What a run reads about the records at hand: their present state on either side, and whom they refer to.
#include <engine/run.hpp>

#include <core/retry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::array both_sides{Side::source, Side::target};

std::size_t at(Side side) { return index_of(side); }

} // namespace

Async<Result<>> Run::pause(std::size_t attempt, Error error) {
    const auto delay =
        retry_delay({parts_.limits.retry_base, parts_.limits.retry_cap}, attempt, error, *parts_.runtime.random);
    co_return co_await pass_time(delay);
}

Async<Result<>> Run::pass_time(std::chrono::nanoseconds duration) {
    const std::size_t lent = share_.give_back();
    co_await parts_.runtime.clock->sleep_for(duration);
    if (auto back = co_await take_memory(lent, WorkingMemory::Share::Line::returns); !back) co_return back;
    co_return co_await session_.hold();
}

// Waits until there is room for a page with so much text. Who waits for long keeps its lease.
Async<Result<>> Run::take_memory(std::size_t bytes, WorkingMemory::Share::Line line) {
    if (bytes == 0) co_return Result<>();
    share_.ask(bytes, line);
    for (;;) {
        const bool let_in = co_await share_.wait(parts_.limits.lease_duration / 4);
        if (let_in) co_return Result<>();
        if (auto held = co_await session_.hold(); !held) {
            share_.give_back();
            co_return held;
        }
    }
}

// Nobody has to wait for us while we wait for a system: what is held is given back, and how much that was is answered.
std::size_t Run::lend_memory(Side asked) { return pinned_.capabilities[at(asked)].local ? 0 : share_.give_back(); }

Async<Result<std::vector<FetchedRecord>>> Run::fetch(Side side, std::vector<std::string> ids,
                                                     std::vector<std::string> idempotency_keys) {
    const std::size_t lent = lend_memory(side);
    auto answers = co_await fetch_batches(side, std::move(ids), std::move(idempotency_keys));
    if (!answers) co_return answers;
    if (auto back = co_await take_memory(lent, WorkingMemory::Share::Line::returns); !back) co_return back.error();
    co_return answers;
}

// In batches of what the adapter takes; repeats what may be repeated.
Async<Result<std::vector<FetchedRecord>>> Run::fetch_batches(Side side, std::vector<std::string> ids,
                                                             std::vector<std::string> idempotency_keys) {
    std::vector<FetchedRecord> answers;
    const std::size_t most = std::max<std::size_t>(1, pinned_.capabilities[at(side)].max_fetch_records);
    std::size_t next_id = 0, next_key = 0;
    while (next_id < ids.size() || next_key < idempotency_keys.size()) {
        FetchRequest request;
        request.entity = pinned_.entities[at(side)];
        while (next_id < ids.size() && request.ids.size() < most) request.ids.push_back(ids[next_id++]);
        if (request.ids.empty())
            while (next_key < idempotency_keys.size() && request.idempotency_keys.size() < most)
                request.idempotency_keys.push_back(idempotency_keys[next_key++]);
        const std::size_t expected = request.ids.size() + request.idempotency_keys.size();
        if (!answers.empty()) {
            if (auto held = co_await session_.hold(); !held) co_return held.error();
        }
        for (std::size_t attempt = 0;; ++attempt) {
            FetchRequest copy = request;
            auto page = co_await pinned_.adapters[at(side)]->fetch(std::move(copy));
            if (page) {
                if (page->size() != expected)
                    co_return Error(ErrorCode::corrupted,
                                    fmt::format("{} {}: fetch of {} records answered {}", to_string(side),
                                                request.entity, expected, page->size()));
                for (auto& answer : *page) answers.push_back(std::move(answer));
                break;
            }
            const Error error = page.error();
            if (!is_retryable(error.code) || attempt + 1 >= parts_.limits.max_push_attempts || waits_outside(error))
                co_return error;
            if (auto paused = co_await pause(attempt, error); !paused) co_return paused.error();
        }
    }
    co_return answers;
}

Async<Result<>> Run::fetch_pairs(std::vector<Pair*> pairs) {
    for (const Side side : both_sides) {
        std::vector<std::string> ids;
        std::vector<Pair*> asked;
        for (Pair* pair : pairs) {
            const std::string* id = nullptr;
            if (pair->records[at(side)]) id = &pair->records[at(side)]->id;
            else if (pair->link) id = &pair->link->id(side);
            if (!id || id->empty() || pair->known[at(side)]) continue;
            ids.push_back(*id);
            pair->ids[at(side)] = *id;
            asked.push_back(pair);
        }
        if (ids.empty()) continue;
        auto answers = co_await fetch(side, std::move(ids), std::vector<std::string>());
        if (!answers) co_return answers.error();
        for (std::size_t i = 0; i < asked.size(); ++i) {
            FetchedRecord& answer = (*answers)[i];
            Pair& pair = *asked[i];
            if (answer.presence == FetchedRecord::Presence::unknown) {
                MappingFault fault;
                fault.error = answer.error.value_or(Error(
                    ErrorCode::unavailable, fmt::format("{} can't tell whether the record exists", to_string(side))));
                park(pair, side, fault);
                continue;
            }
            pair.known[at(side)] = true;
            pair.mapped[at(side)] = false;
            if (answer.presence == FetchedRecord::Presence::present && !answer.record.deleted)
                pair.records[at(side)] = std::move(answer.record);
            else
                pair.records[at(side)].reset();
        }
    }
    co_return Result<>();
}

// The parked records whose create may have happened.
Async<Result<std::vector<ParkedRecord>>> Run::lost_creates() {
    std::vector<ParkedRecord> lost;
    Query query = of_stream();
    query.conditions.emplace_back("reason", Condition::Comparison::equal,
                                  IndexValue(std::string(to_string(ErrorCode::unknown_outcome))));
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "parked", std::move(copy));
        if (!page) co_return page.error();
        for (const auto& document : page->documents) {
            auto parked = from_document<ParkedRecord>(document);
            if (!parked) co_return parked.error();
            if (!parked->sent.empty()) lost.push_back(std::move(*parked));
        }
        if (page->continuation.empty()) co_return lost;
        query.continuation = page->continuation;
    }
}

// Which side may hold a record that a lost create made, and will tell when it is asked again?
Async<Result<>> Run::load_uncertain() {
    uncertain_ = {};
    if (session_.stream().parked == 0) co_return Result<>();
    auto lost = co_await lost_creates();
    if (!lost) co_return lost.error();
    for (const auto& parked : *lost) {
        const bool origin_gone = parked.payload.empty();
        if (!parked.discarded && !waits_for_lost_create(parked, origin_gone)) uncertain_[at(other(parked.side))] = true;
    }
    co_return Result<>();
}

Async<Result<>> Run::map_pair(Pair& pair) {
    std::vector<Pair*> pointers{&pair};
    if (auto resolved = co_await resolve_references(pointers); !resolved) co_return resolved;
    if (pair.records[0]) {
        auto values = pinned_.mapping.read_source(pair.records[0]->fields, references_);
        if (!values) co_return values.error().error;
        pair.values[0] = std::move(*values);
    }
    if (pair.records[1]) {
        auto values = pinned_.mapping.read_target(pair.records[1]->fields);
        if (!values) co_return values.error().error;
        pair.values[1] = std::move(*values);
    }
    co_return Result<>();
}

// References are ids of other mapped entities; their links translate them. One look-up per entity and side.
Async<Result<>> Run::resolve_references(std::vector<Pair*>& pairs) {
    if (pinned_.mapping.referenced_entities().empty()) co_return Result<>();
    std::map<std::pair<std::string, Side>, std::set<std::string>> wanted;
    const auto want = [&](const ReferenceKey& key) {
        if (!references_.contains(key) && !lost_references_.contains(key))
            wanted[std::pair(key.entity, key.side)].insert(key.id);
    };
    for (const Pair* pair : pairs) {
        if (pair->records[0])
            for (const auto& key : pinned_.mapping.source_references(pair->records[0]->fields)) want(key);
        if (pair->records[1] && pinned_.policy.flows_to_source) {
            auto values = pinned_.mapping.read_target(pair->records[1]->fields);
            if (!values) continue; // decide() parks it with the reason
            for (const auto& key : pinned_.mapping.target_references(*values)) want(key);
        }
    }
    for (const auto& [group, ids] : wanted) {
        const auto stream = pinned_.streams.find(group.first);
        if (stream == pinned_.streams.end()) continue; // refused at configuration
        const bool by_source = group.second == Side::source;
        const std::vector<std::string> list(ids.begin(), ids.end());
        for (std::size_t begin = 0; begin < list.size(); begin += 500) {
            Query query;
            query.conditions.emplace_back("stream_id", Condition::Comparison::equal, IndexValue(stream->second));
            std::vector<IndexValue> values;
            for (std::size_t i = begin; i < std::min(list.size(), begin + 500); ++i) values.emplace_back(list[i]);
            query.conditions.emplace_back(by_source ? "source_id" : "target_id", std::move(values));
            query.limit = 1000;
            for (;;) {
                Query copy = query;
                auto page = co_await parts_.store->query(session_.tenant(), "link", std::move(copy));
                if (!page) co_return page.error();
                for (const auto& document : page->documents) {
                    auto link = from_document<Link>(document);
                    if (!link) co_return link.error();
                    const ReferenceKey key{group.first, group.second, link->id(group.second)};
                    if (link->state == Link::State::live) {
                        const bool integer = by_source ? link->integer_target_id : link->integer_source_id;
                        references_[key] = ReferenceTarget{link->id(other(group.second)), integer};
                        lost_references_.erase(key);
                    } else if (!references_.contains(key)) {
                        lost_references_.insert(key);
                    }
                }
                if (page->continuation.empty()) break;
                query.continuation = page->continuation;
            }
        }
    }
    co_return Result<>();
}

} // namespace castiel_sync
