// What the commands that list and show share: pages until the limit, ids by their beginning, tables.
#pragma once

#include "commands.hpp"
#include "output/text.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

template <class T>
using ListCall = Async<Result<ListPage<T>>> (Engine::*)(ListRequest);

template <class T>
struct Listing {
    std::vector<T> items;
    bool more = false; // than the limit
};

// Opens the store that a run left behind, and answers the tenant.
[[nodiscard]] Result<std::string> open_for_tenant(Session& session);

// The whole id of an integration that was named by the beginning of its id or by its name; "" stays "".
[[nodiscard]] Result<std::string> integration_id(Session& session, const std::string& wanted);

template <class T>
Async<Result<Listing<T>>> collect(Session& session, ListArguments arguments, ListCall<T> call) {
    Listing<T> listing;
    ListRequest request;
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return tenant.error();
    auto integration = integration_id(session, arguments.integration);
    if (!integration) co_return integration.error();
    request.tenant_id = std::move(*tenant);
    request.integration_id = std::move(*integration);
    request.entity = arguments.entity;
    request.state = arguments.state == "all" ? "" : arguments.state;
    do {
        request.limit = std::min<std::size_t>(arguments.limit - listing.items.size(), 500);
        ListRequest next = request;
        auto page = co_await (session.engine().*call)(std::move(next));
        if (!page) co_return page.error();
        std::move(page->items.begin(), page->items.end(), std::back_inserter(listing.items));
        request.cursor = std::move(page->next_cursor);
    } while (!request.cursor.empty() && listing.items.size() < arguments.limit);
    listing.more = !request.cursor.empty();
    co_return listing;
}

// The whole id of what was named by it or by its beginning.
template <class T>
Async<Result<std::string>> find_id(Session& session, std::string tenant, std::string typed, std::string_view noun,
                                   ListCall<T> call, std::string T::*id) {
    std::vector<std::string> candidates;
    ListRequest request;
    request.tenant_id = std::move(tenant);
    request.limit = 500;
    do {
        ListRequest next = request;
        auto page = co_await (session.engine().*call)(std::move(next));
        if (!page) co_return page.error();
        for (T& item : page->items)
            if ((item.*id).starts_with(typed)) candidates.push_back(std::move(item.*id));
        request.cursor = std::move(page->next_cursor);
        if (std::ranges::find(candidates, typed) != candidates.end()) break;
    } while (!request.cursor.empty());
    co_return choose_id(candidates, typed, noun);
}

// True when --json was given and the items are printed.
template <class T>
bool print_as_json(Session& session, const std::vector<T>& items) {
    if (!session.console().json()) return false;
    for (const T& item : items)
        session.console().print_json(to_json_object(item));
    return true;
}

void print_table(Session& session, const Table& table, std::string_view when_empty, bool more);

} // namespace castiel_sync::service
