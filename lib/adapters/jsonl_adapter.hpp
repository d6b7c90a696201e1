// The jsonl adapter's class, and the points at which tests interfere with its file.
#pragma once

#include <castiel_sync/adapters/jsonl.hpp>

#include <adapters/jsonl_snapshot.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace castiel_sync {

// Called at the moments when an edit by somebody else hurts most. Empty: nothing.
struct JsonlHooks {
    std::function<void()> before_lines_are_read; // the index is made
    std::function<void()> before_replacing;      // the new file is complete; the last look at the old one comes next
    std::function<void()> before_rename;         // … has been taken
};

[[nodiscard]] AdapterCapabilities jsonl_capabilities();
[[nodiscard]] std::shared_ptr<BlockingAdapter> make_jsonl_adapter(JsonlOptions options, JsonlHooks hooks);

class JsonlAdapter final : public BlockingAdapter {
public:
    JsonlAdapter(JsonlOptions options, JsonlHooks hooks) : options_(std::move(options)), hooks_(std::move(hooks)) {}

    [[nodiscard]] AdapterDescription describe() const override;
    [[nodiscard]] AdapterCapabilities capabilities() const override;
    [[nodiscard]] Result<> check() override;
    [[nodiscard]] Result<RecordPage> pull(const PullRequest& request) override;
    [[nodiscard]] Result<std::vector<FetchedRecord>> fetch(const FetchRequest& request) override;
    [[nodiscard]] Result<std::vector<PushOutcome>> push(const PushRequest& request) override;

private:
    // The file that the entity's name leads to, links followed.
    [[nodiscard]] Result<std::string> path_of(const std::string& entity) const;
    [[nodiscard]] Steady<JsonlSnapshot*> snapshot_of(const std::string& entity, const std::string& path);
    // Runs `attempt` on a snapshot until the file holds still for it.
    template <class T, class Attempt>
    [[nodiscard]] Result<T> steadily(const std::string& entity, Attempt attempt);

    [[nodiscard]] Steady<RecordPage> read_page(JsonlSnapshot& snapshot, const PullRequest& request) const;
    [[nodiscard]] Steady<std::vector<FetchedRecord>> look_up(JsonlSnapshot& snapshot,
                                                             const FetchRequest& request) const;
    [[nodiscard]] Steady<std::vector<PushOutcome>> write_once(const std::string& entity, const std::string& path,
                                                              const FolderLock& lock, const PushRequest& request);

    JsonlOptions options_;
    JsonlHooks hooks_;
    std::map<std::string, JsonlSnapshot, std::less<>> snapshots_; // by entity
};

} // namespace castiel_sync
