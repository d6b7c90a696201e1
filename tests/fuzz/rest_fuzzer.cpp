// Descriptions of REST systems, the answers of such systems, cursors that come back, and URLs: refused with a sentence,
// or read into what can be relied on.
#include "fuzzing.hpp"

#include <castiel_sync/adapters/rest.hpp>
#include <castiel_sync/http/egress.hpp>

#include <array>
#include <memory>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;

namespace {

class FixedClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() override { return std::chrono::sys_days(std::chrono::year(2026) / 11 / 28); }
    [[nodiscard]] std::chrono::nanoseconds monotonic() override { return {}; }
    Async<void> sleep_for(std::chrono::nanoseconds) override { co_return; }
};

// Answers with one piece of the input after the other, and at last with nothing at all.
class FuzzedTransport final : public HttpTransport {
public:
    explicit FuzzedTransport(FuzzedDataProvider& data) : data_(data) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override {
        require(parse_http_url(call.url).has_value(), "only URLs are asked for", call.url);
        require(call.url.starts_with("https://crm.test/") || call.url.starts_with("https://crm.test?"),
                "credentials go nowhere else", call.url);
        if (data_.remaining_bytes() == 0 || ++calls_ > 40) co_return Error(ErrorCode::unavailable, "no more");
        constexpr std::array<unsigned, 8> statuses{200, 200, 200, 201, 404, 409, 429, 500};
        HttpAnswer answer;
        answer.status = statuses[data_.ConsumeIntegralInRange<std::size_t>(0, statuses.size() - 1)];
        answer.headers.add("Date", "Sat, 28 Nov 2026 00:00:00 GMT");
        for (const char* name : {"Link", "X-Total", "ETag", "Retry-After", "Location"})
            if (data_.ConsumeBool()) answer.headers.add(name, data_.ConsumeRandomLengthString(64));
        answer.body = data_.ConsumeRandomLengthString(4096);
        co_return answer;
    }

private:
    FuzzedDataProvider& data_;
    int calls_ = 0;
};

std::shared_ptr<const RestDescription> described(std::string_view list, std::string_view more) {
    const std::string text = R"({"name":"crm","summary":"s","baseUrl":"https://crm.test","errorMessage":"error",
        "answers":[{"when":{"field":"failed","equals":true},"means":"retry"}],
        "entities":{"contacts":{"id":"id","modifiedAt":{"field":"at"},"deleted":{"field":"gone","equals":true},
        "get":{"path":"/contacts/{id}"},"list":{"path":"/contacts","records":"rows","total":{"header":"X-Total"},)" +
                             std::string(list) + "}" + std::string(more) + "}}}";
    auto parsed = parse_rest_description(parse_json(text).value());
    require(parsed.description != nullptr, "the fuzzer's descriptions are good",
            parsed.faults.empty() ? "" : parsed.faults.front().path + parsed.faults.front().message);
    return parsed.description;
}

const std::vector<std::shared_ptr<const RestDescription>>& descriptions() {
    constexpr std::string_view writes =
        R"(,"create":{"path":"/contacts","headers":{"K":"{key}"},"idempotent":true,"answer":{"id":"id"}},
            "update":{"path":"/contacts/{id}","headers":{"If-Match":"{version}"},"versionHeader":"ETag",
                      "answer":{"record":true}},"delete":{"path":"/contacts/{id}"})";
    static const std::vector<std::shared_ptr<const RestDescription>> all{
        described(R"("query":{"p":"{page}","n":"{limit}"},"paging":{"type":"page"})", writes),
        described(R"("query":{"o":"{offset}","n":"{limit}"},"paging":{"type":"offset"})",
                  R"(,"getMany":{"path":"/many","query":{"id":"{ids}"},"records":"rows"})"),
        described(R"("query":{"c":"{cursor}"},"paging":{"type":"cursor","next":"next"})",
                  R"(,"changes":{"by":"timestamp","path":"/contacts","query":{"since":"{since}"},"records":"rows"})"),
        described(R"("query":{"a":"{after|json}"},"paging":{"type":"keyset","key":"id","inclusive":true})",
                  R"(,"changes":{"by":"sequence","path":"/changes","query":{"since":"{since}"},"records":"rows",
                      "next":"next","position":{"path":"/head","at":"next"},"rowId":"of",
                      "deletedRow":{"when":{"field":"del","present":true},"id":"of"}})"),
        described(R"("paging":{"type":"link"})", writes),
        described(R"("paging":{"type":"nextUrl","next":"next"})", ""),
    };
    return all;
}

void check_page(const RecordPage& page, std::size_t most) {
    require(page.records.size() + page.faults.size() <= most, "a page keeps to what was asked for");
    require(!page.next.empty(), "a page says where to go on");
    for (const Record& record : page.records) {
        require(!record.id.empty() && record.id.size() <= max_record_id_bytes, "a record has an id");
        require(record.deleted || !record.version.empty(), "a record has a version", record.id);
    }
    for (const RecordFault& fault : page.faults)
        require_readable(fault.error);
}

void pull_and_write(FuzzedDataProvider& data) {
    static boost::asio::io_context loop;
    static FixedClock clock;
    static const std::unique_ptr<Random> random = make_seeded_random(1);
    const auto& all = descriptions();
    const auto& description = all[data.ConsumeIntegralInRange<std::size_t>(0, all.size() - 1)];
    const std::size_t most = data.ConsumeIntegralInRange<std::size_t>(1, 20);
    AdapterContext context;
    context.runtime = {loop.get_executor(), &clock, random.get()};
    context.entity = "contacts";
    std::string cursor = data.ConsumeBool() ? data.ConsumeRandomLengthString(200) : std::string();
    RestParts parts;
    parts.transport = std::make_shared<FuzzedTransport>(data);
    const std::unique_ptr<Adapter> adapter = rest_factory(description, parts)(context).value();
    for (int pages = 0; pages < 40; ++pages) {
        PullRequest request;
        request.entity = "contacts";
        request.cursor = cursor;
        request.max_records = most;
        auto page = run(loop, adapter->pull(std::move(request)));
        if (!page) {
            require_readable(page.error());
            break;
        }
        check_page(*page, most);
        cursor = page->next;
        if (!page->has_more) break;
    }
    FetchRequest fetch;
    fetch.entity = "contacts";
    fetch.ids = {"1", "a b", "../x"};
    auto fetched = run(loop, adapter->fetch(std::move(fetch)));
    require(!fetched || fetched->size() == 3, "fetch answers once for each id");
    PushRequest push;
    push.entity = "contacts";
    for (const auto action : {PushItem::Action::create, PushItem::Action::update, PushItem::Action::remove}) {
        PushItem item;
        item.action = action;
        if (action != PushItem::Action::create) item.id = "7";
        item.idempotency_key = "k";
        item.fields = {{"name", "x"}};
        push.items.push_back(std::move(item));
    }
    auto outcomes = run(loop, adapter->push(std::move(push)));
    if (!outcomes) return require_readable(outcomes.error());
    require(outcomes->size() == 3, "push answers once for each item");
    require(outcomes->front().status != PushOutcome::Status::applied || !outcomes->front().id.empty(),
            "an applied create tells its id");
}

void read_description(std::string_view text) {
    auto document = parse_json(text);
    if (!document) return;
    const ParsedRestDescription parsed = parse_rest_description(*document);
    const bool hinders = require_readable(parsed.faults);
    require(hinders == (parsed.description == nullptr), "a description without fault is one, and no other");
    if (!parsed.description) return;
    for (const std::string& name : entity_names(*parsed.description))
        require(capabilities_of(*parsed.description, name).has_value(), "an entity promises something", name);
    require(!describe(*parsed.description).name.empty(), "a description has a name");
}

void read_url(std::string_view text) {
    const auto url = parse_http_url(text);
    if (!url) return require_readable(url.error());
    const std::string written = (url->secure ? "https://" : "http://") + url->authority() + url->target;
    const auto again = parse_http_url(written);
    require(again && again->host == url->host && again->port == url->port && again->target == url->target,
            "a URL that was read is written as the same", written);
    if (auto allowed = EgressPolicy().check(*url); !allowed) require_readable(allowed.error());
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text = text_of(data, size).substr(1);
    switch (data[0] % 4) {
    case 0:
        read_description(text);
        break;
    case 1:
        read_url(text);
        break;
    default:
        FuzzedDataProvider provider(data + 1, size - 1);
        pull_and_write(provider);
    }
    return 0;
}
