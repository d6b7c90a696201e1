// How a pass over rows goes on from page to page, and what a system does that no pass can go on from. Pure.
#pragma once

#include <adapters/rest/cursor.hpp>
#include <adapters/rest/description.hpp>
#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/record.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

// A page of rows as it came.
struct RestPage {
    std::vector<json::value> rows; // the records
    std::vector<std::string> ids;  // of the rows, "" where a row has none
    std::map<std::size_t, Record> deleted; // by row: what it says to be gone
    std::size_t received = 0;      // rows in the answer
    std::size_t skipped = 0;       // of them, at the front: they were on the page before
    json::value body;              // without the rows where they were taken out of it
    HttpHeaders headers;
};

// The variables by which a page is asked for. `most`: rows that the caller takes.
struct RestPageRequest {
    json::object variables;
    std::string url; // instead of the described request: a next link; empty: none
    std::size_t size = 0;
    std::uint64_t overlap = 0; // rows of the page before that come once more
};
[[nodiscard]] RestPageRequest page_request(const RestRows& rows, const RestCursor& cursor);

// What follows a page within its pass.
struct RestStep {
    std::optional<json::value> at; // of the next page; nullopt: this was the last
    bool moved = false; // rows have changed places; the pass goes on from an earlier page
};

// corrupted: the page contradicts the ones before or itself, or the walk has no end.
[[nodiscard]] Result<RestStep> next_step(const RestRows& rows, RestCursor& cursor, const RestPage& page,
                                         const std::string& place);

// The records of an answer. corrupted: there is no list where the description says.
[[nodiscard]] Result<RestPage> read_page(const RestRows& rows, const RestEntity& entity, json::value body,
                                         HttpHeaders headers, const std::string& place);

// How many records there are in all, where the answer tells.
[[nodiscard]] std::optional<std::uint64_t> total_of(const RestRows& rows, const RestPage& page);

// Offset: after which row of a page that overlaps the one before to go on; nullopt: none of the last rows is there, so
// that rows were moved.
[[nodiscard]] std::optional<std::size_t> rows_to_drop(const std::vector<std::string>& anchors,
                                                      const std::vector<std::string>& ids);

} // namespace castiel_sync
