#include "rest_source.hpp"

#include "dice.hpp"

#include <castiel_sync/testing/faulty_transport.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace simulation {
namespace {

namespace json = cs::json;
using cs::testing::Fault;
using Paging = cs::testing::SimulatedRestServerOptions::Paging;

Paging paging_of(const Scenario& scenario) {
    constexpr Paging kinds[] = {Paging::page, Paging::offset, Paging::cursor, Paging::keyset, Paging::link};
    return kinds[scenario.seed % std::size(kinds)];
}

json::object list_of(Paging paging, std::size_t page_size) {
    json::object query{{"limit", "{limit}"}};
    json::object list{{"path", "/{entity}"}, {"pageSize", json::object{{"most", page_size}}}};
    const auto page_by = [&](const char* type, const char* variable, const char* parameter) {
        list["paging"] = json::object{{"type", type}};
        query[parameter] = variable;
    };
    if (paging != Paging::link) list["records"] = "data";
    switch (paging) {
    case Paging::page:
        page_by("page", "{page}", "page");
        list["total"] = "total";
        break;
    case Paging::offset:
        page_by("offset", "{offset}", "offset");
        list["total"] = "total";
        break;
    case Paging::cursor:
        page_by("cursor", "{cursor}", "cursor");
        list["paging"].as_object()["next"] = "next_cursor";
        break;
    case Paging::keyset:
        page_by("keyset", "{after}", "after_id");
        list["paging"].as_object()["key"] = "id";
        list["more"] = json::object{{"field", "has_more"}, {"equals", true}};
        break;
    case Paging::link:
        list["paging"] = json::object{{"type", "link"}};
        break;
    }
    list["query"] = std::move(query);
    return list;
}

json::object describe_system(const Scenario& scenario, Paging paging) {
    const auto& system = scenario.source;
    const cs::AdapterCapabilities& can = system.capabilities;
    json::object entity{{"id", "id"}, {"get", json::object{{"path", "/{entity}/{id}"}}}};
    // The time of a change is no part of what a record says.
    if (system.tells_modified_at) {
        entity["modifiedAt"] = json::object{{"field", "updated_at"}};
        entity["version"] = json::object{{"ignore", json::array{"updated_at"}}};
    }
    if (!can.change_feed || system.begins_with_listing) entity["list"] = list_of(paging, can.max_page_records);
    if (can.change_feed) {
        entity.erase("list"); // the server does not tell where its feed stands, so it is read from its beginning
        json::object changes{{"by", "sequence"},
                             {"path", "/{entity}/changes"},
                             {"query", json::object{{"since", "{since}"}, {"limit", "{limit}"}}},
                             {"records", "changes"},
                             {"record", "record"},
                             {"rowId", "id"},
                             {"next", "next"},
                             {"more", json::object{{"field", "has_more"}, {"equals", true}}},
                             {"pageSize", json::object{{"most", can.max_page_records}}},
                             {"deletedRow", json::object{{"when", json::object{{"field", "deleted"}, {"equals", true}}},
                                                         {"id", "id"}}}};
        if (!can.reports_deletions) changes.erase("deletedRow");
        entity["changes"] = std::move(changes);
    }
    if (can.writable) {
        const auto write = [&](const char* path, bool conditional) {
            json::object request{{"path", path}};
            if (conditional) {
                request["headers"] = json::object{{"If-Match", "{version}"}};
                request["versionHeader"] = "ETag";
            }
            return request;
        };
        json::object create = write("/{entity}", false);
        if (can.idempotent_creates) {
            create["headers"] = json::object{{"Idempotency-Key", "{key}"}};
            create["idempotent"] = true;
        }
        create["answer"] = json::object{{"record", true}};
        entity["create"] = std::move(create);
        entity["update"] = write("/{entity}/{id}", can.conditional_writes);
        entity["update"].as_object()["answer"] = json::object{{"record", true}};
        entity["delete"] = write("/{entity}/{id}", can.conditional_deletes);
    }
    return {{"name", system.name},
            {"summary", "A simulated system behind a REST service"},
            {"baseUrl", "https://rest.test"},
            {"errorMessage", "error.message"},
            {"check", json::object{{"path", "/"}}},
            {"answers", json::array{json::object{{"status", 200},
                                                 {"when", json::object{{"field", "error"}, {"present", true}}},
                                                 {"means", "unknown"}}}},
            {"entities", json::object{{"*", std::move(entity)}}}};
}

} // namespace

void reach_by_rest(Scenario& scenario) {
    scenario.by_rest = true;
    cs::testing::SimulatedSystemOptions& system = scenario.source;
    cs::AdapterCapabilities& can = system.capabilities;
    can.finds_by_idempotency_key = false;
    can.read_lag = milliseconds{0};
    can.preferred_push_records = 0;
    system.begins_with_listing = false;
    system.tells_positions = false;
    // A write answers with the record.
    system.hides_versions = false;
    // A row of a listing that can't be read does not say whose it is.
    if (!can.change_feed) scenario.users.broken_rows = 0;
    Dice dice(scenario.seed ^ 0x7265737400000000U);
    auto rates = scenario.fault_rates.find("source");
    // There and back within the timeout of a request: what takes longer is unknown, also when all faults have ended.
    if (rates != scenario.fault_rates.end())
        rates->second.max_latency = std::min<nanoseconds>(rates->second.max_latency, std::chrono::seconds(5));
    if (!scenario.faults || rates == scenario.fault_rates.end()) return;
    for (const auto kind : {Fault::Kind::server_error, Fault::Kind::html_body, Fault::Kind::error_body})
        if (dice.percent(35)) rates->second.of(kind) = dice.one_of<std::uint32_t>({5'000, 20'000, 60'000});
}

RestSource::RestSource(cs::testing::SimulatedSystem& system, const Scenario& scenario,
                       cs::testing::SimulatedProcess& process, cs::testing::FaultPlan& plan) {
    cs::testing::SimulatedRestServerOptions options;
    options.paging = paging_of(scenario);
    options.max_page_size = scenario.source.capabilities.max_page_records;
    options.actor = process.name();
    auto server = std::make_shared<cs::testing::SimulatedRestServer>(system, std::move(options));
    auto parsed = cs::parse_rest_description(describe_system(scenario, paging_of(scenario)));
    if (!parsed.description)
        throw std::logic_error(fmt::format("{}: {}", parsed.faults.front().path, parsed.faults.front().message));
    cs::RestParts parts;
    parts.transport = cs::testing::make_faulty_transport(process, std::move(server), plan, "source");
    factory_ = cs::rest_factory(parsed.description, std::move(parts));
}

cs::Result<std::unique_ptr<cs::Adapter>> RestSource::make(const cs::AdapterContext& context) const {
    return factory_(context);
}

} // namespace simulation
