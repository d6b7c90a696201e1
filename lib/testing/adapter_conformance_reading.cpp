// What the engine relies on when it reads: listings that end and lose nothing, and look-ups that never guess.
#include <testing/adapter_conformance_cases.hpp>

#include <algorithm>
#include <set>

namespace castiel_sync::testing {
namespace {

using Presence = FetchedRecord::Presence;

constexpr std::size_t some = 23;
constexpr std::size_t page_size = 5;

void require_same_records(const std::vector<Record>& left, const std::vector<Record>& right,
                          std::string_view expectation) {
    require(left.size() == right.size(), expectation);
    for (std::size_t i = 0; i < left.size(); ++i) {
        const bool same = left[i].id == right[i].id && left[i].version == right[i].version &&
                          left[i].deleted == right[i].deleted && equal_values(left[i].fields, right[i].fields);
        require(same, expectation);
    }
}

Async<Finding> describes_itself(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    const AdapterDescription description = adapter->describe();
    const auto allowed = [](char character) {
        return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9') || character == '-';
    };
    require(!description.name.empty(), "the description has a name");
    require(std::all_of(description.name.begin(), description.name.end(), allowed),
            "the name holds lower-case letters, digits and hyphens only");
    require(!description.summary.empty(), "the description has a summary");
    require(description.settings_schema.contains("type"), "the settings schema says its type");
    const AdapterCapabilities capabilities = adapter->capabilities();
    require(capabilities.max_page_records > 0 && capabilities.max_fetch_records > 0 && capabilities.max_in_flight > 0,
            "limits are at least 1");
    require(!capabilities.writable || capabilities.max_push_records > 0, "max_push_records is at least 1");
    require(!capabilities.reports_deletions || capabilities.change_feed, "only a change feed reports deletions");
    auto checked = co_await adapter->check();
    require_value(checked, "check");
    const Pass pass = co_await pull_all(harness, *adapter, {}, page_size);
    require(pass.records.empty(), "check changes nothing");
    co_return passed();
}

Async<Finding> empty_entity(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    const RecordPage page = co_await pull_page(harness, *adapter, {}, page_size);
    require(page.records.empty() && !page.has_more, "an empty entity is one empty page");
    co_return passed();
}

Async<Finding> paging_ends(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    for (const std::size_t size : {std::size_t{1}, page_size, some, some + 1}) {
        const Pass pass = co_await pull_all(harness, *adapter, {}, size);
        const auto found = pass.by_id();
        require(found.size() == some, "a pass meets every record");
        for (const std::string& id : ids)
            require(found.contains(id), "a pass meets every record");
    }
    co_return passed();
}

Async<Finding> first_pass_is_a_listing(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    const bool feed = adapter->capabilities().change_feed;
    std::string cursor;
    for (bool more = true; more;) {
        const RecordPage page = co_await pull_page(harness, *adapter, cursor, page_size);
        require(page.listing || feed, "without a change feed, every page is of a listing");
        cursor = page.next;
        more = page.has_more;
    }
    if (feed) {
        const RecordPage page = co_await pull_page(harness, *adapter, cursor, page_size);
        require(!page.listing, "what follows the last page of a feed is no listing");
    }
    co_return passed();
}

Async<Finding> same_cursor_same_page(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    std::string cursor;
    for (bool more = true; more;) {
        const RecordPage first = co_await pull_page(harness, *adapter, cursor, page_size);
        const RecordPage second = co_await pull_page(harness, *adapter, cursor, page_size);
        require_same_records(first.records, second.records, "the same cursor answers the same page");
        // Where a pass begins may depend on the time at which it does.
        require((cursor.empty() || first.next == second.next) && first.has_more == second.has_more &&
                    first.listing == second.listing,
                "the same cursor answers the same page");
        cursor = first.next;
        more = first.has_more;
    }
    co_return passed();
}

// Each page is asked for twice, by an instance of its own, and the first answer is lost.
Async<Finding> cursors_survive(AdapterHarness& harness) {
    std::vector<std::string> ids;
    std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    std::set<std::string> met;
    std::string cursor;
    for (bool more = true; more;) {
        const RecordPage lost = co_await pull_page(harness, *adapter, cursor, page_size);
        adapter = harness.make_adapter();
        const RecordPage page = co_await pull_page(harness, *adapter, cursor, page_size);
        require_same_records(lost.records, page.records, "a new instance goes on from a cursor of another one");
        for (const Record& record : page.records)
            met.insert(record.id);
        cursor = page.next;
        more = page.has_more;
    }
    require(met.size() == some, "a page that got lost is asked for again, and nothing is missed");
    co_return passed();
}

Async<Finding> foreign_cursor(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    PullRequest request;
    request.entity = harness.entity();
    request.cursor = "not a cursor of anything";
    auto pulled = co_await adapter->pull(std::move(request));
    require_error(pulled, ErrorCode::cursor_expired, "pull with a cursor that is none");
    co_return passed();
}

Async<Finding> listing_survives_changes(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, some, ids);
    const RecordPage first = co_await pull_page(harness, *adapter, {}, page_size);
    require(!first.records.empty(), "the first page holds records");
    std::set<std::string> met;
    for (const Record& record : first.records)
        met.insert(record.id);
    std::vector<std::string> unmet;
    for (const std::string& id : ids)
        if (!met.contains(id)) unmet.push_back(id);
    require(unmet.size() > 3, "the first page of five leaves more to come");

    auto erased = co_await harness.erase(first.records.front().id);
    require_value(erased, "erase of the harness");
    erased = co_await harness.erase(unmet.front());
    require_value(erased, "erase of the harness");
    const Record edited = co_await fetch_present(harness, *adapter, unmet.back());
    json::object fields = edited.fields;
    for (const auto& member : harness.sample(1000))
        fields[member.key()] = member.value();
    auto changed = co_await harness.edit(edited.id, std::move(fields));
    require_value(changed, "edit of the harness");
    co_await settle(harness, *adapter);

    const Pass rest = co_await pull_all(harness, *adapter, first.next, page_size);
    for (const Record& record : rest.records)
        met.insert(record.id);
    unmet.erase(unmet.begin());
    for (const std::string& id : unmet)
        require(met.contains(id), "a record that exists throughout a listing is met, whatever changes around it");
    co_return passed();
}

Async<Finding> stable_keys_and_versions(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, page_size, ids);
    const Pass first = co_await pull_all(harness, *adapter, {}, page_size);
    const std::unique_ptr<Adapter> other = harness.make_adapter();
    const Pass second = co_await pull_all(harness, *other, {}, page_size);
    require_same_records(first.records, second.records, "ids, versions and fields stay while nothing changes");
    for (const Record& record : first.records) {
        require(!record.id.empty() && record.id.size() <= max_record_id_bytes, "an id has 1 to 512 bytes");
        require(!record.version.empty(), "a record has a version");
    }
    co_return passed();
}

Async<Finding> versions_follow_content(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, page_size, ids);
    const Pass before = co_await pull_all(harness, *adapter, {}, page_size);
    require(before.records.size() == page_size, "what was created is listed");
    const Record& edited = before.records.front();
    json::object fields = edited.fields;
    for (const auto& member : harness.sample(1000))
        fields[member.key()] = member.value();
    auto changed = co_await harness.edit(edited.id, std::move(fields));
    require_value(changed, "edit of the harness");
    co_await settle(harness, *adapter);
    const Pass after = co_await pull_all(harness, *adapter, {}, page_size);
    const auto now = after.by_id();
    for (const Record& record : before.records) {
        const bool same = now.at(record.id).version == record.version;
        require(record.id == edited.id ? !same : same, "an edit changes the version of its record and of no other");
    }
    require_members(now.at(edited.id).fields, harness.sample(1000), "an edit is read");
    co_return passed();
}

Async<Finding> fetch_in_order(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, 3, ids);
    const Pass pass = co_await pull_all(harness, *adapter, {}, page_size);
    const auto listed = pass.by_id();
    std::vector<std::string> asked{ids[2], "no such record", ids[0], ids[1], ids[0]};
    const std::vector<FetchedRecord> answers = co_await fetch_all(harness, *adapter, asked, {});
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (i == 1) {
            require(answers[i].presence == Presence::absent, "a record that does not exist is absent");
            continue;
        }
        require(answers[i].presence == Presence::present, "a record that exists is present");
        const Record& record = answers[i].record;
        require_equal(record.id, asked[i], "fetch answers in the order asked");
        require_equal(record.version, listed.at(record.id).version, "fetch and pull tell the same version");
        require(equal_values(record.fields, listed.at(record.id).fields), "fetch and pull tell the same fields");
    }
    co_return passed();
}

Async<Finding> fetch_sees_deletion(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, 2, ids);
    auto erased = co_await harness.erase(ids[0]);
    require_value(erased, "erase of the harness");
    co_await settle(harness, *adapter);
    const bool gone = co_await is_absent(harness, *adapter, ids[0]);
    require(gone, "a deleted record is absent");
    const bool other_gone = co_await is_absent(harness, *adapter, ids[1]);
    require(!other_gone, "the other record is still there");
    co_return passed();
}

Async<Finding> fetch_takes_its_maximum(AdapterHarness& harness) {
    std::vector<std::string> ids;
    const std::unique_ptr<Adapter> adapter = co_await start_with(harness, 1, ids);
    std::vector<std::string> asked;
    for (std::size_t i = 1; i < adapter->capabilities().max_fetch_records; ++i)
        asked.push_back("no such record " + std::to_string(i));
    asked.push_back(ids.front());
    const std::vector<FetchedRecord> answers = co_await fetch_all(harness, *adapter, std::move(asked), {});
    require(answers.back().presence == Presence::present, "fetch takes as many ids as max_fetch_records says");
    co_return passed();
}

Async<Finding> unknown_entity_is_an_error(AdapterHarness& harness) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    PullRequest pull;
    pull.entity = harness.unknown_entity();
    auto pulled = co_await adapter->pull(std::move(pull));
    require(pulled.has_error() && !pulled.error().message.empty(), "pull of an unknown entity is an error");
    FetchRequest fetch;
    fetch.entity = harness.unknown_entity();
    fetch.ids.emplace_back("any");
    auto fetched = co_await adapter->fetch(std::move(fetch));
    require(fetched.has_error() && !fetched.error().message.empty(), "fetch from an unknown entity is an error");
    co_return passed();
}

} // namespace

const std::vector<AdapterCase>& adapter_reading_cases() {
    static const std::vector<AdapterCase> cases{
        {"describes itself, and check changes nothing", "", describes_itself},
        {"an empty entity is an empty page", "", empty_entity},
        {"paging ends and meets every record once", "edits", paging_ends},
        {"pages say whether they are of a listing", "edits", first_pass_is_a_listing},
        {"the same cursor answers the same page", "edits", same_cursor_same_page},
        {"cursors survive a lost page and a new instance", "edits", cursors_survive},
        {"a foreign cursor is expired", "", foreign_cursor},
        {"a listing survives changes between its pages", "edits", listing_survives_changes},
        {"ids and versions are stable", "edits", stable_keys_and_versions},
        {"versions change with the content and only then", "edits", versions_follow_content},
        {"fetch answers in order, present and absent", "edits", fetch_in_order},
        {"fetch confirms a deletion", "edits", fetch_sees_deletion},
        {"fetch takes max_fetch_records", "edits", fetch_takes_its_maximum},
        {"an unknown entity is an error", "unknown_entity", unknown_entity_is_an_error},
    };
    return cases;
}

} // namespace castiel_sync::testing
