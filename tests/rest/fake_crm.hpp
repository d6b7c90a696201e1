// A system of contacts under https://crm.test/api that can do whatever a description may say of one.
//
//   GET    /contacts?page|offset|cursor|after|from=…&limit=…   {"data": […], "total": …}; `from` begins with that id
//          …&since=2026-…                                      what changed at that moment or later
//          …&ids=a,b   …&key=…                                 those records; those made with this key
//   GET    /contacts/ID        the record, with ETag
//   POST   /contacts           Idempotency-Key is honoured
//   PUT    /contacts/ID        If-Match, or `revision` in the body; makes the record where it is not there
//   PATCH  /contacts/ID        a merge patch
//   DELETE /contacts/ID        If-Match
//   POST   /batch              {"items": […]}; one with `gone` is removed. Answers {"results": […]}
//   GET    /changes?since=7&limit=…   {"data": […], "next": 9}
//   GET    /position           {"now": 9}
#pragma once

#include "rest_fixture.hpp"

namespace rest_test {

class FakeCrm {
public:
    enum class Paging { by_request, link, next_url };

    explicit FakeCrm(cs::Clock& clock) : clock_(clock) {}

    Paging paging = Paging::by_request;
    std::size_t cap = 1000;      // rows on a page, at most
    std::size_t feed_keeps = 1000; // changes; older ones are forgotten

    [[nodiscard]] cs::HttpAnswer answer(const cs::HttpCall& call);
    void clear();

private:
    struct Row {
        cs::json::object fields;
        std::uint64_t sequence = 0; // of its last change, and so its revision
        cs::Timestamp changed;
        std::string key;
        bool shows_key = false;
        bool gone = false;
    };
    using Rows = std::vector<const std::pair<const std::string, Row>*>;

    [[nodiscard]] cs::HttpAnswer list(const Asked& asked) const;
    [[nodiscard]] cs::HttpAnswer changes(const Asked& asked) const;
    [[nodiscard]] cs::HttpAnswer one(const Asked& asked, const cs::HttpCall& call);
    [[nodiscard]] cs::HttpAnswer create(const cs::HttpCall& call);
    [[nodiscard]] cs::HttpAnswer batch(const cs::HttpCall& call);
    [[nodiscard]] Rows found(const Asked& asked) const;
    [[nodiscard]] bool is_current(const std::string& id, const std::string& revision) const;
    [[nodiscard]] cs::json::object shown(const std::string& id, const Row& row) const;
    void write(const std::string& id, cs::json::object fields, bool gone = false);

    cs::Clock& clock_;
    std::map<std::string, Row> rows_;
    std::map<std::string, std::string> made_; // by key
    std::uint64_t sequence_ = 0;
    std::uint64_t last_id_ = 0;
};

} // namespace rest_test
