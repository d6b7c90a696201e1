// What the handlers share.
#pragma once

#include "api.hpp"

#include <castiel_sync/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync::service {

// An error of the engine. The client is not told what nobody but us can mend, so the log is.
inline void log_own_fault(const Api& api, const std::string& request_id, const Error& error) {
    if (status_of(error.code) == 500 && api.parts().log)
        api.parts().log(LogLevel::error, error.message, {{"requestId", request_id}});
}
[[nodiscard]] inline HttpResponse failure(const Api& api, const std::string& request_id, const Error& error) {
    log_own_fault(api, request_id, error);
    return engine_answer(error);
}

[[nodiscard]] inline std::size_t limit_of(const ApiCall& call) {
    return static_cast<std::size_t>(call.parameters.integer("limit").value_or(100));
}

// What the engine's lists are asked for; the state's parameter has another name in each of them.
[[nodiscard]] inline ListRequest list_request(const ApiCall& call, std::string_view state) {
    ListRequest request;
    request.tenant_id = call.tenant_id;
    request.integration_id = call.text("integrationId");
    request.state = call.text(state);
    request.entity = call.text("entityType");
    request.limit = limit_of(call);
    request.cursor = call.text("cursor");
    return request;
}

// {"items": […], "nextCursor": …}; a list has many of what is shown, so that its text is written at once.
template <class T>
[[nodiscard]] HttpResponse page_answer(const std::vector<T>& items, const std::string& next_cursor) {
    std::string body = R"({"items":[)";
    for (const T& item : items) {
        if (&item != items.data()) body += ',';
        append_json(body, item);
    }
    body += ']';
    if (!next_cursor.empty()) {
        body += R"(,"nextCursor":)";
        append_json(body, json::value(next_cursor));
    }
    body += '}';
    return json_text_answer(200, std::move(body));
}

template <class T>
[[nodiscard]] HttpResponse list_answer(const Api& api, const ApiCall& call, const Result<ListPage<T>>& page) {
    if (!page) return failure(api, call.request_id, page.error());
    return page_answer(page->items, page->next_cursor);
}

template <class T>
[[nodiscard]] HttpResponse document_answer(const Api& api, const ApiCall& call, unsigned status,
                                           const Result<T>& document) {
    if (!document) return failure(api, call.request_id, document.error());
    std::string body;
    append_json(body, *document);
    return json_text_answer(status, std::move(body));
}

// A member of the body as text; "" when it is absent.
[[nodiscard]] inline std::string body_text(const ApiCall& call, std::string_view name) {
    const auto* body = call.body.if_object();
    const json::value* member = body != nullptr ? body->if_contains(name) : nullptr;
    const json::string* text = member != nullptr ? member->if_string() : nullptr;
    return text != nullptr ? std::string(*text) : std::string();
}

} // namespace castiel_sync::service
