#include "live_system.hpp"

#include <algorithm>
#include <utility>

namespace castiel_sync::service {
namespace {

// "Sample {number}" → "Sample 7", and "{number}" alone → 7.
json::value with_number(const json::value& value, std::size_t number) {
    constexpr std::string_view place = "{number}";
    if (const auto* object = value.if_object()) {
        json::object filled;
        for (const auto& member : *object)
            filled.emplace(member.key(), with_number(member.value(), number));
        return filled;
    }
    const auto* text = value.if_string();
    if (text == nullptr) return value;
    if (*text == place) return json::value(static_cast<std::int64_t>(number));
    std::string filled(*text);
    if (const std::size_t at = filled.find(place); at != std::string::npos)
        filled.replace(at, place.size(), std::to_string(number));
    return json::value(json::string(filled));
}

} // namespace

LiveHarness::LiveHarness(LiveSystem system) : system_(std::move(system)) {}

std::unique_ptr<Adapter> LiveHarness::make_adapter() const { return system_.make().value(); }

Async<Result<>> LiveHarness::reset() {
    const std::unique_ptr<Adapter> adapter = make_adapter();
    const std::size_t most = std::max<std::size_t>(adapter->capabilities().max_push_records, 1);
    std::vector<PushItem> items;
    std::string cursor;
    for (bool more = true; more;) {
        PullRequest request;
        request.entity = entity();
        request.cursor = std::move(cursor);
        auto page = co_await adapter->pull(std::move(request));
        if (!page) co_return page.error();
        for (Record& record : page->records) {
            if (record.deleted) continue;
            PushItem item;
            item.action = PushItem::Action::remove;
            item.id = std::move(record.id);
            item.expected_version = std::move(record.version);
            item.previous = std::move(record.fields);
            item.idempotency_key = "reset " + item.id;
            items.push_back(std::move(item));
        }
        cursor = std::move(page->next);
        more = page->has_more;
    }
    for (std::size_t begin = 0; begin < items.size(); begin += most) {
        PushRequest request;
        request.entity = entity();
        for (std::size_t index = begin; index < std::min(items.size(), begin + most); ++index)
            request.items.push_back(std::move(items[index]));
        auto outcomes = co_await adapter->push(std::move(request));
        if (!outcomes) co_return outcomes.error();
        for (const PushOutcome& outcome : *outcomes)
            if (outcome.status != PushOutcome::Status::applied)
                co_return outcome.error.value_or(Error(ErrorCode::unavailable, "a record could not be deleted"));
    }
    if (!items.empty()) co_await runtime().clock->sleep_for(adapter->capabilities().read_lag);
    co_return Result<>();
}

std::string LiveHarness::text_of(std::string_view member, std::string_view otherwise) const {
    const json::value* value = system_.conformance.if_contains(member);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string(otherwise);
}

json::object LiveHarness::sample(std::size_t number) const {
    const json::value* sample = system_.conformance.if_contains("sample");
    if (sample == nullptr || !sample->is_object()) return AdapterHarness::sample(number);
    return with_number(*sample, number).get_object();
}

std::string LiveHarness::text_field() const { return text_of("textField", "name"); }

std::string LiveHarness::integer_field() const { return text_of("integerField", "amount"); }

bool LiveHarness::keeps_unknown_members() const {
    const json::value* keeps = system_.conformance.if_contains("keepsUnknownMembers");
    return keeps == nullptr || !keeps->is_bool() || keeps->get_bool();
}

std::vector<testing::Deviation> LiveHarness::deviations() const {
    std::vector<testing::Deviation> stated;
    const json::value* written = system_.conformance.if_contains("deviations");
    if (written == nullptr || !written->is_object()) return stated;
    for (const auto& [name, reason] : written->get_object())
        stated.emplace_back(std::string(name), reason.is_string() ? std::string(reason.get_string()) : std::string());
    return stated;
}

} // namespace castiel_sync::service
