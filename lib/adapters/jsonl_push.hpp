// One push into a .jsonl file: what each item comes to, and the edits that all of them make together. Blocking.
#pragma once

#include <adapters/jsonl_snapshot.hpp>

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace castiel_sync {

// Judges the items of one request, in order, each seeing what those before it did.
class JsonlPush {
public:
    explicit JsonlPush(JsonlSnapshot& snapshot) : snapshot_(snapshot) {}

    // nullopt: the file changed meanwhile.
    [[nodiscard]] Steady<PushOutcome> apply(const PushItem& item);

    // Once all items are applied: what they come to.
    [[nodiscard]] std::vector<JsonlEdit> take_edits();                              // in file order
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> take_appended(); // (id, text)

private:
    struct Known {
        bool present = false;
        bool parsed = false; // looked at as a whole
        bool integer_id = false;
        std::string version;           // present
        json::object fields;           // as the file has them: parsed, unless written here
        std::optional<Error> obstacle; // no write may touch this record
        std::optional<std::size_t> appended;
        std::uint64_t offset = 0; // in the file, unless appended
        std::uint64_t length = 0;
        std::uint64_t end_length = 0;
    };

    [[nodiscard]] Steady<Known*> know(const std::string& id, bool parsed);
    [[nodiscard]] Known look_at(const JsonlLookup& lookup, const std::string& id, bool parsed);
    [[nodiscard]] PushOutcome create(const PushItem& item, const std::string& id, Known& known);
    [[nodiscard]] PushOutcome update(const PushItem& item, Known& known);
    [[nodiscard]] PushOutcome remove(const PushItem& item, Known& known);
    [[nodiscard]] json::object present_fields(const Known& known) const;
    [[nodiscard]] PushOutcome without_record(const PushItem& item) const;
    void write(Known& known, const std::string& id, std::optional<std::string> text);

    JsonlSnapshot& snapshot_;
    std::unordered_map<std::string, Known> known_;
    std::map<std::uint64_t, JsonlEdit> edits_; // by offset
    std::vector<std::pair<std::string, std::optional<std::string>>> appended_;
};

// Writes the new state of the file beside it. False: the file is shorter than the snapshot.
[[nodiscard]] Result<bool> write_rewritten(const JsonlSnapshot& snapshot, const std::vector<JsonlEdit>& edits,
                                           const std::vector<std::pair<std::string, std::string>>& appended,
                                           const FileDescriptor& out);

// Of the file's whole content.
[[nodiscard]] Result<std::string> hash_file(const FileDescriptor& file, const std::string& path);

} // namespace castiel_sync
