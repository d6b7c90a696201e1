// Descriptions for the tests of the REST adapter, and changes to them.
#pragma once

#include <castiel_sync/adapters/rest.hpp>

#include <adapters/rest/description.hpp>
#include <core/path.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace rest_test {

namespace cs = castiel_sync;

inline cs::json::value json_of(std::string_view text) { return cs::parse_json(text).value(); }

// The same document with another value at a dotted path; "" takes the member out.
inline cs::json::value with(cs::json::value document, std::string_view path, std::string_view text) {
    const cs::Path place = cs::Path::parse(path).value();
    if (!text.empty()) {
        CHECK(place.set(document.get_object(), json_of(text)).has_value());
        return document;
    }
    cs::json::object* object = &document.get_object();
    for (std::size_t depth = 0; depth + 1 < place.segments().size(); ++depth)
        object = &object->at(place.segments()[depth].name).get_object();
    object->erase(place.segments().back().name);
    return document;
}

inline std::string told(const std::vector<cs::ConfigurationFault>& faults) {
    std::string text;
    for (const cs::ConfigurationFault& fault : faults)
        text.append(fault.path).append(": ").append(fault.message).append("\n");
    return text;
}

inline std::shared_ptr<const cs::RestDescription> described(const cs::json::value& document) {
    auto parsed = cs::parse_rest_description(document);
    REQUIRE_MESSAGE(parsed.description, told(parsed.faults));
    return parsed.description;
}

// Whatever a description may say, said once.
inline cs::json::value everything() {
    return json_of(R"({
        "name": "crm", "summary": "A CRM.",
        "settings": {"account": {"type": "string"}, "region": {"type": "string", "default": "eu"}},
        "baseUrl": "https://{settings.region}.crm.test/api",
        "authentication": {"type": "header", "name": "X-Key"},
        "errorMessage": "error.message",
        "answers": [{"status": 200, "when": {"field": "ok", "equals": false}, "means": "retry"}],
        "entities": {"contacts": {
            "id": "id",
            "version": {"field": "revision"},
            "modifiedAt": {"field": "changed"},
            "deleted": {"field": "gone", "equals": true},
            "list": {"path": "/contacts", "query": {"offset": "{offset}", "limit": "{limit}"}, "records": "data",
                     "paging": {"type": "offset"}, "pageSize": {"default": 50, "most": 200}, "total": "total"},
            "changes": {"by": "sequence", "path": "/changes", "query": {"since": "{since}"}, "records": "data",
                        "next": "next", "position": {"path": "/position", "at": "now"}},
            "get": {"path": "/contacts/{id}"},
            "getMany": {"path": "/contacts", "query": {"ids": "{ids}"}, "records": "data", "most": 80},
            "find": {"path": "/contacts", "query": {"key": "{key}"}, "records": "data", "lagSeconds": 3},
            "create": {"path": "/contacts", "headers": {"Idempotency-Key": "{key}"}, "idempotent": true,
                       "set": {"key": "{key}"},
                       "answer": {"record": true}},
            "update": {"path": "/contacts/{id}", "headers": {"If-Match": "{version}"}, "answer": {"record": true}},
            "delete": {"path": "/contacts/{id}", "headers": {"If-Match": "{version}"}}
        }}})");
}

// The least: contacts in pages, by number.
inline cs::json::value contacts() {
    return json_of(R"({
        "name": "crm", "summary": "A CRM.", "baseUrl": "https://crm.test/api", "errorMessage": "error.message",
        "entities": {"contacts": {
            "id": "id",
            "list": {"path": "/contacts", "query": {"page": "{page}", "limit": "{limit}"}, "records": "data",
                     "paging": {"type": "page"}, "pageSize": {"default": 50, "most": 100}},
            "get": {"path": "/contacts/{id}"}
        }}})");
}

// The entity of a description like contacts(), for the pure parts.
inline cs::RestEntity entity_of(const cs::json::value& document) { return described(document)->entities.front(); }

} // namespace rest_test
