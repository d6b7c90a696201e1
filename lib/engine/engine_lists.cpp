// What the engine tells: lists, look-ups, history.
#include <engine/engine_state.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

namespace castiel_sync {

template <class T>
Async<Result<ListPage<T>>> Engine::State::list(std::string kind, const ListRequest& request, std::string state_field,
                                               std::string time_field) {
    Query query;
    const auto equal = [&](const char* field, const std::string& value) {
        if (!value.empty()) query.conditions.emplace_back(field, Condition::Comparison::equal, IndexValue(value));
    };
    equal("integration_id", request.integration_id);
    if (!state_field.empty()) equal(state_field.c_str(), request.state);
    if (kind == "execution") equal("task_id", request.task_id);
    if (kind == "conflict" || kind == "parked") equal("entity_type", request.entity);
    query.order = {{std::move(time_field), true}};
    query.limit = std::clamp<std::size_t>(request.limit, 1, 1000);
    query.continuation = request.cursor;
    auto page = co_await parts.store->query(request.tenant_id, std::move(kind), std::move(query));
    if (!page) co_return page.error();
    ListPage<T> answer;
    answer.next_cursor = page->continuation;
    answer.items.reserve(page->documents.size());
    for (const auto& document : page->documents) {
        auto item = from_document<T>(document);
        if (!item) co_return item.error();
        answer.items.push_back(std::move(*item));
    }
    co_return answer;
}

template <class T>
Async<Result<T>> Engine::State::find(std::string tenant_id, std::string kind, std::string id) {
    std::vector<std::string> ids{id};
    std::string text = kind;
    auto documents = co_await parts.store->read(std::move(tenant_id), std::move(kind), std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) co_return Error(ErrorCode::not_found, fmt::format("no {} has the id {}", text, id));
    co_return from_document<T>(*documents->front());
}

template Async<Result<ListPage<TaskDocument>>> Engine::State::list(std::string, const ListRequest&, std::string,
                                                                  std::string);
template Async<Result<Conflict>> Engine::State::find(std::string, std::string, std::string);
template Async<Result<ParkedRecord>> Engine::State::find(std::string, std::string, std::string);
template Async<Result<TaskDocument>> Engine::State::find(std::string, std::string, std::string);

Async<Result<std::vector<StreamDocument>>> Engine::State::streams(std::string tenant_id) {
    std::vector<StreamDocument> all;
    Query query;
    query.limit = 1000;
    for (;;) {
        Query copy = query;
        auto page = co_await parts.store->query(tenant_id, "stream", std::move(copy));
        if (!page) co_return page.error();
        for (const auto& document : page->documents) {
            auto stream = from_document<StreamDocument>(document);
            if (!stream) co_return stream.error();
            all.push_back(std::move(*stream));
        }
        if (page->continuation.empty()) co_return all;
        query.continuation = page->continuation;
    }
}

Async<Result<ListPage<Conflict>>> Engine::list_conflicts(ListRequest request) {
    const std::string record = std::exchange(request.record_id, {});
    if (!record.empty()) request.limit = 1000; // few of them are of this record
    auto page = co_await state_->list<Conflict>("conflict", request, "state", "created_at");
    if (page && !record.empty())
        std::erase_if(page->items, [&](const Conflict& conflict) {
            return conflict.source_id != record && conflict.target_id != record;
        });
    co_return page;
}

Async<Result<Conflict>> Engine::find_conflict(std::string tenant_id, std::string conflict_id) {
    co_return co_await state_->find<Conflict>(std::move(tenant_id), "conflict", std::move(conflict_id));
}

Async<Result<ListPage<ParkedRecord>>> Engine::list_parked(ListRequest request) {
    co_return co_await state_->list<ParkedRecord>("parked", request, "reason", "parked_at");
}

Async<Result<ListPage<Execution>>> Engine::list_executions(ListRequest request) {
    co_return co_await state_->list<Execution>("execution", request, "status", "started_at");
}

Async<Result<ListPage<SyncTask>>> Engine::list_tasks(ListRequest request) {
    auto page = co_await state_->list<TaskDocument>("task", request, "status", "created_at");
    if (!page) co_return page.error();
    ListPage<SyncTask> answer;
    answer.next_cursor = std::move(page->next_cursor);
    answer.items.reserve(page->items.size());
    for (TaskDocument& task : page->items) {
        task.request.tenant_id = request.tenant_id;
        answer.items.push_back(std::move(task));
    }
    co_return answer;
}

Async<Result<Execution>> Engine::find_execution(std::string tenant_id, std::string execution_id) {
    co_return co_await state_->find<Execution>(std::move(tenant_id), "execution", std::move(execution_id));
}

Async<Result<std::vector<StreamSummary>>> Engine::list_streams(std::string tenant_id) {
    auto all = co_await state_->streams(std::move(tenant_id));
    if (!all) co_return all.error();
    const Timestamp now = state_->parts.runtime.clock->now();
    std::vector<StreamSummary> summaries;
    for (auto& stream : *all) {
        StreamSummary summary;
        summary.stream_id = stream.stream_id;
        summary.integration_id = stream.integration_id;
        summary.entity_type = stream.entity_type;
        summary.shard_type_id = stream.shard_type_id;
        summary.paused = stream.paused;
        summary.running = stream.lease && stream.lease->expires_at > now;
        summary.links = stream.links;
        summary.open_conflicts = stream.open_conflicts;
        summary.parked = stream.parked;
        summary.caught_up = true;
        for (const auto& checkpoint : stream.checkpoints)
            if (checkpoint && checkpoint->phase != Phase::caught_up) summary.caught_up = false;
        summary.latch = stream.latch;
        summary.last_execution_id = stream.last_execution_id;
        summary.last_run_at = stream.last_run_at;
        summaries.push_back(std::move(summary));
    }
    co_return summaries;
}

namespace {

// The newest first, and of one time by id.
bool is_newer(const JournalEntry& one, const JournalEntry& other) {
    return one.at != other.at ? one.at > other.at : one.journal_id < other.journal_id;
}

std::string cursor_after(const JournalEntry& entry) {
    return fmt::format("{}.{}", entry.at.time_since_epoch().count(), entry.journal_id);
}

std::optional<JournalEntry> parse_cursor(std::string_view cursor) {
    const auto dot = cursor.find('.');
    if (dot == std::string_view::npos || dot + 1 == cursor.size()) return std::nullopt;
    std::int64_t at = 0;
    const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + dot, at);
    if (error != std::errc() || end != cursor.data() + dot) return std::nullopt;
    JournalEntry last;
    last.at = Timestamp(std::chrono::milliseconds(at));
    last.journal_id = cursor.substr(dot + 1);
    return last;
}

} // namespace

Async<Result<ListPage<JournalEntry>>> Engine::history(std::string tenant_id, std::string entity, std::string record,
                                                      std::size_t limit, std::string cursor) {
    std::optional<JournalEntry> last;
    if (!cursor.empty()) {
        last = parse_cursor(cursor);
        if (!last) co_return Error(ErrorCode::invalid_request, "this cursor is of no history; begin without one");
    }
    auto all = co_await state_->streams(tenant_id);
    if (!all) co_return all.error();
    std::map<std::string, std::optional<JournalEntry>> made; // by link, what the link tells itself
    for (const auto& stream : *all) {
        if (!entity.empty() && stream.entity_type != entity && stream.shard_type_id != entity) continue;
        for (const char* field : {"source_id", "target_id"}) {
            Query query;
            query.conditions.emplace_back("stream_id", Condition::Comparison::equal, IndexValue(stream.stream_id));
            query.conditions.emplace_back(field, Condition::Comparison::equal, IndexValue(record));
            query.limit = 100;
            auto page = co_await state_->parts.store->query(tenant_id, "link", std::move(query));
            if (!page) co_return page.error();
            for (const auto& document : page->documents) {
                auto link = from_document<Link>(document);
                if (!link) co_return link.error();
                made.insert_or_assign(link->link_id, made_entry(*link, stream.entity_type));
            }
        }
    }
    if (made.empty())
        co_return Error(ErrorCode::not_found, fmt::format("no record {} was ever linked{}", record,
                                                          entity.empty() ? "" : " in " + entity));
    limit = std::clamp<std::size_t>(limit, 1, 1000);
    ListPage<JournalEntry> answer;
    std::vector<IndexValue> links;
    for (auto& [link_id, entry] : made) {
        links.emplace_back(link_id);
        if (entry && (!last || is_newer(*last, *entry))) answer.items.push_back(std::move(*entry));
    }
    const std::size_t of_links = answer.items.size();
    Query query;
    query.conditions.emplace_back("link_id", std::move(links));
    if (last)
        query.conditions.emplace_back("at", Condition::Comparison::less_or_equal,
                                      IndexValue(std::int64_t{last->at.time_since_epoch().count()}));
    query.order = {{"at", true}};
    query.limit = limit;
    bool more = true;
    while (more && answer.items.size() <= of_links + limit) {
        Query copy = query;
        auto page = co_await state_->parts.store->query(tenant_id, "journal", std::move(copy));
        if (!page) co_return page.error();
        for (const auto& document : page->documents) {
            auto entry = from_document<JournalEntry>(document);
            if (!entry) co_return entry.error();
            if (!last || is_newer(*last, *entry)) answer.items.push_back(std::move(*entry));
        }
        query.continuation = page->continuation;
        more = !query.continuation.empty();
    }
    std::sort(answer.items.begin(), answer.items.end(), is_newer);
    if (answer.items.size() > limit) {
        answer.items.resize(limit);
        more = true;
    }
    if (more) answer.next_cursor = cursor_after(answer.items.back());
    co_return answer;
}

} // namespace castiel_sync
