#include <net/http_waiting.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <utility>

namespace castiel_sync {

namespace asio = boost::asio;

namespace {

[[noreturn]] void throw_cancelled() { throw boost::system::system_error(asio::error::operation_aborted); }

// While a wait lasts, what ends it is known; however the wait ends.
template <class T>
struct Shown {
    T*& place;
    Shown(T*& shown_at, T& shown) : place(shown_at) { place = &shown; }
    ~Shown() { place = nullptr; }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;
};

// Its handlers may run when the call that waited is long gone.
struct EitherEvent {
    explicit EitherEvent(const asio::any_io_executor& executor)
        : timer(executor, asio::steady_timer::time_point::max()) {}
    asio::steady_timer timer;
    bool ready = false;
};

void note_ready(const std::shared_ptr<EitherEvent>& event, HttpWaiting::Socket& socket,
                HttpWaiting::Socket::wait_type kind) {
    socket.async_wait(kind, [event](const boost::system::error_code& problem) {
        if (problem) return;
        event->ready = true;
        event->timer.cancel();
    });
}

} // namespace

HttpDeadlines::Place HttpDeadlines::add(TimePoint time, HttpWaiting& waiting) {
    const Place place = times_.emplace(time, &waiting);
    arm();
    return place;
}

void HttpDeadlines::remove(Place place) {
    times_.erase(place);
    if (!times_.empty()) return;
    armed_for_ = TimePoint::max();
    timer_.cancel();
}

HttpDeadlines::Place HttpDeadlines::move(Place place, TimePoint time) {
    auto node = times_.extract(place);
    node.key() = time;
    const Place moved = times_.insert(std::move(node));
    arm();
    return moved;
}

// A timer that is due too early costs less than one that is set anew whenever the first call ends.
void HttpDeadlines::arm() {
    if (times_.begin()->first < armed_for_) set_timer(times_.begin()->first);
}

void HttpDeadlines::set_timer(TimePoint time) {
    armed_for_ = time;
    timer_.expires_at(time);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& problem) {
        const auto self = weak.lock();
        if (!problem && self) self->expire_due();
    });
}

void HttpDeadlines::expire_due() {
    const TimePoint now = std::chrono::steady_clock::now();
    if (now < armed_for_) return; // the timer was set anew meanwhile
    armed_for_ = TimePoint::max();
    for (auto entry = times_.begin(); entry != times_.end() && entry->first <= now; ++entry)
        entry->second->expire();
    const auto next = times_.upper_bound(now);
    if (next != times_.end()) set_timer(next->first);
}

HttpWaiting::HttpWaiting(asio::any_io_executor executor, HttpDeadlines& deadlines, TimePoint deadline)
    : executor_(std::move(executor)), deadlines_(deadlines), deadline_(deadline),
      place_(deadlines.add(deadline, *this)) {}

HttpWaiting::~HttpWaiting() { deadlines_.remove(place_); }

void HttpWaiting::narrow(TimePoint limit) {
    expired_ = false;
    place_ = deadlines_.move(place_, std::min(limit, deadline_));
}

void HttpWaiting::widen() { narrow(deadline_); }

void HttpWaiting::expire() {
    expired_ = true;
    boost::system::error_code ignored;
    if (event_) event_->cancel();
    if (socket_) socket_->cancel(ignored);
}

void HttpWaiting::wake() {
    woken_ = true;
    if (event_) event_->cancel();
}

Async<bool> HttpWaiting::until_woken() {
    if (!woken_ && !expired_) {
        asio::steady_timer event(executor_, asio::steady_timer::time_point::max());
        const Shown shown(event_, event);
        boost::system::error_code ended;
        co_await event.async_wait(asio::redirect_error(asio::use_awaitable, ended));
        if (!woken_ && !expired_) throw_cancelled();
    }
    co_return std::exchange(woken_, false);
}

Async<bool> HttpWaiting::until_ready(Socket& socket, Socket::wait_type kind) {
    if (expired_) co_return false;
    const Shown shown(socket_, socket);
    boost::system::error_code problem;
    co_await socket.async_wait(kind, asio::redirect_error(asio::use_awaitable, problem));
    if (expired_) co_return false;
    if (problem == asio::error::operation_aborted) throw_cancelled();
    co_return true;
}

Async<bool> HttpWaiting::until_readable_or_writable(Socket& socket) {
    if (expired_) co_return false;
    const auto event = std::make_shared<EitherEvent>(executor_);
    const Shown shown(event_, event->timer);
    note_ready(event, socket, Socket::wait_read);
    note_ready(event, socket, Socket::wait_write);
    boost::system::error_code ended;
    co_await event->timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
    socket.cancel(ended);
    if (!event->ready && !expired_) throw_cancelled();
    co_return !expired_;
}

Async<bool> HttpWaiting::connect(Socket& socket, const asio::ip::tcp::endpoint& endpoint,
                                 boost::system::error_code& problem) {
    if (expired_) co_return false;
    const Shown shown(socket_, socket);
    co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, problem));
    if (expired_) co_return false;
    if (problem == asio::error::operation_aborted) throw_cancelled();
    co_return true;
}

Async<bool> HttpWaiting::until_next_turn() {
    co_await asio::post(executor_, asio::use_awaitable);
    co_return !expired_;
}

} // namespace castiel_sync
