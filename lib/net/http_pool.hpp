// The connections of the client: how many there may be, who waits for one, and which rest.
#pragma once

#include <castiel_sync/http/egress.hpp>

#include <net/http_client_socket.hpp>
#include <net/http_waiting.hpp>

#include <chrono>
#include <compare>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>

namespace castiel_sync {

struct HttpClientConnection {
    HttpClientSocket socket;
    bool used = false; // for a call before this one
    std::chrono::nanoseconds rest_limit{};
    std::chrono::steady_clock::time_point resting_since;

    explicit HttpClientConnection(const boost::asio::any_io_executor& executor) : socket(executor) {}
};

class HttpPool {
    struct Origin;

public:
    using TimePoint = std::chrono::steady_clock::time_point;

    struct Limits {
        std::size_t connections_per_host = 0;
        std::size_t resting = 0;
        std::chrono::nanoseconds rest{};
    };

    explicit HttpPool(Limits limits) : limits_(limits) {}
    HttpPool(const HttpPool&) = delete;
    HttpPool& operator=(const HttpPool&) = delete;

    // What a call holds while it is under way: one of the places that its host has, and the connection in it, if any.
    // Gives both back, however the call ends.
    class Place {
    public:
        explicit Place(HttpPool& pool) : pool_(pool) {}
        ~Place();
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

        // In line behind all that came before. False: the time is over.
        Async<bool> take(const HttpUrl& url, HttpWaiting& waiting, TimePoint now);
        // For the next call.
        void keep(TimePoint now);

        std::unique_ptr<HttpClientConnection> connection; // none: it is to be opened

    private:
        friend class HttpPool;
        HttpPool& pool_;
        Origin* origin_ = nullptr;
        HttpWaiting* waiting_ = nullptr;
        std::list<Place*>::iterator in_line_;
    };

private:
    struct Key {
        bool secure;
        std::uint16_t port;
        std::string host;
    };
    struct Before {
        using is_transparent = void;
        template <class Left, class Right>
        bool operator()(const Left& left, const Right& right) const {
            if (left.port != right.port) return left.port < right.port;
            if (left.secure != right.secure) return left.secure < right.secure;
            return left.host < right.host;
        }
    };
    using Origins = std::map<Key, Origin, Before>;

    struct Resting {
        std::unique_ptr<HttpClientConnection> connection;
        Origin* origin;
    };
    using Rest = std::list<Resting>;

    struct Origin {
        std::size_t places_taken = 0;       // by calls and by connections that rest
        std::deque<Rest::iterator> resting; // the longest resting first
        std::list<Place*> line;
        Origins::iterator self;
    };

    void sweep(TimePoint now);
    [[nodiscard]] std::unique_ptr<HttpClientConnection> wake_resting(Origin& origin, TimePoint now);
    void drop_resting(Rest::iterator resting);
    void give_back(Origin& origin, std::unique_ptr<HttpClientConnection> connection, TimePoint now);
    void free_place(Origin& origin);

    Limits limits_;
    Origins origins_;
    Rest resting_; // of all hosts, the longest resting first
};

} // namespace castiel_sync
