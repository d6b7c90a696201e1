// The new content of a .jsonl file: what is not edited is copied byte for byte.
#include <adapters/jsonl_push.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace castiel_sync {
namespace {

constexpr std::size_t buffer_bytes = 1024 * 1024;

class Copier {
public:
    Copier(const JsonlSnapshot& snapshot, const FileDescriptor& out) : snapshot_(snapshot), out_(out) {
        constexpr std::uint64_t least = 4096, most = buffer_bytes;
        buffer_.resize(static_cast<std::size_t>(std::clamp(snapshot.identity().size, least, most)));
    }

    // False: the file ends before `end`.
    Result<bool> copy_up_to(std::uint64_t end) {
        while (place_ < end) {
            if (auto flushed = make_room(); !flushed) return flushed.error();
            const auto wanted =
                static_cast<std::size_t>(std::min<std::uint64_t>(end - place_, buffer_.size() - filled_));
            auto count = read_at(snapshot_.file(), buffer_.data() + filled_, wanted, place_, snapshot_.path());
            if (!count) return count.error();
            filled_ += *count;
            place_ += *count;
            if (*count < wanted) return false;
        }
        return true;
    }

    void skip(std::uint64_t bytes) { place_ += bytes; }

    Result<> add(std::string_view text) {
        while (!text.empty()) {
            if (auto flushed = make_room(); !flushed) return flushed;
            const std::size_t size = std::min(text.size(), buffer_.size() - filled_);
            text.copy(buffer_.data() + filled_, size);
            filled_ += size;
            text.remove_prefix(size);
        }
        return {};
    }

    Result<> flush() {
        for (std::size_t done = 0; done < filled_;) {
            const ssize_t count = ::write(out_.number(), buffer_.data() + done, filled_ - done);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return file_error(errno, "write a new copy of", snapshot_.path());
            done += static_cast<std::size_t>(count);
        }
        filled_ = 0;
        return {};
    }

private:
    Result<> make_room() { return filled_ < buffer_.size() ? Result<>() : flush(); }

    const JsonlSnapshot& snapshot_;
    const FileDescriptor& out_;
    std::string buffer_;
    std::size_t filled_ = 0;
    std::uint64_t place_ = 0;
};

} // namespace

Result<bool> write_rewritten(const JsonlSnapshot& snapshot, const std::vector<JsonlEdit>& edits,
                             const std::vector<std::pair<std::string, std::string>>& appended,
                             const FileDescriptor& out) {
    Copier copier(snapshot, out);
    for (const JsonlEdit& edit : edits) {
        auto copied = copier.copy_up_to(edit.offset);
        if (!copied || !*copied) return copied;
        copier.skip(edit.length + (edit.new_text ? 0 : edit.end_length));
        if (!edit.new_text) continue;
        if (auto added = copier.add(*edit.new_text); !added) return added.error();
    }
    auto copied = copier.copy_up_to(snapshot.identity().size);
    if (!copied || !*copied) return copied;
    bool within_line = snapshot.ends_within_line(edits);
    for (const auto& [id, text] : appended) {
        for (const std::string_view part :
             {std::exchange(within_line, false) ? snapshot.missing_line_end() : std::string_view(),
              std::string_view(text), snapshot.line_end()})
            if (auto added = copier.add(part); !added) return added.error();
    }
    if (auto flushed = copier.flush(); !flushed) return flushed.error();
    return true;
}

Result<std::string> hash_file(const FileDescriptor& file, const std::string& path) {
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    std::string buffer(buffer_bytes, '\0');
    for (std::uint64_t place = 0;;) {
        auto count = read_at(file, buffer.data(), buffer.size(), place, path);
        if (!count) return count.error();
        XXH3_128bits_update(&state, buffer.data(), *count);
        place += *count;
        if (*count < buffer.size()) break;
    }
    const XXH128_hash_t hash = XXH3_128bits_digest(&state);
    return fmt::format("{:016x}{:016x}", std::uint64_t{hash.high64}, std::uint64_t{hash.low64});
}

} // namespace castiel_sync
