// adapters/schema.json against the parser that it speaks for, so that an editor and the service say the same.
#include "configuration/files.hpp"
#include "configuration/located.hpp"
#include "configuration/schema.hpp"
#include "systems/descriptions.hpp"

#include <castiel_sync/adapters/rest.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

const std::string template_file = "adapters/template.yaml";

std::string text_of(const std::string& file) {
    std::vector<Fault> faults;
    auto text = read_text_file(file, faults);
    REQUIRE_MESSAGE(text.has_value(), file);
    return std::move(*text);
}

const json::value& schema_document() {
    static const json::value document = parse_json(text_of("adapters/schema.json")).value();
    return document;
}

const CompiledSchema& schema() {
    static const CompiledSchema compiled(schema_document(), schema_document());
    return compiled;
}

json::value description(const std::string& file) {
    LoadedDescription loaded = load_description(file);
    for (const Fault& fault : loaded.faults)
        FAIL_CHECK(to_string(fault));
    return std::move(loaded.document);
}

std::string told(const std::vector<ConfigurationFault>& faults) {
    std::string text;
    for (const ConfigurationFault& fault : faults)
        text += fault.path + ": " + fault.message + "\n";
    return text;
}

std::vector<ConfigurationFault> faults_of(const json::value& document) {
    std::vector<ConfigurationFault> faults = parse_rest_description(document).faults;
    std::erase_if(faults, [](const ConfigurationFault& fault) { return fault.notice; });
    return faults;
}

bool allowed_by_schema(const json::value& document) { return schema().validate(document, 1).empty(); }

struct Sample {
    json::value value;
    std::string path; // what is of interest in it, as faults write it
};

// The template, and what it can't hold beside what it holds.
std::vector<Sample> all_samples() {
    struct Variant {
        const char* pointer;
        const char* value;
    };
    const json::value base = description(template_file);
    std::vector<Sample> all{{base, ""}};
    for (const Variant& variant : {
             Variant{"/authentication", R"({"type": "none"})"},
             Variant{"/authentication", R"({"type": "header", "name": "X-Key", "value": "{credentials.key}"})"},
             Variant{"/authentication", R"({"type": "query", "name": "key", "value": "{credentials.key}"})"},
             Variant{"/authentication", R"({"type": "basic", "userName": "{credentials.a}", "password": "-"})"},
             Variant{"/authentication", R"({"type": "oauth2", "grant": "clientCredentials", "tokenUrl": "https://t.test",
                                            "scope": "a b", "clientAuthentication": "body",
                                            "parameters": {"audience": "{credentials.a}"}})"},
             Variant{"/authentication", R"({"type": "oauth2", "grant": "refreshToken", "tokenUrl": "https://t.test",
                                            "scope": "a b", "clientAuthentication": "header", "rotates": false,
                                            "parameters": {"audience": "a"}})"},
             Variant{"/webhook", R"({"scheme": "github", "entity": "a.b", "id": "c"})"},
             Variant{"/entities/contacts/delete/answer", R"({"id": {"header": "X-Id"}, "version": "a"})"},
             Variant{"/entities/deals/list", R"({"path": "/deals", "paging": {"type": "none"}})"},
         }) {
        json::value document = base;
        const std::string_view pointer = variant.pointer;
        const std::size_t end = pointer.rfind('/');
        json::value& around = end == 0 ? document : document.at_pointer(pointer.substr(0, end));
        around.as_object().insert_or_assign(pointer.substr(end + 1), parse_json(variant.value).value());
        std::string path(pointer.substr(1));
        std::ranges::replace(path, '/', '.');
        all.push_back({std::move(document), std::move(path)});
    }
    // Every request has the same five keys.
    json::value requests = base;
    for (const char* request : {"/check", "/entities/contacts/list", "/entities/contacts/changes",
                                "/entities/contacts/changes/position", "/entities/contacts/get",
                                "/entities/contacts/getMany", "/entities/contacts/find", "/entities/contacts/create",
                                "/entities/contacts/update", "/entities/contacts/delete", "/entities/contacts/batch"}) {
        json::object& written = requests.at_pointer(request).as_object();
        written.emplace("method", "POST");
        written.emplace("query", json::object{{"fixed", 1}});
        written.emplace("headers", json::object{{"X-Fixed", true}});
        written.emplace("body", json::object{{"fixed", json::array{1, true}}});
    }
    requests.at_pointer("/entities/contacts/list/paging").as_object().emplace("inclusive", true);
    json::object& changes = requests.at_pointer("/entities/contacts/changes").as_object();
    changes.emplace("total", "meta.total");
    changes.emplace("shortPageIsLast", false);
    requests.at_pointer("/entities/contacts/list").as_object().emplace("rowId", "id");
    changes.emplace("paging", json::object{{"type", "none"}});
    json::object& outcome = requests.at_pointer("/entities/contacts/batch/outcomes/0").as_object();
    outcome = parse_json_object(R"({"field": "a", "equals": null, "contains": "b", "startsWith": "c", "above": 1.5,
                                    "present": true, "means": "conflict"})")
                  .value();
    requests.at_pointer("/entities/contacts/delete").as_object().emplace("versionHeader", "ETag");
    all.push_back({std::move(requests), ""});
    return all;
}

// How names of members below a place are chosen.
enum class Names { fixed, free, opaque };

Names names_below(std::string_view key, std::string_view parent) {
    constexpr std::array<std::string_view, 4> anything{"body", "sample", "equals", "deviations"};
    constexpr std::array<std::string_view, 6> free{"entities", "settings", "headers", "query", "set", "parameters"};
    if (std::ranges::find(anything, key) != anything.end()) return Names::opaque;
    if (key == "delete" && parent == "batch") return Names::opaque;
    if (parent == "settings") return Names::opaque;
    return std::ranges::find(free, key) != free.end() ? Names::free : Names::fixed;
}

struct Member {
    std::string container; // JSON pointer
    std::string key;
    std::string path; // as faults write it
    bool fixed_name = true;
};

void collect(const json::value& value, std::string_view key, std::string_view parent, const std::string& pointer,
             const std::string& path, std::vector<Member>& found) {
    const Names names = names_below(key, parent);
    if (names == Names::opaque) return;
    if (const auto* object = value.if_object())
        for (const auto& member : *object) {
            const std::string name(member.key());
            const std::string below = member_path(path, name);
            found.push_back({pointer, name, below, names == Names::fixed});
            collect(member.value(), name, key, pointer + "/" + name, below, found);
        }
    else if (const auto* list = value.if_array())
        for (std::size_t index = 0; index < list->size(); ++index)
            collect((*list)[index], "", key, pointer + "/" + std::to_string(index), element_path(path, index), found);
}

std::vector<Member> members_of(const Sample& document) {
    std::vector<Member> found;
    collect(document.value, "", "", "", "", found);
    std::erase_if(found, [&](const Member& member) { return !member.path.starts_with(document.path); });
    return found;
}

json::object& container_in(json::value& document, const Member& member) {
    return document.at_pointer(member.container).as_object();
}

// Is one of the parser's faults about this very place, rather than about what it contradicts? One contradiction is told
// at the place itself: who may leave `answer` out depends on what else tells the id.
bool speaks_of(const std::vector<ConfigurationFault>& faults, const std::string& path) {
    return std::ranges::any_of(faults, [&](const ConfigurationFault& fault) {
        // What contradicts another part of the description says nothing of its own form.
        for (const std::string_view about_others :
             {"must tell the id", "must put {", "must hold {", "does not say which record"})
            if (fault.message.starts_with(about_others)) return false;
        return fault.path == path || fault.path.starts_with(path + ".") || fault.path.starts_with(path + "[");
    });
}

// The keys that the parser knows beside this one: what nobody can have meant is answered with all that there are.
std::vector<std::string> offered_keys(json::value document, const Member& beside) {
    const std::string nonsense = "qqqqqqqqqqqq";
    const std::string offer = "use one of: ";
    container_in(document, beside).insert_or_assign(nonsense, 1);
    std::vector<std::string> keys;
    for (const ConfigurationFault& fault : faults_of(document)) {
        const std::size_t at = fault.message.find(offer);
        if (!fault.path.ends_with(nonsense) || at == std::string::npos) continue;
        std::string rest = fault.message.substr(at + offer.size()) + ", ";
        for (std::size_t end = 0; (end = rest.find(", ")) != std::string::npos; rest.erase(0, end + 2))
            keys.push_back(rest.substr(0, end));
    }
    return keys;
}

// Places in the schema where a member may stand, as JSON pointers.
using Places = std::set<std::string>;

bool is_never(const json::value& node) { return node.is_object() && node.get_object().contains("not"); }

void mark_used(const json::value& node, const std::string& place, const json::value& value, Places& used) {
    const auto* rules = node.if_object();
    if (rules == nullptr) return;
    if (const auto* reference = rules->if_contains("$ref")) {
        const std::string target = std::string(reference->as_string()).substr(1);
        return mark_used(schema_document().at_pointer(target), target, value, used);
    }
    for (const char* list : {"oneOf", "anyOf"})
        if (const auto* branches = rules->if_contains(list))
            for (std::size_t index = 0; index < branches->as_array().size(); ++index)
                mark_used(branches->as_array()[index], place + "/" + list + "/" + std::to_string(index), value, used);
    if (const auto* elements = value.if_array(); elements != nullptr && rules->contains("items"))
        for (const json::value& element : *elements)
            mark_used(rules->at("items"), place + "/items", element, used);
    const auto* members = value.if_object();
    if (members == nullptr) return;
    const auto* named = rules->if_contains("properties");
    for (const auto& member : *members) {
        const json::value* below = named == nullptr ? nullptr : named->as_object().if_contains(member.key());
        const std::string key(member.key());
        if (below != nullptr) {
            used.insert(place + "/properties/" + key);
            mark_used(*below, place + "/properties/" + key, member.value(), used);
        } else if (const auto* other = rules->if_contains("additionalProperties")) {
            mark_used(*other, place + "/additionalProperties", member.value(), used);
        }
    }
}

void all_places(const json::value& node, const std::string& place, Places& places) {
    const auto* rules = node.if_object();
    if (rules == nullptr) return;
    for (const auto& rule : *rules) {
        const std::string key(rule.key());
        if (key == "if" || key == "then" || key == "else" || key == "allOf") continue; // they add no keys
        if (const auto* list = rule.value().if_array())
            for (std::size_t index = 0; index < list->size(); ++index)
                all_places((*list)[index], place + "/" + key + "/" + std::to_string(index), places);
        if (!rule.value().is_object()) continue;
        if (key == "properties")
            for (const auto& member : rule.value().get_object())
                if (!is_never(member.value())) places.insert(place + "/properties/" + std::string(member.key()));
        all_places(rule.value(), place + "/" + key, places);
    }
}

} // namespace

TEST_CASE("The schema of descriptions has no keyword that nothing checks") {
    const std::set<std::string> known{"definitions", "oneOf", "anyOf", "allOf", "not", "if", "then", "else"};
    for (const ConfigurationFault& fault : schema().faults())
        CHECK_MESSAGE(known.contains(fault.path.substr(fault.path.rfind('.') + 1)), told({fault}));
}

TEST_CASE("Ready descriptions and the template pass schema and parser, and name the schema") {
    for (const char* file : {"adapters/couchdb.yaml", "adapters/json-server.yaml", "adapters/template.yaml"}) {
        CHECK(text_of(file).starts_with("# yaml-language-server: $schema=schema.json\n"));
        const json::value document = description(file);
        CHECK_MESSAGE(faults_of(document).empty(), file << "\n" << told(faults_of(document)));
        CHECK_MESSAGE(allowed_by_schema(document), file << "\n" << told(schema().validate(document)));
    }
    CHECK(parse_rest_description(description(template_file)).faults.empty()); // not a notice either
}

TEST_CASE("Every key of the schema is taken by the parser") {
    Places used;
    for (const auto& [document, path] : all_samples()) {
        CHECK_MESSAGE(faults_of(document).empty(), path << "\n" << told(faults_of(document)));
        CHECK_MESSAGE(allowed_by_schema(document), path << "\n" << told(schema().validate(document)));
        mark_used(schema_document(), "", document, used);
    }
    Places places;
    all_places(schema_document(), "", places);
    for (const std::string& place : places)
        CHECK_MESSAGE(used.contains(place), place << " is in no document of this test");
}

TEST_CASE("Every key that the parser names is in the schema") {
    Places places;
    all_places(schema_document(), "", places);
    // Its variants each know some of the keys.
    const auto known_to_authentication = [&](const std::string& key) {
        return std::ranges::any_of(places, [&](const std::string& place) {
            return place.starts_with("/definitions/authentication/") && place.ends_with("/" + key);
        });
    };
    std::size_t compared = 0;
    for (const Sample& document : all_samples()) {
        std::vector<Member> members = members_of(document);
        members.push_back({"", "name", "name"});
        std::set<std::string> seen;
        for (const Member& member : members) {
            if (!member.fixed_name || !seen.insert(member.container).second) continue;
            for (const std::string& key : offered_keys(document.value, member)) {
                ++compared;
                json::value with = document.value;
                container_in(with, member).insert_or_assign(key, nullptr);
                const std::string path = member_path(parent_path(member.path), key);
                for (const ConfigurationFault& fault : schema().validate(with))
                    CHECK_MESSAGE(!(fault.path == path && fault.message.starts_with("is not a known key")), path);
                if (member.container == "/authentication") CHECK_MESSAGE(known_to_authentication(key), path);
            }
        }
    }
    CHECK(compared > 300);
}

TEST_CASE("The template shows every key") {
    const std::string text = text_of(template_file);
    Places places;
    all_places(schema_document(), "", places);
    for (const std::string& place : places) {
        const std::string key = place.substr(place.rfind('/') + 1);
        CHECK_MESSAGE(text.find(key + ":") != std::string::npos, place);
    }
}

TEST_CASE("A setting whose schema is none is told with its line") {
    std::string text = text_of("adapters/json-server.yaml");
    const std::string good = "type: string";
    text.replace(text.find(good), good.size(), "type: strnig");
    const LoadedDescription loaded = read_description(std::move(text), "wrong.yaml");
    CHECK(loaded.description == nullptr);
    REQUIRE(!loaded.faults.empty());
    CHECK(loaded.faults.front().path.starts_with("settings.baseUrl"));
    CHECK(loaded.faults.front().place.line > 1);
}

TEST_CASE("A key that is misspelt is refused by schema and parser") {
    for (const Sample& document : all_samples())
        for (const Member& member : members_of(document)) {
            if (!member.fixed_name) continue;
            json::value changed = document.value;
            json::object& container = container_in(changed, member);
            json::value value = container.at(member.key);
            container.erase(member.key);
            container.emplace(member.key + "z", std::move(value));
            CHECK_MESSAGE(!allowed_by_schema(changed), member.path);
            CHECK_MESSAGE(!faults_of(changed).empty(), member.path);
        }
}

TEST_CASE("A key that is missing is refused by both, or by the parser alone where it contradicts another one") {
    for (const Sample& document : all_samples())
        for (const Member& member : members_of(document)) {
            json::value changed = document.value;
            container_in(changed, member).erase(member.key);
            const auto faults = faults_of(changed);
            if (!allowed_by_schema(changed))
                CHECK_MESSAGE(!faults.empty(), member.path << " is required by the schema alone");
            else
                CHECK_MESSAGE(!speaks_of(faults, member.path), told(faults) << "is not required by the schema");
        }
}

TEST_CASE("A value of another type is refused by both") {
    const std::vector<json::value> others{7.5, 7, true, "another-Text", json::array{7.5}, json::object{{"zz", 1}}};
    for (const Sample& document : all_samples())
        for (const Member& member : members_of(document))
            for (const json::value& other : others) {
                json::value changed = document.value;
                container_in(changed, member).at(member.key) = other;
                const auto faults = faults_of(changed);
                const std::string here = member.path + " = " + to_json(other);
                if (!allowed_by_schema(changed))
                    CHECK_MESSAGE(!faults.empty(), here << " is refused by the schema alone");
                else
                    CHECK_MESSAGE(!speaks_of(faults, member.path), told(faults) << here << " is allowed by the schema");
            }
}
