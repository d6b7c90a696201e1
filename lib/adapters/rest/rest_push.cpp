#include <adapters/rest/parallel.hpp>
#include <adapters/rest/rest_adapter.hpp>
#include <adapters/rest/values.hpp>
#include <adapters/rest/writing.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

using Action = PushItem::Action;
using Status = PushOutcome::Status;

std::string_view name_of(Action action) {
    return action == Action::create ? "create" : action == Action::update ? "update" : "delete";
}

RestAction action_of(Action action) {
    return action == Action::create ? RestAction::create
           : action == Action::update ? RestAction::update
                                      : RestAction::remove;
}

// Nothing that is tried for the next record would go better.
bool ends_the_push(RestMeaning means) { return means == RestMeaning::reauthenticate || means == RestMeaning::stop; }

PushOutcome not_sent(Error error) {
    if (error.code != ErrorCode::throttled) error.code = ErrorCode::unavailable;
    return outcome_of(Status::not_sent, std::move(error));
}

// A text of this record that can't stand in a URL or header: the others are not to wait for it.
PushOutcome unfit(const Error& error) {
    return outcome_of(Status::rejected, Error(ErrorCode::invalid_record, error.message));
}

// What a request that was not answered means to its record; an Error concerns the others as well.
Result<PushOutcome> undelivered(const Error& error, bool& any_sent) {
    if (error.code == ErrorCode::invalid_request) return unfit(error);
    if (error.code != ErrorCode::unknown_outcome && error.code != ErrorCode::corrupted) return error;
    any_sent = true;
    return outcome_of(Status::unknown, error);
}

} // namespace

struct RestAdapter::Writing {
    const RestEntity& entity;
    const std::string& name;
    const std::vector<PushItem>& items;
    std::vector<PushOutcome> outcomes;
    bool any_sent = false;
    std::optional<Error> throttled; // nothing more is sent in this push
    bool collection_is_there = false; // it was asked, since a record to be removed was not there

    [[nodiscard]] const RestWrite* write_of(Action action) const {
        const auto& write = action == Action::create   ? entity.create
                            : action == Action::update ? entity.update
                                                       : entity.remove;
        return write ? &*write : nullptr;
    }
    // It names a version, and the caller knows none or not in the form that is sent.
    [[nodiscard]] bool needs_version(const PushItem& item) const {
        const RestWrite* write = write_of(item.action);
        if (write == nullptr || item.action == Action::create || !write->is_conditional()) return false;
        return item.expected_version.empty() || !write->version_header.empty();
    }
};

Async<Result<std::vector<PushOutcome>>> RestAdapter::push(PushRequest request) {
    auto found = entity_of(request.entity);
    if (!found) co_return found.error();
    start_clock();
    Writing writing{**found, request.entity, request.items, {}, false, std::nullopt};
    writing.outcomes.resize(request.items.size());
    Result<> pushed;
    if (writing.entity.batch) {
        pushed = co_await push_batch(writing);
    } else {
        std::vector<std::size_t> all(request.items.size());
        for (std::size_t index = 0; index < all.size(); ++index)
            all[index] = index;
        pushed = co_await push_one_by_one(writing, std::move(all));
    }
    if (!pushed) co_return pushed.error();
    co_return std::move(writing.outcomes);
}

Async<Result<>> RestAdapter::push_one_by_one(Writing& writing, std::vector<std::size_t> indices) {
    std::optional<Error> failed;
    const std::function<Async<void>(std::size_t)> work = [&](std::size_t turn) -> Async<void> {
        const std::size_t index = indices[turn];
        const PushItem& item = writing.items[index];
        if (failed || writing.throttled) {
            writing.outcomes[index] = not_sent(failed ? *failed : *writing.throttled);
            co_return;
        }
        if (writing.write_of(item.action) == nullptr) {
            writing.outcomes[index] = outcome_of(
                Status::rejected, Error(ErrorCode::unsupported,
                                        fmt::format("the description {} does not say how to {} a record of {}",
                                                    description_->name, name_of(item.action), writing.name)));
            co_return;
        }
        Result<PushOutcome> outcome = PushOutcome();
        if (item.action == Action::create)
            outcome = co_await create(writing, item);
        else
            outcome = co_await change(writing, item);
        if (outcome) {
            const auto& error = outcome->error;
            if (outcome->status == Status::not_sent && error && error->code == ErrorCode::throttled)
                writing.throttled = error;
            writing.outcomes[index] = std::move(*outcome);
        } else {
            failed = outcome.error();
            writing.outcomes[index] = not_sent(*failed);
        }
    };
    co_await in_parallel(exchange_.runtime(), indices.size(), description_->concurrency, work);
    if (!failed) co_return Result<>();
    // With these two the engine sends everything again, so that they may be said of the whole only if nothing was sent.
    const bool repeats = failed->code == ErrorCode::unavailable || failed->code == ErrorCode::throttled;
    if (repeats && writing.any_sent) co_return Result<>();
    co_return *failed;
}

Async<Result<PushOutcome>> RestAdapter::create(Writing& writing, const PushItem& item) {
    const RestWrite& write = *writing.entity.create;
    json::object variables = exchange_.variables(writing.name);
    if (auto added = add_item_variables(writing.entity, &write, item, {}, variables); !added)
        co_return outcome_of(Status::rejected, added.error());
    auto call = exchange_.call_of(write.request, variables);
    if (!call) co_return undelivered(call.error(), writing.any_sent);
    auto reply = co_await send(RestAction::create, std::move(*call));
    if (!reply) co_return undelivered(reply.error(), writing.any_sent);
    writing.any_sent = true;
    if (reply->means == RestMeaning::success) {
        auto outcome = read_written(writing.entity, write.written, item, reply->headers, reply->body);
        if (outcome) co_return std::move(*outcome);
        // It was made, and nothing tells which one it is.
        co_return outcome_of(Status::unknown, Error(ErrorCode::unknown_outcome, fmt::format("{}: {}", reply->summary,
                                                                                           outcome.error().message)));
    }
    if (ends_the_push(reply->means)) co_return reply->error();
    co_return co_await settle(writing, item, reply->means, reply->error());
}

Async<Result<PushOutcome>> RestAdapter::change(Writing& writing, const PushItem& item) {
    const RestWrite& write = *writing.write_of(item.action);
    const bool removes = item.action == Action::remove;
    std::string version = item.expected_version;
    if (writing.needs_version(item)) {
        HttpHeaders headers;
        auto read = co_await fetch_one(writing.entity, writing.name, item.id, &headers);
        if (!read) co_return read.error();
        if (read->presence == FetchedRecord::Presence::unknown) {
            // What can't be read whenever it is asked for can't be written either.
            const ErrorCode code = read->error->code;
            if (code == ErrorCode::invalid_request) co_return unfit(*read->error);
            if (code == ErrorCode::invalid_record || code == ErrorCode::forbidden)
                co_return outcome_of(Status::rejected, *read->error);
            co_return not_sent(*read->error);
        }
        if (read->presence == FetchedRecord::Presence::absent) {
            if (removes)
                co_return co_await settle(writing, item, RestMeaning::gone,
                                          Error(ErrorCode::not_found, fmt::format("there is no record {}", item.id)));
            PushOutcome gone;
            gone.status = Status::absent;
            if (!removes) gone.error = Error(ErrorCode::not_found, fmt::format("there is no record {}", item.id));
            co_return gone;
        }
        if (!version.empty() && read->record.version != version)
            co_return outcome_of(Status::stale, Error(ErrorCode::stale, fmt::format("the record {} was edited "
                                                                                   "meanwhile", item.id)));
        version = read->record.version;
        if (!write.version_header.empty()) {
            const std::string* told = headers.find(write.version_header);
            if (told == nullptr)
                co_return Error(
                    ErrorCode::corrupted,
                    fmt::format("the record {} of {} came without the header {}, which its description says "
                                "tells the version",
                                item.id, writing.name, write.version_header));
            version = *told;
        }
    }
    json::object variables = exchange_.variables(writing.name);
    if (auto added = add_item_variables(writing.entity, removes ? nullptr : &write, item, version, variables); !added)
        co_return outcome_of(Status::rejected, added.error());
    auto call = exchange_.call_of(write.request, variables);
    if (!call) co_return undelivered(call.error(), writing.any_sent);
    auto reply = co_await send(action_of(item.action), std::move(*call));
    if (!reply) co_return undelivered(reply.error(), writing.any_sent);
    writing.any_sent = true;
    if (reply->means == RestMeaning::success) {
        auto outcome = read_written(writing.entity, write.written, item, reply->headers, reply->body);
        if (outcome) co_return std::move(*outcome);
        // A page to log in, or half an answer, is nobody's word that it was done.
        if (reply->body_fault && reply->status != 204)
            co_return outcome_of(Status::unknown, Error(ErrorCode::unknown_outcome, reply->body_fault->message));
        // It was done; what it became is read the next time.
        PushOutcome applied;
        applied.status = Status::applied;
        applied.id = item.id;
        co_return applied;
    }
    if (ends_the_push(reply->means)) co_return reply->error();
    co_return co_await settle(writing, item, reply->means, reply->error());
}

Async<Result<PushOutcome>> RestAdapter::settle(Writing& writing, const PushItem& item, RestMeaning told, Error error) {
    const bool removes = item.action == Action::remove;
    const bool creates = item.action == Action::create;
    switch (told) {
    case RestMeaning::retry:
    case RestMeaning::throttled:
        co_return not_sent(std::move(error));
    case RestMeaning::unknown:
        co_return outcome_of(Status::unknown, std::move(error));
    case RestMeaning::gone:
        if (creates) co_return outcome_of(Status::rejected, std::move(error));
        if (!removes) co_return outcome_of(Status::absent, std::move(error));
        break;
    case RestMeaning::conflict:
    case RestMeaning::exists:
        break;
    default:
        co_return outcome_of(Status::rejected, std::move(error));
    }
    if (told == RestMeaning::gone) {
        // Where the whole collection is not there, as while a system is set up anew, each of its records is gone, too.
        if (!writing.collection_is_there) {
            auto there = co_await require_collection(writing.entity, writing.name);
            if (!there) co_return not_sent(there.error());
            writing.collection_is_there = true;
        }
        PushOutcome applied; // what is gone already is what was asked for
        applied.status = Status::applied;
        co_return applied;
    }
    // A record that is there under our own key is the one that this create made before.
    const bool ours = creates && writing.entity.create->id_is_key;
    if (creates && !ours) co_return outcome_of(Status::rejected, Error(ErrorCode::already_exists, error.message));
    auto read = co_await fetch_one(writing.entity, writing.name, creates ? item.idempotency_key : item.id);
    if (!read || read->presence == FetchedRecord::Presence::unknown)
        co_return outcome_of(creates ? Status::unknown : Status::stale, std::move(error));
    if (read->presence == FetchedRecord::Presence::absent) {
        // What is taken is not our key: the system refuses something else, such as an e-mail that another record has.
        if (creates) co_return outcome_of(Status::rejected, Error(ErrorCode::already_exists, error.message));
        PushOutcome gone;
        gone.status = removes ? Status::applied : Status::absent;
        gone.id = item.id;
        if (gone.status == Status::absent) gone.error = Error(ErrorCode::not_found, error.message);
        co_return gone;
    }
    Record& record = read->record;
    if (!creates) {
        // The version is the one that was named: the system refuses something else, such as a key that is taken.
        const bool same = !item.expected_version.empty() && record.version == item.expected_version;
        if (!same) co_return outcome_of(Status::stale, Error(ErrorCode::stale, error.message));
        co_return outcome_of(Status::rejected, Error(ErrorCode::already_exists, error.message));
    }
    PushOutcome existing;
    existing.status = Status::applied;
    existing.id = record.id;
    existing.integer_id = record.integer_id;
    existing.version = record.version;
    existing.modified_at = record.modified_at;
    existing.fields = std::move(record.fields);
    co_return existing;
}

Async<Result<>> RestAdapter::push_batch(Writing& writing) {
    const RestBatch& batch = *writing.entity.batch;
    std::vector<std::size_t> together;
    std::vector<std::size_t> alone;
    json::array documents;
    for (std::size_t index = 0; index < writing.items.size(); ++index) {
        const PushItem& item = writing.items[index];
        const RestWrite* write = writing.write_of(item.action);
        const bool removes = item.action == Action::remove;
        if (write == nullptr || writing.needs_version(item) || (removes && !batch.remove_item)) {
            alone.push_back(index);
            continue;
        }
        json::object variables = exchange_.variables(writing.name);
        auto added =
            add_item_variables(writing.entity, removes ? nullptr : write, item, item.expected_version, variables);
        if (!added) {
            writing.outcomes[index] = outcome_of(Status::rejected, added.error());
            continue;
        }
        if (removes) {
            auto document = batch.remove_item->fill(variables);
            if (!document) co_return document.error();
            documents.push_back(document->value_or(json::object()));
        } else {
            documents.push_back(variables.at("record"));
        }
        together.push_back(index);
    }
    if (!alone.empty()) {
        auto pushed = co_await push_one_by_one(writing, std::move(alone));
        if (!pushed) co_return pushed.error();
    }
    const auto all = [&](const PushOutcome& outcome) {
        for (const std::size_t index : together)
            writing.outcomes[index] = outcome;
    };
    if (writing.throttled) all(not_sent(*writing.throttled));
    if (together.empty() || writing.throttled) co_return Result<>();
    json::object variables = exchange_.variables(writing.name);
    variables.emplace("items", std::move(documents));
    auto call = exchange_.call_of(batch.request, variables);
    if (!call) co_return call.error();
    auto reply = co_await send(RestAction::batch, std::move(*call));
    if (!reply) {
        const Error error = reply.error();
        const bool sent = error.code == ErrorCode::unknown_outcome || error.code == ErrorCode::corrupted;
        if (!sent && !writing.any_sent) co_return error;
        all(sent ? outcome_of(Status::unknown, error) : not_sent(error));
        co_return Result<>();
    }
    writing.any_sent = true;
    if (reply->means == RestMeaning::retry || reply->means == RestMeaning::throttled) {
        all(not_sent(reply->error()));
        co_return Result<>();
    }
    if (reply->means == RestMeaning::unknown) {
        all(outcome_of(Status::unknown, reply->error()));
        co_return Result<>();
    }
    if (reply->means != RestMeaning::success) co_return reply->error();
    const json::value* results = find_in(batch.results, reply->body);
    if (results == nullptr || !results->is_array() || results->get_array().size() != together.size()) {
        all(outcome_of(Status::unknown,
                       Error(ErrorCode::unknown_outcome,
                             fmt::format("{}: the answer does not hold one result for each of {} records",
                                         reply->summary, together.size()))));
        co_return Result<>();
    }
    for (std::size_t turn = 0; turn < together.size(); ++turn) {
        const PushItem& item = writing.items[together[turn]];
        const json::value& result = results->get_array()[turn];
        const auto rule = std::find_if(batch.outcomes.begin(), batch.outcomes.end(),
                                       [&](const auto& each) { return holds(each.first, result); });
        const RestMeaning means = rule == batch.outcomes.end() ? RestMeaning::success : rule->second;
        PushOutcome& outcome = writing.outcomes[together[turn]];
        if (means == RestMeaning::success) {
            auto read = read_written(writing.entity, batch.written, item, HttpHeaders(), result);
            if (read)
                outcome = std::move(*read);
            else
                outcome = outcome_of(Status::unknown,
                                     Error(ErrorCode::unknown_outcome,
                                           fmt::format("{}, result {}: {}", reply->summary, turn,
                                                       read.error().message)));
            continue;
        }
        RestReply one;
        one.means = means;
        one.summary = fmt::format("{}, result {}", reply->summary, turn);
        one.summary += exchange_.message_in(result);
        if (ends_the_push(means)) co_return one.error();
        Error told = one.error();
        auto settled = co_await settle(writing, item, means, std::move(told));
        if (!settled) co_return settled.error();
        outcome = std::move(*settled);
    }
    co_return Result<>();
}

} // namespace castiel_sync
