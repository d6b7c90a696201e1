// One answer out of the bytes of a connection. No input or output of its own.
//
// Boost.Beast's parser reads it. Added here are the limits, gzip, and what this client refuses although Beast takes it.
#pragma once

#include <castiel_sync/http/transport.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

struct HttpAnswerLimits {
    std::size_t max_header_bytes = 0; // also of everything in the body that is not the body: chunks' sizes, trailers
    std::size_t max_body_bytes = 0;   // undone
    bool cut_long_body = false;       // what is longer is not refused, but whole at that length

    HttpAnswerLimits() = default;
};

enum class HttpAnswerTo {
    get,
    head,    // no body, whatever its headers say
    connect, // to a proxy: what follows the head of a 2xx is the tunnel
};

class HttpAnswerReader {
public:
    enum class Step {
        more,
        whole,   // take_answer()
        refused, // fault(): it is no acceptable answer
        cut,     // it ended before it was whole
    };

    HttpAnswerReader(HttpAnswerLimits limits, HttpAnswerTo to);
    ~HttpAnswerReader();
    HttpAnswerReader(const HttpAnswerReader&) = delete;
    HttpAnswerReader& operator=(const HttpAnswerReader&) = delete;

    [[nodiscard]] Step put(std::string_view bytes);
    // The other side has said all. It may have meant to: where no length was given.
    [[nodiscard]] Step end();

    [[nodiscard]] bool started() const { return started_; }
    // Of the final answer, once its head is here; otherwise 0.
    [[nodiscard]] unsigned status() const { return status_; }
    // After Step::whole: whether the connection can be used again.
    [[nodiscard]] bool keeps_connection() const;
    // After Step::whole: whether more was sent than the answer.
    [[nodiscard]] bool followed() const { return followed_; }
    // How long the server keeps it, where it tells.
    [[nodiscard]] std::optional<std::chrono::seconds> keep_alive_timeout() const;
    // After Step::refused; goes on a sentence.
    [[nodiscard]] const std::string& fault() const { return fault_; }
    [[nodiscard]] HttpAnswer take_answer();

private:
    class Parser; // keeps Beast's headers to one file

    Step advance(std::string_view& waiting);
    Step parse(std::string_view& waiting);
    Step finish_message(std::string_view waiting);
    Step refuse(std::string fault);
    [[nodiscard]] bool last_chunk_may_be_cut(std::string_view waiting) const;

    HttpAnswerLimits limits_;
    HttpAnswerTo to_;
    std::unique_ptr<Parser> parser_;
    std::string kept_; // what Beast needs more bytes for
    std::string fault_;
    unsigned status_ = 0;
    unsigned interim_answers_ = 0;
    bool started_ = false;
    bool followed_ = false; // by bytes that nobody asked for
};

} // namespace castiel_sync
