#include <castiel_sync/http/egress.hpp>

#include <boost/asio/ip/address.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace castiel_sync;

namespace {

EgressPolicy policy(std::vector<std::string> networks) {
    EgressOptions options;
    options.allow_networks = std::move(networks);
    return EgressPolicy::make(options).value();
}

bool allows(const EgressPolicy& policy, const char* address) {
    return policy.allows(boost::asio::ip::make_address(address));
}

std::vector<const char*> allowed_of(const EgressPolicy& policy, const std::vector<const char*>& addresses) {
    std::vector<const char*> found;
    for (const char* address : addresses)
        if (allows(policy, address)) found.push_back(address);
    return found;
}

Result<> check(const EgressOptions& options, const char* url) {
    return EgressPolicy::make(options).value().check(parse_http_url(url).value());
}

const std::vector<const char*> public_addresses{"1.1.1.1",          "8.8.8.8",         "9.255.255.255",
                                                "11.0.0.0",         "100.63.255.255",  "100.128.0.0",
                                                "126.255.255.1",    "128.0.0.1",       "168.63.129.15",
                                                "169.253.0.1",      "169.255.0.0",     "172.15.255.255",
                                                "172.32.0.0",       "192.0.1.1",       "192.167.255.255",
                                                "192.169.0.0",      "198.17.255.255",  "198.20.0.0",
                                                "203.0.112.1",      "223.255.255.255", "2001:200::1",
                                                "2606:4700::11",    "2a00:1450::200e", "2620:4f:7fff::1",
                                                "64:ff9b::8.8.8.8", "::ffff:8.8.8.8",  "2a00:1450::200:5efe:808:808"};

const std::vector<const char*> metadata_addresses{"169.254.169.254",
                                                  "168.63.129.16",
                                                  "100.100.100.200",
                                                  "169.254.170.2",
                                                  "169.254.170.23",
                                                  "192.0.0.192",
                                                  "169.254.42.42",
                                                  "fd00:ec2::254",
                                                  "fd00:ec2::23",
                                                  "fd20:ce::254",
                                                  "fd00:42::42",
                                                  "::169.254.169.254",
                                                  "::ffff:169.254.169.254",
                                                  "::ffff:0:169.254.169.254",
                                                  "64:ff9b::169.254.169.254",
                                                  "64:ff9b:1::169.254.169.254",
                                                  "64:ff9b:1:a9fe:a9:fe00::",
                                                  "64:ff9b:1:a9:fe:a9fe::",
                                                  "2002:a9fe:a9fe::1",
                                                  "2001:0:a9fe:a9fe::",
                                                  "2001:0:1:2:3:4:5601:5601",
                                                  "2a00:1450::5efe:a9fe:a9fe",
                                                  "fe80::5efe:a9fe:a9fe"};

} // namespace

TEST_CASE("public addresses are allowed") { CHECK(allowed_of(EgressPolicy(), public_addresses) == public_addresses); }

TEST_CASE("both ends of every blocked network are blocked") {
    const std::vector<const char*> blocked{"0.0.0.0",
                                           "0.255.255.255",
                                           "10.0.0.0",
                                           "10.255.255.255",
                                           "100.64.0.0",
                                           "100.127.255.255",
                                           "127.0.0.0",
                                           "127.255.255.255",
                                           "169.254.0.0",
                                           "169.254.255.255",
                                           "172.16.0.0",
                                           "172.31.255.255",
                                           "192.0.0.0",
                                           "192.0.0.255",
                                           "192.0.2.0",
                                           "192.0.2.255",
                                           "192.31.196.0",
                                           "192.31.196.255",
                                           "192.52.193.0",
                                           "192.52.193.255",
                                           "192.88.99.0",
                                           "192.88.99.255",
                                           "192.168.0.0",
                                           "192.168.255.255",
                                           "192.175.48.0",
                                           "192.175.48.255",
                                           "198.18.0.0",
                                           "198.19.255.255",
                                           "198.51.100.0",
                                           "198.51.100.255",
                                           "203.0.113.0",
                                           "203.0.113.255",
                                           "224.0.0.0",
                                           "239.255.255.255",
                                           "240.0.0.0",
                                           "255.255.255.255",
                                           "::",
                                           "::1",
                                           "100::1",
                                           "1fff::1",
                                           "4000::1",
                                           "5f00::1",
                                           "fc00::1",
                                           "fdff::1",
                                           "fe80::1",
                                           "fec0::1",
                                           "ff02::1",
                                           "2001::1",
                                           "2001:1ff::1",
                                           "2001:db8::",
                                           "2001:db8:ffff::1",
                                           "2002::1",
                                           "2620:4f:8000::1",
                                           "3fff::1",
                                           "3fff:fff::1"};
    CHECK(allowed_of(EgressPolicy(), blocked).empty());
}

TEST_CASE("an address that carries a blocked IPv4 address is blocked") {
    const std::vector<const char*> blocked{"::ffff:127.0.0.1",
                                           "::ffff:10.1.2.3",
                                           "::127.0.0.1",
                                           "::8.8.8.8",
                                           "::ffff:0:10.0.0.1",
                                           "64:ff9b::10.0.0.1",
                                           "64:ff9b::7f00:1",
                                           "64:ff9b:1::8.8.8.8",
                                           "2002:7f00:1::1",
                                           "2002:808:808::1",
                                           "2001:0:808:808::1",
                                           "2a00:1450::5efe:10.0.0.1",
                                           "2a00:1450::200:5efe:192.168.0.1"};
    CHECK(allowed_of(EgressPolicy(), blocked).empty());
}

TEST_CASE("an allowed network is open, and only that") {
    const EgressPolicy opened = policy({"10.1.0.0/16", "127.0.0.1", "fd12:3456::/32", "::1/128"});
    const std::vector<const char*> open{"10.1.0.0", "10.1.255.255", "127.0.0.1",       "fd12:3456::1",
                                        "::1",      "8.8.8.8",      "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"};
    CHECK(allowed_of(opened, open) == open);
    CHECK(allowed_of(opened, {"10.0.255.255", "10.2.0.0", "127.0.0.2", "fd12:3457::1", "::2", "::ffff:10.2.0.0"})
              .empty());
}

TEST_CASE("nothing opens a metadata service, in whatever form its address comes") {
    CHECK(allowed_of(EgressPolicy(), metadata_addresses).empty());
    CHECK(allowed_of(policy({"0.0.0.0/0", "::/0", "169.254.169.254/32", "fd00:ec2::254/128"}), metadata_addresses)
              .empty());
}

TEST_CASE("all of IPv6 is not all of IPv4") {
    CHECK_FALSE(allows(policy({"::/0"}), "10.0.0.1"));
    CHECK_FALSE(allows(policy({"::/0"}), "::ffff:10.0.0.1"));
    CHECK_FALSE(allows(policy({"0.0.0.0/0"}), "fd00::1"));
}

TEST_CASE("an entry that is no network is named") {
    for (const std::string entry : {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x",
                                    "10.0.0.1/8", "10.0.0/8", "010.0.0.0/8", "fd00::/129", "fe80::1%eth0/64", "/8"}) {
        EgressOptions options;
        options.allow_networks = {"10.0.0.0/8", entry};
        const Result<EgressPolicy> made = EgressPolicy::make(options);
        INFO(entry);
        REQUIRE(!made.has_value());
        CHECK(made.error().code == ErrorCode::invalid_configuration);
        CHECK(made.error().message.find("'" + entry + "'") != std::string::npos);
    }
}

TEST_CASE("the scheme, the port and a host that is an address are judged before anything is looked up") {
    EgressOptions options;
    CHECK(check(options, "https://a.example").has_value());
    CHECK(check(options, "https://a.example:8443").has_value());
    CHECK(check(options, "https://8.8.8.8").has_value());
    CHECK(check(options, "https://localhost").has_value()); // its addresses are judged when they are known
    CHECK(check(options, "http://a.example").error().message.find("allow_http") != std::string::npos);
    CHECK(check(options, "https://a.example:22").error().message.find("allowed_ports") != std::string::npos);
    CHECK(check(options, "https://a.example:80").error().message.find("allowed_ports") != std::string::npos);
    CHECK(check(options, "https://127.0.0.1").error().message.find("allow_networks") != std::string::npos);
    CHECK(check(options, "https://[::ffff:127.0.0.1]").error().code == ErrorCode::invalid_configuration);
    CHECK(check(options, "https://169.254.169.254").error().message.find("nothing opens") != std::string::npos);
    options.allow_http = true;
    options.allowed_ports = {2222};
    CHECK(check(options, "http://a.example").has_value());
    CHECK(check(options, "http://a.example:2222").has_value());
    CHECK(!check(options, "http://a.example:22").has_value());
    CHECK(!check(options, "https://a.example:80").has_value());
}
