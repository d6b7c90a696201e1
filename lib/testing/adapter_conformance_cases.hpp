// The cases of the adapter kit, and the steps that they share. A step that fails ends its case.
#pragma once

#include <castiel_sync/testing/adapter_conformance.hpp>

#include <map>
#include <string>
#include <vector>

namespace castiel_sync::testing {

using AdapterCase = ConformanceCase<AdapterHarness>;

[[nodiscard]] const std::vector<AdapterCase>& adapter_reading_cases();
[[nodiscard]] const std::vector<AdapterCase>& adapter_feed_cases();
[[nodiscard]] const std::vector<AdapterCase>& adapter_writing_cases();
[[nodiscard]] const std::vector<AdapterCase>& adapter_value_cases();

// An adapter on an empty entity.
Async<std::unique_ptr<Adapter>> start(AdapterHarness& harness);
// The same with `count` samples in it, and their ids.
Async<std::unique_ptr<Adapter>> start_with(AdapterHarness& harness, std::size_t count, std::vector<std::string>& ids);

// Until a write can be read.
Async<void> settle(AdapterHarness& harness, const Adapter& adapter);

Async<RecordPage> pull_page(AdapterHarness& harness, Adapter& adapter, std::string cursor, std::size_t max_records);

struct Pass {
    std::vector<Record> records; // in the order met
    std::string next;
    std::size_t pages = 0;

    [[nodiscard]] std::map<std::string, Record> by_id() const; // ends the case when an id was met twice
};

// From the cursor to the last page.
Async<Pass> pull_all(AdapterHarness& harness, Adapter& adapter, std::string cursor, std::size_t max_records);

Async<std::vector<FetchedRecord>> fetch_all(AdapterHarness& harness, Adapter& adapter, std::vector<std::string> ids,
                                            std::vector<std::string> idempotency_keys);
// A record that must be there.
Async<Record> fetch_present(AdapterHarness& harness, Adapter& adapter, std::string id);
Async<bool> is_absent(AdapterHarness& harness, Adapter& adapter, std::string id);

[[nodiscard]] PushItem create_item(json::object fields, std::string idempotency_key);
[[nodiscard]] PushItem update_item(const Record& present, json::object fields);
[[nodiscard]] PushItem remove_item(const Record& present);
[[nodiscard]] PushItem remove_unseen(std::string id);

// The answers, as many as items.
Async<std::vector<PushOutcome>> push_all(AdapterHarness& harness, Adapter& adapter, std::vector<PushItem> items);
// The answer to one item, which must be of this status.
Async<PushOutcome> push_one(AdapterHarness& harness, Adapter& adapter, PushItem item, PushOutcome::Status expected);

void require_status(const PushOutcome& outcome, PushOutcome::Status expected, std::string_view item);
// Every member of `expected` is in `actual`, with an equal value.
void require_members(const json::object& actual, const json::object& expected, std::string_view expectation);

} // namespace castiel_sync::testing
