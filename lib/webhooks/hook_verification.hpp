// Is a hook from the system that it claims to be from? Over the bytes as they came, before anything parses them. Pure.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>
#include <castiel_sync/webhooks/inbound.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace castiel_sync {

// How far a signed time may be from ours, before or after.
inline constexpr std::chrono::minutes hook_window{5};

struct VerifiedHook {
    // What its sender calls it, equal on repetitions. Where the scheme has no header for that, made of the body. Empty:
    // nothing tells a repetition from another hook that says the same.
    std::string delivery_id;
    bool verified = true; // false: Scheme::none, anybody may have sent it

    VerifiedHook() = default;
};

// `webhookSecret` and `webhookSecrets` of an integration's credentials; without those that are empty or no text.
[[nodiscard]] std::vector<std::string> hook_secrets(const json::object& credentials);

// unauthenticated: any of the secrets would do, and none does.
[[nodiscard]] Result<VerifiedHook> verify_hook(const HookDescription& description,
                                               const std::vector<std::string>& secrets, const HookCall& call,
                                               Timestamp now);

} // namespace castiel_sync
