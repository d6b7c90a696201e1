// What the fuzz targets share. A target takes bytes, and aborts where a promise of the library is broken.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>

#include <core/json_text.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fuzzer/FuzzedDataProvider.h>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace castiel_sync::fuzzing {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

inline void require(bool holds, std::string_view promise, std::string_view detail = {}) {
    if (holds) return;
    std::fprintf(stderr, "\nBroken promise: %.*s\n%.*s\n", static_cast<int>(promise.size()), promise.data(),
                 static_cast<int>(detail.size()), detail.data());
    std::abort();
}

// Somebody will read it, and write it into a JSON document.
inline void require_readable(std::string_view message) {
    require(!message.empty(), "an error says what is wrong");
    require(is_utf8(message), "a message is UTF-8", message);
}

inline void require_readable(const Error& error) { require_readable(error.message); }

// A fault hinders the use, a notice does not.
inline bool require_readable(const std::vector<ConfigurationFault>& faults) {
    bool hinders = false;
    for (const ConfigurationFault& fault : faults) {
        require_readable(fault.message);
        require(is_utf8(fault.path), "a key path is UTF-8", fault.path);
        hinders = hinders || !fault.notice;
    }
    return hinders;
}

// Equal to the last bit: kinds of numbers, the sign of zero, the order of members.
inline bool identical(const json::value& left, const json::value& right) {
    if (left.kind() != right.kind()) return false;
    if (const auto* number = left.if_double())
        return std::bit_cast<std::uint64_t>(*number) == std::bit_cast<std::uint64_t>(right.get_double());
    if (const auto* list = left.if_array()) {
        const json::array& other = right.get_array();
        if (list->size() != other.size()) return false;
        for (std::size_t place = 0; place < list->size(); ++place)
            if (!identical((*list)[place], other[place])) return false;
        return true;
    }
    if (const auto* object = left.if_object()) {
        const json::object& other = right.get_object();
        if (object->size() != other.size()) return false;
        auto member = other.begin();
        for (const auto& each : *object) {
            if (each.key() != member->key() || !identical(each.value(), member->value())) return false;
            ++member;
        }
        return true;
    }
    return left == right;
}

// Runs `work` on the loop to its end.
template <class T>
T run(boost::asio::io_context& loop, Async<T> work) {
    std::optional<T> value;
    std::exception_ptr thrown;
    boost::asio::co_spawn(loop, std::move(work), [&](std::exception_ptr exception, T result) {
        thrown = exception;
        if (!thrown) value.emplace(std::move(result));
    });
    loop.restart();
    loop.run();
    if (thrown) std::rethrow_exception(thrown);
    require(value.has_value(), "a call ends");
    return std::move(*value);
}

// A file in memory only, which has a path all the same.
class MemoryFile {
public:
    explicit MemoryFile(const char* name) : number_(::memfd_create(name, MFD_CLOEXEC)) {
        require(number_ >= 0, "the machine has files in memory");
    }
    ~MemoryFile() { ::close(number_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(number_); }

    void write(std::string_view content) const {
        const bool emptied = ::ftruncate(number_, 0) == 0;
        const ssize_t count = ::pwrite(number_, content.data(), content.size(), 0);
        require(emptied && count == static_cast<ssize_t>(content.size()), "a file in memory can be written");
    }

    [[nodiscard]] std::string read() const {
        const off_t end = ::lseek(number_, 0, SEEK_END);
        require(end >= 0, "a file in memory has an end");
        std::string content(static_cast<std::size_t>(end), '\0');
        const ssize_t count = ::pread(number_, content.data(), content.size(), 0);
        require(count == static_cast<ssize_t>(content.size()), "a file in memory can be read");
        return content;
    }

private:
    int number_;
};

// A folder that is gone with the process.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "castiel_sync_fuzz_XXXXXX").string();
        require(::mkdtemp(pattern.data()) != nullptr, "a temporary folder can be made");
        path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
    [[nodiscard]] std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

} // namespace castiel_sync::fuzzing
