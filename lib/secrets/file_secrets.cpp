#include <files/files.hpp>
#include <secrets/secret_text.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

namespace castiel_sync {
namespace {

namespace asio = boost::asio;

constexpr std::size_t largest_secret = 256 * 1024;

struct Place {
    std::string folder;
    std::string name;
    std::string reference;

    [[nodiscard]] std::string path() const { return folder + "/" + name; }
};

struct StoredSecret {
    FileDescriptor file;
    json::object fields;
};

// nullopt: there is no such file.
Result<std::optional<StoredSecret>> read_stored(const Place& place) {
    const std::string path = place.path();
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 && errno == ENOENT) {
        if (auto folder = check_folder(place.folder); !folder) return folder.error();
        return std::optional<StoredSecret>();
    }
    auto file = open_regular_file(path);
    if (!file) return file.error();
    std::string text(largest_secret + 1, '\0');
    auto size = read_at(*file, text.data(), text.size(), 0, path);
    if (!size) return size.error();
    if (*size > largest_secret)
        return Error(ErrorCode::invalid_configuration,
                     fmt::format("the file {} of the secret {} is longer than {} KiB; put a secret there", path,
                                 place.reference, largest_secret / 1024));
    text.resize(*size);
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    auto fields = read_secret(text, fmt::format("the file {} of the secret {}", path, place.reference));
    if (!fields) return fields.error();
    StoredSecret stored;
    stored.file = std::move(*file);
    stored.fields = std::move(*fields);
    return std::optional<StoredSecret>(std::move(stored));
}

Result<json::object> find_blocking(const Place& place) {
    auto stored = read_stored(place);
    if (!stored) return stored.error();
    if (*stored) return std::move((*stored)->fields);
    return Error(ErrorCode::unauthenticated,
                 fmt::format("the secret {} is not there; put it into the file {}", place.reference, place.path()));
}

Result<> write_all(const FileDescriptor& file, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t count = ::write(file.number(), text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return file_error(errno, "write a new copy of", path);
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<> refuse_link(const Place& place) {
    struct stat status {};
    const std::string path = place.path();
    if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return {};
    return Error(ErrorCode::unsupported,
                 fmt::format("the secret {} can't be replaced, since {} is a link; put the file itself there",
                             place.reference, path));
}

Result<> replace_blocking(const Place& place, const json::object& expected, const json::object& secret) {
    if (auto folder = check_folder(place.folder); !folder) return folder;
    auto lock = FolderLock::take(place.folder);
    if (!lock) return lock.error();
    remove_leftover_temporaries(place.folder);
    if (auto plain = refuse_link(place); !plain) return plain;
    auto stored = read_stored(place);
    if (!stored) return stored.error();
    const json::object present = *stored ? (*stored)->fields : json::object();
    if (!equal_values(present, expected))
        return Error(ErrorCode::stale,
                     fmt::format("the secret {} was changed meanwhile; read it again", place.reference));
    auto copy = TemporaryFile::create(place.folder);
    if (!copy) return copy.error();
    const std::string path = place.path();
    std::string text = to_json(secret);
    text += '\n';
    if (auto written = write_all(copy->file(), text, path); !written) return written;
    auto complete = *stored ? copy->complete((*stored)->file, path) : copy->complete(path);
    if (!complete) return complete;
    if (auto renamed = copy->rename_to(path); !renamed) return renamed.error();
    return sync_folder(place.folder);
}

// Coroutines, so that they can be spawned where blocking is allowed.
Async<Result<json::object>> find_there(Place place) { co_return find_blocking(place); }
Async<Result<>> replace_there(Place place, json::object expected, json::object secret) {
    co_return replace_blocking(place, expected, secret);
}

class FileSecrets final : public SecretProvider {
public:
    FileSecrets(std::string folder, asio::any_io_executor blocking)
        : folder_(std::move(folder)), blocking_(std::move(blocking)) {}

    Async<Result<json::object>> find(std::string, std::string reference) override {
        auto place = place_of(std::move(reference));
        if (!place) co_return place.error();
        auto work = find_there(std::move(*place));
        auto found = co_await asio::co_spawn(alone(), std::move(work), asio::use_awaitable);
        co_return found;
    }

    Async<Result<>> replace(std::string, std::string reference, json::object expected, json::object secret) override {
        auto place = place_of(std::move(reference));
        if (!place) co_return place.error();
        auto work = replace_there(std::move(*place), std::move(expected), std::move(secret));
        auto replaced = co_await asio::co_spawn(alone(), std::move(work), asio::use_awaitable);
        co_return replaced;
    }

    [[nodiscard]] bool can_replace(std::string_view reference) const override {
        return !folder_.empty() && name_in(file_place, reference).has_value();
    }

private:
    // A cancellation arrives on it, too, and never beside the call.
    [[nodiscard]] asio::any_io_executor alone() const { return asio::make_strand(blocking_); }

    [[nodiscard]] Result<Place> place_of(std::string reference) const {
        auto name = name_in(file_place, reference);
        if (!name) return name.error();
        if (folder_.empty())
            return Error(ErrorCode::invalid_configuration,
                         fmt::format("the secret {} can't be found: no folder of secret files is configured; set "
                                     "secrets.path",
                                     reference));
        Place place;
        place.folder = folder_;
        place.name = std::move(*name);
        place.reference = std::move(reference);
        return place;
    }

    std::string folder_;
    asio::any_io_executor blocking_;
};

} // namespace

std::shared_ptr<SecretProvider> make_file_secrets(std::string folder, asio::any_io_executor blocking) {
    return std::make_shared<FileSecrets>(std::move(folder), std::move(blocking));
}

} // namespace castiel_sync
