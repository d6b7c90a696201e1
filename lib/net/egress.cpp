#include <castiel_sync/http/egress.hpp>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace castiel_sync {
namespace {

namespace ip = boost::asio::ip;

struct Block4 {
    std::uint32_t network;
    unsigned prefix_length;
};

constexpr std::uint32_t ipv4(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24 | b << 16 | c << 8 | d; }

// The special-purpose registry of IANA, and the services of clouds that stand at public addresses.
constexpr auto blocked_ipv4 = std::to_array<Block4>({
    {ipv4(0, 0, 0, 0), 8},       {ipv4(10, 0, 0, 0), 8},         {ipv4(100, 64, 0, 0), 10},
    {ipv4(127, 0, 0, 0), 8},     {ipv4(168, 63, 129, 16), 32},   {ipv4(169, 254, 0, 0), 16},
    {ipv4(172, 16, 0, 0), 12},   {ipv4(192, 0, 0, 0), 24},       {ipv4(192, 0, 2, 0), 24},
    {ipv4(192, 31, 196, 0), 24}, {ipv4(192, 52, 193, 0), 24},    {ipv4(192, 88, 99, 0), 24},
    {ipv4(192, 168, 0, 0), 16},  {ipv4(192, 175, 48, 0), 24},    {ipv4(198, 18, 0, 0), 15},
    {ipv4(198, 51, 100, 0), 24}, {ipv4(203, 0, 113, 0), 24},     {ipv4(224, 0, 0, 0), 4},
    {ipv4(240, 0, 0, 0), 4},     {ipv4(100, 100, 100, 200), 32},
});

// Where machines of a cloud fetch their credentials: Amazon, Google and others; Azure; Alibaba; Amazon's containers and
// pods; Oracle; Scaleway.
constexpr auto metadata_ipv4 = std::to_array<std::uint32_t>({
    ipv4(169, 254, 169, 254),
    ipv4(168, 63, 129, 16),
    ipv4(100, 100, 100, 200),
    ipv4(169, 254, 170, 2),
    ipv4(169, 254, 170, 23),
    ipv4(192, 0, 0, 192),
    ipv4(169, 254, 42, 42),
});

using Bytes = ip::address_v6::bytes_type;

bool same_prefix(const Bytes& left, const Bytes& right, unsigned bits) {
    for (unsigned byte = 0; byte < left.size() && bits > 0; ++byte) {
        const unsigned compared = std::min(bits, 8u);
        if (((left[byte] ^ right[byte]) >> (8 - compared)) != 0) return false;
        bits -= compared;
    }
    return true;
}

struct Block6 {
    Bytes network;
    unsigned prefix_length;

    Block6(const char* address, unsigned length)
        : network(ip::make_address_v6(address).to_bytes()), prefix_length(length) {}
    [[nodiscard]] bool holds(const Bytes& address) const { return same_prefix(address, network, prefix_length); }
};

// Made when they are first asked for: a policy may be used before main.
struct Blocks6 {
    const Block6 global{"2000::", 3};
    const std::array<Block6, 5> blocked_in_global{Block6("2001::", 23), Block6("2001:db8::", 32), Block6("2002::", 16),
                                                  Block6("2620:4f:8000::", 48), Block6("3fff::", 20)};
    const Block6 compatible{"::", 96}, mapped{"::ffff:0:0", 96}, translated{"::ffff:0:0:0", 96};
    const Block6 nat64{"64:ff9b::", 96}, local_nat64{"64:ff9b:1::", 48};
    const Block6 six_to_four{"2002::", 16}, teredo{"2001::", 32};
    const std::array<Bytes, 5> metadata{Block6("fd00:ec2::254", 128).network, Block6("fd00:ec2::23", 128).network,
                                        Block6("fd20:ce::254", 128).network, Block6("fd00:42::42", 128).network,
                                        Block6("fd00:c1::a9fe:a9fe", 128).network};

    static const Blocks6& all() {
        static const Blocks6 made;
        return made;
    }
};

bool is_blocked(std::uint32_t address) {
    return std::ranges::any_of(blocked_ipv4, [&](const Block4& block) {
        return (address ^ block.network) >> (32 - block.prefix_length) == 0;
    });
}

bool is_blocked(const Bytes& address) {
    const Blocks6& blocks = Blocks6::all();
    return !blocks.global.holds(address) ||
           std::ranges::any_of(blocks.blocked_in_global, [&](const Block6& block) { return block.holds(address); });
}

std::uint32_t ipv4_at(const Bytes& address, std::size_t place) {
    return ipv4(address[place], address[place + 1], address[place + 2], address[place + 3]);
}

// What a mapped address, or one that the well-known NAT64 translates, stands for.
std::optional<std::uint32_t> translated(const Bytes& address) {
    const Blocks6& blocks = Blocks6::all();
    if (blocks.mapped.holds(address) || blocks.nat64.holds(address)) return ipv4_at(address, 12);
    return std::nullopt;
}

bool is_isatap(const Bytes& address) {
    return (address[8] & 0xfd) == 0 && address[9] == 0 && address[10] == 0x5e && address[11] == 0xfe;
}

// Every IPv4 address that some tunnel or translator may find inside. That one of them is forbidden is enough.
std::vector<std::uint32_t> carried(const Bytes& address) {
    const Blocks6& blocks = Blocks6::all();
    std::vector<std::uint32_t> found;
    if (blocks.compatible.holds(address) || blocks.mapped.holds(address) || blocks.translated.holds(address) ||
        blocks.nat64.holds(address) || is_isatap(address))
        found.push_back(ipv4_at(address, 12));
    if (blocks.local_nat64.holds(address)) { // the places that RFC 6052 has for prefixes of 48, 56, 64 and 96 bits
        found.push_back(ipv4(address[6], address[7], address[9], address[10]));
        found.push_back(ipv4(address[7], address[9], address[10], address[11]));
        found.push_back(ipv4_at(address, 9));
        found.push_back(ipv4_at(address, 12));
    }
    if (blocks.six_to_four.holds(address)) found.push_back(ipv4_at(address, 2));
    if (blocks.teredo.holds(address)) { // its server, and the client with all bits turned
        found.push_back(ipv4_at(address, 4));
        found.push_back(~ipv4_at(address, 12));
    }
    return found;
}

bool is_metadata(std::uint32_t address) { return std::ranges::find(metadata_ipv4, address) != metadata_ipv4.end(); }

Bytes bytes_of(const ip::address& address) {
    if (address.is_v4()) return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
    return address.to_v6().to_bytes();
}

bool is_metadata(const Bytes& bytes) {
    const auto& metadata = Blocks6::all().metadata;
    if (std::ranges::find(metadata, bytes) != metadata.end()) return true;
    return std::ranges::any_of(carried(bytes), [](std::uint32_t inside) { return is_metadata(inside); });
}

Error no_network(std::string_view entry, std::string_view reason) {
    return {ErrorCode::invalid_configuration,
            fmt::format("allow_networks: '{}' {}. Write a network as 10.1.0.0/16 or fd12::/48.", entry, reason)};
}

Error forbidden(std::string message) { return {ErrorCode::invalid_configuration, std::move(message)}; }

} // namespace

Result<EgressPolicy> EgressPolicy::make(const EgressOptions& options) {
    EgressPolicy policy;
    policy.allow_http_ = options.allow_http;
    policy.ports_.insert(policy.ports_.end(), options.allowed_ports.begin(), options.allowed_ports.end());
    for (const std::string& entry : options.allow_networks) {
        const std::size_t slash = entry.find('/');
        boost::system::error_code problem;
        const ip::address address = ip::make_address(entry.substr(0, slash), problem);
        if (problem || entry.find('%') != std::string::npos) return no_network(entry, "does not begin with an address");
        const unsigned bits = address.is_v4() ? 32 : 128;
        unsigned length = bits;
        if (slash != std::string::npos) {
            const char* end = entry.data() + entry.size();
            const auto parsed = std::from_chars(entry.data() + slash + 1, end, length);
            if (parsed.ec != std::errc() || parsed.ptr != end || length > bits)
                return no_network(entry, fmt::format("has no prefix length from 0 to {} behind the slash", bits));
        }
        Network network;
        network.address = ip::address_v6(bytes_of(address));
        network.prefix_length = length + 128 - bits;
        for (unsigned bit = network.prefix_length; bit < 128; ++bit)
            if (network.address.to_bytes()[bit / 8] & (0x80u >> bit % 8))
                return no_network(entry, "has more bits set than its prefix length covers");
        policy.networks_.push_back(network);
    }
    return policy;
}

bool EgressPolicy::opens(const ip::address& address) const {
    const Bytes bytes = bytes_of(address);
    return std::ranges::any_of(networks_, [&](const Network& network) {
        // ::/0 is no network of IPv4, although it holds the mapped form.
        const bool of_ipv4 = network.prefix_length >= 96 && network.address.is_v4_mapped();
        return of_ipv4 == address.is_v4() && same_prefix(bytes, network.address.to_bytes(), network.prefix_length);
    });
}

bool EgressPolicy::allows(const ip::address& address) const {
    const Bytes bytes = bytes_of(address);
    if (is_metadata(bytes)) return false;
    if (const auto inside = translated(bytes)) return !is_blocked(*inside) || opens(ip::address_v4(*inside));
    if (opens(address)) return true;
    if (is_blocked(bytes)) return false;
    return std::ranges::none_of(carried(bytes), [](std::uint32_t inside) { return is_blocked(inside); });
}

Result<> EgressPolicy::check(const ip::address& address) const {
    if (allows(address)) return Result<>();
    if (is_metadata(bytes_of(address)))
        return forbidden(fmt::format("{} is a metadata service of a cloud, which nothing opens", address.to_string()));
    return forbidden(fmt::format("{} is no public address. If it is meant, open its network with allow_networks",
                                 address.to_string()));
}

Result<> EgressPolicy::check(const HttpUrl& url) const {
    if (!url.secure && !allow_http_)
        return forbidden(
            fmt::format("http://{} is not encrypted. Use https, or open plain http with allow_http.", url.authority()));
    const bool plain_port = !url.secure && url.port == 80;
    if (!plain_port && std::ranges::find(ports_, url.port) == ports_.end())
        return forbidden(fmt::format("{} leads to the port {}; allowed are {}. Add it to allowed_ports.",
                                     url.authority(), url.port, fmt::join(ports_, ", ")));
    boost::system::error_code no_address;
    const ip::address address = ip::make_address(url.host, no_address);
    if (no_address) return Result<>();
    const Result<> judged = check(address);
    if (!judged) return forbidden(judged.error().message + ".");
    return judged;
}

} // namespace castiel_sync
