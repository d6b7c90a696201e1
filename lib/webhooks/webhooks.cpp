#include <castiel_sync/webhooks/webhooks.hpp>

#include <castiel_sync/webhooks/signature.hpp>
#include <core/filter.hpp>
#include <core/http_syntax.hpp>
#include <core/webhook_rules.hpp>
#include <webhooks/found.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace castiel_sync {
namespace {

constexpr int stale_rounds = 20; // beside a lane that stores something all the time
constexpr std::chrono::hours repetition_window{24}; // as that of an Idempotency-Key
constexpr std::size_t longest_url = 2048;
constexpr std::size_t most_events = 100;
constexpr std::size_t most_header_bytes = 4096;
constexpr std::size_t most_filter_bytes = 16 * 1024; // they are read with every page of events
constexpr std::size_t longest_description = 1000;

Error no_such(std::string_view what, const std::string& id) {
    return Error(ErrorCode::not_found, fmt::format("no {} has the id {}", what, id));
}

// Whoever could set these would speak for us, or cut the message up differently.
bool is_ours(std::string_view name) {
    std::string text(name);
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return castiel_sync::lower(c); });
    constexpr std::array<std::string_view, 14> names{
        "host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "expect", "accept-encoding", "user-agent", "cookie", "forwarded", "via"};
    constexpr std::array<std::string_view, 6> prefixes{"content-", "webhook-", "svix-", "proxy-", "sec-",
                                                       "x-forwarded-"};
    return std::find(names.begin(), names.end(), text) != names.end() ||
           std::any_of(prefixes.begin(), prefixes.end(),
                       [&text](std::string_view prefix) { return text.starts_with(prefix); });
}

Result<> check_headers(const std::vector<HttpHeader>& headers) {
    std::size_t bytes = 0;
    for (const HttpHeader& header : headers) {
        if (!is_token(header.name))
            return Error(ErrorCode::invalid_request, "headers: \"" + header.name + "\" is no name of a header");
        if (is_ours(header.name))
            return Error(ErrorCode::invalid_request, "headers: " + header.name + " is not for webhooks to set");
        if (!all_of(header.value, value_character) || trimmed(header.value) != header.value)
            return Error(ErrorCode::invalid_request,
                         "headers: the value of " + header.name + " holds control characters, or spaces around it");
        bytes += header.name.size() + header.value.size();
    }
    if (bytes > most_header_bytes)
        return Error(ErrorCode::invalid_request,
                     fmt::format("headers: {} bytes, more than {}", bytes, most_header_bytes));
    return {};
}

Webhook shown(WebhookDocument document, std::vector<HttpHeader> headers) {
    Webhook webhook = std::move(document);
    webhook.settings.headers = std::move(headers);
    return webhook;
}

} // namespace

void Webhooks::tell(const std::string& tenant_id, const std::string& webhook_id) const {
    if (parts_.on_due) parts_.on_due(tenant_id, webhook_id);
}

Result<> Webhooks::check(const WebhookSettings& settings) const {
    const auto refused = [](std::string message) { return Error(ErrorCode::invalid_request, std::move(message)); };
    if (settings.url.size() > longest_url) return refused(fmt::format("url: longer than {} bytes", longest_url));
    auto url = parse_http_url(settings.url);
    if (!url) return refused("url: " + url.error().message);
    if (auto allowed = parts_.egress.check(*url); !allowed) return refused("url: " + allowed.error().message);
    if (settings.events.empty()) return refused("events: at least one; \"*\" takes all");
    if (settings.events.size() > most_events) return refused(fmt::format("events: more than {}", most_events));
    for (const std::string& event : settings.events)
        if (!is_event_pattern(event))
            return refused("events: \"" + event +
                           "\" is no type of event, such as integration.sync.completed or integration.sync.*");
    std::vector<ConfigurationFault> faults;
    check_filters(settings.filters, "filters", faults);
    if (!faults.empty()) return refused(faults.front().path + ": " + faults.front().message);
    std::size_t filter_bytes = 0;
    for (const Filter& filter : settings.filters) filter_bytes += filter.field.size() + to_json(filter.value).size();
    if (filter_bytes > most_filter_bytes)
        return refused(fmt::format("filters: {} bytes, more than {}", filter_bytes, most_filter_bytes));
    if (settings.description.size() > longest_description)
        return refused(fmt::format("description: longer than {} bytes", longest_description));
    if (settings.max_in_flight < 1 || settings.max_in_flight > 100) return refused("maxInFlight: 1 to 100");
    if (settings.rate_per_minute && (*settings.rate_per_minute < 1 || *settings.rate_per_minute > 1'000'000))
        return refused("ratePerMinute: 1 to 1000000");
    return check_headers(settings.headers);
}

Async<Result<Webhooks::Found>> Webhooks::load(std::string tenant_id, std::string webhook_id) {
    std::vector<std::string> ids{webhook_id};
    auto documents = co_await parts_.store->read(tenant_id, "webhook", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) co_return no_such("webhook", webhook_id);
    auto document = from_document<WebhookDocument>(*documents->front());
    if (!document) co_return document.error();
    if (document->removed) co_return no_such("webhook", webhook_id);
    auto headers = open_headers(document->sealed_headers, *parts_.sealer, webhook_context(tenant_id, webhook_id));
    if (!headers) co_return headers.error();
    Found found;
    found.document = std::move(*document);
    found.headers = std::move(*headers);
    co_return found;
}

Async<Result<WebhookWithSecret>> Webhooks::create(std::string tenant_id, WebhookSettings settings, std::string secret,
                                                  std::string webhook_id) {
    if (auto fine = check(settings); !fine) co_return fine.error();
    Random& random = *parts_.runtime.random;
    if (secret.empty()) secret = make_webhook_secret(random);
    if (auto key = parse_webhook_secret(secret); !key)
        co_return Error(key.error().code, "secret: " + key.error().message);
    auto present = co_await count(tenant_id);
    if (!present) co_return present.error();
    if (*present >= parts_.limits.max_webhooks_per_tenant)
        co_return Error(ErrorCode::invalid_request,
                        fmt::format("there are {} webhooks, and no more are kept of one tenant",
                                    parts_.limits.max_webhooks_per_tenant));
    const Timestamp now = parts_.runtime.clock->now();
    const bool may_be_repeated = !webhook_id.empty();
    WebhookDocument document;
    document.webhook_id = may_be_repeated ? std::move(webhook_id) : make_uuid(random);
    const std::string context = webhook_context(tenant_id, document.webhook_id);
    std::vector<HttpHeader> headers = std::exchange(settings.headers, {});
    document.sealed_headers = seal_headers(headers, *parts_.sealer, context, random);
    document.settings = std::move(settings);
    if (!document.settings.active) {
        document.disabled_reason = WebhookDisabledReason::owner;
        document.disabled_at = now;
    }
    SealedSecret sealed;
    sealed.sealed = parts_.sealer->seal(secret, context, random);
    sealed.created_at = now;
    document.secrets.push_back(std::move(sealed));
    document.created_at = document.updated_at = now;
    std::vector<Write> writes{insert(to_document(document))};
    auto receipt = co_await parts_.store->commit(tenant_id, std::move(writes));
    if (!receipt && receipt.error().code == ErrorCode::stale && may_be_repeated) {
        auto earlier = co_await load(tenant_id, document.webhook_id);
        const bool same = earlier && earlier->document.settings.url == document.settings.url &&
                          earlier->document.settings.events == document.settings.events &&
                          earlier->document.created_at > now - repetition_window;
        // The first answer with the secret never arrived: this one holds another, and both sign.
        if (same) co_return co_await rotate_secret(tenant_id, document.webhook_id, std::move(secret));
        document.settings.headers = std::move(headers); // made long ago by what had the same id
        co_return co_await create(std::move(tenant_id), std::move(document.settings), std::move(secret), "");
    }
    if (!receipt) co_return receipt.error();
    WebhookWithSecret made;
    made.webhook = shown(std::move(document), std::move(headers));
    made.secret = std::move(secret);
    co_return made;
}

Async<Result<std::size_t>> Webhooks::count(std::string tenant_id) {
    std::size_t count = 0;
    Query query;
    query.limit = 1000;
    do {
        Query copy = query;
        auto page = co_await parts_.store->query(tenant_id, "webhook", std::move(copy));
        if (!page) co_return page.error();
        for (const Document& document : page->documents) {
            const auto webhook = from_document<WebhookDocument>(document);
            if (!webhook || !webhook->removed) ++count;
        }
        query.continuation = page->continuation;
    } while (!query.continuation.empty());
    co_return count;
}

// Others change the same document; each time a little longer, by chance.
Async<> Webhooks::pause_between(int round) {
    const std::uint64_t most = 5'000'000ULL * static_cast<std::uint64_t>(round + 1); // nanoseconds
    co_await parts_.runtime.clock->sleep_for(
        std::chrono::nanoseconds(static_cast<std::int64_t>(uniform(*parts_.runtime.random, most))));
}

Async<Result<Webhook>> Webhooks::find(std::string tenant_id, std::string webhook_id) {
    auto found = co_await load(std::move(tenant_id), std::move(webhook_id));
    if (!found) co_return found.error();
    co_return shown(std::move(found->document), std::move(found->headers));
}

Async<Result<std::vector<Webhook>>> Webhooks::list(std::string tenant_id, std::string integration_id) {
    std::vector<Webhook> webhooks;
    Query query;
    query.limit = 1000;
    if (!integration_id.empty())
        query.conditions.emplace_back("integration_id", Condition::Comparison::equal, IndexValue(integration_id));
    do {
        Query copy = query;
        auto page = co_await parts_.store->query(tenant_id, "webhook", std::move(copy));
        if (!page) co_return page.error();
        for (const Document& document : page->documents) {
            auto webhook = from_document<WebhookDocument>(document);
            if (!webhook) co_return webhook.error();
            if (webhook->removed) continue;
            auto headers =
                open_headers(webhook->sealed_headers, *parts_.sealer, webhook_context(tenant_id, webhook->webhook_id));
            if (!headers) co_return headers.error();
            webhooks.push_back(shown(std::move(*webhook), std::move(*headers)));
        }
        query.continuation = page->continuation;
    } while (!query.continuation.empty());
    co_return webhooks;
}

Async<Result<Webhook>> Webhooks::update(std::string tenant_id, std::string webhook_id,
                                        std::function<Result<>(WebhookSettings&)> change) {
    for (int round = 0;; ++round) {
        auto found = co_await load(tenant_id, webhook_id);
        if (!found) co_return found.error();
        WebhookDocument& document = found->document;
        const bool was_active = document.settings.active;
        document.settings.headers = found->headers;
        if (auto changed = change(document.settings); !changed) co_return changed.error();
        if (auto fine = check(document.settings); !fine) co_return fine.error();
        const Timestamp now = parts_.runtime.clock->now();
        std::vector<HttpHeader> headers = std::exchange(document.settings.headers, {});
        if (headers != found->headers)
            document.sealed_headers = seal_headers(headers, *parts_.sealer, webhook_context(tenant_id, webhook_id),
                                                   *parts_.runtime.random);
        if (document.settings.active && !was_active) {
            document.disabled_reason.reset();
            document.disabled_at.reset();
            document.health = WebhookHealth();
            document.failing_since.reset();
        } else if (!document.settings.active && was_active) {
            document.disabled_reason = WebhookDisabledReason::owner;
            document.disabled_at = now;
        }
        document.updated_at = now;
        std::vector<Write> writes{replace(to_document(document))};
        auto receipt = co_await parts_.store->commit(tenant_id, std::move(writes));
        if (receipt) {
            tell(tenant_id, webhook_id);
            co_return shown(std::move(document), std::move(headers));
        }
        if (receipt.error().code != ErrorCode::stale || round == stale_rounds) co_return receipt.error();
        co_await pause_between(round);
    }
}

// Without its secrets, which may be lost.
Async<Result<>> Webhooks::remove(std::string tenant_id, std::string webhook_id) {
    for (int round = 0;; ++round) {
        std::vector<std::string> ids{webhook_id};
        auto documents = co_await parts_.store->read(tenant_id, "webhook", std::move(ids));
        if (!documents) co_return documents.error();
        if (!documents->front()) co_return no_such("webhook", webhook_id);
        auto document = from_document<WebhookDocument>(*documents->front());
        if (!document) co_return document.error();
        if (document->removed) co_return no_such("webhook", webhook_id);
        document->removed = true;
        document->updated_at = parts_.runtime.clock->now();
        std::vector<Write> writes{replace(to_document(*document))};
        auto receipt = co_await parts_.store->commit(tenant_id, std::move(writes));
        if (receipt) {
            tell(tenant_id, webhook_id);
            co_return Result<>();
        }
        if (receipt.error().code != ErrorCode::stale || round == stale_rounds) co_return receipt.error();
        co_await pause_between(round);
    }
}

Async<Result<WebhookWithSecret>> Webhooks::rotate_secret(std::string tenant_id, std::string webhook_id,
                                                         std::string secret) {
    Random& random = *parts_.runtime.random;
    if (secret.empty()) secret = make_webhook_secret(random);
    if (auto key = parse_webhook_secret(secret); !key)
        co_return Error(key.error().code, "secret: " + key.error().message);
    for (int round = 0;; ++round) {
        auto found = co_await load(tenant_id, webhook_id);
        if (!found) co_return found.error();
        const Timestamp now = parts_.runtime.clock->now();
        auto& secrets = found->document.secrets;
        std::erase_if(secrets, [now](const SealedSecret& old) { return old.signs_until && *old.signs_until <= now; });
        for (SealedSecret& old : secrets)
            if (!old.signs_until) old.signs_until = now + parts_.limits.secret_overlap;
        SealedSecret sealed;
        sealed.sealed = parts_.sealer->seal(secret, webhook_context(tenant_id, webhook_id), random);
        sealed.created_at = now;
        secrets.insert(secrets.begin(), std::move(sealed));
        if (secrets.size() > parts_.limits.max_old_secrets + 1) secrets.resize(parts_.limits.max_old_secrets + 1);
        found->document.updated_at = now;
        std::vector<Write> writes{replace(to_document(found->document))};
        auto receipt = co_await parts_.store->commit(tenant_id, std::move(writes));
        if (receipt) {
            WebhookWithSecret rotated;
            rotated.webhook = shown(std::move(found->document), std::move(found->headers));
            rotated.secret = std::move(secret);
            co_return rotated;
        }
        if (receipt.error().code != ErrorCode::stale || round == stale_rounds) co_return receipt.error();
        co_await pause_between(round);
    }
}

} // namespace castiel_sync
