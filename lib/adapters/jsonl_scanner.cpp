// The one sequential pass over a file that makes its index. Reads through a buffer and not through a mapping: a file
// that is cut short under a mapping kills the process.
#include <core/hashes.hpp>
#include <adapters/jsonl_snapshot.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace castiel_sync {
namespace {

constexpr std::size_t chunk_bytes = 1024 * 1024;

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

} // namespace

class JsonlScanner {
public:
    explicit JsonlScanner(JsonlSnapshot& snapshot) : snapshot_(snapshot) {}

    // False: the file is shorter than it was.
    Result<bool> run() {
        ::posix_fadvise(snapshot_.file_.number(), 0, 0, POSIX_FADV_SEQUENTIAL);
        while (filled_to() < snapshot_.identity_.size) {
            auto grown = fill();
            if (!grown) return grown.error();
            if (!*grown) return false;
            take_lines();
        }
        if (filled_ > 0 || skipping_) {
            // What is appended will complete "\r" to a line end, so it is none of the line's text now.
            std::string_view line(buffer_.data(), filled_);
            snapshot_.ends_within_line_ = true;
            snapshot_.ends_within_line_end_ = ends_with_return(line);
            if (line.ends_with('\r')) line.remove_suffix(1);
            take_line(line);
        }
        return true;
    }

private:
    [[nodiscard]] std::uint64_t filled_to() const { return base_ + filled_; }

    Result<bool> fill() {
        const std::uint64_t left = snapshot_.identity_.size - filled_to();
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, left));
        if (buffer_.size() < filled_ + wanted) buffer_.resize(filled_ + wanted);
        auto count = read_at(snapshot_.file_, buffer_.data() + filled_, wanted, filled_to(), snapshot_.path_);
        if (!count) return count.error();
        const bool first = filled_to() == 0;
        filled_ += *count;
        if (first && std::string_view(buffer_.data(), filled_).starts_with(byte_order_mark)) {
            drop(byte_order_mark.size());
            snapshot_.beginning_ = base_;
        }
        return *count == wanted;
    }

    void drop(std::size_t bytes) {
        std::memmove(buffer_.data(), buffer_.data() + bytes, filled_ - bytes);
        base_ += bytes;
        filled_ -= bytes;
        searched_ = 0;
    }

    void take_lines() {
        std::size_t begin = 0;
        while (const char* end = find_line_end()) {
            const auto line_end = static_cast<std::size_t>(end - buffer_.data());
            std::string_view line(buffer_.data() + begin, line_end - begin);
            const bool carriage_return = ends_with_return(line);
            if (line.ends_with('\r')) line.remove_suffix(1);
            if (snapshot_.lines_ == 0) snapshot_.carriage_returns_ = carriage_return;
            line_offset_ = skipping_ ? line_offset_ : base_ + begin;
            take_line(line);
            begin = line_end + 1;
            searched_ = begin;
        }
        if (!skipping_ && filled_ > begin) line_offset_ = base_ + begin;
        drop(begin);
        searched_ = filled_;
        // A line that is too long is not kept: its end is looked for, nothing else.
        if (!skipping_ && filled_ > snapshot_.options_.max_line_bytes + 1) {
            skipping_ = true;
            skipped_hash_ = hash_of_beginning(std::string_view(buffer_.data(), filled_));
        }
        if (!skipping_) return;
        skipped_return_ = ends_with_return(std::string_view(buffer_.data(), filled_));
        drop(filled_);
    }

    // Of a line that is too long, what is left of it may be nothing.
    [[nodiscard]] bool ends_with_return(std::string_view line) const {
        return line.empty() ? skipping_ && skipped_return_ : line.ends_with('\r');
    }

    [[nodiscard]] const char* find_line_end() const {
        return static_cast<const char*>(std::memchr(buffer_.data() + searched_, '\n', filled_ - searched_));
    }

    void take_line(std::string_view line) {
        constexpr auto last = std::numeric_limits<std::uint32_t>::max();
        if (snapshot_.lines_ < last) ++snapshot_.lines_;
        if (skipping_ || line.size() > snapshot_.options_.max_line_bytes) {
            add(JsonlEntry::Kind::over_long, skipping_ ? skipped_hash_ : hash_of_beginning(line), last);
            skipping_ = false;
            return;
        }
        if (is_blank(line)) return;
        const auto length = static_cast<std::uint32_t>(line.size());
        const LineId id = read_line_id(line, snapshot_.options_, scratch_);
        if (id.kind == LineId::Kind::known)
            add(JsonlEntry::Kind::record, hash64(id.text), length);
        else if (id.kind == LineId::Kind::invalid)
            add(JsonlEntry::Kind::invalid, hash64(line), length);
        else
            add(JsonlEntry::Kind::unreadable, hash64(line), length);
    }

    // The place of an over-long line: by as much of it as a line may have, wherever it stands in the file.
    [[nodiscard]] std::uint64_t hash_of_beginning(std::string_view line) const {
        return hash64(line.substr(0, snapshot_.options_.max_line_bytes));
    }

    void add(JsonlEntry::Kind kind, std::uint64_t hash, std::uint32_t length) {
        auto& entries = snapshot_.entries_;
        if (entries.size() == entries.capacity()) reserve();
        entries.emplace_back(kind, hash, line_offset_, length, snapshot_.lines_);
    }

    // By the mean line so far, so that the index does not double past what it needs.
    void reserve() {
        auto& entries = snapshot_.entries_;
        const double share = static_cast<double>(line_offset_ + 1) / static_cast<double>(snapshot_.identity_.size);
        const double expected = static_cast<double>(entries.size() + 1) / share * 1.02 + 64;
        const auto most = static_cast<double>(entries.size() * 64 + 1024);
        entries.reserve(static_cast<std::size_t>(std::min(expected, most)));
    }

    JsonlSnapshot& snapshot_;
    std::string buffer_;
    std::string scratch_;
    std::uint64_t base_ = 0; // offset of the buffer's first byte
    std::size_t filled_ = 0;
    std::size_t searched_ = 0;      // no line end before this
    std::uint64_t line_offset_ = 0; // of the line being taken
    bool skipping_ = false;         // inside a line that is too long
    std::uint64_t skipped_hash_ = 0; // of its beginning
    bool skipped_return_ = false;    // what was dropped of it last ended with "\r"
};

Steady<JsonlSnapshot> JsonlSnapshot::take(std::string path, std::string name, const JsonlOptions& options) {
    auto file = open_regular_file(path);
    if (!file) return file.error();
    auto identity = identify(*file, path);
    if (!identity) return identity.error();
    JsonlSnapshot snapshot(std::move(path), std::move(name), options, std::move(*file), *identity);
    auto whole = JsonlScanner(snapshot).run();
    if (!whole) return whole.error();
    if (!*whole) return std::optional<JsonlSnapshot>();
    auto ordered = snapshot.put_in_order();
    if (!ordered) return ordered.error();
    auto untouched = snapshot.is_untouched();
    if (!untouched) return untouched.error();
    if (!*ordered || !*untouched) return std::optional<JsonlSnapshot>();
    return std::optional<JsonlSnapshot>(std::move(snapshot));
}

} // namespace castiel_sync
