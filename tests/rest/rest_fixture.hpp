// An adapter made from a description, on a transport whose other end the test plays, in virtual time.
#pragma once

#include "rest_documents.hpp"

#include <castiel_sync/testing/scripted_transport.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <map>
#include <optional>
#include <vector>

namespace rest_test {

using Handler = cs::testing::ScriptedTransport::Handler;

// What a call asks for.
struct Asked {
    std::string method;
    std::string path; // below https://crm.test/api, decoded by nobody
    std::map<std::string, std::string> parameters; // decoded

    explicit Asked(const cs::HttpCall& call);
    [[nodiscard]] std::optional<std::string> parameter(const std::string& name) const;
    [[nodiscard]] std::size_t number(const std::string& name, std::size_t otherwise) const;
};

struct Fixture {
    cs::testing::SimLoop loop;
    cs::testing::SimClock clock{loop};
    std::unique_ptr<cs::Random> random = cs::make_seeded_random(7);
    cs::Runtime runtime{loop.executor(), &clock, random.get()};
    cs::json::object settings;
    cs::json::object credentials;
    std::shared_ptr<cs::testing::ScriptedTransport> transport;
    std::unique_ptr<cs::Adapter> adapter;

    cs::Result<std::unique_ptr<cs::Adapter>> make(const cs::json::value& description);
    void connect(const cs::json::value& description, Handler handler);

    cs::Result<cs::RecordPage> pull(std::string cursor = {}, std::size_t most = 500);
    cs::Result<std::vector<cs::FetchedRecord>> fetch(std::vector<std::string> ids, std::vector<std::string> keys = {});
    cs::Result<std::vector<cs::PushOutcome>> push(std::vector<cs::PushItem> items);
    // The only outcome of one item.
    cs::PushOutcome push_one(cs::PushItem item);

    // "GET /contacts?page=1", one for each call that was sent, without the base.
    [[nodiscard]] std::vector<std::string> sent() const;
    [[nodiscard]] std::size_t sent(std::string_view method) const;
};

// What a pass over all pages met.
struct Pass {
    std::vector<std::string> ids; // in the order met, tombstones with "-" before them
    std::vector<cs::RecordFault> faults;
    std::size_t pages = 0;
    std::string next;
    std::optional<cs::Error> error; // that ended it

    [[nodiscard]] std::string text() const; // the ids, separated by spaces
};

// Pulls until there is no more, but never more than so many pages. `between` is called after each page.
Pass pull_all(Fixture& fixture, std::string cursor = {}, std::size_t most = 500,
              const std::function<void(std::size_t page)>& between = {});

cs::PushItem create_item(cs::json::object fields, std::string key);
cs::PushItem update_item(std::string id, cs::json::object fields, std::string version = {});
cs::PushItem remove_item(std::string id, std::string version = {});

} // namespace rest_test
