// SimulatedRestServer: an HttpTransport behind which a small REST service answers, in one thread and at once. What it
// serves is a SimulatedSystem, so its users edit there, behind the client's back, and what it saw is told there.
//
//     SimulatedSystem crm(loop, …);
//     SimulatedRestServer server(crm, {});
//     crm.create("contacts", {{"name", "Ada"}});
//     co_await server.send(call);           // GET https://rest.test/contacts
//
//     GET    /<entity>?…                    a page of records; see Paging
//     GET    /<entity>/<id>                 200 with the record and ETag, or 404
//     POST   /<entity>                      201 with Location; Idempotency-Key where the system can idempotent_creates
//     PUT    /<entity>/<id>                 the record as it shall be
//     PATCH  /<entity>/<id>                 a merge patch (RFC 7396)
//     DELETE /<entity>/<id>                 204, or 404
//     GET    /<entity>/changes?since=&limit=   the change_feed of the system: what changed after that sequence number,
//                                           {"changes":[{"sequence","id","deleted","record"}],"next":…,"has_more":…};
//                                           410 when that was forgotten
//
// A record is {"id", its fields, "updated_at"}; a row that is broken is the text "broken". If-Match is obeyed where the
// system has conditional_writes and conditional_deletes: 412. What the system refuses is 422, a value that has to be
// unique and is not is 409, a body that is no JSON object is 400. Errors are {"error":{"code","message"}}.
#pragma once

#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/testing/simulated_system.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

struct RestRequest;

struct SimulatedRestServerOptions {
    // How a list is cut into pages. `limit` is the size of a page, at most max_page_size; records come by id. With
    // `updated_since` only those that changed at that moment or later.
    enum class Paging {
        page,   // ?page=1…        {"data":[…],"page":1,"pages":2,"total":7}
        offset, // ?offset=0…      {"data":[…],"total":7}
        cursor, // ?cursor=…       {"data":[…],"next_cursor":"…"}, null on the last page; 400 when it is not one
        keyset, // ?updated_since=…&after_id=…   {"data":[…],"has_more":true}; by (updated_at, id), after that pair.
                //                 Without updated_since: by id
        link, // follow          […] with Link: <…>; rel="next"
    };

    std::string base_url = "https://rest.test"; // without a slash at its end
    Paging paging = Paging::page;
    std::size_t max_page_size = 100;
    bool answers_writes = true; // else: POST answers the id alone, PUT and PATCH 204
    std::string unique_field;   // no two records of an entity have the same value of it. Empty: none
    std::string authorization;  // what the Authorization header has to be, else 401. Empty: not looked at
    std::string actor = "rest"; // who wrote and read, in what the system saw

    SimulatedRestServerOptions() = default;
};

// Threading: on the loop. Ownership: the system must outlive it.
class SimulatedRestServer final : public HttpTransport {
public:
    SimulatedRestServer(SimulatedSystem& system, SimulatedRestServerOptions options);

    Async<Result<HttpAnswer>> send(HttpCall call) override;

    // From now on the feed can't be read from before this sequence number.
    void forget_changes_before(std::uint64_t sequence) { first_change_ = sequence; }

    // How many calls came, refused ones included; those of one method.
    [[nodiscard]] std::size_t calls() const;
    [[nodiscard]] std::size_t calls(std::string_view method) const;

private:
    [[nodiscard]] HttpAnswer answer(const HttpCall& call);
    [[nodiscard]] HttpAnswer list(const RestRequest& request);
    [[nodiscard]] HttpAnswer changes(const RestRequest& request);
    [[nodiscard]] HttpAnswer read(const RestRequest& request);
    [[nodiscard]] HttpAnswer create(const RestRequest& request);
    [[nodiscard]] HttpAnswer update(const RestRequest& request);
    [[nodiscard]] HttpAnswer remove(const RestRequest& request);

    [[nodiscard]] Result<std::vector<std::string>> listed_ids(const RestRequest& request) const;
    [[nodiscard]] FetchedRecord fetch(const RestRequest& request, const std::string& id);
    [[nodiscard]] PushOutcome push(const RestRequest& request, PushItem item);
    [[nodiscard]] bool is_taken(const RestRequest& request, const json::object& fields) const;
    [[nodiscard]] HttpAnswer written(const RestRequest& request, unsigned status, const PushOutcome& outcome);

    SimulatedSystem& system_;
    SimulatedRestServerOptions options_;
    std::map<std::string, std::size_t, std::less<>> calls_; // by method
    std::uint64_t first_change_ = 0;
    std::uint64_t keyless_creates_ = 0;
};

} // namespace castiel_sync::testing
