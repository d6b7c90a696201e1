// A folder of .jsonl files for one test, and short ways to read and write through the adapter.
#pragma once

#include <adapters/jsonl_adapter.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync::testing {

class JsonlFolder {
public:
    JsonlFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "castiel-jsonl-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    JsonlFolder(const JsonlFolder&) = delete;
    JsonlFolder& operator=(const JsonlFolder&) = delete;
    ~JsonlFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path file(std::string_view entity = "contacts") const {
        return path_ / (std::string(entity) + ".jsonl");
    }

    // In place, as an editor without care does it.
    void write(std::string_view content, std::string_view entity = "contacts") const {
        std::ofstream out(file(entity), std::ios::binary | std::ios::trunc);
        out.write(content.data(), static_cast<std::streamsize>(content.size()));
        REQUIRE(out.flush().good());
    }
    // Under another name and renamed, as a careful one does it.
    void replace(std::string_view content) const {
        write(content, "other");
        std::filesystem::rename(file("other"), file());
    }
    void append(std::string_view content) const {
        std::ofstream out(file(), std::ios::binary | std::ios::app);
        out.write(content.data(), static_cast<std::streamsize>(content.size()));
        REQUIRE(out.flush().good());
    }
    [[nodiscard]] std::string read(std::string_view entity = "contacts") const {
        std::ifstream in(file(entity), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    // Everything in the folder but the entity's file and the lock.
    [[nodiscard]] std::vector<std::string> others() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            const std::string name = entry.path().filename().string();
            if (name != "contacts.jsonl" && name != ".castiel-sync.lock") names.push_back(name);
        }
        return names;
    }

    [[nodiscard]] JsonlOptions options() const {
        JsonlOptions options;
        options.path = path_.string();
        return options;
    }
    [[nodiscard]] std::shared_ptr<BlockingAdapter> adapter(JsonlHooks hooks = {}) const {
        return make_jsonl_adapter(options(), std::move(hooks));
    }

private:
    std::filesystem::path path_;
};

inline Result<RecordPage> pull(BlockingAdapter& adapter, std::size_t max_records = 5000, std::string cursor = {}) {
    PullRequest request;
    request.entity = "contacts";
    request.max_records = max_records;
    request.cursor = std::move(cursor);
    return adapter.pull(request);
}

struct Listing {
    std::map<std::string, Record> records;
    std::vector<RecordFault> faults;
};

// All pages; no record may be met twice.
inline Listing list(BlockingAdapter& adapter, std::size_t max_records = 5000) {
    Listing listing;
    std::string cursor;
    for (bool more = true; more;) {
        auto page = pull(adapter, max_records, cursor);
        if (!page) FAIL(page.error().message);
        for (Record& record : page->records) {
            const std::string id = record.id;
            CHECK(listing.records.emplace(id, std::move(record)).second);
        }
        for (RecordFault& fault : page->faults)
            listing.faults.push_back(std::move(fault));
        cursor = page->next;
        more = page->has_more;
    }
    return listing;
}

inline Result<std::vector<FetchedRecord>> fetch(BlockingAdapter& adapter, std::vector<std::string> ids) {
    FetchRequest request;
    request.entity = "contacts";
    request.ids = std::move(ids);
    return adapter.fetch(request);
}

inline PushItem item(PushItem::Action action, std::string name, std::string fields, std::string version = {}) {
    PushItem item;
    item.action = action;
    (action == PushItem::Action::create ? item.idempotency_key : item.id) = std::move(name);
    if (!fields.empty()) item.fields = parse_json_object(fields).value();
    item.expected_version = std::move(version);
    return item;
}
inline PushItem create(std::string key, std::string fields) {
    return item(PushItem::Action::create, std::move(key), std::move(fields));
}
inline PushItem update(std::string id, std::string fields, std::string version = {}) {
    return item(PushItem::Action::update, std::move(id), std::move(fields), std::move(version));
}
inline PushItem removal(std::string id, std::string version = {}) {
    return item(PushItem::Action::remove, std::move(id), {}, std::move(version));
}

inline Result<std::vector<PushOutcome>> push(BlockingAdapter& adapter, std::vector<PushItem> items) {
    PushRequest request;
    request.entity = "contacts";
    request.items = std::move(items);
    return adapter.push(request);
}

// Of pushes that must not fail as a whole.
inline std::vector<PushOutcome> pushed(BlockingAdapter& adapter, std::vector<PushItem> items) {
    auto outcomes = push(adapter, std::move(items));
    if (!outcomes) FAIL(outcomes.error().message);
    return std::move(*outcomes);
}

} // namespace castiel_sync::testing
