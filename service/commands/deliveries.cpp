// webhooks: the deliveries to an endpoint. Endpoints themselves: webhooks.cpp.
#include "webhook_commands.hpp"

#include "output/text.hpp"
#include "uuid.hpp"

#include <castiel_sync/time.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace castiel_sync::service {
namespace {

std::string outcome(const WebhookAttempt& attempt) {
    if (attempt.error) return attempt.error->message;
    if (attempt.status != 0) return fmt::format("answered {}", attempt.status);
    return std::string(to_string(attempt.state));
}

void print_delivery(Console& console, const WebhookDelivery& delivery) {
    const auto line = [&](std::string_view name, std::string_view value) {
        console.print_line(fmt::format("{:13} {}", name, printable(value)));
    };
    line("delivery", delivery.delivery_id);
    line("webhook", delivery.webhook_id);
    line("event", delivery.event_id);
    line("type", delivery.event_type);
    line("state", to_string(delivery.state));
    line("created", shown(delivery.created_at));
    if (delivery.next_attempt_at) line("next attempt", shown(*delivery.next_attempt_at));
    if (delivery.completed_at) line("ended", shown(*delivery.completed_at));
    line("attempts", fmt::to_string(delivery.attempt_count));
    if (delivery.attempts.empty()) return;
    Table table({"attempt", "started", "took", "state", "outcome", "answer"}, 100);
    table.align_right(0);
    for (const WebhookAttempt& each : delivery.attempts)
        table.add({fmt::format("{}{}", each.number, each.manual ? " (asked for)" : ""), shown(each.started_at),
                   fmt::format("{} ms", each.took.count()), std::string(to_string(each.state)), outcome(each),
                   each.answer});
    console.print(table.text());
}

// The whole id of what was named by it or by its beginning.
Async<Result<std::string>> find_delivery_id(Session& session, FoundWebhook of, std::string typed) {
    if (auto whole = parse_uuid(typed)) co_return std::move(*whole);
    std::vector<std::string> candidates;
    std::string cursor;
    do {
        auto page =
            co_await session.webhooks().list_deliveries(of.tenant_id, of.webhook_id, "", 500, std::move(cursor));
        if (!page) co_return page.error();
        for (WebhookDelivery& delivery : page->items)
            if (delivery.delivery_id.starts_with(typed)) candidates.push_back(std::move(delivery.delivery_id));
        cursor = std::move(page->next_cursor);
    } while (!cursor.empty());
    auto chosen = choose_id(candidates, typed, "delivery");
    co_return chosen;
}

// Also of a state that few of them are in: a page may hold fewer than were asked for, and not be the last one.
Async<Result<Listing<WebhookDelivery>>> collect_deliveries(Session& session, FoundWebhook of,
                                                           WebhooksDeliveriesArguments arguments) {
    Listing<WebhookDelivery> listing;
    std::string cursor;
    do {
        const std::size_t limit = std::min<std::size_t>(arguments.limit - listing.items.size(), 500);
        auto page = co_await session.webhooks().list_deliveries(of.tenant_id, of.webhook_id, arguments.state, limit,
                                                                std::move(cursor));
        if (!page) co_return page.error();
        std::move(page->items.begin(), page->items.end(), std::back_inserter(listing.items));
        cursor = std::move(page->next_cursor);
    } while (!cursor.empty() && listing.items.size() < arguments.limit);
    listing.more = !cursor.empty();
    co_return listing;
}

void report_due(Console& console, const WebhookDelivery& delivery) {
    if (console.json())
        console.print_json(to_json_object(delivery));
    else
        console.tell(fmt::format("{} waits: {} it.", delivery.delivery_id, sent_by_a_service));
}

Result<std::optional<Timestamp>> parse_time(std::string_view option, const std::string& typed) {
    if (typed.empty()) return std::optional<Timestamp>();
    const auto time = parse_timestamp(typed);
    if (!time)
        return Error(ErrorCode::invalid_request, fmt::format("{} must be a time such as 2026-11-23T04:00:20Z", option));
    return time;
}

} // namespace

Async<ExitCode> execute(Session& session, WebhooksTestArguments arguments) {
    auto found = co_await open_webhook(session, std::move(arguments.id));
    if (!found) co_return fail(session, found.error());
    auto delivery = co_await session.webhooks().test(found->tenant_id, found->webhook_id);
    if (!delivery) co_return fail(session, delivery.error());
    report_due(session.console(), *delivery);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, WebhooksDeliveriesArguments arguments) {
    auto found = co_await open_webhook(session, arguments.id);
    if (!found) co_return fail(session, found.error());
    auto deliveries = co_await collect_deliveries(session, *found, std::move(arguments));
    if (!deliveries) co_return fail(session, deliveries.error());
    if (print_as_json(session, deliveries->items)) co_return ExitCode::done;
    // Ids begin with the time: only whole ones are sure to differ.
    Table table({"id", "created", "event", "state", "attempts", "last outcome", "next attempt"}, 60);
    table.align_right(4);
    for (const WebhookDelivery& each : deliveries->items)
        table.add({each.delivery_id, shown(each.created_at), each.event_type, std::string(to_string(each.state)),
                   fmt::to_string(each.attempt_count), each.attempts.empty() ? "" : outcome(each.attempts.back()),
                   each.next_attempt_at ? shown(*each.next_attempt_at) : ""});
    print_table(session, table, "No deliveries.", deliveries->more);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, WebhooksDeliveryArguments arguments) {
    auto found = co_await open_webhook(session, std::move(arguments.id));
    if (!found) co_return fail(session, found.error());
    auto id = co_await find_delivery_id(session, *found, std::move(arguments.delivery));
    if (!id) co_return fail(session, id.error());
    auto delivery = co_await session.webhooks().find_delivery(found->tenant_id, found->webhook_id, *id);
    if (!delivery) co_return fail(session, delivery.error());
    if (session.console().json())
        session.console().print_json(to_json_object(*delivery));
    else
        print_delivery(session.console(), *delivery);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, WebhooksRedeliverArguments arguments) {
    auto found = co_await open_webhook(session, std::move(arguments.id));
    if (!found) co_return fail(session, found.error());
    ExitCode code = ExitCode::done;
    for (const std::string& typed : arguments.deliveries) {
        auto id = co_await find_delivery_id(session, *found, typed);
        if (!id) {
            code = graver(code, fail(session, id.error()));
            continue;
        }
        auto delivery = co_await session.webhooks().redeliver(found->tenant_id, found->webhook_id, *id);
        if (delivery)
            report_due(session.console(), *delivery);
        else
            code = graver(code, fail(session, delivery.error()));
    }
    co_return code;
}

Async<ExitCode> execute(Session& session, WebhooksRecoverArguments arguments) {
    const auto since = parse_time("--since", arguments.since);
    if (!since) co_return fail(session, since.error());
    const auto until = parse_time("--until", arguments.until);
    if (!until) co_return fail(session, until.error());
    auto found = co_await open_webhook(session, std::move(arguments.id));
    if (!found) co_return fail(session, found.error());
    WebhookRecovery recovery;
    recovery.since = since->value_or(Timestamp{});
    recovery.until = *until;
    recovery.only_missing = !arguments.all;
    recovery.dry_run = arguments.dry_run;
    auto count = co_await session.webhooks().recover(found->tenant_id, found->webhook_id, std::move(recovery));
    if (!count) co_return fail(session, count.error());
    Console& console = session.console();
    const std::string_view noun = *count == 1 ? "delivery" : "deliveries";
    if (console.json()) {
        json::object line{{"deliveries", *count}, {"dryRun", arguments.dry_run}};
        console.print_json(line);
    } else if (*count == 0) {
        console.tell("There is nothing to send.");
    } else if (arguments.dry_run) {
        console.tell(fmt::format("{} {} would be sent; nothing was changed.", *count, noun));
    } else {
        console.tell(fmt::format("{} {}: {} {}.", *count, noun, sent_by_a_service, *count == 1 ? "it" : "them"));
    }
    co_return ExitCode::done;
}

} // namespace castiel_sync::service
