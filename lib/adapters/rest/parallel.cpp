#include <adapters/rest/parallel.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <memory>
#include <vector>

namespace castiel_sync {
namespace {

namespace asio = boost::asio;

struct Work {
    const std::function<Async<void>(std::size_t)>* call;
    std::size_t next = 0;
    std::size_t count = 0;
};

Async<void> take_turns(std::shared_ptr<Work> work) {
    while (work->next < work->count) {
        const std::size_t index = work->next++;
        co_await (*work->call)(index);
    }
}

} // namespace

Async<void> in_parallel(Runtime runtime, std::size_t count, std::size_t width,
                        const std::function<Async<void>(std::size_t)>& work) {
    auto shared = std::make_shared<Work>(Work{&work, 0, count});
    width = std::min(width, count);
    if (width <= 1) {
        co_await take_turns(std::move(shared));
        co_return;
    }
    const auto begin = [&] { return asio::co_spawn(runtime.executor, take_turns(shared), asio::deferred); };
    std::vector<decltype(begin())> turns;
    turns.reserve(width);
    for (std::size_t i = 0; i < width; ++i)
        turns.push_back(begin());
    auto [order, thrown] = co_await asio::experimental::make_parallel_group(std::move(turns))
                               .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    for (const std::exception_ptr& each : thrown)
        if (each) std::rethrow_exception(each);
}

} // namespace castiel_sync
