// The file and its folders, before SQLite sees them.
#include "stores/sqlite_schema.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace castiel_sync {
namespace {

namespace fs = std::filesystem;

Error cannot(std::string_view what, const fs::path& path, int error_number) {
    const std::error_code code(error_number, std::generic_category());
    const bool space = error_number == ENOSPC || error_number == EDQUOT;
    return Error(space ? ErrorCode::out_of_space : ErrorCode::invalid_configuration,
                 fmt::format("{}: {}: {}. {}", path.string(), what, code.message(),
                             space ? "Free space on its disk, then run again."
                                   : "Check that this user may read and write there, or name another file."));
}

// Makes the new entry of a folder durable: without this a power loss may take the whole store away.
Result<> synchronise_folder(const fs::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return cannot("the folder can't be opened", folder, errno);
    const int failed = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    // Some file systems can't synchronise a folder; there is nothing more to be done about that.
    if (failed != 0 && failed != EINVAL) return cannot("the folder can't be synchronised", folder, failed);
    return {};
}

Result<> make_folders(const fs::path& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) return {};
        return cannot("a folder is needed here", folder, ENOTDIR);
    }
    if (errno != ENOENT) return cannot("the folder can't be reached", folder, errno);
    const fs::path parent = folder.parent_path();
    if (auto made = make_folders(parent); !made) return made;
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return cannot("the folder can't be made", folder, errno);
    return synchronise_folder(parent);
}

} // namespace

Result<> prepare_sqlite_file(const std::string& path, bool read_only) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) {
        if (S_ISREG(status.st_mode)) return {};
        return cannot("a file is needed here", path, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
    }
    if (errno != ENOENT) return cannot("the file can't be reached", path, errno);
    if (read_only) return cannot("there is nothing to read", path, ENOENT);
    if (auto made = make_folders(fs::path(path).parent_path()); !made) return made;
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return cannot("the file can't be made", path, errno);
    ::close(descriptor);
    return synchronise_folder(fs::path(path).parent_path());
}

} // namespace castiel_sync
