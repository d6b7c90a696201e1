// The bytes before the body of a response.
#pragma once

#include <castiel_sync/http/message.hpp>
#include <castiel_sync/time.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace castiel_sync {

// How the body is sent, and what becomes of the connection.
struct HttpFraming {
    enum class Body { none, length, chunks, until_close };
    Body body = Body::length;
    std::size_t length = 0;
    bool close = false;
    bool keep_alive = false; // said only to HTTP/1.0, where it is not a matter of course
};

// Whether a response may be sent: a status that is one, and no header that would end early or hold another.
[[nodiscard]] bool is_sendable(const HttpResponse& response);
[[nodiscard]] bool has_body(unsigned status);

// Appends the head of a sendable response. `date` is a whole line with its end.
void append_head(std::string& head, const HttpResponse& response, const HttpFraming& framing, std::string_view date);

// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
[[nodiscard]] std::string make_date_line(Timestamp now);

} // namespace castiel_sync
