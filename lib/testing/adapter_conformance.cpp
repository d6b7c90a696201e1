#include <testing/adapter_conformance_cases.hpp>

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace castiel_sync::testing {
namespace {

constexpr std::size_t max_pages = 1000; // the cases need a few dozen

std::string_view to_text(PushOutcome::Status status) {
    switch (status) {
    case PushOutcome::Status::applied:
        return "applied";
    case PushOutcome::Status::stale:
        return "stale";
    case PushOutcome::Status::absent:
        return "absent";
    case PushOutcome::Status::rejected:
        return "rejected";
    case PushOutcome::Status::unknown:
        return "unknown";
    case PushOutcome::Status::not_sent:
        return "not_sent";
    }
    return "?";
}

std::string excerpt(const json::value& value) {
    constexpr std::size_t longest = 200;
    std::string text = json::serialize(value);
    if (text.size() > longest) text.resize(longest);
    return text;
}

} // namespace

json::object AdapterHarness::sample(std::size_t number) const {
    json::object fields;
    fields.emplace("name", "Sample " + std::to_string(number));
    fields.emplace("amount", static_cast<std::int64_t>(number));
    return fields;
}

bool AdapterHarness::can_edit() const { return make_adapter()->capabilities().writable; }

Async<Result<std::vector<std::string>>> AdapterHarness::seed(std::vector<json::object> records) {
    const std::unique_ptr<Adapter> adapter = make_adapter();
    PushRequest request;
    request.entity = entity();
    for (std::size_t i = 0; i < records.size(); ++i)
        request.items.push_back(create_item(std::move(records[i]), key("seed " + std::to_string(i))));
    auto outcomes = co_await adapter->push(std::move(request));
    if (!outcomes) co_return outcomes.error();
    std::vector<std::string> ids;
    for (PushOutcome& outcome : *outcomes) {
        require_status(outcome, PushOutcome::Status::applied, "a create");
        ids.push_back(std::move(outcome.id));
    }
    co_return ids;
}

Async<Result<>> AdapterHarness::edit(std::string id, json::object fields) {
    const std::unique_ptr<Adapter> adapter = make_adapter();
    PushItem item;
    item.id = std::move(id);
    item.fields = std::move(fields);
    item.idempotency_key = key("edit " + item.id);
    PushRequest request;
    request.entity = entity();
    request.items.push_back(std::move(item));
    auto outcomes = co_await adapter->push(std::move(request));
    if (!outcomes) co_return outcomes.error();
    require_status(outcomes->at(0), PushOutcome::Status::applied, "an update");
    co_return Result<>();
}

Async<Result<>> AdapterHarness::erase(std::string id) {
    const std::unique_ptr<Adapter> adapter = make_adapter();
    const Record present = co_await fetch_present(*this, *adapter, std::move(id));
    PushRequest request;
    request.entity = entity();
    request.items.push_back(remove_item(present));
    auto outcomes = co_await adapter->push(std::move(request));
    if (!outcomes) co_return outcomes.error();
    require_status(outcomes->at(0), PushOutcome::Status::applied, "a removal");
    co_return Result<>();
}

bool AdapterHarness::has(std::string_view capability) const {
    if (capability == "edits") return can_edit();
    if (capability == "unknown_entity") return !unknown_entity().empty();
    const AdapterCapabilities capabilities = make_adapter()->capabilities();
    if (capability == "text") return capabilities.writable && !text_field().empty();
    if (capability == "integers") return capabilities.writable && !integer_field().empty();
    if (capability == "unknown_members") return capabilities.writable && keeps_unknown_members();
    if (capability == "writable") return capabilities.writable;
    if (capability == "change_feed") return capabilities.change_feed && can_edit();
    if (capability == "reports_deletions") return capabilities.reports_deletions && can_edit();
    if (capability == "conditional_writes") return capabilities.conditional_writes;
    if (capability == "conditional_deletes") return capabilities.conditional_deletes;
    if (capability == "idempotent_creates") return capabilities.idempotent_creates;
    if (capability == "finds_by_idempotency_key") return capabilities.finds_by_idempotency_key;
    return false;
}

std::span<const ConformanceCase<AdapterHarness>> adapter_conformance_cases() {
    static const std::vector<AdapterCase> cases = [] {
        std::vector<AdapterCase> all;
        for (const auto* some :
             {&adapter_reading_cases(), &adapter_feed_cases(), &adapter_writing_cases(), &adapter_value_cases()})
            all.insert(all.end(), some->begin(), some->end());
        return all;
    }();
    return cases;
}

void AdapterHarness::begin_case() { case_ = make_uuid(*runtime().random); }

Async<std::unique_ptr<Adapter>> start(AdapterHarness& harness) {
    harness.begin_case();
    auto emptied = co_await harness.reset();
    require_value(emptied, "reset of the harness");
    co_return harness.make_adapter();
}

Async<std::unique_ptr<Adapter>> start_with(AdapterHarness& harness, std::size_t count, std::vector<std::string>& ids) {
    std::unique_ptr<Adapter> adapter = co_await start(harness);
    std::vector<json::object> samples;
    for (std::size_t i = 0; i < count; ++i)
        samples.push_back(harness.sample(i));
    auto seeded = co_await harness.seed(std::move(samples));
    ids = require_value(std::move(seeded), "seed of the harness");
    require(ids.size() == count, "seed answers one id per record");
    co_await settle(harness, *adapter);
    co_return adapter;
}

Async<void> settle(AdapterHarness& harness, const Adapter& adapter) {
    const std::chrono::milliseconds lag = adapter.capabilities().read_lag;
    if (lag.count() > 0) co_await harness.runtime().clock->sleep_for(lag);
}

Async<RecordPage> pull_page(AdapterHarness& harness, Adapter& adapter, std::string cursor, std::size_t max_records) {
    PullRequest request;
    request.entity = harness.entity();
    request.cursor = std::move(cursor);
    request.max_records = max_records;
    auto pulled = co_await adapter.pull(std::move(request));
    RecordPage page = require_value(std::move(pulled), "pull");
    require(page.records.size() <= max_records, "a page holds no more records than were asked for");
    require(!page.next.empty(), "a page always says where to go on (next)");
    require(page.faults.empty(), "records that the kit wrote are read without faults");
    co_return page;
}

std::map<std::string, Record> Pass::by_id() const {
    std::map<std::string, Record> found;
    for (const Record& record : records)
        require(found.emplace(record.id, record).second, "a pass without changes meets every record once");
    return found;
}

Async<Pass> pull_all(AdapterHarness& harness, Adapter& adapter, std::string cursor, std::size_t max_records) {
    Pass pass;
    pass.next = std::move(cursor);
    for (bool more = true; more; ++pass.pages) {
        require(pass.pages < max_pages, "paging ends");
        std::string next = pass.next;
        RecordPage page = co_await pull_page(harness, adapter, std::move(next), max_records);
        for (Record& record : page.records)
            pass.records.push_back(std::move(record));
        pass.next = std::move(page.next);
        more = page.has_more;
    }
    co_return pass;
}

Async<std::vector<FetchedRecord>> fetch_all(AdapterHarness& harness, Adapter& adapter, std::vector<std::string> ids,
                                            std::vector<std::string> idempotency_keys) {
    FetchRequest request;
    request.entity = harness.entity();
    request.ids = std::move(ids);
    request.idempotency_keys = std::move(idempotency_keys);
    const std::size_t count = request.ids.size() + request.idempotency_keys.size();
    auto fetched = co_await adapter.fetch(std::move(request));
    std::vector<FetchedRecord> answers = require_value(std::move(fetched), "fetch");
    require(answers.size() == count, "fetch answers once for each id and key");
    for (const FetchedRecord& answer : answers)
        require(answer.presence != FetchedRecord::Presence::unknown || answer.error,
                "a fetch that can't tell says why (error)");
    co_return answers;
}

Async<Record> fetch_present(AdapterHarness& harness, Adapter& adapter, std::string id) {
    std::vector<std::string> ids;
    ids.push_back(id);
    std::vector<FetchedRecord> answers = co_await fetch_all(harness, adapter, std::move(ids), {});
    require(answers.front().presence == FetchedRecord::Presence::present, "fetch finds a record that exists");
    require_equal(answers.front().record.id, id, "fetch answers the record that was asked for");
    co_return std::move(answers.front().record);
}

Async<bool> is_absent(AdapterHarness& harness, Adapter& adapter, std::string id) {
    std::vector<std::string> ids;
    ids.push_back(std::move(id));
    const std::vector<FetchedRecord> answers = co_await fetch_all(harness, adapter, std::move(ids), {});
    co_return answers.front().presence == FetchedRecord::Presence::absent;
}

PushItem create_item(json::object fields, std::string idempotency_key) {
    PushItem item;
    item.action = PushItem::Action::create;
    item.fields = std::move(fields);
    item.idempotency_key = std::move(idempotency_key);
    return item;
}

PushItem update_item(const Record& present, json::object fields) {
    PushItem item;
    item.id = present.id;
    item.expected_version = present.version;
    item.previous = present.fields;
    item.fields = std::move(fields);
    item.idempotency_key = "update " + present.id + " " + present.version;
    return item;
}

PushItem remove_item(const Record& present) {
    PushItem item = remove_unseen(present.id);
    item.expected_version = present.version;
    item.previous = present.fields;
    return item;
}

PushItem remove_unseen(std::string id) {
    PushItem item;
    item.action = PushItem::Action::remove;
    item.id = std::move(id);
    item.idempotency_key = "remove " + item.id;
    return item;
}

Async<std::vector<PushOutcome>> push_all(AdapterHarness& harness, Adapter& adapter, std::vector<PushItem> items) {
    PushRequest request;
    request.entity = harness.entity();
    request.items = std::move(items);
    const std::size_t count = request.items.size();
    auto pushed = co_await adapter.push(std::move(request));
    std::vector<PushOutcome> outcomes = require_value(std::move(pushed), "push");
    require(outcomes.size() == count, "push answers once for each item");
    for (const PushOutcome& outcome : outcomes)
        require(outcome.status != PushOutcome::Status::rejected || outcome.error,
                "a rejected item comes with the reason (error)");
    co_await settle(harness, adapter);
    co_return outcomes;
}

Async<PushOutcome> push_one(AdapterHarness& harness, Adapter& adapter, PushItem item, PushOutcome::Status expected) {
    std::vector<PushItem> items;
    items.push_back(std::move(item));
    std::vector<PushOutcome> outcomes = co_await push_all(harness, adapter, std::move(items));
    require_status(outcomes.front(), expected, "the item");
    co_return std::move(outcomes.front());
}

void require_status(const PushOutcome& outcome, PushOutcome::Status expected, std::string_view item) {
    if (outcome.status == expected) return;
    std::string text = "expected: " + std::string(item) + " is " + std::string(to_text(expected)) + "; it is " +
                       std::string(to_text(outcome.status));
    if (outcome.error) text += " (" + outcome.error->message + ")";
    throw ConformanceFailure(std::move(text));
}

void require_members(const json::object& actual, const json::object& expected, std::string_view expectation) {
    for (const auto& member : expected) {
        const json::value* value = actual.if_contains(member.key());
        if (value != nullptr && equal_values(*value, member.value())) continue;
        throw ConformanceFailure(
            "expected: " + std::string(expectation) + "; the member \"" + std::string(member.key()) + "\" is " +
            (value == nullptr ? "missing" : excerpt(*value)) + " instead of " + excerpt(member.value()));
    }
}

} // namespace castiel_sync::testing
