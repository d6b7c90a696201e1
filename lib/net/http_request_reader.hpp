// Requests out of the bytes of one connection. No input or output of its own: bytes are put into it, steps come out.
//
// Boost.Beast's parser reads them. Added here is what this server refuses although Beast would take it, and that
// requests and refusals do not depend on how the bytes arrive.
#pragma once

#include <castiel_sync/http/message.hpp>

#include <boost/beast/core/flat_buffer.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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
    ~HttpRequestReader();
    HttpRequestReader(const HttpRequestReader&) = delete;
    HttpRequestReader& operator=(const HttpRequestReader&) = delete;

    // Where the next bytes go. Empty only when a whole request or more waits here already. Valid until the next call.
    [[nodiscard]] std::span<char> space();
    void put(std::size_t bytes);

    [[nodiscard]] Step next();
    [[nodiscard]] Place place() const;

    // After Step::request. The reader goes on with the request behind it.
    [[nodiscard]] HttpRequest take_request();
    [[nodiscard]] const HttpRefusal& refusal() const { return refusal_; }

    // Of the request that is being read, or was taken last. False where there is none.
    [[nodiscard]] bool version_1_0() const;
    // Of the request that was taken last: whether the client wants the connection to go on.
    [[nodiscard]] bool keep_alive() const;

private:
    class Parser; // keeps Beast's headers, which are slow to compile, to one file
    enum class State { request_line, headers, body, complete, refused };

    [[nodiscard]] std::string_view waiting() const;
    [[nodiscard]] bool advance();
    bool read_head();
    bool read_body();
    bool read_between_chunks();
    bool parse(std::string_view part);
    void consume(std::size_t bytes);
    bool refuse(unsigned status, std::string message);
    bool refuse_long_head();

    HttpRequestLimits limits_;
    boost::beast::flat_buffer buffer_;
    std::size_t scanned_ = 0; // of what waits: where the next line of the head can end

    State state_ = State::request_line;
    std::unique_ptr<Parser> parser_; // a new one for each request, from its first line on
    HttpRefusal refusal_;
    std::size_t charged_ = 0; // of max_header_bytes
    bool skipped_empty_line_ = false;
};

} // namespace castiel_sync
