// The client in front of nginx: TLS, compression, throttling and dropped connections as a real server does them.
#include "net/certificates.hpp"

#include <castiel_sync/http/client.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/static_thread_pool.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// One server, in a folder of its own, on sockets that it is given: they take connections before it has started, so
// that nobody has to wait for it, and nobody else can have their ports.
class Nginx {
public:
    Nginx() : plain_(listen()), secure_(listen()) {
        std::string folder = (std::filesystem::temp_directory_path() / "castiel_sync_nginx_XXXXXX").string();
        REQUIRE(::mkdtemp(folder.data()));
        folder_ = folder;
        const Certificate certificate = authority.sign(CertificatePlan());
        write("certificate.pem", certificate.certificate);
        write("key.pem", certificate.key);
        write("small.txt", "hello");
        write("list.json", list);
        write("large.bin", std::string(1'000'000, 'x'));
        write("nginx.conf", configuration());
        start();
    }

    ~Nginx() {
        stop();
        std::filesystem::remove_all(folder_);
    }

    void stop() {
        if (process_ <= 0) return;
        ::kill(process_, SIGTERM);
        int status = 0;
        ::waitpid(process_, &status, 0);
        process_ = 0;
        plain_.close();
        secure_.close();
    }

    [[nodiscard]] std::string plain(std::string_view target) const {
        return fmt::format("http://127.0.0.1:{}{}", plain_port_, target);
    }
    [[nodiscard]] std::string secure(std::string_view target, std::string_view host = "localhost") const {
        return fmt::format("https://{}:{}{}", host, secure_port_, target);
    }
    [[nodiscard]] std::vector<std::uint16_t> ports() const { return {plain_port_, secure_port_}; }

    const CertificateAuthority authority;
    const std::string list = "[" + std::string(20'000, ' ') + "]";

private:
    tcp::acceptor listen() { return tcp::acceptor(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)); }

    void write(const std::string& name, const std::string& content) const {
        std::ofstream(folder_ / name, std::ios::binary) << content;
    }

    [[nodiscard]] std::string configuration() const {
        const std::string locations = R"(
            root .;
            keepalive_requests 3;
            keepalive_timeout 60s 20s;
            gzip on; gzip_types application/json; gzip_min_length 100;
            types { application/json json; }
            client_max_body_size 1k;
            location /throttled/ { alias ./; limit_req zone=once; limit_req_status 429; }
            location /busy/ { alias ./; limit_req zone=once; limit_req_status 503; }
            location /slow/ { alias ./; limit_rate 1000; }
            location /closed/ { alias ./; keepalive_timeout 0; }
            location /dropped { return 444; }
            location /moved { return 302 /small.txt; }
            location /taken { return 201 "$request_method $content_length"; })";
        return fmt::format(R"(
            daemon off; pid nginx.pid; {} error_log error.log info;
            events {{ worker_connections 256; }}
            http {{
                access_log off; default_type application/octet-stream;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                limit_req_zone $server_port zone=once:1m rate=1r/m;
                server {{ listen 127.0.0.1:{}; {} }}
                server {{ listen 127.0.0.1:{} ssl; ssl_certificate certificate.pem; ssl_certificate_key key.pem; {} }}
            }})",
                           // Its workers are nobody's otherwise, and may not enter the folder.
                           ::geteuid() == 0 ? "user root;" : "", plain_port_, locations, secure_port_, locations);
    }

    void start() {
        for (tcp::acceptor* acceptor : {&plain_, &secure_})
            REQUIRE(::fcntl(acceptor->native_handle(), F_SETFD, 0) == 0); // nginx inherits it
        const std::string sockets = fmt::format("NGINX={};{};", plain_.native_handle(), secure_.native_handle());
        const std::string prefix = folder_.string() + "/";
        const std::vector<const char*> arguments{CASTIEL_SYNC_NGINX, "-p", prefix.c_str(), "-c",
                                                 "nginx.conf",       "-e", "error.log",    nullptr};
        const std::vector<const char*> environment{sockets.c_str(), nullptr};
        process_ = ::fork();
        REQUIRE(process_ >= 0);
        if (process_ > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGTERM); // also when the test crashes
        ::execve(CASTIEL_SYNC_NGINX, const_cast<char* const*>(arguments.data()),
                 const_cast<char* const*>(environment.data()));
        ::_exit(127);
    }

    asio::io_context context_;
    tcp::acceptor plain_;
    tcp::acceptor secure_;
    std::uint16_t plain_port_ = plain_.local_endpoint().port();
    std::uint16_t secure_port_ = secure_.local_endpoint().port();
    std::filesystem::path folder_;
    pid_t process_ = 0;
};

struct Client {
    explicit Client(const Nginx& nginx) {
        EgressOptions egress;
        egress.allow_http = true;
        egress.allow_networks = {"127.0.0.0/8", "::1"};
        egress.allowed_ports = nginx.ports();
        options.egress = EgressPolicy::make(egress).value();
        options.ca_file = nginx.authority.file();
        options.blocking = names.get_executor();
        options.on_dial = [this](const asio::ip::address& address, std::uint16_t) { dialled += address.is_v4(); };
    }

    // All at once.
    std::vector<Result<HttpAnswer>> send(const std::vector<HttpCall>& calls) {
        if (!transport) transport = make_http_client(loop.get_executor(), options).value();
        std::vector<Result<HttpAnswer>> answers(calls.size(), Result<HttpAnswer>(HttpAnswer()));
        for (std::size_t place = 0; place < calls.size(); ++place)
            asio::co_spawn(loop, transport->send(calls[place]),
                           [&answers, place](const std::exception_ptr& thrown, Result<HttpAnswer> answer) {
                               REQUIRE(!thrown);
                               answers[place] = std::move(answer);
                           });
        loop.restart();
        loop.run(); // ends with the last call
        return answers;
    }
    Result<HttpAnswer> send(const HttpCall& call) { return send(std::vector<HttpCall>{call}).front(); }
    Result<HttpAnswer> get(const std::string& url) {
        HttpCall call;
        call.url = url;
        return send(call);
    }

    asio::static_thread_pool names{1};
    asio::io_context loop{1};
    HttpClientOptions options;
    int dialled = 0; // over IPv4: nginx listens nowhere else
    std::shared_ptr<HttpTransport> transport;
};

Nginx& server() {
    static Nginx nginx;
    return nginx;
}

} // namespace

TEST_CASE("nginx: TLS by name and by address, and a certificate that is not trusted") {
    Client client(server());
    CHECK(client.get(server().secure("/small.txt"))->body == "hello");
    CHECK(client.get(server().secure("/small.txt", "127.0.0.1"))->body == "hello");
    Client stranger(server());
    stranger.options.ca_file.clear();
    const Result<HttpAnswer> answer = stranger.get(server().secure("/small.txt"));
    REQUIRE(!answer.has_value());
    CHECK(answer.error().code == ErrorCode::invalid_configuration);
}

TEST_CASE("nginx: a compressed answer is undone, in chunks and through TLS") {
    Client client(server());
    const Result<HttpAnswer> answer = client.get(server().secure("/list.json"));
    REQUIRE(answer.has_value());
    CHECK(answer->body == server().list);
    CHECK(answer->headers.count("Transfer-Encoding") == 1); // so it was compressed as it was sent
    CHECK(answer->headers.count("Content-Encoding") == 0);
}

TEST_CASE("nginx: a large answer arrives whole, and one that is too large does not") {
    Client client(server());
    HttpCall call;
    call.url = server().secure("/large.bin");
    CHECK(client.send(call)->body.size() == 1'000'000);
    call.max_answer_bytes = 999'999;
    CHECK(client.send(call).error().code == ErrorCode::corrupted);
}

TEST_CASE("nginx: connections serve as many requests as it lets them, and no POST is lost at their end") {
    Client client(server());
    HttpCall call;
    call.method = "POST";
    call.body = "some body";
    call.url = server().plain("/taken");
    for (int count = 0; count < 9; ++count) {
        const Result<HttpAnswer> answer = client.send(call);
        REQUIRE(answer.has_value());
        CHECK(answer->body == "POST 9");
    }
    CHECK(client.dialled == 3);
    CHECK(client.get(server().plain("/closed/small.txt"))->body == "hello");
    CHECK(client.get(server().plain("/small.txt"))->body == "hello");
    CHECK(client.dialled == 5);
}

TEST_CASE("nginx: many calls at once share few connections") {
    Client client(server());
    client.options.max_connections_per_host = 5;
    HttpCall call;
    call.url = server().secure("/list.json");
    for (const Result<HttpAnswer>& answer : client.send(std::vector<HttpCall>(100, call))) {
        REQUIRE(answer.has_value());
        CHECK(answer->body == server().list);
    }
    CHECK(client.dialled <= 40); // three requests each, and each of the five ends somewhere
}

TEST_CASE("nginx: throttling is an answer") {
    for (const auto& [target, status] : {std::pair("/throttled/small.txt", 429u), std::pair("/busy/small.txt", 503u)}) {
        Client client(server());
        (void)client.get(server().plain(target)); // the one that a minute has
        const Result<HttpAnswer> answer = client.get(server().plain(target));
        REQUIRE(answer.has_value());
        CHECK(answer->status == status);
    }
}

TEST_CASE("nginx: redirects and refused bodies are answers") {
    Client client(server());
    CHECK(client.get(server().plain("/moved"))->status == 302);
    HttpCall call;
    call.method = "PUT";
    call.url = server().plain("/small.txt");
    call.body = std::string(8'000'000, 'x');
    CHECK(client.send(call)->status == 413);
}

TEST_CASE("nginx: an answer that is too slow, or does not come, is an unknown outcome") {
    Client client(server());
    HttpCall call;
    call.url = server().secure("/slow/large.bin");
    call.timeout = std::chrono::milliseconds(300);
    CHECK(client.send(call).error().code == ErrorCode::unknown_outcome);
    CHECK(client.get(server().plain("/dropped")).error().code == ErrorCode::unknown_outcome);
    CHECK(client.get(server().plain("/small.txt")).has_value());
    CHECK(client.get(server().plain("/dropped")).error().code == ErrorCode::unknown_outcome); // on a kept connection
    CHECK(client.get(server().plain("/small.txt")).has_value());
}

TEST_CASE(
    "nginx: a request in plain text to a port with TLS is answered, and one with TLS to a plain port is not sent") {
    Client client(server());
    CHECK(client.get("http" + server().secure("/small.txt").substr(5))->status == 400);
    const Result<HttpAnswer> answer = client.get("https" + server().plain("/small.txt").substr(4));
    REQUIRE(!answer.has_value());
    CHECK(answer.error().code == ErrorCode::unavailable);
}

TEST_CASE("nginx: when it is gone, nothing is sent, also on connections that were kept") {
    Nginx own;
    Client client(own);
    CHECK(client.get(own.plain("/small.txt")).has_value());
    own.stop();
    HttpCall call;
    call.method = "POST";
    call.url = own.plain("/taken");
    CHECK(client.send(call).error().code == ErrorCode::unavailable);
}
