#include <adapters/rest/parallel.hpp>
#include <adapters/rest/rest_adapter.hpp>
#include <adapters/rest/values.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace castiel_sync {
namespace {

using Presence = FetchedRecord::Presence;

FetchedRecord unknown(Error error) {
    FetchedRecord answer;
    answer.presence = Presence::unknown;
    answer.error = std::move(error);
    return answer;
}

FetchedRecord absent() {
    FetchedRecord answer;
    answer.presence = Presence::absent;
    return answer;
}

// What a row says of a record that was asked for.
struct RowAnswer {
    std::optional<std::string> id; // nullopt: it does not say whose it is
    FetchedRecord answer;
};

// A record that the description ignores is neither synced nor gone: nothing of it may be taken for a deletion.
RowAnswer read_answer(const RestEntity& entity, const json::value* row, const std::string& summary) {
    const json::value nothing;
    auto told = read_row(entity, row == nullptr ? nothing : *row);
    RowAnswer read;
    if (told && *told) {
        Record& record = **told;
        read.id = record.id;
        read.answer.presence = record.deleted ? Presence::absent : Presence::present;
        if (!record.deleted) read.answer.record = std::move(record);
        return read;
    }
    const auto* fields = row == nullptr ? nullptr : row->if_object();
    const json::value* id = fields == nullptr ? nullptr : entity.id.find(*fields);
    if (id != nullptr) read.id = scalar_text(*id);
    read.answer = unknown(Error(ErrorCode::invalid_record,
                                fmt::format("{}: the record {}", summary,
                                            told ? "is one that the description ignores" : told.error().message)));
    return read;
}

// Where create puts the key into a record; null: in none of its members.
const Path* key_place(const RestEntity& entity) {
    if (!entity.create) return nullptr;
    for (const auto& [path, text] : entity.create->set)
        if (text.written() == "{key}") return &path;
    return nullptr;
}

// Of no use to try for one record after the other.
bool fails_the_call(const Error& error) {
    return error.code != ErrorCode::not_found && error.code != ErrorCode::forbidden &&
           error.code != ErrorCode::corrupted && error.code != ErrorCode::invalid_record &&
           error.code != ErrorCode::invalid_request;
}

} // namespace

Async<Result<std::vector<FetchedRecord>>> RestAdapter::fetch(FetchRequest request) {
    auto found = entity_of(request.entity);
    if (!found) co_return found.error();
    const RestEntity& entity = **found;
    start_clock();
    std::vector<FetchedRecord> answers(request.ids.size());
    if (!request.ids.empty()) {
        auto fetched = co_await fetch_ids(entity, request.entity, std::move(request.ids), answers);
        if (!fetched) co_return fetched.error();
    }
    if (request.idempotency_keys.empty()) co_return answers;
    std::vector<FetchedRecord> by_key(request.idempotency_keys.size());
    auto keyed = co_await find_by_keys(entity, request.entity, std::move(request.idempotency_keys), by_key);
    if (!keyed) co_return keyed.error();
    std::move(by_key.begin(), by_key.end(), std::back_inserter(answers));
    co_return answers;
}

Async<Result<>> RestAdapter::fetch_ids(const RestEntity& entity, const std::string& name, std::vector<std::string> ids,
                                       std::vector<FetchedRecord>& answers) {
    if (entity.get_many) co_return co_await fetch_many(entity, name, std::move(ids), answers);
    co_return co_await fetch_one_by_one(entity, name, std::move(ids), answers);
}

Async<Result<>> RestAdapter::fetch_many(const RestEntity& entity, const std::string& name, std::vector<std::string> ids,
                                        std::vector<FetchedRecord>& answers) {
    const RestFetchMany& many = *entity.get_many;
    RestRows rows;
    rows.records = many.records;
    for (std::size_t begin = 0; begin < ids.size(); begin += many.most) {
        const std::size_t end = std::min(ids.size(), begin + many.most);
        json::object variables = exchange_.variables(name);
        json::array asked;
        for (std::size_t index = begin; index < end; ++index)
            asked.emplace_back(ids[index]);
        variables.emplace("ids", std::move(asked));
        auto call = exchange_.call_of(many.request, variables);
        if (!call) co_return call.error();
        auto reply = co_await ask(RestAction::get_many, std::move(*call));
        if (!reply) co_return reply.error();
        auto page = castiel_sync::read_page(rows, entity, std::move(reply->body), HttpHeaders(), reply->summary);
        if (!page) co_return page.error();
        std::unordered_map<std::string, FetchedRecord> by_id;
        std::optional<Error> unreadable; // a row that does not say whose it is
        std::size_t told_missing = 0;
        for (const json::value& row : page->rows) {
            if (any_holds(many.missing, row)) {
                ++told_missing;
                continue;
            }
            RowAnswer read = read_answer(entity, find_in(many.record, row), reply->summary);
            if (read.id)
                by_id.insert_or_assign(*read.id, std::move(read.answer));
            else
                unreadable = std::move(read.answer.error);
        }
        std::vector<std::size_t> left_out;
        for (std::size_t index = begin; index < end; ++index) {
            const auto known = by_id.find(ids[index]);
            if (known != by_id.end())
                answers[index] = known->second;
            else
                left_out.push_back(index);
        }
        if (unreadable || left_out.size() == told_missing) {
            for (const std::size_t index : left_out)
                answers[index] = unreadable ? unknown(*unreadable) : absent();
            continue;
        }
        auto confirmed = co_await confirm_absence(entity, name, ids, std::move(left_out), answers);
        if (!confirmed) co_return confirmed.error();
    }
    co_return Result<>();
}

// An answer may leave a record out for other reasons than its absence: it is cut, or the filter is not what it seems.
Async<Result<>> RestAdapter::confirm_absence(const RestEntity& entity, const std::string& name,
                                             const std::vector<std::string>& ids, std::vector<std::size_t> left_out,
                                             std::vector<FetchedRecord>& answers) {
    if (!entity.get) {
        for (const std::size_t index : left_out)
            answers[index] = unknown(Error(ErrorCode::corrupted,
                                           fmt::format("the answer to getMany of {} holds no row for the record {}",
                                                       name, ids[index])));
        co_return Result<>();
    }
    std::optional<Error> failed;
    const std::function<Async<void>(std::size_t)> work = [&](std::size_t turn) -> Async<void> {
        if (failed) co_return;
        auto fetched = co_await fetch_one(entity, name, ids[left_out[turn]]);
        if (fetched)
            answers[left_out[turn]] = std::move(*fetched);
        else if (!failed)
            failed = fetched.error();
    };
    co_await in_parallel(exchange_.runtime(), left_out.size(), description_->concurrency, work);
    if (failed) co_return *failed;
    co_return Result<>();
}

Async<Result<FetchedRecord>> RestAdapter::fetch_one(const RestEntity& entity, std::string name, std::string id,
                                                    HttpHeaders* headers) {
    if (!entity.get) {
        std::vector<FetchedRecord> answers(1);
        std::vector<std::string> ids;
        ids.push_back(std::move(id));
        auto fetched = co_await fetch_many(entity, name, std::move(ids), answers);
        if (!fetched) co_return fetched.error();
        co_return std::move(answers.front());
    }
    json::object variables = exchange_.variables(name);
    variables.emplace("id", id);
    auto call = exchange_.call_of(*entity.get, variables);
    if (!call) {
        const Error error = call.error();
        if (error.code != ErrorCode::invalid_request) co_return error;
        co_return unknown(error);
    }
    auto reply = co_await ask(RestAction::get, std::move(*call));
    if (!reply) {
        Error error = reply.error();
        if (error.code == ErrorCode::not_found) co_return absent();
        if (fails_the_call(error)) co_return error;
        // What is no JSON says nothing of the record: it is asked for again by itself, and not by a person.
        if (error.code == ErrorCode::corrupted) error.code = ErrorCode::unavailable;
        co_return unknown(std::move(error));
    }
    if (headers != nullptr) *headers = reply->headers;
    RowAnswer read = read_answer(entity, find_in(entity.get_record, reply->body), reply->summary);
    if (read.answer.presence != Presence::unknown && read.id != id)
        co_return unknown(Error(ErrorCode::corrupted, fmt::format("{}: asked for the record {}, the answer holds {}",
                                                                  reply->summary, id, *read.id)));
    co_return std::move(read.answer);
}

Async<Result<>> RestAdapter::fetch_one_by_one(const RestEntity& entity, const std::string& name,
                                              std::vector<std::string> ids, std::vector<FetchedRecord>& answers) {
    std::optional<Error> failed;
    const std::function<Async<void>(std::size_t)> work = [&](std::size_t index) -> Async<void> {
        if (failed) co_return;
        auto fetched = co_await fetch_one(entity, name, ids[index]);
        if (fetched)
            answers[index] = std::move(*fetched);
        else if (!failed)
            failed = fetched.error();
    };
    co_await in_parallel(exchange_.runtime(), ids.size(), description_->concurrency, work);
    if (failed) co_return *failed;
    const bool any_absent = std::any_of(answers.begin(), answers.end(), [](const FetchedRecord& answer) {
        return answer.presence == Presence::absent;
    });
    // Where the whole collection is gone, or the base URL wrong, each of its records answers 404 as well.
    if (any_absent) co_return co_await require_collection(entity, name);
    co_return Result<>();
}

Async<Result<>> RestAdapter::require_collection(const RestEntity& entity, const std::string& name) {
    const RestRows& rows = entity.list ? *entity.list : entity.changes->rows;
    RestCursor cursor;
    cursor.size = 1;
    cursor.feed = !entity.list;
    RestPageRequest wanted = page_request(rows, cursor);
    json::object variables = exchange_.variables(name);
    for (auto& member : wanted.variables)
        variables.insert_or_assign(member.key(), std::move(member.value()));
    auto call = exchange_.call_of(rows.request, variables);
    if (!call) co_return call.error();
    const RestAction action = cursor.feed ? RestAction::changes : RestAction::list;
    auto reply = co_await ask(action, std::move(*call));
    if (reply) {
        // Such as {"error": "no such tenant"} with 200.
        auto page = castiel_sync::read_page(rows, entity, std::move(reply->body), HttpHeaders(), reply->summary);
        if (!page) co_return page.error();
        co_return Result<>();
    }
    Error error = reply.error();
    if (error.code == ErrorCode::not_found) error.code = ErrorCode::invalid_configuration;
    co_return error;
}

Async<Result<>> RestAdapter::find_by_keys(const RestEntity& entity, const std::string& name,
                                          std::vector<std::string> keys, std::vector<FetchedRecord>& answers) {
    if (!entity.find && entity.create && entity.create->id_is_key)
        co_return co_await fetch_ids(entity, name, std::move(keys), answers);
    if (!entity.find)
        co_return Error(ErrorCode::unsupported,
                        fmt::format("the description {} can't find records of {} by their keys", description_->name,
                                    name));
    std::optional<Error> failed;
    const RestFind& find = *entity.find;
    const std::function<Async<void>(std::size_t)> work = [&](std::size_t index) -> Async<void> {
        if (failed) co_return;
        json::object variables = exchange_.variables(name);
        variables.emplace("key", keys[index]);
        auto call = exchange_.call_of(find.request, variables);
        if (!call) {
            failed = call.error();
            co_return;
        }
        auto reply = co_await ask(RestAction::find, std::move(*call));
        if (!reply) {
            failed = reply.error();
            co_return;
        }
        const json::value* list = find_in(find.records, reply->body);
        if (list == nullptr || !list->is_array()) {
            failed = Error(ErrorCode::corrupted,
                           fmt::format("{}: the answer has no list of records where the description says",
                                       reply->summary));
            co_return;
        }
        answers[index] = absent();
        const Path* place = key_place(entity);
        for (const json::value& row : list->get_array()) {
            const json::value* written = find_in(find.record, row);
            RowAnswer read = read_answer(entity, written, reply->summary);
            // A filter that the system does not know it may ignore, and answer whatever there is.
            const json::object* fields = written == nullptr ? nullptr : written->if_object();
            const json::value* held = fields != nullptr && place != nullptr ? place->find(*fields) : nullptr;
            const bool ours = held != nullptr && scalar_text(*held) == keys[index];
            const bool readable = read.answer.presence != Presence::unknown;
            if (ours && read.answer.presence == Presence::absent) continue;
            if (readable && !ours)
                answers[index] = unknown(Error(ErrorCode::corrupted,
                                               fmt::format("{}: a record that was looked for by its key does not hold "
                                                           "it; is the filter of find right?",
                                                           reply->summary)));
            else
                answers[index] = std::move(read.answer);
            if (answers[index].presence == Presence::present) break;
        }
    };
    co_await in_parallel(exchange_.runtime(), keys.size(), description_->concurrency, work);
    if (failed) co_return *failed;
    co_return Result<>();
}

} // namespace castiel_sync
