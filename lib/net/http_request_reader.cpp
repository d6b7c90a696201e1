#include <net/http_request_reader.hpp>

#include <net/http_syntax.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t first_buffer_bytes = 4096;

bool is_digit(char character) { return character >= '0' && character <= '9'; }

// Digits only. What is beyond 2^64 is its greatest number, which is over every limit.
std::optional<std::uint64_t> parse_length(std::string_view text, int base) {
    std::uint64_t length = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), length, base);
    if (end != text.data() + text.size() || problem == std::errc::invalid_argument) return std::nullopt;
    if (problem == std::errc::result_out_of_range) return std::numeric_limits<std::uint64_t>::max();
    return length;
}

} // namespace

HttpRequestReader::HttpRequestReader(HttpRequestLimits limits) : limits_(limits) {
    // One more than fits, so that too much can be seen.
    buffer_.resize(std::min(first_buffer_bytes, limits_.max_header_bytes + 1));
}

std::span<char> HttpRequestReader::space() {
    if (begin_ == end_) begin_ = end_ = scanned_ = 0;
    if (end_ == buffer_.size() && begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        scanned_ -= std::min(begin_, scanned_);
        begin_ = 0;
    }
    if (end_ == buffer_.size()) buffer_.resize(std::min(buffer_.size() * 2, limits_.max_header_bytes + 1));
    return std::span(buffer_).subspan(end_);
}

void HttpRequestReader::put(std::size_t bytes) { end_ += bytes; }

HttpRequestReader::Place HttpRequestReader::place() const {
    switch (state_) {
    case State::request_line:
        return begin_ == end_ ? Place::between : Place::head;
    case State::headers:
        return Place::head;
    default:
        return Place::body;
    }
}

HttpRequestReader::Step HttpRequestReader::next() {
    while (advance()) {
    }
    if (state_ == State::complete) return Step::request;
    if (state_ == State::refused) return Step::refused;
    if (place() == Place::body && begin_ == end_ && std::exchange(expects_continue_, false))
        return Step::expects_continue;
    return Step::more;
}

HttpRequest HttpRequestReader::take_request() {
    HttpRequest taken = std::move(request_);
    request_ = HttpRequest();
    charged_ = header_count_ = 0;
    state_ = State::request_line;
    return taken;
}

// One step further, false where more bytes are needed or a step has come out.
bool HttpRequestReader::advance() {
    switch (state_) {
    case State::body:
    case State::chunk:
        return take_body();
    case State::chunk_end:
        return end_chunk();
    case State::complete:
    case State::refused:
        return false;
    default:
        break;
    }
    const auto line = take_line();
    if (!line) return false;
    switch (state_) {
    case State::request_line:
        return begin_request(*line);
    case State::chunk_line:
        return begin_chunk(*line);
    case State::headers:
        charged_ += line->size() + 2;
        return line->empty() ? finish_head() : take_header(*line);
    default: // trailers, which nobody asked for: checked like headers, and dropped
        charged_ += line->size() + 2;
        if (!line->empty()) return check_header(*line, line->find(':'));
        state_ = State::complete;
        return false;
    }
}

std::optional<std::string_view> HttpRequestReader::take_line() {
    const auto* found = static_cast<const char*>(std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_));
    const std::size_t end = found ? static_cast<std::size_t>(found - buffer_.data()) + 1 : end_;
    if (charged_ + (end - begin_) > limits_.max_header_bytes) {
        const std::string_view too_long = waiting().substr(0, limits_.max_header_bytes + 1);
        if (state_ == State::request_line && !check_beginning(too_long)) return std::nullopt;
        refuse(431, "The request's headers are longer than " + std::to_string(limits_.max_header_bytes) + " bytes.");
        return std::nullopt;
    }
    if (!found) {
        scanned_ = end_;
        if (state_ == State::request_line) check_beginning(waiting());
        return std::nullopt;
    }
    if (end - begin_ < 2 || buffer_[end - 2] != '\r') {
        refuse(400, "A line of the request ends with a line feed that has no carriage return before it.");
        return std::nullopt;
    }
    const std::string_view line(buffer_.data() + begin_, end - begin_ - 2);
    begin_ = scanned_ = end;
    return line;
}

// Of a request line, as far as it has arrived. Whoever speaks another protocol (TLS, say) may never send a line feed,
// and is told at once.
bool HttpRequestReader::check_beginning(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (all_of(line.substr(0, line.find(' ')), token_character) && all_of(line, value_character)) return true;
    return refuse(400, "This is not HTTP: the request does not begin with a method, or has a control character.");
}

bool HttpRequestReader::begin_request(std::string_view line) {
    if (line.empty() && !std::exchange(skipped_empty_line_, true)) return true; // RFC 9112, 2.2: some send one too many
    forget();
    charged_ = line.size() + 2;
    if (!check_beginning(line)) return false;
    if (line.ends_with('\r')) return refuse(400, "The request line has two carriage returns at its end.");
    const std::size_t first = line.find(' ');
    const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
        return refuse(400, "The request line is not a method, a target and a version with one space between them.");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);
    if (method.empty()) return refuse(400, "The request line begins with a space.");
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        if (version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' && is_digit(version[5]) &&
            is_digit(version[7]))
            return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
        return refuse(400, "The request line does not end with an HTTP version.");
    }
    version_1_0_ = version == "HTTP/1.0";
    if (method == "CONNECT") return refuse(501, "This server is no proxy: CONNECT is not supported.");
    if (!target.starts_with('/'))
        return refuse(400, "The request's target must be a path that begins with '/', without scheme and host.");
    if (!all_of(target, target_character))
        return refuse(400, "The request's target has a character that must be percent-encoded.");
    request_.method = method;
    request_.target = target;
    state_ = State::headers;
    return true;
}

void HttpRequestReader::forget() {
    remaining_ = 0;
    skipped_empty_line_ = version_1_0_ = has_host_ = has_content_length_ = chunked_ = false;
    expects_continue_ = says_close_ = says_keep_alive_ = false;
}

bool HttpRequestReader::check_header(std::string_view line, std::size_t colon) {
    if (++header_count_ > limits_.max_headers)
        return refuse(431, "The request has more than " + std::to_string(limits_.max_headers) + " headers.");
    if (line.front() == ' ' || line.front() == '\t')
        return refuse(400, "A header begins with a space. Folded headers are obsolete, and refused.");
    if (colon == std::string_view::npos) return refuse(400, "A header has no colon.");
    if (!is_token(line.substr(0, colon)))
        return refuse(400, "A header's name is empty, or has a space or another character that none may have.");
    if (!all_of(line.substr(colon + 1), value_character))
        return refuse(400, "A header's value has a control character.");
    return true;
}

bool HttpRequestReader::take_header(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (!check_header(line, colon)) return false;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!take_special(name, value)) return false;
    request_.headers.add(std::string(name), std::string(value));
    return true;
}

// The headers that say how the request is read.
bool HttpRequestReader::take_special(std::string_view name, std::string_view value) {
    switch (name.size()) {
    case 4:
        if (!equal_without_case(name, "Host")) return true;
        if (std::exchange(has_host_, true)) return refuse(400, "The request has more than one Host header.");
        return all_of(value, host_character) || refuse(400, "The Host header is not a host with an optional port.");
    case 6:
        if (!equal_without_case(name, "Expect") || version_1_0_) return true;
        if (!equal_without_case(value, "100-continue"))
            return refuse(417, "Only the expectation 100-continue can be met.");
        expects_continue_ = true;
        return true;
    case 10:
        if (!equal_without_case(name, "Connection")) return true;
        says_close_ = says_close_ || lists(value, "close");
        says_keep_alive_ = says_keep_alive_ || lists(value, "keep-alive");
        return true;
    case 14:
        return !equal_without_case(name, "Content-Length") || take_content_length(value);
    case 17:
        if (!equal_without_case(name, "Transfer-Encoding")) return true;
        if (std::exchange(chunked_, true))
            return refuse(400, "The request has more than one Transfer-Encoding header.");
        return equal_without_case(value, "chunked") || refuse(501, "The only transfer encoding known here is chunked.");
    default:
        return true;
    }
}

bool HttpRequestReader::take_content_length(std::string_view value) {
    if (std::exchange(has_content_length_, true))
        return refuse(400, "The request has more than one Content-Length header.");
    const auto length = parse_length(value, 10);
    if (!length) return refuse(400, "The Content-Length is not a number of digits only.");
    remaining_ = *length;
    return true;
}

bool HttpRequestReader::finish_head() {
    if (!has_host_ && !version_1_0_) return refuse(400, "The request has no Host header.");
    if (chunked_ && has_content_length_)
        return refuse(400, "The request has both a Content-Length and a Transfer-Encoding.");
    if (chunked_ && version_1_0_) return refuse(400, "HTTP/1.0 has no Transfer-Encoding.");
    if (chunked_) {
        state_ = State::chunk_line;
        return true;
    }
    if (remaining_ > limits_.max_body_bytes)
        return refuse(413, "The body is longer than " + std::to_string(limits_.max_body_bytes) + " bytes.");
    state_ = remaining_ == 0 ? State::complete : State::body;
    return remaining_ > 0;
}

bool HttpRequestReader::take_body() {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, end_ - begin_));
    if (taken > 0) expects_continue_ = false; // a client that has begun to send its body waits for nothing
    request_.body.append(buffer_.data() + begin_, taken);
    begin_ += taken;
    scanned_ = begin_;
    remaining_ -= taken;
    if (remaining_ > 0) return false;
    state_ = chunked_ ? State::chunk_end : State::complete;
    return chunked_;
}

bool HttpRequestReader::begin_chunk(std::string_view line) {
    const std::string_view size = trimmed(line.substr(0, line.find(';')));
    const std::string_view extension = line.substr(size.size());
    const auto length = parse_length(size, 16);
    // trimmed() also took spaces before the size, which then shows here.
    const bool begins_with_size = line.starts_with(size);
    if (!length || !begins_with_size || !all_of(extension, value_character) ||
        (!extension.empty() && extension.find(';') == std::string_view::npos))
        return refuse(400, "A chunk does not begin with its length in hexadecimal digits.");
    // Chunks of one byte with long extensions would otherwise cost much more than the body may.
    charged_ += extension.size();
    if (*length > limits_.max_body_bytes - request_.body.size())
        return refuse(413, "The body is longer than " + std::to_string(limits_.max_body_bytes) + " bytes.");
    remaining_ = *length;
    state_ = remaining_ == 0 ? State::trailers : State::chunk;
    return true;
}

bool HttpRequestReader::end_chunk() {
    const std::string_view found = waiting();
    if (!std::string_view("\r\n").starts_with(found.substr(0, 2)))
        return refuse(400, "A chunk is longer than it says.");
    if (found.size() < 2) return false;
    begin_ += 2;
    scanned_ = begin_;
    state_ = State::chunk_line;
    return true;
}

bool HttpRequestReader::refuse(unsigned status, std::string message) {
    refusal_.status = status;
    refusal_.message = std::move(message);
    state_ = State::refused;
    return false;
}

} // namespace castiel_sync
