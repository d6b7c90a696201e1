#include <adapters/jsonl_adapter.hpp>
#include <adapters/jsonl_push.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

namespace castiel_sync {
namespace {

// A file that changes while it is read is read again, so many times.
constexpr int max_attempts = 5;
constexpr std::size_t max_batch = 5000;
constexpr std::size_t max_snapshots = 8;
constexpr std::size_t max_entity_bytes = 200; // with room for suffixes below the 255 of file systems

Result<> check_entity(const std::string& entity) {
    const auto is_control = [](char character) { return static_cast<unsigned char>(character) < 0x20; };
    std::string_view fault;
    if (entity.empty()) fault = "it is empty";
    if (entity.size() > max_entity_bytes) fault = "it has more than 200 bytes";
    if (entity.starts_with('.')) fault = "it begins with a dot";
    if (entity.find('/') != std::string::npos) fault = "it holds a slash";
    if (std::any_of(entity.begin(), entity.end(), is_control)) fault = "it holds a control character";
    if (fault.empty()) return {};
    return Error(ErrorCode::invalid_configuration,
                 fmt::format("the entity name {:?} can't name a file: {}; use a plain name such as contacts",
                             entity.substr(0, max_entity_bytes), fault));
}

Result<> check_size(std::size_t size, std::string_view what) {
    if (size <= max_batch) return {};
    return Error(ErrorCode::invalid_request,
                 fmt::format("{} {} in one request; the jsonl adapter takes at most {}", size, what, max_batch));
}

Error restless(const std::string& path) {
    return Error(ErrorCode::unavailable,
                 fmt::format("{} changed {} times while it was being read; write it under another name and rename it",
                             path, max_attempts));
}

std::string folder_of(const std::string& path) { return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)); }

void call(const std::function<void()>& hook) {
    if (hook) hook();
}

} // namespace

AdapterDescription JsonlAdapter::describe() const { return jsonl_description(); }

AdapterCapabilities JsonlAdapter::capabilities() const { return jsonl_capabilities(); }

AdapterCapabilities jsonl_capabilities() {
    AdapterCapabilities capabilities;
    capabilities.writable = true;
    capabilities.conditional_writes = true;
    capabilities.conditional_deletes = true;
    capabilities.idempotent_creates = true;
    capabilities.finds_by_idempotency_key = true;
    capabilities.max_page_records = max_batch;
    capabilities.max_fetch_records = max_batch;
    capabilities.max_push_records = max_batch;
    capabilities.preferred_push_records = max_batch;
    return capabilities;
}

Result<> JsonlAdapter::check() { return check_folder(options_.path); }

Result<std::string> JsonlAdapter::path_of(const std::string& entity) const {
    if (auto valid = check_entity(entity); !valid) return valid.error();
    const std::string path = fmt::format("{}/{}.jsonl", options_.path, entity);
    const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
    if (!resolved) return file_error(errno, "open", path);
    return std::string(resolved.get());
}

Steady<JsonlSnapshot*> JsonlAdapter::snapshot_of(const std::string& entity, const std::string& path) {
    const auto known = snapshots_.find(entity);
    if (known != snapshots_.end() && known->second.path() == path) {
        auto current = known->second.is_current();
        if (!current) return current.error();
        if (*current) return std::optional(&known->second);
    }
    snapshots_.erase(entity);
    if (snapshots_.size() >= max_snapshots) snapshots_.clear();
    auto taken = JsonlSnapshot::take(path, entity + ".jsonl", options_);
    if (!taken) return taken.error();
    if (!*taken) return std::optional<JsonlSnapshot*>();
    return std::optional(&snapshots_.insert_or_assign(entity, std::move(**taken)).first->second);
}

template <class T, class Attempt>
Result<T> JsonlAdapter::steadily(const std::string& entity, Attempt attempt) {
    auto path = path_of(entity);
    if (!path) return path.error();
    for (int count = 0; count < max_attempts; ++count) {
        auto snapshot = snapshot_of(entity, *path);
        if (!snapshot) return snapshot.error();
        if (!*snapshot) continue;
        call(hooks_.before_lines_are_read);
        Steady<T> answer = attempt(***snapshot);
        if (!answer) return answer.error();
        auto untouched = (**snapshot)->is_untouched();
        if (!untouched) return untouched.error();
        if (*answer && *untouched) return Result<T>(std::move(**answer));
        snapshots_.erase(entity);
    }
    return restless(*path);
}

Result<RecordPage> JsonlAdapter::pull(const PullRequest& request) {
    if (request.max_records == 0)
        return Error(ErrorCode::invalid_request, "a page of no records was asked for; ask for at least one");
    return steadily<RecordPage>(request.entity, [&](JsonlSnapshot& snapshot) { return read_page(snapshot, request); });
}

Result<std::vector<FetchedRecord>> JsonlAdapter::fetch(const FetchRequest& request) {
    if (auto fits = check_size(request.ids.size() + request.idempotency_keys.size(), "records"); !fits)
        return fits.error();
    return steadily<std::vector<FetchedRecord>>(request.entity,
                                                [&](JsonlSnapshot& snapshot) { return look_up(snapshot, request); });
}

Result<std::vector<PushOutcome>> JsonlAdapter::push(const PushRequest& request) {
    if (auto fits = check_size(request.items.size(), "items"); !fits) return fits.error();
    auto path = path_of(request.entity);
    if (!path) return path.error();
    auto lock = FolderLock::take(folder_of(*path));
    if (!lock) return lock.error();
    remove_leftover_temporaries(folder_of(*path));
    for (int count = 0; count < max_attempts; ++count) {
        auto outcomes = write_once(request.entity, *path, *lock, request);
        if (!outcomes) return outcomes.error();
        if (*outcomes) return Result<std::vector<PushOutcome>>(std::move(**outcomes));
        snapshots_.erase(request.entity);
    }
    return restless(*path);
}

Steady<std::vector<PushOutcome>> JsonlAdapter::write_once(const std::string& entity, const std::string& path,
                                                          const FolderLock& lock, const PushRequest& request) {
    constexpr std::nullopt_t again = std::nullopt;
    using Outcomes = std::optional<std::vector<PushOutcome>>;
    auto found = snapshot_of(entity, path);
    if (!found) return found.error();
    if (!*found) return Outcomes(again);
    JsonlSnapshot& snapshot = ***found;
    call(hooks_.before_lines_are_read);

    // A file edited a moment ago may be edited once more without a trace; then its content is compared.
    std::string hash;
    if (!lock.settled(snapshot.identity())) {
        auto hashed = hash_file(snapshot.file(), path);
        if (!hashed) return hashed.error();
        hash = std::move(*hashed);
    }
    JsonlPush push(snapshot);
    std::vector<PushOutcome> outcomes;
    outcomes.reserve(request.items.size());
    for (const PushItem& item : request.items) {
        auto outcome = push.apply(item);
        if (!outcome) return outcome.error();
        if (!*outcome) return Outcomes(again);
        outcomes.push_back(std::move(**outcome));
    }
    const auto edits = push.take_edits();
    const auto appended = push.take_appended();
    const bool writes = !edits.empty() || !appended.empty();
    std::optional<TemporaryFile> copy;
    if (writes) {
        auto made = TemporaryFile::create(folder_of(path));
        if (!made) return made.error();
        copy.emplace(std::move(*made));
        auto whole = write_rewritten(snapshot, edits, appended, copy->file());
        if (!whole) return whole.error();
        if (!*whole) return Outcomes(again);
        if (auto complete = copy->complete(snapshot.file(), path); !complete) return complete.error();
        call(hooks_.before_replacing);
    }
    auto current = snapshot.is_current();
    if (!current) return current.error();
    if (*current && !hash.empty()) {
        auto hashed = hash_file(snapshot.file(), path);
        if (!hashed) return hashed.error();
        *current = *hashed == hash;
    }
    if (!*current) return Outcomes(again);
    if (!writes) return Outcomes(std::move(outcomes));

    call(hooks_.before_rename);
    auto file = copy->rename_to(path);
    if (!file) return file.error();
    if (auto synced = sync_folder(folder_of(path)); !synced)
        return Error(ErrorCode::unknown_outcome, synced.error().message);
    auto rewritten = std::move(snapshot).rewritten(std::move(*file), edits, appended);
    snapshots_.erase(entity);
    if (rewritten && *rewritten) snapshots_.insert_or_assign(entity, std::move(**rewritten));
    return Outcomes(std::move(outcomes));
}

std::shared_ptr<BlockingAdapter> make_jsonl_adapter(JsonlOptions options, JsonlHooks hooks) {
    // The index counts a line's bytes in 32 bits.
    options.max_line_bytes = std::min(options.max_line_bytes, max_jsonl_line_bytes);
    return std::make_shared<JsonlAdapter>(std::move(options), std::move(hooks));
}

std::shared_ptr<BlockingAdapter> make_jsonl_adapter(JsonlOptions options) {
    return make_jsonl_adapter(std::move(options), JsonlHooks());
}

} // namespace castiel_sync
