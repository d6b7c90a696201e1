#include "rest_fixture.hpp"

#include <algorithm>

namespace rest_test {

using namespace castiel_sync;

namespace {

constexpr std::string_view base = "https://crm.test/api";

std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t index = 0; index < text.size(); ++index) {
        if (text[index] == '%' && index + 2 < text.size()) {
            plain += static_cast<char>(std::stoi(std::string(text.substr(index + 1, 2)), nullptr, 16));
            index += 2;
        } else {
            plain += text[index];
        }
    }
    return plain;
}

} // namespace

Asked::Asked(const HttpCall& call) : method(call.method) {
    std::string_view target = call.url;
    if (target.starts_with(base)) target.remove_prefix(base.size());
    const std::size_t question = std::min(target.find('?'), target.size());
    path = target.substr(0, question);
    std::string_view query = target.substr(std::min(question + 1, target.size()));
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        const std::size_t equals = std::min(part.find('='), part.size());
        std::string& value = parameters[decoded(part.substr(0, equals))];
        if (!value.empty()) value += ',';
        value += decoded(part.substr(std::min(equals + 1, part.size())));
    }
}

std::optional<std::string> Asked::parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::nullopt : std::optional(found->second);
}

std::size_t Asked::number(const std::string& name, std::size_t otherwise) const {
    const auto text = parameter(name);
    return text ? std::stoul(*text) : otherwise;
}

Result<std::unique_ptr<Adapter>> Fixture::make(const json::value& description) {
    AdapterContext context;
    context.runtime = runtime;
    context.entity = "contacts";
    context.settings = settings;
    context.credentials = credentials;
    RestParts parts;
    parts.transport = transport;
    return rest_factory(described(description), parts)(context);
}

void Fixture::connect(const json::value& description, Handler handler) {
    transport = std::make_shared<testing::ScriptedTransport>(std::move(handler));
    adapter = make(description).value();
}

Result<RecordPage> Fixture::pull(std::string cursor, std::size_t most) {
    PullRequest request;
    request.entity = "contacts";
    request.cursor = std::move(cursor);
    request.max_records = most;
    return loop.run(adapter->pull(std::move(request)));
}

Result<std::vector<FetchedRecord>> Fixture::fetch(std::vector<std::string> ids, std::vector<std::string> keys) {
    FetchRequest request;
    request.entity = "contacts";
    request.ids = std::move(ids);
    request.idempotency_keys = std::move(keys);
    return loop.run(adapter->fetch(std::move(request)));
}

Result<std::vector<PushOutcome>> Fixture::push(std::vector<PushItem> items) {
    PushRequest request;
    request.entity = "contacts";
    request.items = std::move(items);
    return loop.run(adapter->push(std::move(request)));
}

PushOutcome Fixture::push_one(PushItem item) {
    std::vector<PushItem> items;
    items.push_back(std::move(item));
    auto outcomes = push(std::move(items));
    REQUIRE_MESSAGE(outcomes.has_value(), (outcomes ? "" : outcomes.error().message));
    REQUIRE(outcomes->size() == 1);
    return std::move(outcomes->front());
}

std::vector<std::string> Fixture::sent() const {
    std::vector<std::string> texts;
    for (const HttpCall& call : transport->calls()) {
        const std::string_view url = call.url;
        texts.push_back(call.method + " " + std::string(url.starts_with(base) ? url.substr(base.size()) : url));
    }
    return texts;
}

std::size_t Fixture::sent(std::string_view method) const {
    return static_cast<std::size_t>(std::count_if(transport->calls().begin(), transport->calls().end(),
                                                  [&](const HttpCall& call) { return call.method == method; }));
}

std::string Pass::text() const {
    std::string text;
    for (const std::string& id : ids)
        text.append(text.empty() ? "" : " ").append(id);
    return text;
}

Pass pull_all(Fixture& fixture, std::string cursor, std::size_t most, const std::function<void(std::size_t)>& between) {
    constexpr std::size_t most_pages = 2000;
    Pass pass;
    pass.next = std::move(cursor);
    while (pass.pages < most_pages) {
        auto page = fixture.pull(pass.next, most);
        if (!page) {
            pass.error = page.error();
            return pass;
        }
        ++pass.pages;
        CHECK_FALSE(page->next.empty());
        CHECK(page->records.size() + page->faults.size() <= most);
        for (const Record& record : page->records)
            pass.ids.push_back(record.deleted ? "-" + record.id : record.id);
        std::move(page->faults.begin(), page->faults.end(), std::back_inserter(pass.faults));
        pass.next = page->next;
        if (!page->has_more) return pass;
        if (between) between(pass.pages);
    }
    FAIL_CHECK("the pass does not end");
    return pass;
}

PushItem create_item(json::object fields, std::string key) {
    PushItem item;
    item.action = PushItem::Action::create;
    item.fields = std::move(fields);
    item.idempotency_key = std::move(key);
    return item;
}

PushItem update_item(std::string id, json::object fields, std::string version) {
    PushItem item;
    item.action = PushItem::Action::update;
    item.id = std::move(id);
    item.fields = std::move(fields);
    item.expected_version = std::move(version);
    item.idempotency_key = "update of " + item.id;
    return item;
}

PushItem remove_item(std::string id, std::string version) {
    PushItem item;
    item.action = PushItem::Action::remove;
    item.id = std::move(id);
    item.expected_version = std::move(version);
    item.idempotency_key = "removal of " + item.id;
    return item;
}

} // namespace rest_test
