// What a change feed promises: after the first pass only what changed, deletions included where they are claimed.
#include <testing/adapter_conformance_cases.hpp>

#include <algorithm>
#include <set>

namespace castiel_sync::testing {
namespace {

constexpr std::size_t some = 12;
constexpr std::size_t page_size = 5;

std::set<std::string> ids_of(const Pass& pass) {
    std::set<std::string> ids;
    for (const Record& record : pass.records)
        ids.insert(record.id);
    return ids;
}

// Somebody else gives the record the members of sample 1000.
Async<void> edit_behind(AdapterHarness& harness, Adapter& adapter, std::string id) {
    const Record present = co_await fetch_present(harness, adapter, id);
    json::object fields = present.fields;
    for (const auto& member : harness.sample(1000))
        fields[member.key()] = member.value();
    auto edited = co_await harness.edit(std::move(id), std::move(fields));
    require_value(edited, "edit of the harness");
    co_await settle(harness, adapter);
}

Async<Finding> answers_changes_only(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    const Pass first = co_await pull_all(harness, *adapter, {}, page_size);
    const Pass nothing = co_await pull_all(harness, *adapter, first.next, page_size);
    require(nothing.records.empty(), "a feed that was read to its end holds nothing until something changes");

    co_await edit_behind(harness, *adapter, ids[3]);
    const Pass changes = co_await pull_all(harness, *adapter, nothing.next, page_size);
    require(ids_of(changes) == std::set<std::string>{ids[3]}, "a feed answers what changed, and only that");
    require_members(changes.records.back().fields, harness.sample(1000), "a feed answers the present fields");

    // The position outlives the instance, and the older one still leads to the change.
    const std::unique_ptr<Adapter> other = harness.make_adapter();
    const Pass again = co_await pull_all(harness, *other, first.next, page_size);
    require(ids_of(again).contains(ids[3]), "an older position of a feed still leads to the change");
    co_return passed();
}

Async<Finding> meets_what_changes_meanwhile(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    const RecordPage first = co_await pull_page(harness, *adapter, {}, page_size);
    require(!first.records.empty(), "the first page holds records");
    const Record met = first.records.front();
    co_await edit_behind(harness, *adapter, met.id);
    const Pass rest = co_await pull_all(harness, *adapter, first.next, page_size);
    const Pass later = co_await pull_all(harness, *adapter, rest.next, page_size);
    require(ids_of(rest).contains(met.id) || ids_of(later).contains(met.id),
            "a change to a record that the first pass has met already is met afterwards");
    co_return passed();
}

Async<Finding> reports_deletions(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    const RecordPage first = co_await pull_page(harness, *adapter, {}, page_size);
    require(!first.records.empty(), "the first page holds records");
    // One while the first pass is under way, one after it.
    const std::string early = first.records.front().id;
    auto erased = co_await harness.erase(early);
    require_value(erased, "erase of the harness");
    co_await settle(harness, *adapter);
    const Pass rest = co_await pull_all(harness, *adapter, first.next, page_size);
    const auto is_other = [&](const std::string& id) { return id != early; };
    const std::string late = *std::find_if(ids.begin(), ids.end(), is_other);
    erased = co_await harness.erase(late);
    require_value(erased, "erase of the harness");
    co_await settle(harness, *adapter);
    const Pass changes = co_await pull_all(harness, *adapter, rest.next, page_size);

    std::set<std::string> deleted;
    for (const Pass* pass : {&rest, &changes})
        for (const Record& record : pass->records)
            if (record.deleted) deleted.insert(record.id);
    require(deleted.contains(early), "a record deleted during the first pass, after it was met, is reported");
    require(deleted.contains(late), "a record deleted after the first pass is reported");
    for (const std::string& id : {early, late}) {
        const bool gone = co_await is_absent(harness, *adapter, id);
        require(gone, "fetch confirms what the feed reports as deleted");
    }
    co_return passed();
}

Async<std::string> create_after(AdapterHarness& harness, Adapter& adapter, std::size_t number, std::string cursor) {
    PushRequest request;
    request.entity = harness.entity();
    request.items.push_back(create_item(harness.sample(number), harness.key("create " + std::to_string(number))));
    request.cursor = std::move(cursor);
    auto pushed = co_await adapter.push(std::move(request));
    const std::vector<PushOutcome> outcomes = require_value(std::move(pushed), "push");
    require(outcomes.size() == 1, "push answers once for each item");
    require_status(outcomes.front(), PushOutcome::Status::applied, "the create");
    co_await settle(harness, adapter);
    co_return outcomes.front().cursor;
}

Async<Finding> follows_own_writes(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    if (!harness.has("writable")) co_return passed();
    const Pass first = co_await pull_all(harness, *adapter, {}, page_size);
    const std::string unasked = co_await create_after(harness, *adapter, 1001, std::string());
    require(unasked.empty(), "a push that was given no position answers none");
    const Pass second = co_await pull_all(harness, *adapter, first.next, page_size);
    const std::string own = co_await create_after(harness, *adapter, 1002, second.next);
    if (own.empty()) co_return passed(); // it does not tell, and need not
    const Pass nothing = co_await pull_all(harness, *adapter, own, page_size);
    require(nothing.records.empty(), "the position after a push holds nothing of what was pushed");

    co_await edit_behind(harness, *adapter, ids[3]);
    const std::string past = co_await create_after(harness, *adapter, 1003, own);
    if (past.empty()) co_return passed();
    const Pass rest = co_await pull_all(harness, *adapter, past, page_size);
    require(ids_of(rest).contains(ids[3]), "a push answers no position past what somebody else wrote before it");
    co_return passed();
}

} // namespace

const std::vector<AdapterCase>& adapter_feed_cases() {
    static const std::vector<AdapterCase> cases{
        {"a feed answers only what changed", "change_feed", answers_changes_only},
        {"a feed meets what changes during its first pass", "change_feed", meets_what_changes_meanwhile},
        {"a feed reports deletions", "reports_deletions", reports_deletions},
        {"a push passes over its own writes in the feed, and over nobody else's", "change_feed", follows_own_writes},
    };
    return cases;
}

} // namespace castiel_sync::testing
