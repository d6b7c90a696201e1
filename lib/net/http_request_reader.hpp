// Requests out of the bytes of one connection. No input or output of its own: bytes are put into it, steps come out.
//
// A parser of our own and not Boost.Beast's: what has to be refused (a folded header, a bare line feed, a second
// Content-Length) is decided on the bytes of the head, line by line, which leaves Beast nothing to do but to read them
// once more. Tests and the fuzzer hold the two against each other: what is accepted here, Beast reads as the same
// request.
#pragma once

#include <castiel_sync/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

struct HttpRequestLimits {
    std::size_t max_header_bytes = 0;
    std::size_t max_headers = 0;
    std::size_t max_body_bytes = 0;
};

struct HttpRefusal {
    unsigned status = 400;
    std::string message;

    HttpRefusal() = default;
};

class HttpRequestReader {
public:
    enum class Step {
        more,             // read from the client, put it in, and ask again
        expects_continue, // answer 100 before reading on, then ask again
        request,          // take_request()
        refused,          // refusal(); the reader takes nothing more
    };
    enum class Place {
        between, // nothing of a request has arrived
        head,
        body,
    };

    explicit HttpRequestReader(HttpRequestLimits limits);

    // Where the next bytes go. Empty only when a whole request or more waits here already. Valid until the next call.
    [[nodiscard]] std::span<char> space();
    void put(std::size_t bytes);

    [[nodiscard]] Step next();
    [[nodiscard]] Place place() const;

    // After Step::request. The reader goes on with the request behind it.
    [[nodiscard]] HttpRequest take_request();
    [[nodiscard]] const HttpRefusal& refusal() const { return refusal_; }

    // Of the request that is being read, or was taken last.
    [[nodiscard]] bool version_1_0() const { return version_1_0_; }
    // Whether the client wants the connection to go on.
    [[nodiscard]] bool keep_alive() const { return version_1_0_ ? says_keep_alive_ && !says_close_ : !says_close_; }

private:
    enum class State { request_line, headers, body, chunk_line, chunk, chunk_end, trailers, complete, refused };

    [[nodiscard]] std::optional<std::string_view> take_line();
    [[nodiscard]] std::string_view waiting() const { return {buffer_.data() + begin_, end_ - begin_}; }
    [[nodiscard]] bool advance();
    bool begin_request(std::string_view line);
    bool take_header(std::string_view line);
    bool take_special(std::string_view name, std::string_view value);
    bool take_content_length(std::string_view value);
    bool finish_head();
    bool take_body();
    bool begin_chunk(std::string_view line);
    bool end_chunk();
    bool check_header(std::string_view line, std::size_t colon);
    bool check_beginning(std::string_view line);
    bool refuse(unsigned status, std::string message);
    void forget();

    HttpRequestLimits limits_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0; // of what is not used yet
    std::size_t end_ = 0;
    std::size_t scanned_ = 0; // no line feed before this

    State state_ = State::request_line;
    HttpRequest request_;
    HttpRefusal refusal_;
    std::size_t charged_ = 0;      // of max_header_bytes
    std::size_t header_count_ = 0; // of max_headers, trailers too
    std::uint64_t remaining_ = 0;  // of the body or of the chunk
    bool skipped_empty_line_ = false;
    bool version_1_0_ = false;
    bool has_host_ = false;
    bool has_content_length_ = false;
    bool chunked_ = false;
    bool expects_continue_ = false;
    bool says_close_ = false;
    bool says_keep_alive_ = false;
};

} // namespace castiel_sync
