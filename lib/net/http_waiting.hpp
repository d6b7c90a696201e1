// What a call of the client waits for, and how its deadline ends that.
#pragma once

#include <castiel_sync/async.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <map>
#include <memory>

namespace castiel_sync {

class HttpWaiting;

// The deadlines of all calls under way behind one timer, which runs only while there are any: what keeps a loop alive
// is a call, never the client.
class HttpDeadlines : public std::enable_shared_from_this<HttpDeadlines> {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Place = std::multimap<TimePoint, HttpWaiting*>::iterator;

    explicit HttpDeadlines(const boost::asio::any_io_executor& executor) : timer_(executor) {}

    [[nodiscard]] Place add(TimePoint time, HttpWaiting& waiting);
    void remove(Place place);
    [[nodiscard]] Place move(Place place, TimePoint time);

private:
    void arm();
    void set_timer(TimePoint time);
    void expire_due();

    boost::asio::steady_timer timer_;
    TimePoint armed_for_ = TimePoint::max();
    std::multimap<TimePoint, HttpWaiting*> times_;
};

// One call's waits, one at a time. Each answers false once the time is over, and throws operation_aborted when the
// coroutine is cancelled.
class HttpWaiting {
public:
    using TimePoint = HttpDeadlines::TimePoint;

    HttpWaiting(boost::asio::any_io_executor executor, HttpDeadlines& deadlines, TimePoint deadline);
    ~HttpWaiting();
    HttpWaiting(const HttpWaiting&) = delete;
    HttpWaiting& operator=(const HttpWaiting&) = delete;

    // For now the time is over earlier than the deadline.
    void narrow(TimePoint limit);
    void widen();
    [[nodiscard]] bool expired() const { return expired_; }
    [[nodiscard]] TimePoint deadline() const { return deadline_; }

    Async<bool> until_woken();
    void wake();

    using Socket = boost::asio::ip::tcp::socket;
    Async<bool> until_ready(Socket& socket, Socket::wait_type kind);
    Async<bool> until_readable_or_writable(Socket& socket);
    Async<bool> connect(Socket& socket, const boost::asio::ip::tcp::endpoint& endpoint,
                        boost::system::error_code& problem);
    // Lets others have a turn.
    Async<bool> until_next_turn();

private:
    friend class HttpDeadlines;
    void expire();

    boost::asio::any_io_executor executor_;
    HttpDeadlines& deadlines_;
    TimePoint deadline_;
    HttpDeadlines::Place place_;
    bool expired_ = false;
    bool woken_ = false;
    boost::asio::steady_timer* event_ = nullptr;
    Socket* socket_ = nullptr;
};

} // namespace castiel_sync
