#include <net/http_answer_reader.hpp>

#include <core/http_syntax.hpp>
#include <net/http_gunzip.hpp>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/field.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

namespace castiel_sync {
namespace {

namespace http = boost::beast::http;
using BeastText = boost::beast::string_view;
using Problem = boost::system::error_code;

constexpr std::string_view protocol = "HTTP/1.";
constexpr unsigned max_interim_answers = 16;
constexpr std::size_t max_reserved_bytes = 256 * 1024; // a length is only what somebody says

} // namespace

class HttpAnswerReader::Parser final : public http::basic_parser<false> {
public:
    Parser(HttpAnswerReader& reader, bool no_body)
        : reader_(reader), limits_(reader.limits_), no_body_(no_body),
          framing_bytes_left_(reader.limits_.max_header_bytes) {
        header_limit(static_cast<std::uint32_t>(
            std::min<std::size_t>(limits_.max_header_bytes, std::numeric_limits<std::uint32_t>::max())));
        body_limit(boost::none);
        eager(true);
        skip(no_body);
    }

    [[nodiscard]] bool is_between_chunks() const { return chunked() && is_header_done() && chunk_bytes_left_ == 0; }
    [[nodiscard]] bool gzip_is_whole() const { return !gunzip_ || gunzip_->is_whole(); }
    [[nodiscard]] bool gzip_undone() const { return gunzip_ != nullptr; }
    [[nodiscard]] bool was_cut() const { return was_cut_; }
    [[nodiscard]] bool is_interim() const { return answer.status / 100 == 1; }

    HttpAnswer answer;

private:
    void refuse(Problem& problem, std::string fault) {
        reader_.fault_ = std::move(fault);
        problem = http::error::bad_value; // ends the parsing
    }

    // The body is longer than what is taken of it.
    void refuse_long_body(Problem& problem) {
        if (limits_.cut_long_body) {
            answer.body.resize(std::min(answer.body.size(), limits_.max_body_bytes));
            was_cut_ = true;
            problem = http::error::bad_value; // ends the parsing
            return;
        }
        refuse(problem, fmt::format("its body is longer than the {} bytes that the caller takes (max_answer_bytes)",
                                    limits_.max_body_bytes));
    }

    void on_response_impl(int status, BeastText, int version, Problem& problem) override {
        version_1_0_ = version == 10;
        if (status < 100 || status == 101) return refuse(problem, fmt::format("its status is {}", status));
        answer.status = static_cast<unsigned>(status);
    }

    void on_field_impl(http::field field, BeastText name, BeastText value, Problem& problem) override {
        if (is_header_done()) return; // a trailer, which nobody asked for
        if (field == http::field::content_length) {
            if (std::exchange(has_length_, true) || !std::ranges::all_of(value, is_digit))
                return refuse(problem, "it has more than one Content-Length, or one that is no number");
        } else if (field == http::field::transfer_encoding) {
            if (version_1_0_ || !equal_without_case(value, "chunked"))
                return refuse(problem, "its only transfer encoding may be chunked, and only in HTTP/1.1");
        }
        answer.headers.add(std::string(name), std::string(value));
    }

    static bool is_digit(char character) { return character >= '0' && character <= '9'; }

    void on_header_impl(Problem& problem) override {
        const bool has_body = !no_body_ && !is_interim() && answer.status != 204 && answer.status != 304;
        if (!has_body) return;
        if (const std::string* encoding = answer.headers.find("Content-Encoding")) {
            if (answer.headers.count("Content-Encoding") > 1) return refuse(problem, "it is encoded more than once");
            if (equal_without_case(*encoding, "gzip") || equal_without_case(*encoding, "x-gzip"))
                gunzip_ = std::make_unique<HttpGunzip>();
            else if (!equal_without_case(*encoding, "identity"))
                return refuse(problem, "it has a Content-Encoding that was not asked for; known is gzip");
        }
        if (gunzip_) return;
        const std::uint64_t length = content_length().value_or(0);
        if (length > limits_.max_body_bytes && !limits_.cut_long_body) return refuse_long_body(problem);
        answer.body.reserve(std::min<std::uint64_t>(length, max_reserved_bytes));
    }

    void on_chunk_header_impl(std::uint64_t size, BeastText extension, Problem& problem) override {
        // Chunks of one byte with long extensions would otherwise cost much more than the body may.
        if (extension.size() > framing_bytes_left_) return refuse(problem, "the extensions of its chunks are too long");
        framing_bytes_left_ -= extension.size();
        if (!gunzip_ && !limits_.cut_long_body && size > limits_.max_body_bytes - answer.body.size())
            return refuse_long_body(problem);
        chunk_bytes_left_ = size;
    }

    std::size_t on_body_impl(BeastText piece, Problem& problem) override {
        if (gunzip_) {
            switch (gunzip_->put(piece, answer.body, limits_.max_body_bytes)) {
            case HttpGunzip::Verdict::fine:
                break;
            case HttpGunzip::Verdict::damaged:
                refuse(problem, "its compression is damaged");
                break;
            case HttpGunzip::Verdict::too_much:
                refuse_long_body(problem);
                break;
            }
        } else if (piece.size() > limits_.max_body_bytes - answer.body.size()) {
            if (limits_.cut_long_body) answer.body.append(piece.substr(0, limits_.max_body_bytes - answer.body.size()));
            refuse_long_body(problem);
        } else {
            answer.body.append(piece);
        }
        return piece.size();
    }

    std::size_t on_chunk_body_impl(std::uint64_t left, BeastText piece, Problem& problem) override {
        chunk_bytes_left_ = left - piece.size();
        return on_body_impl(piece, problem);
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>&, Problem&) override {}
    void on_finish_impl(Problem&) override {}
    void on_request_impl(http::verb, BeastText, BeastText, int, Problem&) override {}

    HttpAnswerReader& reader_;
    const HttpAnswerLimits& limits_;
    std::unique_ptr<HttpGunzip> gunzip_;
    bool no_body_;
    bool version_1_0_ = false;
    bool has_length_ = false;
    bool was_cut_ = false;
    std::uint64_t chunk_bytes_left_ = 0;
    std::size_t framing_bytes_left_;
};

HttpAnswerReader::HttpAnswerReader(HttpAnswerLimits limits, HttpAnswerTo to) : limits_(limits), to_(to) {
    // Keeps one more than the limit from being none.
    limits_.max_body_bytes = std::min(limits_.max_body_bytes, std::numeric_limits<std::size_t>::max() / 2);
}

HttpAnswerReader::~HttpAnswerReader() = default;

HttpAnswerReader::Step HttpAnswerReader::put(std::string_view bytes) {
    started_ = started_ || !bytes.empty();
    if (kept_.empty()) {
        const Step step = advance(bytes);
        if (step == Step::more) kept_ = bytes;
        return step;
    }
    kept_.append(bytes);
    std::string_view waiting = kept_;
    const Step step = advance(waiting);
    kept_.erase(0, kept_.size() - waiting.size());
    return step;
}

HttpAnswerReader::Step HttpAnswerReader::advance(std::string_view& waiting) {
    while (!waiting.empty()) {
        if (!parser_) {
            // Beast waits for the end of a head, which whoever speaks another protocol may never send.
            if (!waiting.starts_with(protocol.substr(0, waiting.size()))) return refuse("it is no HTTP/1.1");
            if (waiting.size() < protocol.size()) return Step::more;
            parser_ = std::make_unique<Parser>(*this, to_ != HttpAnswerTo::get);
        }
        const std::size_t before = waiting.size();
        const Step step = parse(waiting);
        if (step != Step::more) return step;
        if (waiting.size() == before) break;
    }
    return Step::more;
}

HttpAnswerReader::Step HttpAnswerReader::parse(std::string_view& waiting) {
    if (last_chunk_may_be_cut(waiting)) return Step::more;
    Problem problem;
    const std::size_t used = parser_->put(boost::asio::const_buffer(waiting.data(), waiting.size()), problem);
    waiting.remove_prefix(used);
    if (parser_->was_cut()) {
        status_ = parser_->answer.status;
        return Step::whole; // as far as it is wanted; the rest stays unread, and so the connection ends here
    }
    if (problem && problem != http::error::need_more) {
        if (fault_.empty() && problem == http::error::header_limit)
            return refuse(
                fmt::format("its headers are longer than {} bytes (max_header_bytes)", limits_.max_header_bytes));
        return refuse(fault_.empty() ? fmt::format("it is no HTTP: {}", problem.message()) : std::move(fault_));
    }
    if (parser_->is_header_done() && !parser_->is_interim()) status_ = parser_->answer.status;
    if (parser_->is_done()) return finish_message(waiting);
    if (waiting.size() > limits_.max_header_bytes && parser_->is_between_chunks())
        return refuse("what stands between its chunks is too long");
    return Step::more;
}

HttpAnswerReader::Step HttpAnswerReader::finish_message(std::string_view waiting) {
    if (parser_->is_interim()) {
        parser_.reset();
        if (++interim_answers_ > max_interim_answers) return refuse("it never comes behind so many 1xx answers");
        return Step::more;
    }
    if (!parser_->gzip_is_whole()) return refuse("its compressed body ends too early");
    followed_ = !waiting.empty();
    return Step::whole;
}

HttpAnswerReader::Step HttpAnswerReader::refuse(std::string fault) {
    fault_ = std::move(fault);
    return Step::refused;
}

// Before Boost 1.86 an assertion of Beast fails where a body without bytes arrives in pieces (its pull request 2861).
bool HttpAnswerReader::last_chunk_may_be_cut(std::string_view waiting) const {
    return parser_->is_between_chunks() && waiting.starts_with('0') &&
           waiting.size() < std::string_view("0\r\n\r\n").size();
}

HttpAnswerReader::Step HttpAnswerReader::end() {
    if (!parser_ || !parser_->is_header_done() || !parser_->need_eof()) return Step::cut;
    return parser_->gzip_is_whole() ? Step::whole : Step::cut;
}

bool HttpAnswerReader::keeps_connection() const { return !followed_ && parser_->is_done() && parser_->keep_alive(); }

std::optional<std::chrono::seconds> HttpAnswerReader::keep_alive_timeout() const {
    const std::string* header = parser_->answer.headers.find("Keep-Alive");
    if (!header) return std::nullopt;
    std::string_view list = *header;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view item = trimmed(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
        constexpr std::string_view key = "timeout=";
        unsigned seconds = 0;
        if (!equal_without_case(item.substr(0, key.size()), key)) continue;
        const auto parsed = std::from_chars(item.data() + key.size(), item.data() + item.size(), seconds);
        if (parsed.ec == std::errc()) return std::chrono::seconds(seconds);
    }
    return std::nullopt;
}

HttpAnswer HttpAnswerReader::take_answer() {
    if (parser_->gzip_undone()) {
        parser_->answer.headers.remove("Content-Encoding");
        parser_->answer.headers.remove("Content-Length");
    }
    return std::move(parser_->answer);
}

} // namespace castiel_sync
