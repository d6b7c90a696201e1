#include "endpoint.hpp"

#include <webhooks/documents.hpp>

#include <algorithm>

namespace castiel_sync::testing {

static std::vector<KindDeclaration> all_kinds() {
    std::vector<KindDeclaration> kinds(engine_kinds().begin(), engine_kinds().end());
    kinds.insert(kinds.end(), webhook_kinds().begin(), webhook_kinds().end());
    return kinds;
}

HttpAnswer status(unsigned code) {
    HttpAnswer answer;
    answer.status = code;
    return answer;
}

std::string header(const HttpCall& call, std::string_view name) {
    const std::string* value = call.headers.find(name);
    return value ? *value : "";
}

Async<Result<HttpAnswer>> Receivers::send(HttpCall call) {
    const std::string url = call.url;
    const Receiver receiver = receivers_[url];
    seen_.push_back({loop_.now(), call});
    std::size_t& now = under_way_[url];
    most_[url] = std::max(most_[url], ++now);
    struct Leave {
        std::size_t& count;
        ~Leave() { --count; }
    } leave{now};
    const std::chrono::nanoseconds timeout = call.timeout;
    co_await loop_.sleep(std::min(receiver.takes, timeout));
    if (receiver.takes >= timeout) co_return Error(ErrorCode::unknown_outcome, "no whole answer came in time");
    co_return receiver.answer(call);
}

std::vector<Receivers::Seen> Receivers::seen(const std::string& url) const {
    std::vector<Seen> some;
    for (const Seen& one : seen_)
        if (one.call.url == url) some.push_back(one);
    return some;
}

std::size_t Receivers::most_at_once(const std::string& url) const {
    const auto found = most_.find(url);
    return found == most_.end() ? 0 : found->second;
}

WebhookWorld::Process::Process(WebhookWorld& world, std::string name)
    : process(world.loop, name), random(make_seeded_random(std::hash<std::string>()(name))),
      store(make_faulty_store(process, world.store, *world.faults)),
      transport(make_faulty_transport(process, world.receivers, *world.faults, "receivers")) {
    const Runtime runtime{world.loop.executor(), &process.clock(), random.get()};
    WebhooksParts parts;
    parts.runtime = runtime;
    parts.store = store.get();
    parts.sealer = &world.sealer;
    parts.limits = world.limits;
    webhooks = std::make_unique<Webhooks>(std::move(parts));
    WebhookDispatcherParts sending;
    sending.runtime = runtime;
    sending.store = store.get();
    sending.sealer = &world.sealer;
    sending.transport = transport;
    sending.rules = world.rules;
    sending.limits = world.limits;
    sending.instance = name;
    dispatcher = std::make_unique<WebhookDispatcher>(std::move(sending));
    webhooks->on_due([this](const std::string& tenant_id, const std::string& webhook_id) {
        dispatcher->take_note(tenant_id, webhook_id);
    });
}

WebhookWorld::WebhookWorld()
    : store(make_memory_store(clock, all_kinds())), faults(std::make_unique<NoFaults>()),
      sealer(Sealer::make({Sealer::make_key(*random)}).value()) {
    WebhooksParts parts;
    parts.runtime = Runtime{loop.executor(), &clock, random.get()};
    parts.store = store.get();
    parts.sealer = &sealer;
    people = std::make_unique<Webhooks>(std::move(parts));
    people->on_due([this](const std::string& tenant_id, const std::string& webhook_id) {
        if (!processes.empty()) processes.front()->dispatcher->take_note(tenant_id, webhook_id);
    });
}

WebhookWorld::Process& WebhookWorld::add(std::string name) {
    processes.push_back(std::make_unique<Process>(*this, std::move(name)));
    return *processes.back();
}

Webhook WebhookWorld::endpoint(const std::string& url, std::function<void(WebhookSettings&)> change) {
    WebhookSettings settings;
    settings.integration_id = integration;
    settings.url = url;
    settings.events = {"*"};
    if (change) change(settings);
    auto made = loop.run(people->create(tenant, std::move(settings), "", ""));
    REQUIRE_MESSAGE(made.has_value(), made.error().message);
    secrets.push_back(made->secret);
    return made->webhook;
}

Event WebhookWorld::tell(const std::string& type, json::object data) {
    Event event;
    event.id = make_uuid(*random);
    event.type = type;
    event.timestamp = clock.now();
    event.tenant_id = tenant;
    event.stream_id = "stream";
    event.sequence = ++sequence;
    event.data = std::move(data);
    event.data["integrationId"] = integration;
    auto writes = loop.run(people->writes_for(tenant, {event}));
    REQUIRE_MESSAGE(writes.has_value(), writes.error().message);
    auto receipt = loop.run(store->commit(tenant, *writes));
    REQUIRE_MESSAGE(receipt.has_value(), receipt.error().message);
    people->take_note(tenant, *writes);
    return event;
}

WebhookDelivery WebhookWorld::delivery(const Webhook& webhook, const Event& event) {
    const std::string id = webhook_delivery_id(event.id, webhook.webhook_id, event.timestamp);
    auto found = loop.run(people->find_delivery(tenant, webhook.webhook_id, id));
    REQUIRE_MESSAGE(found.has_value(), found.error().message);
    return *found;
}

std::vector<WebhookDelivery> WebhookWorld::deliveries(const Webhook& webhook, const std::string& state) {
    auto page = loop.run(people->list_deliveries(tenant, webhook.webhook_id, state, 1000, ""));
    REQUIRE_MESSAGE(page.has_value(), page.error().message);
    return page->items;
}

Webhook WebhookWorld::find(const Webhook& webhook) {
    auto found = loop.run(people->find(tenant, webhook.webhook_id));
    REQUIRE_MESSAGE(found.has_value(), found.error().message);
    return *found;
}

} // namespace castiel_sync::testing
