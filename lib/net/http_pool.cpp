#include <net/http_pool.hpp>

#include <utility>

namespace castiel_sync {

// Its connection is closed here, and not handed on: nobody knows what may still arrive on it.
HttpPool::Place::~Place() {
    connection.reset();
    if (!origin_) return;
    if (waiting_)
        origin_->line.erase(in_line_);
    else
        pool_.give_back(*origin_, nullptr, TimePoint());
}

Async<bool> HttpPool::Place::take(const HttpUrl& url, HttpWaiting& waiting, TimePoint now) {
    pool_.sweep(now);
    auto found = pool_.origins_.find(url);
    if (found == pool_.origins_.end()) {
        found = pool_.origins_.emplace(Key{url.secure, url.port, url.host}, Origin()).first;
        found->second.self = found;
    }
    Origin& origin = found->second;
    origin_ = &origin;
    connection = pool_.wake_resting(origin, now);
    if (connection) co_return true;
    if (origin.places_taken < pool_.limits_.connections_per_host) {
        ++origin.places_taken;
        co_return true;
    }
    waiting_ = &waiting;
    in_line_ = origin.line.insert(origin.line.end(), this);
    const bool woken = co_await waiting.until_woken();
    if (connection && !connection->socket.is_quiet()) connection.reset();
    co_return woken;
}

void HttpPool::Place::keep(TimePoint now) {
    if (Origin* origin = std::exchange(origin_, nullptr)) pool_.give_back(*origin, std::move(connection), now);
}

void HttpPool::sweep(TimePoint now) {
    while (!resting_.empty() && now - resting_.front().connection->resting_since >= limits_.rest)
        drop_resting(resting_.begin());
}

// The one that rested last is the one that most likely still lives.
std::unique_ptr<HttpClientConnection> HttpPool::wake_resting(Origin& origin, TimePoint now) {
    while (!origin.resting.empty()) {
        const Rest::iterator last = origin.resting.back();
        HttpClientConnection& connection = *last->connection;
        const bool usable = now - connection.resting_since < connection.rest_limit && connection.socket.is_quiet();
        std::unique_ptr<HttpClientConnection> taken = std::move(last->connection);
        origin.resting.pop_back();
        resting_.erase(last);
        if (usable) return taken;
        --origin.places_taken; // not free_place(): whoever asks is about to take it
    }
    return nullptr;
}

void HttpPool::drop_resting(Rest::iterator resting) {
    Origin& origin = *resting->origin;
    std::erase(origin.resting, resting);
    resting_.erase(resting);
    free_place(origin);
}

void HttpPool::give_back(Origin& origin, std::unique_ptr<HttpClientConnection> connection, TimePoint now) {
    if (!origin.line.empty()) {
        Place* next = origin.line.front();
        origin.line.pop_front();
        next->connection = std::move(connection);
        std::exchange(next->waiting_, nullptr)->wake();
        return;
    }
    if (!connection || limits_.resting == 0) return free_place(origin);
    connection->resting_since = now;
    resting_.push_back(Resting{std::move(connection), &origin});
    origin.resting.push_back(std::prev(resting_.end()));
    if (resting_.size() > limits_.resting) drop_resting(resting_.begin());
}

void HttpPool::free_place(Origin& origin) {
    if (--origin.places_taken == 0) origins_.erase(origin.self);
}

} // namespace castiel_sync
