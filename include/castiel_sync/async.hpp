// Async<T>: what every suspending interface returns. Lazy: nothing runs until it is awaited or spawned.
//
// Cancellation: arrives as boost::system::system_error(operation_aborted) out of the awaited call. Adapters and stores
// let it pass; only the engine turns it into a status. Arguments live until the awaited call completes.
//
// g++ 12 destroys some temporaries twice when they stand in the same full expression as co_await: aggregates with
// non-trivial members, and lambdas with by-value captures. Name them first and move them in.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace castiel_sync {

template <class T = void>
using Async = boost::asio::awaitable<T>;

} // namespace castiel_sync
