// A new configuration for a running service: all of what can be changed at run time, or nothing.
#pragma once

#include "configuration/configuration.hpp"
#include "session.hpp"

#include <castiel_sync/scheduler.hpp>

#include <string>
#include <vector>

namespace castiel_sync::service {

class Authentication; // http/authentication.hpp

// Without secrets whoever reaches the port is believed, so that only this machine may.
[[nodiscard]] Result<> check_exposure(const std::string& host, const std::vector<std::string>& secrets);

// Integrations, descriptions of adapters, the secrets of tokens and the level of the log are taken over: between two
// steps of the loop, so that nobody sees some of it new and some old. Executions under way go on with the integration
// and the adapters that they began with. Of the other keys the log tells which ones wait for a restart.
//
// Everything is borrowed. Threading: on the session's loop.
class Reload {
public:
    Reload(Session& session, Scheduler& scheduler, Authentication& authentication);

    // Reads the layers again, as at the start. A configuration with any fault changes nothing; the log has them all.
    Async<> run();

private:
    [[nodiscard]] Result<> take_over(Configuration fresh);
    void keep(Configuration fresh);

    Session& session_;
    Scheduler& scheduler_;
    Authentication& authentication_;
    Configuration current_; // what is in effect; keys that need a restart as at the start
};

} // namespace castiel_sync::service
