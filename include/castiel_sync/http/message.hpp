// HTTP messages as plain values: headers, and what a server receives and answers.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync {

struct HttpHeader {
    std::string name;
    std::string value;

    HttpHeader() = default;
    HttpHeader(std::string header_name, std::string header_value)
        : name(std::move(header_name)), value(std::move(header_value)) {}

    friend bool operator==(const HttpHeader&, const HttpHeader&) = default;
};

// Headers in the order of the message. Names are compared without regard to case, and keep the case they came in.
class HttpHeaders {
public:
    using const_iterator = std::vector<HttpHeader>::const_iterator;

    // The value of the first header of this name, or nullptr. Valid until the list changes.
    [[nodiscard]] const std::string* find(std::string_view name) const;
    [[nodiscard]] std::size_t count(std::string_view name) const;

    void add(std::string name, std::string value);
    // Replaces every header of this name.
    void set(std::string name, std::string value);
    // Answers how many there were.
    std::size_t remove(std::string_view name);

    [[nodiscard]] const_iterator begin() const { return headers_.begin(); }
    [[nodiscard]] const_iterator end() const { return headers_.end(); }
    [[nodiscard]] std::size_t size() const { return headers_.size(); }
    [[nodiscard]] bool empty() const { return headers_.empty(); }

    friend bool operator==(const HttpHeaders&, const HttpHeaders&) = default;

private:
    std::vector<HttpHeader> headers_;
};

struct HttpRequest {
    std::string method;  // as sent: methods are case-sensitive, and any token is one
    std::string target;  // as sent, in origin form: '/' and visible ASCII without '#'; percent-encoding not undone
    HttpHeaders headers; // values without the spaces around them; not certainly UTF-8
    std::string body;    // whole, and without the chunks it may have come in; trailers are dropped
    std::string peer;    // the address of the client, without its port

    HttpRequest() = default;
};

// The body of a response that is written piece by piece, such as server-sent events.
//
// Threading.    Used by the streaming coroutine only, one write at a time.
// Cancellation. See HttpResponse::stream.
class HttpStream {
public:
    virtual ~HttpStream() = default;
    HttpStream(const HttpStream&) = delete;
    HttpStream& operator=(const HttpStream&) = delete;

    // Completes when the kernel took the whole piece, which is how a slow client slows its stream down. An empty piece
    // is fine and sends nothing.
    // Errors: unavailable: the client has gone, or read nothing for HttpServerOptions::write_timeout. cancelled: the
    //         server stops. In both cases the coroutine is cancelled, too, and there is nothing left to do but to end.
    virtual Async<Result<>> write(std::string piece) = 0;

protected:
    HttpStream() = default;
};

struct HttpResponse {
    unsigned status = 200; // 200 to 599
    // The server adds Date, Content-Length or Transfer-Encoding, and Connection itself, and ignores the last three
    // here, but for `Connection: close`, which it obeys. A name or value that can't stand in a header makes the
    // response a 500.
    HttpHeaders headers;
    std::string body;

    // When set, `body` is ignored: after the head was sent, this writes the body. In chunks to a client of HTTP/1.1, up
    // to the end of the connection to one of HTTP/1.0. Not called for HEAD, nor with a status that has no body.
    //
    // Returning completes the body. Leaving with an exception cuts it off, so that the client can tell.
    // Cancellation. When the client goes away, and when the server begins to stop, the coroutine is cancelled: a sleep
    //               or whatever else it awaits throws operation_aborted (a write under way returns its error), and so
    //               does everything it awaits after that. Let it pass, or return to have the body end properly. A
    //               client that closes its sending half counts as gone: one that closed both looks the same.
    // Ownership.    Kept until the coroutine has ended, so it may be a lambda with captures.
    std::function<Async<void>(HttpStream&)> stream;

    HttpResponse() = default;
};

} // namespace castiel_sync
