#include <net/http_request_reader.hpp>

#include <core/http_syntax.hpp>

#include <boost/beast/core/read_size.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace castiel_sync {
namespace {

namespace http = boost::beast::http;
using BeastText = boost::beast::string_view;
using Problem = boost::system::error_code;

constexpr std::size_t first_buffer_bytes = 4096;

bool is_digit(char character) { return character >= '0' && character <= '9'; }

bool is_text(std::string_view bytes) {
    return std::ranges::all_of(bytes, [](char byte) {
        return byte == '\r' || byte == '\n' || (http_characters[static_cast<unsigned char>(byte)] & value_character);
    });
}

// Beast takes a header that goes on in the next line, as HTTP/1.0 had it, and does not tell.
bool has_folded_header(std::string_view lines) {
    return lines.find("\r\n ") != std::string_view::npos || lines.find("\r\n\t") != std::string_view::npos;
}

// Beast's error does not tell another version of HTTP from no version. It has read the method and the target by then.
bool names_version(std::string_view request_line) {
    const std::string_view version = request_line.substr(request_line.find(' ', request_line.find(' ') + 1) + 1);
    return version.size() == std::string_view("HTTP/0.0\r\n").size() && version.starts_with("HTTP/") &&
           is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
}

} // namespace

// One request. What Beast accepts and this server refuses is refused in the callbacks.
class HttpRequestReader::Parser final : public http::basic_parser<true> {
public:
    explicit Parser(HttpRequestReader& reader) : reader_(reader), limits_(reader.limits_) {
        header_limit(std::numeric_limits<std::uint32_t>::max()); // what is too long never gets here
        body_limit(boost::none);                                 // counts a chunk again with each attempt to read it
    }

    HttpRequest request;
    bool version_1_0 = false;
    bool expects_continue = false;
    std::uint64_t chunk_bytes_left = 0;
    std::size_t extension_bytes = 0; // of the last chunk that began

private:
    void refuse(Problem& problem, unsigned status, std::string message) {
        reader_.refuse(status, std::move(message));
        problem = http::error::bad_value; // ends the parsing
    }

    void refuse_long_body(Problem& problem) {
        refuse(problem, 413, "The body is longer than " + std::to_string(limits_.max_body_bytes) + " bytes.");
    }

    void on_request_impl(http::verb, BeastText method, BeastText target, int version, Problem& problem) override {
        version_1_0 = version == 10;
        if (method == "CONNECT") return refuse(problem, 501, "This server is no proxy: CONNECT is not supported.");
        if (!target.starts_with('/'))
            return refuse(problem, 400,
                          "The request's target must be a path that begins with '/', without scheme and host.");
        if (!all_of(target, target_character))
            return refuse(problem, 400, "The request's target has a character that must be percent-encoded.");
        request.method = method;
        request.target = target;
    }

    void on_field_impl(http::field field, BeastText name, BeastText value, Problem& problem) override {
        if (++header_count_ > limits_.max_headers)
            return refuse(problem, 431,
                          "The request has more than " + std::to_string(limits_.max_headers) + " headers.");
        if (is_header_done()) return; // a trailer, which nobody asked for
        check_field(field, value, problem);
        request.headers.add(std::string(name), std::string(value));
    }

    void check_field(http::field field, std::string_view value, Problem& problem) {
        switch (field) {
        case http::field::host:
            if (request.headers.find("Host")) return refuse(problem, 400, "The request has more than one Host header.");
            if (!all_of(value, host_character))
                return refuse(problem, 400, "The Host header is not a host with an optional port.");
            return;
        case http::field::content_length:
            if (request.headers.find("Content-Length"))
                return refuse(problem, 400, "The request has more than one Content-Length header.");
            if (value.find_first_not_of("0123456789") != std::string_view::npos)
                return refuse(problem, 400, "The Content-Length is not a number of digits only.");
            return;
        case http::field::transfer_encoding:
            if (!equal_without_case(value, "chunked"))
                return refuse(problem, 501, "The only transfer encoding known here is chunked.");
            if (version_1_0) return refuse(problem, 400, "HTTP/1.0 has no Transfer-Encoding.");
            return;
        case http::field::expect:
            if (version_1_0) return;
            if (!equal_without_case(value, "100-continue"))
                return refuse(problem, 417, "Only the expectation 100-continue can be met.");
            expects_continue = true;
            return;
        default:
            return;
        }
    }

    void on_header_impl(Problem& problem) override {
        if (!version_1_0 && !request.headers.find("Host"))
            return refuse(problem, 400, "The request has no Host header.");
        if (content_length().value_or(0) > limits_.max_body_bytes) refuse_long_body(problem);
    }

    void on_chunk_header_impl(std::uint64_t size, BeastText extension, Problem& problem) override {
        // In quotes Beast lets anything pass, also what another reader may take for the end of the line.
        if (!all_of(extension, value_character))
            return refuse(problem, 400, "The extension of a chunk has a control character.");
        if (size > limits_.max_body_bytes - request.body.size()) return refuse_long_body(problem);
        chunk_bytes_left = size;
        extension_bytes = extension.size();
    }

    std::size_t on_body_impl(BeastText piece, Problem&) override {
        request.body.append(piece);
        return piece.size();
    }

    std::size_t on_chunk_body_impl(std::uint64_t left, BeastText piece, Problem& problem) override {
        chunk_bytes_left = left - piece.size();
        return on_body_impl(piece, problem);
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>&, Problem&) override {}
    void on_finish_impl(Problem&) override {}
    void on_response_impl(int, BeastText, int, Problem&) override {}

    HttpRequestReader& reader_;
    const HttpRequestLimits& limits_;
    std::size_t header_count_ = 0; // trailers too
};

// One byte more than fits, so that too much can be seen.
HttpRequestReader::HttpRequestReader(HttpRequestLimits limits) : limits_(limits), buffer_(limits.max_header_bytes + 1) {
    buffer_.reserve(std::min(first_buffer_bytes, buffer_.max_size()));
}

HttpRequestReader::~HttpRequestReader() = default;

std::span<char> HttpRequestReader::space() {
    const auto prepared = buffer_.prepare(boost::beast::read_size(buffer_, buffer_.max_size()));
    return {static_cast<char*>(prepared.data()), prepared.size()};
}

void HttpRequestReader::put(std::size_t bytes) { buffer_.commit(bytes); }

std::string_view HttpRequestReader::waiting() const {
    return {static_cast<const char*>(buffer_.data().data()), buffer_.size()};
}

HttpRequestReader::Place HttpRequestReader::place() const {
    switch (state_) {
    case State::request_line:
        return buffer_.size() == 0 ? Place::between : Place::head;
    case State::headers:
        return Place::head;
    default:
        return Place::body;
    }
}

bool HttpRequestReader::version_1_0() const { return parser_ && parser_->version_1_0; }
bool HttpRequestReader::keep_alive() const { return parser_->keep_alive(); }

HttpRequestReader::Step HttpRequestReader::next() {
    while (advance()) {
    }
    if (state_ == State::complete) return Step::request;
    if (state_ == State::refused) return Step::refused;
    if (state_ == State::body && buffer_.size() == 0 && std::exchange(parser_->expects_continue, false))
        return Step::expects_continue;
    return Step::more;
}

HttpRequest HttpRequestReader::take_request() {
    state_ = State::request_line;
    charged_ = 0;
    return std::move(parser_->request);
}

// One step further, false where more bytes are needed or a step has come out.
bool HttpRequestReader::advance() {
    switch (state_) {
    case State::request_line:
    case State::headers:
        return read_head();
    case State::body:
        return read_body();
    default:
        return false;
    }
}

// A line of the head. Beast gets the request line at once, since whoever speaks another protocol may never send more,
// and the headers when all of them are here.
bool HttpRequestReader::read_head() {
    const std::size_t line_feed = waiting().find('\n', scanned_);
    const std::size_t allowed = limits_.max_header_bytes - charged_;
    const std::string_view part = waiting().substr(0, std::min(line_feed, allowed) + 1);
    if (!is_text(part.substr(scanned_)))
        return refuse(400, "This is not HTTP: the request's head has a control character.");
    if (part.size() > allowed) return refuse_long_head();
    scanned_ = part.size();
    if (line_feed == std::string_view::npos) return false;
    if (!part.ends_with("\r\n"))
        return refuse(400, "A line of the request ends with a line feed that has no carriage return before it.");

    if (state_ == State::request_line) {
        if (part == "\r\n" && !std::exchange(skipped_empty_line_, true)) { // RFC 9112, 2.2: some send one too many
            consume(part.size());
            return true;
        }
        skipped_empty_line_ = false;
        parser_ = std::make_unique<Parser>(*this);
        charged_ = part.size();
        if (!parse(part)) return false;
        state_ = State::headers;
        return true;
    }
    if (part != "\r\n" && !part.ends_with("\r\n\r\n")) return true;
    if (has_folded_header(part))
        return refuse(400, "A header goes on in the next line. That is obsolete, and refused.");
    charged_ += part.size();
    if (!parse(part)) return false;
    state_ = State::body;
    return true;
}

bool HttpRequestReader::read_body() {
    if (parser_->is_done()) state_ = State::complete;
    if (parser_->is_done() || buffer_.size() == 0) return false;
    parser_->expects_continue = false; // a client that has begun to send its body waits for nothing
    const bool between_chunks = parser_->chunked() && parser_->chunk_bytes_left == 0;
    return between_chunks ? read_between_chunks() : parse(waiting());
}

// What stands before a chunk, or the end of the body with its trailers, if it is here as a whole.
bool HttpRequestReader::read_between_chunks() {
    // Chunks of one byte with long extensions would otherwise cost much more than the body may.
    const std::size_t allowed = limits_.max_header_bytes - charged_;
    const std::string_view part = waiting().substr(0, allowed);
    // Before Boost 1.86 an assertion fails where a body without bytes arrives in pieces (Beast's pull request 2861).
    if (part.starts_with('0') && buffer_.size() < std::string_view("0\r\n\r\n").size()) return false;
    const std::size_t before = buffer_.size();
    if (!parse(part)) return false;
    const std::string_view used = part.substr(0, before - buffer_.size());
    if (used.empty()) return before > allowed && refuse_long_head();
    charged_ += parser_->extension_bytes;
    return !has_folded_header(used) ||
           refuse(400, "A trailer goes on in the next line. That is obsolete, and refused.");
}

bool HttpRequestReader::parse(std::string_view part) {
    Problem problem;
    const std::size_t used = parser_->put(boost::asio::const_buffer(part.data(), part.size()), problem);
    consume(used);
    // To Beast a version of too few letters is one that has not arrived yet. What it gets of a head is whole, though.
    if (problem == http::error::need_more && state_ != State::body && used < part.size())
        problem = http::error::partial_message;
    if (!problem || problem == http::error::need_more) return true;
    if (state_ == State::refused) return false;
    if (problem == http::error::bad_version && names_version(part))
        return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    return refuse(400, "The request can't be read: " + problem.message() + ".");
}

void HttpRequestReader::consume(std::size_t bytes) {
    buffer_.consume(bytes);
    scanned_ = 0;
}

bool HttpRequestReader::refuse(unsigned status, std::string message) {
    refusal_.status = status;
    refusal_.message = std::move(message);
    state_ = State::refused;
    return false;
}

bool HttpRequestReader::refuse_long_head() {
    return refuse(431, "The request's headers are longer than " + std::to_string(limits_.max_header_bytes) + " bytes.");
}

} // namespace castiel_sync
