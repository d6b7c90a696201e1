// Where a pull goes on, as the engine keeps it between two pages. Pure.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

struct RestCursor {
    bool feed = false;
    json::value position; // feed: since when; listing: where the feed will begin. null: from its beginning
    json::value at;       // the page within the pass: a number, a token, a URL, a key; null: the first
    std::uint64_t pages = 0;  // of this pass before this one
    std::uint64_t size = 0;   // rows asked for, the same throughout a pass; 0: not yet decided
    std::uint64_t skip = 0;   // rows of this page that were answered already
    std::string last;         // the id of the last of them
    std::uint64_t restarts = 0;
    std::vector<std::string> anchors; // offset, inclusive keyset: the last ids of the page before
    std::optional<std::uint64_t> total;
    std::string mark; // of an earlier page, to notice a circle
    std::optional<Timestamp> began;  // timestamp: what the system's clock said at the beginning of the pass
    std::optional<Timestamp> newest; // timestamp: the latest time met in the pass

    // cursor_expired: it was not written here, or by another version of the description.
    [[nodiscard]] static Result<RestCursor> parse(std::string_view text);
    // unsupported: what the system told is longer than parse() would read back; `place` is what told it.
    [[nodiscard]] Result<std::string> write(std::string_view place) const;
};

// Notices a walk that comes back to a page it has been at, however long the circle is, with one mark kept (Brent). Call
// it with every page's `at`; true: it was there before.
[[nodiscard]] bool goes_in_circles(RestCursor& cursor, const json::value& at);

} // namespace castiel_sync
