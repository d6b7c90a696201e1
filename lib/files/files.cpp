#include <files/files.hpp>

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <system_error>
#include <thread>

namespace castiel_sync {
namespace {

constexpr int lock_attempts = 1000;
constexpr std::chrono::milliseconds lock_pause{10};

// Kernel timestamps move in ticks of at most 10 ms; some file systems count whole seconds (FAT: two).
constexpr std::int64_t fine_tick_ns = 20'000'000;
constexpr std::int64_t coarse_tick_ns = 2'100'000'000;
constexpr std::int64_t second_ns = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * second_ns + time.tv_nsec; }

FileIdentity identity_of(const struct stat& status) {
    FileIdentity identity;
    identity.device = status.st_dev;
    identity.inode = status.st_ino;
    identity.size = static_cast<std::uint64_t>(status.st_size);
    identity.modified_ns = nanoseconds(status.st_mtim);
    identity.changed_ns = nanoseconds(status.st_ctim);
    return identity;
}

ErrorCode code_of(int error_number) {
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return ErrorCode::invalid_configuration;
    case EACCES:
    case EPERM:
    case EROFS:
        return ErrorCode::forbidden;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ErrorCode::out_of_space;
    default:
        return ErrorCode::unavailable;
    }
}

std::string_view advice_for(ErrorCode code) {
    switch (code) {
    case ErrorCode::invalid_configuration:
        return "check the path, and what stands there";
    case ErrorCode::forbidden:
        return "give this process the right to it";
    case ErrorCode::out_of_space:
        return "free space or raise the quota, then run again";
    default:
        return "try again once it can be reached";
    }
}

} // namespace

FileDescriptor::~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
}

Error file_error(int error_number, std::string_view doing, const std::string& path) {
    const ErrorCode code = code_of(error_number);
    return Error(code, fmt::format("cannot {} {}: {}; {}", doing, path, std::generic_category().message(error_number),
                                   advice_for(code)));
}

Result<FileDescriptor> open_regular_file(const std::string& path) {
    FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.number() < 0) return file_error(errno, "open", path);
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) return file_error(errno, "read", path);
    if (!S_ISREG(status.st_mode))
        return Error(ErrorCode::invalid_configuration,
                     fmt::format("{} is {}, not a file; put a file there", path,
                                 S_ISDIR(status.st_mode) ? "a folder" : "a device or pipe"));
    return Result<FileDescriptor>(std::move(file));
}

Result<FileIdentity> identify(const FileDescriptor& file, const std::string& path) {
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) return file_error(errno, "read", path);
    return identity_of(status);
}

Result<FileIdentity> identify(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return file_error(errno, "read", path);
    return identity_of(status);
}

Result<std::size_t> read_at(const FileDescriptor& file, char* buffer, std::size_t size, std::uint64_t offset,
                            const std::string& path) {
    std::size_t done = 0;
    while (done < size) {
        const ssize_t count = ::pread(file.number(), buffer + done, size - done, static_cast<off_t>(offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return file_error(errno, "read", path);
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}

Result<> check_folder(const std::string& path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
    if (!folder) return file_error(errno, "read the folder", path);
    if (::access(path.c_str(), X_OK) != 0) return file_error(errno, "read the folder", path);
    return {};
}

Result<> sync_folder(const std::string& path) {
    const FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.number() < 0 || ::fsync(folder.number()) != 0) return file_error(errno, "sync the folder", path);
    return {};
}

Result<FolderLock> FolderLock::take(const std::string& folder) {
    const std::string path = folder + "/.castiel-sync.lock";
    FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (file.number() < 0) return file_error(errno, "make the lock file", path);
    for (int attempt = 0; attempt < lock_attempts; ++attempt) {
        if (::flock(file.number(), LOCK_EX | LOCK_NB) == 0) return FolderLock(std::move(file));
        if (errno != EWOULDBLOCK && errno != EINTR) return file_error(errno, "lock", path);
        std::this_thread::sleep_for(lock_pause);
    }
    return Error(ErrorCode::unavailable,
                 fmt::format("{} has been locked by another writer for ten seconds; try again when it is done", path));
}

bool FolderLock::settled(const FileIdentity& identity) const {
    const timespec now[2]{{0, UTIME_NOW}, {0, UTIME_NOW}};
    struct stat status {};
    if (::futimens(file_.number(), now) != 0 || ::fstat(file_.number(), &status) != 0) return false;
    const std::int64_t time = nanoseconds(status.st_mtim);
    const bool coarse = time % second_ns == 0 || identity.modified_ns % second_ns == 0;
    return identity.changed_ns + (coarse ? coarse_tick_ns : fine_tick_ns) < time;
}

Result<TemporaryFile> TemporaryFile::create(const std::string& folder) {
    std::string path = fmt::format("{}/{}{}{}", folder, prefix, ::getpid(), suffix);
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.number() < 0) return file_error(errno, "make a temporary file", path);
    return TemporaryFile(std::move(file), std::move(path));
}

TemporaryFile::~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

Result<> TemporaryFile::complete(const FileDescriptor& model, const std::string& target) {
    struct stat status {};
    if (::fstat(model.number(), &status) != 0) return file_error(errno, "read", target);
    // Without the right to give a file away (or where its owner has no name, in a container), it stays ours.
    mode_t mode = status.st_mode & 07777;
    if (::fchown(file_.number(), status.st_uid, status.st_gid) != 0) {
        if (errno != EPERM && errno != EINVAL) return file_error(errno, "keep the owner of", target);
        // Then its group may not be the one that the mode was meant for.
        const bool keeps_group = ::fchown(file_.number(), static_cast<uid_t>(-1), status.st_gid) == 0;
        if (!keeps_group) mode &= ~static_cast<mode_t>(070);
    }
    if (::fchmod(file_.number(), mode) != 0) return file_error(errno, "keep the mode of", target);
    return complete(target);
}

Result<> TemporaryFile::complete(const std::string& target) {
    if (::fsync(file_.number()) != 0) return file_error(errno, "write a new copy of", target);
    return {};
}

Result<FileDescriptor> TemporaryFile::rename_to(const std::string& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) return file_error(errno, "replace", target);
    path_.clear();
    return Result<FileDescriptor>(std::move(file_));
}

void remove_leftover_temporaries(const std::string& folder) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), &::closedir);
    if (!listing) return;
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view name = entry->d_name;
        if (name.starts_with(TemporaryFile::prefix) && name.ends_with(TemporaryFile::suffix))
            ::unlinkat(::dirfd(listing.get()), entry->d_name, 0);
    }
}

} // namespace castiel_sync
