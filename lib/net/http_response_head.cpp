#include <net/http_response_head.hpp>

#include <core/http_date.hpp>
#include <core/http_syntax.hpp>

#include <array>
#include <charconv>

namespace castiel_sync {
namespace {

struct Reason {
    unsigned status;
    std::string_view text;
};

constexpr Reason reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

std::string_view reason_of(unsigned status) {
    for (const Reason& reason : reasons)
        if (reason.status == status) return reason.text;
    return {}; // the number says it all
}

void append_number(std::string& text, std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text.append(digits.data(), end);
}

// What only the server knows.
bool is_own(std::string_view name) {
    return equal_without_case(name, "Connection") || equal_without_case(name, "Content-Length") ||
           equal_without_case(name, "Transfer-Encoding");
}

} // namespace

bool has_body(unsigned status) { return status != 204 && status != 304; }

bool is_sendable(const HttpResponse& response) {
    if (response.status < 200 || response.status > 599) return false;
    for (const HttpHeader& header : response.headers)
        if (!is_token(header.name) || !all_of(header.value, value_character)) return false;
    return true;
}

void append_head(std::string& head, const HttpResponse& response, const HttpFraming& framing, std::string_view date) {
    head += "HTTP/1.1 ";
    append_number(head, response.status);
    head += ' ';
    head += reason_of(response.status);
    head += "\r\n";
    bool dated = false;
    for (const HttpHeader& header : response.headers) {
        if (is_own(header.name)) continue;
        dated = dated || equal_without_case(header.name, "Date");
        head += header.name;
        head += ": ";
        head += header.value;
        head += "\r\n";
    }
    if (!dated) head += date;
    if (framing.body == HttpFraming::Body::length) {
        head += "Content-Length: ";
        append_number(head, framing.length);
        head += "\r\n";
    } else if (framing.body == HttpFraming::Body::chunks) {
        head += "Transfer-Encoding: chunked\r\n";
    }
    if (framing.close)
        head += "Connection: close\r\n";
    else if (framing.keep_alive)
        head += "Connection: keep-alive\r\n";
    head += "\r\n";
}

std::string make_date_line(Timestamp now) { return "Date: " + to_http_date(now) + "\r\n"; }

} // namespace castiel_sync
