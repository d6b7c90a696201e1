// Files that several processes read and one at a time replaces: an owned descriptor, what tells one state of a file
// from another, a lock on a folder, and errors that name the path. Blocking.
#pragma once

#include <castiel_sync/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace castiel_sync {

class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int number) noexcept : number_(number) {}
    FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~FileDescriptor();

    [[nodiscard]] int number() const noexcept { return number_; }

private:
    int number_ = -1;
};

// Any edit changes it, except one of the same length within the file system's clock tick (see FolderLock::settled).
struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;

    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// `doing` completes "cannot …": "read", "replace".
[[nodiscard]] Error file_error(int error_number, std::string_view doing, const std::string& path);

// invalid_configuration for what is not a regular file. Never blocks on a pipe.
[[nodiscard]] Result<FileDescriptor> open_regular_file(const std::string& path);
[[nodiscard]] Result<FileIdentity> identify(const FileDescriptor& file, const std::string& path);
// Of what the path names now, links followed.
[[nodiscard]] Result<FileIdentity> identify(const std::string& path);
// Fewer bytes than asked for only at the end of the file.
[[nodiscard]] Result<std::size_t> read_at(const FileDescriptor& file, char* buffer, std::size_t size,
                                          std::uint64_t offset, const std::string& path);
[[nodiscard]] Result<> check_folder(const std::string& path);
// Makes a rename in the folder durable.
[[nodiscard]] Result<> sync_folder(const std::string& path);

// Serialises the writers of a folder, over all processes that use this class. Readers need no lock.
class FolderLock {
public:
    // Waits up to ten seconds for another writer, then answers unavailable.
    [[nodiscard]] static Result<FolderLock> take(const std::string& folder);

    // False when the file was changed so recently that another edit might leave no trace in its identity. Told by the
    // file system's own clock.
    [[nodiscard]] bool settled(const FileIdentity& identity) const;

private:
    explicit FolderLock(FileDescriptor file) : file_(std::move(file)) {}
    FileDescriptor file_;
};

// A new file beside the one it is to replace, made under the folder's lock, so one at a time; removed with this object
// unless it was renamed.
class TemporaryFile {
public:
    static constexpr std::string_view prefix = ".castiel-sync-";
    static constexpr std::string_view suffix = ".tmp";

    [[nodiscard]] static Result<TemporaryFile> create(const std::string& folder);
    TemporaryFile(TemporaryFile&& other) noexcept
        : file_(std::move(other.file_)), path_(std::exchange(other.path_, {})) {}
    TemporaryFile& operator=(TemporaryFile&&) = delete;
    ~TemporaryFile();

    [[nodiscard]] const FileDescriptor& file() const { return file_; }

    // Takes mode and, where the process may, owner of `model`; makes the content durable.
    [[nodiscard]] Result<> complete(const FileDescriptor& model, const std::string& target);
    // For a target that is not there yet: stays this user's alone.
    [[nodiscard]] Result<> complete(const std::string& target);
    // Afterwards the file is the target, and its descriptor is answered.
    [[nodiscard]] Result<FileDescriptor> rename_to(const std::string& target);

private:
    TemporaryFile(FileDescriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
    FileDescriptor file_;
    std::string path_; // empty: nothing to remove
};

// What a killed process left behind. Only under the folder's lock.
void remove_leftover_temporaries(const std::string& folder);

} // namespace castiel_sync
