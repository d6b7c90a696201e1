// What the engine relies on when it writes: one outcome per item, nothing overwritten blindly, nothing created twice.
#include <testing/adapter_conformance_cases.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>

namespace castiel_sync::testing {
namespace {

using Presence = FetchedRecord::Presence;
using Status = PushOutcome::Status;

constexpr std::size_t page_size = 50;

json::object with_sample(const AdapterHarness& harness, json::object fields, std::size_t number) {
    for (const auto& member : harness.sample(number))
        fields[member.key()] = member.value();
    return fields;
}

Async<std::size_t> count_records(AdapterHarness& harness, Adapter& adapter) {
    const Pass pass = co_await pull_all(harness, adapter, {}, page_size);
    // A feed that tells everything from its beginning tells of what was removed, too.
    std::size_t count = 0;
    for (const auto& [id, record] : pass.by_id())
        if (!record.deleted) ++count;
    co_return count;
}

Async<Finding> round_trip(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    const PushOutcome created =
        co_await push_one(harness, *adapter, create_item(harness.sample(1), harness.key("key")), Status::applied);
    require(!created.id.empty(), "an applied create answers the new record's id");
    Record present = co_await fetch_present(harness, *adapter, created.id);
    require_members(present.fields, harness.sample(1), "a created record holds what was sent");
    require(present.integer_id == created.integer_id, "the create and the record agree on the id's type");
    if (!created.version.empty())
        require_equal(created.version, present.version, "a create answers the version that is then read");

    const PushOutcome updated = co_await push_one(
        harness, *adapter, update_item(present, with_sample(harness, present.fields, 2)), Status::applied);
    Record changed = co_await fetch_present(harness, *adapter, created.id);
    require_members(changed.fields, harness.sample(2), "an updated record holds what was sent");
    require(changed.version != present.version, "an update changes the version");
    if (!updated.version.empty())
        require_equal(updated.version, changed.version, "an update answers the version that is then read");
    const Pass pass = co_await pull_all(harness, *adapter, {}, page_size);
    require(pass.records.size() == 1 && pass.records.front().version == changed.version,
            "what was written is listed, with the version that was answered");

    co_await push_one(harness, *adapter, remove_item(changed), Status::applied);
    const bool gone = co_await is_absent(harness, *adapter, created.id);
    require(gone, "a removed record is absent");
    co_return passed();
}

Async<Finding> outcomes_in_order(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, 2, ids);
    const Record present = co_await fetch_present(harness, *adapter, ids[0]);
    const Record other = co_await fetch_present(harness, *adapter, ids[1]);
    Record missing = present;
    missing.id = "no such record";
    std::vector<PushItem> items;
    items.push_back(create_item(harness.sample(10), harness.key("first")));
    items.push_back(update_item(missing, present.fields));
    items.push_back(update_item(present, with_sample(harness, present.fields, 11)));
    items.push_back(remove_unseen("no such record"));
    items.push_back(remove_item(other));
    items.push_back(create_item(harness.sample(12), harness.key("second")));
    const std::vector<PushOutcome> outcomes = co_await push_all(harness, *adapter, std::move(items));
    require_status(outcomes[0], Status::applied, "the first create");
    require_status(outcomes[1], Status::absent, "an update of a record that does not exist");
    require_status(outcomes[2], Status::applied, "the update");
    require_status(outcomes[3], Status::applied, "the removal of a record that does not exist");
    require_status(outcomes[4], Status::applied, "the removal");
    require_status(outcomes[5], Status::applied, "the second create");
    const Record first = co_await fetch_present(harness, *adapter, outcomes[0].id);
    require_members(first.fields, harness.sample(10), "the first outcome belongs to the first item");
    const Record last = co_await fetch_present(harness, *adapter, outcomes[5].id);
    require_members(last.fields, harness.sample(12), "the last outcome belongs to the last item");
    const std::size_t count = co_await count_records(harness, *adapter);
    require(count == 3, "exactly the applied items had an effect");
    co_return passed();
}

Async<Finding> stale_update(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, 2, ids);
    const Record seen = co_await fetch_present(harness, *adapter, ids[0]);
    const Record other = co_await fetch_present(harness, *adapter, ids[1]);
    auto edited = co_await harness.edit(ids[0], with_sample(harness, seen.fields, 20));
    require_value(edited, "edit of the harness");
    co_await settle(harness, *adapter);
    std::vector<PushItem> items;
    items.push_back(update_item(seen, with_sample(harness, seen.fields, 21)));
    items.push_back(update_item(other, with_sample(harness, other.fields, 22)));
    const std::vector<PushOutcome> outcomes = co_await push_all(harness, *adapter, std::move(items));
    require_status(outcomes[0], Status::stale, "an update of what somebody has edited meanwhile");
    require_status(outcomes[1], Status::applied, "the update beside it");
    const Record now = co_await fetch_present(harness, *adapter, ids[0]);
    require_members(now.fields, harness.sample(20), "a stale update overwrites nothing");
    co_return passed();
}

Async<Finding> stale_removal(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, 2, ids);
    const Record seen = co_await fetch_present(harness, *adapter, ids[0]);
    const Record other = co_await fetch_present(harness, *adapter, ids[1]);
    auto edited = co_await harness.edit(ids[0], with_sample(harness, seen.fields, 20));
    require_value(edited, "edit of the harness");
    co_await settle(harness, *adapter);
    std::vector<PushItem> items;
    items.push_back(remove_item(seen));
    items.push_back(remove_item(other));
    const std::vector<PushOutcome> outcomes = co_await push_all(harness, *adapter, std::move(items));
    require_status(outcomes[0], Status::stale, "a removal of what somebody has edited meanwhile");
    require_status(outcomes[1], Status::applied, "the removal beside it");
    const Record now = co_await fetch_present(harness, *adapter, ids[0]);
    require_members(now.fields, harness.sample(20), "a stale removal removes nothing");
    co_return passed();
}

Async<Finding> idempotent_creates(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    const PushOutcome first = co_await push_one(
        harness, *adapter, create_item(harness.sample(1), harness.key("the same key")), Status::applied);
    const std::unique_ptr<Adapter> other = harness.make_adapter();
    const PushOutcome second = co_await push_one(
        harness, *other, create_item(harness.sample(1), harness.key("the same key")), Status::applied);
    require_equal(second.id, first.id, "a create repeated with its key answers the record of the first");
    std::size_t count = co_await count_records(harness, *adapter);
    require(count == 1, "a create repeated with its key makes no second record");
    const PushOutcome third = co_await push_one(
        harness, *adapter, create_item(harness.sample(1), harness.key("another key")), Status::applied);
    require(third.id != first.id, "another key makes another record");
    count = co_await count_records(harness, *adapter);
    require(count == 2, "another key makes another record");
    co_return passed();
}

Async<Finding> repeated_create_keeps_an_edit(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    const PushOutcome first = co_await push_one(
        harness, *adapter, create_item(harness.sample(1), harness.key("the same key")), Status::applied);
    const Record seen = co_await fetch_present(harness, *adapter, first.id);
    auto edited = co_await harness.edit(first.id, with_sample(harness, seen.fields, 2));
    require_value(edited, "edit of the harness");
    co_await settle(harness, *adapter);
    const PushOutcome second = co_await push_one(
        harness, *adapter, create_item(harness.sample(1), harness.key("the same key")), Status::applied);
    const Record now = co_await fetch_present(harness, *adapter, first.id);
    require_members(now.fields, harness.sample(2), "a create repeated with its key does not undo an edit");
    require(second.version.empty() || second.version != now.version || second.fields,
            "a create repeated with its key does not pass the edited record off as the created one");
    co_return passed();
}

Async<Finding> finds_by_key(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    const PushOutcome created =
        co_await push_one(harness, *adapter, create_item(harness.sample(1), harness.key("a key")), Status::applied);
    const std::unique_ptr<Adapter> other = harness.make_adapter();
    std::vector<std::string> ids{created.id};
    std::vector<std::string> keys;
    keys.push_back(harness.key("an unused key"));
    keys.push_back(harness.key("a key"));
    const std::vector<FetchedRecord> answers = co_await fetch_all(harness, *other, std::move(ids), std::move(keys));
    require(answers[0].presence == Presence::present, "ids are answered before keys");
    require(answers[1].presence == Presence::absent, "a key that was never used finds nothing");
    require(answers[2].presence == Presence::present, "a key finds the record that was created with it");
    require_equal(answers[2].record.id, created.id, "a key finds the record that was created with it");
    co_return passed();
}

Async<Finding> unknown_members_survive(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    json::object extra;
    extra.emplace("nested", json::array{1, nullptr, json::object{{"deep", "value"}}, false});
    json::object fields = harness.sample(1);
    fields.emplace("kitUnknownMember", extra);
    fields.emplace("kitNull", nullptr);
    const PushOutcome created =
        co_await push_one(harness, *adapter, create_item(fields, harness.key("key")), Status::applied);
    const Record present = co_await fetch_present(harness, *adapter, created.id);
    require_members(present.fields, fields, "members that nobody maps are kept");
    co_await push_one(harness, *adapter, update_item(present, with_sample(harness, present.fields, 2)),
                      Status::applied);
    const Record updated = co_await fetch_present(harness, *adapter, created.id);
    require_members(updated.fields, harness.sample(2), "an update is read");
    require(updated.fields.contains("kitUnknownMember") && equal_values(updated.fields.at("kitUnknownMember"), extra),
            "members that nobody maps survive an update");
    require(updated.fields.contains("kitNull"), "null is kept");
    co_return passed();
}

Async<Finding> push_takes_its_maximum(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    const std::size_t most = adapter->capabilities().max_push_records;
    std::vector<PushItem> items;
    for (std::size_t i = 0; i < most; ++i)
        items.push_back(create_item(harness.sample(i), harness.key("key " + std::to_string(i))));
    const std::vector<PushOutcome> outcomes = co_await push_all(harness, *adapter, std::move(items));
    for (const PushOutcome& outcome : outcomes)
        require_status(outcome, Status::applied, "each of max_push_records creates");
    const Record last = co_await fetch_present(harness, *adapter, outcomes.back().id);
    require_members(last.fields, harness.sample(most - 1), "each outcome belongs to its item");
    const std::size_t page = adapter->capabilities().max_page_records;
    PullRequest request;
    request.entity = harness.entity();
    request.max_records = page + 1;
    auto pulled = co_await adapter->pull(std::move(request));
    const RecordPage first = require_value(std::move(pulled), "pull");
    require(first.records.size() <= page, "a page holds no more than max_page_records, whatever is asked for");
    co_return passed();
}

// A call that is cancelled while it is under way; answers once it is over, whichever way it ended.
template <class T>
Async<void> cancel_midway(AdapterHarness& harness, Async<T> call) {
    struct State {
        boost::asio::cancellation_signal signal;
        bool done = false;
        std::exception_ptr thrown;
    };
    auto state = std::make_shared<State>();
    const Runtime runtime = harness.runtime();
    const auto finish = [state](std::exception_ptr thrown, const T&) {
        state->done = true;
        state->thrown = std::move(thrown);
    };
    boost::asio::co_spawn(runtime.executor, std::move(call),
                          boost::asio::bind_cancellation_slot(state->signal.slot(), finish));
    co_await boost::asio::post(runtime.executor, boost::asio::use_awaitable);
    if (!state->done) state->signal.emit(boost::asio::cancellation_type::terminal);
    constexpr int patience = 30'000;
    for (int waited = 0; waited < patience && !state->done; ++waited)
        co_await runtime.clock->sleep_for(std::chrono::milliseconds(1));
    require(state->done, "a cancelled call ends");
    if (!state->thrown) co_return;
    try {
        std::rethrow_exception(state->thrown);
    } catch (const boost::system::system_error& error) {
        require(error.code() == boost::asio::error::operation_aborted,
                "a cancelled call ends with operation_aborted or its answer");
    }
}

Async<Finding> usable_after_cancellation(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, 5, ids);
    PullRequest pull;
    pull.entity = harness.entity();
    co_await cancel_midway(harness, adapter->pull(pull));
    FetchRequest fetch;
    fetch.entity = harness.entity();
    fetch.ids = ids;
    co_await cancel_midway(harness, adapter->fetch(fetch));
    const Pass pass = co_await pull_all(harness, *adapter, {}, 2);
    require(pass.by_id().size() == 5, "after a cancelled call the adapter works as before");
    co_return passed();
}

Async<Finding> writes_whole_records_when_cancelled(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, 2, ids);
    const Record present = co_await fetch_present(harness, *adapter, ids[0]);
    PushRequest push;
    push.entity = harness.entity();
    push.items.push_back(update_item(present, with_sample(harness, present.fields, 2)));
    co_await cancel_midway(harness, adapter->push(push));
    co_await settle(harness, *adapter);
    const Record now = co_await fetch_present(harness, *adapter, ids[0]);
    const bool old_state = now.version == present.version && equal_values(now.fields, present.fields);
    if (!old_state) require_members(now.fields, harness.sample(2), "a cancelled update happened as a whole or not");
    const PushOutcome again =
        co_await push_one(harness, *adapter, update_item(now, with_sample(harness, now.fields, 3)), Status::applied);
    require(again.status == Status::applied, "after a cancelled push the adapter works as before");
    co_return passed();
}

} // namespace

const std::vector<AdapterCase>& adapter_writing_cases() {
    static const std::vector<AdapterCase> cases{
        {"create, update and remove, read back", "writable", round_trip},
        {"one outcome per item, in order, and none hinders another", "writable", outcomes_in_order},
        {"a stale update is refused", "conditional_writes", stale_update},
        {"a stale removal is refused", "conditional_deletes", stale_removal},
        {"a create repeated with its key makes one record", "idempotent_creates", idempotent_creates},
        {"a repeated create keeps what was edited since", "idempotent_creates", repeated_create_keeps_an_edit},
        {"a record is found by its idempotency key", "finds_by_idempotency_key", finds_by_key},
        {"members that nobody maps survive an update", "unknown_members", unknown_members_survive},
        {"push takes max_push_records", "writable", push_takes_its_maximum},
        {"reading survives cancellation", "edits", usable_after_cancellation},
        {"writing survives cancellation", "writable", writes_whole_records_when_cancelled},
    };
    return cases;
}

} // namespace castiel_sync::testing
