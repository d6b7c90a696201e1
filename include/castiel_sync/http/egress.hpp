// Where connections may go whose address somebody outside chose: base URLs of adapters, next links, token URLs,
// webhooks. Judged at the address that is dialled, since a name may lead anywhere.
#pragma once

#include <castiel_sync/error.hpp>

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

struct EgressOptions {
    bool allow_http = false; // plain http, too; also at its own port, 80
    // CIDR: opened although they are blocked; never the metadata services. An address alone is a network of one.
    std::vector<std::string> allow_networks;
    std::vector<std::uint16_t> allowed_ports; // beside 443 and 8443

    EgressOptions() = default;
};

// The parts of an absolute URL of http or https.
struct HttpUrl {
    bool secure = true;
    std::string host;        // lower case, without brackets; an address or a name
    std::uint16_t port = 443;
    std::string target = "/"; // path and query, percent-encoded

    HttpUrl() = default;

    // As the Host header and messages write it: without the scheme's own port, IPv6 in brackets.
    [[nodiscard]] std::string authority() const;
};

// Strict, so that nobody reads it otherwise: user names, fragments, white space, backslashes, control characters,
// names that are no names of the DNS, and spellings of IPv4 addresses other than four decimal numbers are refused
// (invalid_request). International names have to be written as xn--….
[[nodiscard]] Result<HttpUrl> parse_http_url(std::string_view text);

class EgressPolicy {
public:
    // Nothing but https to public addresses at 443 and 8443.
    EgressPolicy() = default;
    // invalid_configuration names the entry that is no network.
    [[nodiscard]] static Result<EgressPolicy> make(const EgressOptions& options);

    // What can be said before the name is looked up: scheme, port, and the address where the host is one. A fault is
    // invalid_configuration, and says which key opens it.
    [[nodiscard]] Result<> check(const HttpUrl& url) const;
    // Of a socket address about to be dialled. Forms that carry an IPv4 address are judged by it.
    [[nodiscard]] bool allows(const boost::asio::ip::address& address) const;
    // The same with a reason (invalid_configuration), which goes on a sentence: "127.0.0.1 is no public address. …"
    [[nodiscard]] Result<> check(const boost::asio::ip::address& address) const;

private:
    struct Network {
        boost::asio::ip::address_v6 address; // IPv4 as mapped
        unsigned prefix_length = 128;
    };
    [[nodiscard]] bool opens(const boost::asio::ip::address& address) const;

    bool allow_http_ = false;
    std::vector<Network> networks_;
    std::vector<std::uint16_t> ports_{443, 8443};
};

} // namespace castiel_sync
