#include <net/http_tls.hpp>

#include <boost/asio/ip/address.hpp>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <new>
#include <utility>

#include <sys/socket.h>

namespace castiel_sync {
namespace {

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a peer that closes early would end the host's process.
int wire_write(BIO* bio, const char* bytes, std::size_t size, std::size_t* written) {
    auto* wire = static_cast<HttpTls::Wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(wire->socket, bytes, size, MSG_NOSIGNAL);
    if (sent > 0) {
        *written = static_cast<std::size_t>(sent);
        wire->sent_bytes += *written;
        return 1;
    }
    if (errno == EAGAIN || errno == EINTR) BIO_set_retry_write(bio);
    return 0;
}

int wire_read(BIO* bio, char* space, std::size_t size, std::size_t* read) {
    auto* wire = static_cast<HttpTls::Wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t received = ::recv(wire->socket, space, size, 0);
    if (received > 0) {
        *read = static_cast<std::size_t>(received);
        return 1;
    }
    if (received == 0)
        wire->ended = true;
    else if (errno == EAGAIN || errno == EINTR)
        BIO_set_retry_read(bio);
    return 0;
}

long wire_control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return static_cast<HttpTls::Wire*>(BIO_get_data(bio))->ended ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int wire_create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD* make_socket_method() {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "castiel_sync socket");
    if (!method) throw std::bad_alloc();
    BIO_meth_set_write_ex(method, &wire_write);
    BIO_meth_set_read_ex(method, &wire_read);
    BIO_meth_set_ctrl(method, &wire_control);
    BIO_meth_set_create(method, &wire_create);
    return method;
}

std::string last_reason() {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason ? reason : "the connection ended";
}

std::string certificate_fault(long verdict) {
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "its certificate, or one above it, has expired. It must be renewed";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "its certificate, or one above it, is not valid yet. Compare the clock of this machine";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "its certificate is for another name. The URL must have a name that the certificate has";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: // signed by another of the same name
        return "its certificate comes from an unknown authority. If that is to be trusted, put its certificate into "
               "ca_file";
    default:
        return fmt::format("its certificate can't be trusted: {}", X509_verify_cert_error_string(verdict));
    }
}

} // namespace

Result<std::shared_ptr<HttpTlsContext>> HttpTlsContext::make(const std::string& ca_file) {
    std::shared_ptr<HttpTlsContext> made(new HttpTlsContext());
    made->socket_method_ = make_socket_method();
    SSL_CTX* context = made->context_ = SSL_CTX_new(TLS_client_method());
    if (!context) throw std::bad_alloc();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    constexpr unsigned char protocols[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1);
    ERR_clear_error();
    SSL_CTX_set_default_verify_paths(context); // a machine without any has none to trust, and says so at the handshake
    ERR_clear_error();
    if (!ca_file.empty() && SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1)
        return Error(
            ErrorCode::invalid_configuration,
            fmt::format("The ca_file {} can't be read: {}. It must hold certificates in PEM.", ca_file, last_reason()));
    return made;
}

HttpTlsContext::~HttpTlsContext() {
    SSL_CTX_free(context_);
    BIO_meth_free(socket_method_);
}

HttpTls::HttpTls(std::shared_ptr<HttpTlsContext> context, int socket, const std::string& host)
    : context_(std::move(context)) {
    wire_.socket = socket;
    BIO* wire = BIO_new(context_->socket_method_);
    if (!wire) throw std::bad_alloc();
    BIO_set_data(wire, &wire_);
    ssl_ = SSL_new(context_->context_);
    if (!ssl_) {
        BIO_free(wire);
        throw std::bad_alloc();
    }
    SSL_set_bio(ssl_, wire, wire);
    SSL_set_connect_state(ssl_);
    boost::system::error_code no_address;
    boost::asio::ip::make_address(host, no_address);
    if (no_address) {
        SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        // A name that can't be set is one that can't be verified.
        broken_ = SSL_set1_host(ssl_, host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl_, host.c_str()) != 1;
    } else {
        broken_ = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host.c_str()) != 1;
    }
}

HttpTls::~HttpTls() { SSL_free(ssl_); }

HttpStep HttpTls::handshake() {
    if (broken_) return HttpStep();
    ERR_clear_error();
    return step_of(SSL_do_handshake(ssl_), 0);
}

HttpStep HttpTls::read_some(std::span<char> space) {
    if (broken_) return HttpStep();
    ERR_clear_error();
    std::size_t bytes = 0;
    const int answer = SSL_read_ex(ssl_, space.data(), space.size(), &bytes);
    return step_of(answer, bytes);
}

HttpStep HttpTls::write_some(std::string_view text) {
    if (broken_) return HttpStep();
    ERR_clear_error();
    std::size_t bytes = 0;
    const int answer = SSL_write_ex(ssl_, text.data(), text.size(), &bytes);
    return step_of(answer, bytes);
}

HttpStep HttpTls::peek() {
    if (broken_) return HttpStep();
    ERR_clear_error();
    char byte = 0;
    std::size_t bytes = 0;
    const int answer = SSL_peek_ex(ssl_, &byte, 1, &bytes);
    return step_of(answer, bytes);
}

void HttpTls::say_goodbye() {
    if (broken_ || SSL_in_init(ssl_)) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
    broken_ = true;
}

HttpStep HttpTls::step_of(int answer, std::size_t bytes) {
    using State = HttpStep::State;
    if (answer == 1) return HttpStep(State::done, bytes);
    switch (SSL_get_error(ssl_, answer)) {
    case SSL_ERROR_WANT_READ:
        return HttpStep(State::wants_read);
    case SSL_ERROR_WANT_WRITE:
        return HttpStep(State::wants_write);
    case SSL_ERROR_ZERO_RETURN:
        return HttpStep(State::ended);
    default:
        broken_ = true;
        reason_ = last_reason();
        ERR_clear_error();
        return HttpStep(State::failed);
    }
}

Error HttpTls::fault() const {
    const long verdict = SSL_get_verify_result(ssl_);
    if (verdict != X509_V_OK) return {ErrorCode::invalid_configuration, certificate_fault(verdict)};
    return {ErrorCode::unavailable, fmt::format("TLS could not be agreed on: {}", reason_)};
}

} // namespace castiel_sync
