#include <net/http_names.hpp>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace castiel_sync {

namespace asio = boost::asio;
namespace ip = boost::asio::ip;

namespace {

// By then the system's resolver has, as it is set by default, asked twice for five seconds each. What has no answer yet
// may never get one, though the name servers answer again.
constexpr std::chrono::seconds patience{10};

// Of one name. Each holds a thread of others for as long as it hangs.
constexpr std::size_t most_at_once = 2;

std::optional<ip::address> address_of(const addrinfo& entry) {
    if (entry.ai_family == AF_INET) {
        sockaddr_in address{};
        std::memcpy(&address, entry.ai_addr, sizeof(address));
        return ip::address_v4(ntohl(address.sin_addr.s_addr));
    }
    if (entry.ai_family == AF_INET6) {
        sockaddr_in6 address{};
        std::memcpy(&address, entry.ai_addr, sizeof(address));
        ip::address_v6::bytes_type bytes;
        std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
        return ip::address_v6(bytes, address.sin6_scope_id);
    }
    return std::nullopt;
}

Result<HttpAddresses> resolve_safely(const HttpResolver& resolver, const std::string& name) {
    try {
        return resolver(name);
    } catch (const std::exception& error) {
        return Error(ErrorCode::unavailable, error.what());
    }
}

} // namespace

Result<HttpAddresses> look_up_name(const std::string& name) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int problem = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
    if (problem != 0) return Error(ErrorCode::unavailable, ::gai_strerror(problem));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    HttpAddresses addresses;
    for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
        const auto address = address_of(*entry);
        if (address && std::ranges::find(addresses, *address) == addresses.end()) addresses.push_back(*address);
    }
    return addresses;
}

struct HttpNames::LookUp {
    // The latest of those that were begun for it; 0: none yet.
    std::uint64_t number = 0;
    std::chrono::steady_clock::time_point begun_at;
    bool done = false;
    Result<HttpAddresses> found{HttpAddresses()};
    std::chrono::steady_clock::time_point done_at;
    std::list<HttpWaiting*> waiting;
};

// Where a look-up brings what it found: from another thread, perhaps long after nobody is there any more.
struct HttpNames::Home {
    std::mutex mutex;
    HttpNames* names = nullptr; // with the mutex held while posting to its executor, which may be gone after it

    void bring(const std::shared_ptr<Home>& self, const std::string& name, std::uint64_t number,
               Result<HttpAddresses> found) {
        const std::scoped_lock lock(mutex);
        if (!names) return;
        asio::post(names->executor_, [self, name, number, found = std::move(found)]() mutable {
            if (self->names) self->names->note(name, number, std::move(found));
        });
    }
};

HttpNames::HttpNames(asio::any_io_executor executor, asio::any_io_executor blocking, HttpResolver resolver,
                     std::chrono::milliseconds lifetime, Now now)
    : executor_(std::move(executor)), blocking_(std::move(blocking)),
      resolver_(std::make_shared<HttpResolver>(std::move(resolver))), lifetime_(lifetime), now_(std::move(now)),
      home_(std::make_shared<Home>()) {
    home_->names = this;
}

HttpNames::~HttpNames() {
    const std::scoped_lock lock(home_->mutex);
    home_->names = nullptr;
}

Async<Result<HttpAddresses>> HttpNames::find(std::string name, HttpWaiting& waiting) {
    forget_old_names();
    std::shared_ptr<LookUp>& known = look_ups_[name];
    if (!known) known = std::make_shared<LookUp>();
    const std::shared_ptr<LookUp> look_up = known;
    const bool is_hopeful = look_up->number != 0 && now_() - look_up->begun_at < patience;
    if (!look_up->done && !is_hopeful) begin(name, *look_up);
    struct InLine {
        LookUp& joined;
        std::list<HttpWaiting*>::iterator place;
        InLine(LookUp& look_up, HttpWaiting& one)
            : joined(look_up), place(joined.waiting.insert(joined.waiting.end(), &one)) {}
        ~InLine() { joined.waiting.erase(place); }
    };
    if (!look_up->done) {
        const InLine in_line(*look_up, waiting);
        const bool woken = co_await waiting.until_woken();
        if (!woken) co_return Error(ErrorCode::unavailable, "the look-up of its name took too long");
    }
    co_return look_up->found;
}

void HttpNames::begin(const std::string& name, LookUp& look_up) {
    std::size_t& under_way = under_way_[name];
    if (under_way == most_at_once) return;
    ++under_way;
    look_up.number = ++last_number_;
    look_up.begun_at = now_();
    asio::post(blocking_, [home = home_, resolver = resolver_, name, number = look_up.number] {
        home->bring(home, name, number, resolve_safely(*resolver, name));
    });
}

// The first answer is good for all that wait; but that there is none is the latest one's to say.
void HttpNames::note(const std::string& name, std::uint64_t number, Result<HttpAddresses> found) {
    if (const auto count = under_way_.find(name); --count->second == 0) under_way_.erase(count);
    const auto entry = look_ups_.find(name);
    if (entry == look_ups_.end() || entry->second->done) return;
    const std::shared_ptr<LookUp> look_up = entry->second;
    if (!found && number < look_up->number) return;
    look_up->found = std::move(found);
    look_up->done = true;
    look_up->done_at = now_();
    for (HttpWaiting* waiting : look_up->waiting)
        waiting->wake();
    // That a name was not found may be over in a moment.
    if (!look_up->found || lifetime_ <= lifetime_.zero()) look_ups_.erase(entry);
}

void HttpNames::forget_old_names() {
    const auto now = now_();
    std::erase_if(look_ups_,
                  [&](const auto& entry) { return entry.second->done && now - entry.second->done_at >= lifetime_; });
}

} // namespace castiel_sync
