// Names and the addresses they had a moment ago. Look-ups block, so they are made elsewhere; one for all that ask, and
// another beside one that has been under way for so long that its answer is hardly to come.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>

#include <net/http_waiting.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace castiel_sync {

using HttpAddresses = std::vector<boost::asio::ip::address>;

// May block. An error's message says why there are none: "Name or service not known".
using HttpResolver = std::function<Result<HttpAddresses>(const std::string& name)>;

// The system's, with all addresses of both kinds in its order.
[[nodiscard]] Result<HttpAddresses> look_up_name(const std::string& name);

class HttpNames {
public:
    using Now = std::function<std::chrono::steady_clock::time_point()>;

    // `resolver` runs on `blocking`, and may run on there when this is gone.
    HttpNames(boost::asio::any_io_executor executor, boost::asio::any_io_executor blocking, HttpResolver resolver,
              std::chrono::milliseconds lifetime, Now now);
    ~HttpNames();
    HttpNames(const HttpNames&) = delete;
    HttpNames& operator=(const HttpNames&) = delete;

    // Unavailable where the name has no address; also when the waiting's time is over: see expired().
    Async<Result<HttpAddresses>> find(std::string name, HttpWaiting& waiting);

private:
    struct LookUp;
    struct Home;

    void begin(const std::string& name, LookUp& look_up);
    void note(const std::string& name, std::uint64_t number, Result<HttpAddresses> found);
    void forget_old_names();

    boost::asio::any_io_executor executor_;
    boost::asio::any_io_executor blocking_;
    std::shared_ptr<const HttpResolver> resolver_;
    std::chrono::milliseconds lifetime_;
    Now now_;
    std::map<std::string, std::shared_ptr<LookUp>> look_ups_;
    std::map<std::string, std::size_t> under_way_; // on `blocking`, also for nobody any more
    std::uint64_t last_number_ = 0;
    std::shared_ptr<Home> home_;
};

} // namespace castiel_sync
