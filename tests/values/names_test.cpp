// The words are stored and sent: a changed word is a broken upgrade, so they are written down here once more.
#include <castiel_sync/conflict.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/record.hpp>
#include <castiel_sync/strategy.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

using namespace castiel_sync;

namespace {

// `words` in the order of the enumerators, all of them.
template <class Enumeration>
void check_words(const std::vector<std::string_view>& words,
                 std::optional<Enumeration> (*parse)(std::string_view) noexcept) {
    for (std::size_t place = 0; place < words.size(); ++place) {
        const auto value = static_cast<Enumeration>(place);
        CAPTURE(words[place]);
        CHECK(to_string(value) == words[place]);
        CHECK(parse(words[place]) == value);
    }
    CHECK(to_string(static_cast<Enumeration>(words.size())) == "unknown");
    for (const std::string_view stranger : {"", "unknown", "Manual", "manual "})
        CHECK_FALSE(parse(stranger));
}

} // namespace

TEST_CASE("every enumerator has the word that is stored and sent, and is read back from it") {
    check_words<Side>({"source", "target"}, parse_side);
    check_words<Strategy>({"source_wins", "target_wins", "newest_wins", "merge", "manual", "source_unless_blank",
                           "target_unless_blank", "custom", "max", "min", "union", "add_delta", "concat"},
                          parse_strategy);
    check_words<DeleteStrategy>({"source_wins", "target_wins", "update_wins", "delete_wins", "unlink", "manual"},
                                parse_delete_strategy);
    check_words<ConflictType>(
        {"update_update", "update_delete", "delete_update", "ambiguous_match", "unique_key", "missing_reference"},
        parse_conflict_type);
    check_words<ConflictState>({"open", "auto_resolved", "resolved", "superseded", "ignored"}, parse_conflict_state);
    check_words<Trigger>({"manual", "schedule", "event", "webhook"}, parse_trigger);
    check_words<SyncStatus>({"pending", "running", "completed", "failed", "cancelled"}, parse_sync_status);
    check_words<Rail>({"max_deletes", "max_updates", "empty_side", "all_changed", "mapping_changed", "ping_pong"},
                      parse_rail);
    check_words<Direction>({"inbound", "outbound", "bidirectional"}, parse_direction);
}
