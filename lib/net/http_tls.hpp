// TLS of the client, straight between OpenSSL and a socket: no buffers of its own, so that thousands of connections
// cost what OpenSSL needs for them. Nothing here waits.
#pragma once

#include <castiel_sync/error.hpp>

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct bio_method_st; // OpenSSL's BIO_METHOD

namespace castiel_sync {

// What became of a step of input or output that does not wait.
struct HttpStep {
    enum class State {
        done,        // some bytes, or the handshake
        wants_read,  // again when the socket is readable
        wants_write, // again when it is writable
        ended,       // the other side has said all
        failed,
    };
    State state = State::failed;
    std::size_t bytes = 0;

    HttpStep() = default;
    explicit HttpStep(State step_state, std::size_t step_bytes = 0) : state(step_state), bytes(step_bytes) {}
};

// Which certificates are trusted.
class HttpTlsContext {
public:
    // `ca_file` may be empty. invalid_configuration: it can't be read.
    [[nodiscard]] static Result<std::shared_ptr<HttpTlsContext>> make(const std::string& ca_file);
    ~HttpTlsContext();
    HttpTlsContext(const HttpTlsContext&) = delete;
    HttpTlsContext& operator=(const HttpTlsContext&) = delete;

private:
    friend class HttpTls;
    HttpTlsContext() = default;

    SSL_CTX* context_ = nullptr;
    bio_method_st* socket_method_ = nullptr;
};

// One connection.
class HttpTls {
public:
    // Of a connected socket that does not block, and stays open. `host` is the name, or the address, that the
    // certificate must be for.
    HttpTls(std::shared_ptr<HttpTlsContext> context, int socket, const std::string& host);
    ~HttpTls();
    HttpTls(const HttpTls&) = delete;
    HttpTls& operator=(const HttpTls&) = delete;

    [[nodiscard]] HttpStep handshake();
    [[nodiscard]] HttpStep read_some(std::span<char> space);
    [[nodiscard]] HttpStep write_some(std::string_view bytes);
    // Looks without taking: done when there is something to read.
    [[nodiscard]] HttpStep peek();
    // Tells the other side, once, that nothing more comes.
    void say_goodbye();

    // After a handshake that failed: invalid_configuration when the certificate can't be trusted, otherwise
    // unavailable. The message goes on a sentence.
    [[nodiscard]] Error fault() const;

    // What the socket's end of OpenSSL needs.
    struct Wire {
        int socket = -1;
        bool ended = false;
        std::size_t sent_bytes = 0;
    };
    [[nodiscard]] std::size_t sent_bytes() const { return wire_.sent_bytes; }

private:
    [[nodiscard]] HttpStep step_of(int answer, std::size_t bytes);

    std::shared_ptr<HttpTlsContext> context_;
    SSL* ssl_ = nullptr;
    Wire wire_;
    std::string reason_;
    bool broken_ = false;
};

} // namespace castiel_sync
