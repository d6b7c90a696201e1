#include <net/http_gunzip.hpp>

#include <algorithm>
#include <limits>
#include <new>

#include <zlib.h>

namespace castiel_sync {

struct HttpGunzip::Stream {
    z_stream state{};

    Stream() {
        if (inflateInit2(&state, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
    }
    ~Stream() { inflateEnd(&state); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
};

HttpGunzip::HttpGunzip() : stream_(std::make_unique<Stream>()) {}
HttpGunzip::~HttpGunzip() = default;

HttpGunzip::Verdict HttpGunzip::put(std::string_view compressed, std::string& text, std::size_t limit) {
    z_stream& state = stream_->state;
    state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
    state.avail_in = static_cast<uInt>(compressed.size());
    for (;;) {
        if (place_ == Place::behind && state.avail_in > 0) { // several streams in a row are one, says RFC 1952
            inflateReset(&state);
            place_ = Place::within;
        }
        if (state.avail_in > 0) place_ = Place::within;
        // One byte more than may be, so that too much can be seen.
        const std::size_t before = text.size();
        const std::size_t space = std::min(limit + 1 - before, std::max<std::size_t>(4096, 4 * state.avail_in));
        text.resize(before + space);
        state.next_out = reinterpret_cast<Bytef*>(text.data() + before);
        state.avail_out = static_cast<uInt>(space);
        const int answer = inflate(&state, Z_NO_FLUSH);
        const bool full = state.avail_out == 0;
        text.resize(before + space - state.avail_out);
        if (text.size() > limit) return Verdict::too_much;
        if (answer == Z_STREAM_END) place_ = Place::behind;
        if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR) return Verdict::damaged;
        if (state.avail_in == 0 && (!full || answer == Z_STREAM_END)) return Verdict::fine;
    }
}

} // namespace castiel_sync
