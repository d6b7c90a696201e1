// SIGHUP for the service: from its first step to its last none ends the process.
#pragma once

#include <csignal>

namespace castiel_sync::service {

// With SIG_BLOCK a hang-up waits from here on in the calling thread, and in each that it makes: one that finds no
// handler yet, or none any more, must not end the process.
inline void mask_hangups(int how) {
    sigset_t hangups;
    sigemptyset(&hangups);
    sigaddset(&hangups, SIGHUP);
    pthread_sigmask(how, &hangups, nullptr);
}

// While one lives, hang-ups that waited reach the calling thread; somebody must handle them for longer than that.
class HangupsArrive {
public:
    HangupsArrive() { mask_hangups(SIG_UNBLOCK); }
    ~HangupsArrive() { mask_hangups(SIG_BLOCK); }
    HangupsArrive(const HangupsArrive&) = delete;
    HangupsArrive& operator=(const HangupsArrive&) = delete;
};

} // namespace castiel_sync::service
