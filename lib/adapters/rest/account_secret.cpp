#include <adapters/rest/account_secret.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::string_view refresh_member = "refreshToken";
constexpr int rounds = 5; // of a secret that others write at the same time

Error not_kept(const std::string& reference, const Error& why) {
    return Error(ErrorCode::unavailable,
                 fmt::format("the system has replaced the refresh token, and the new one could not be written to {} "
                             "({}); it is kept in memory and written before anything is asked again: mend that before "
                             "this process ends, or the account has to be connected anew",
                             reference, why.message));
}

Error can_not_keep(const std::string& reference, std::string_view why) {
    return Error(ErrorCode::invalid_configuration,
                 fmt::format("the refresh token rotates, and a new one could not be written to {} ({}), so that "
                             "nothing was asked; keep the secret where it can be replaced, such as secret://file/NAME, "
                             "or say rotates: false if the system never replaces it",
                             reference.empty() ? "any place" : reference, why));
}

} // namespace

std::string refresh_token_in(const json::object& secret) {
    const json::value* member = secret.if_contains(refresh_member);
    return member != nullptr && member->is_string() ? std::string(member->get_string()) : std::string();
}

AccountSecret::AccountSecret(std::string tenant_id, std::string reference)
    : tenant_id_(std::move(tenant_id)), reference_(std::move(reference)) {}

void AccountSecret::take_note(std::shared_ptr<SecretProvider> place, json::object credentials) {
    if (!place_) place_ = std::move(place);
    credentials_ = std::move(credentials);
}

Async<void> AccountSecret::take_turn(std::shared_ptr<Gate> end) {
    const std::shared_ptr<Gate> before = std::exchange(last_turn_, end).lock();
    if (before) co_await before->wait();
}

Async<Result<json::object>> AccountSecret::read() {
    if (!place_ || reference_.empty()) co_return credentials_;
    auto found = co_await place_->find(tenant_id_, reference_);
    co_return found;
}

Async<Result<>> AccountSecret::try_to_write(json::object& stored) {
    if (has_written_) co_return Result<>();
    for (int round = 0; round < rounds; ++round) {
        auto written = co_await place_->replace(tenant_id_, reference_, stored, stored);
        has_written_ = written.has_value();
        if (written) co_return written;
        const bool is_stale = written.error().code == ErrorCode::stale;
        if (!is_stale && is_retryable(written.error().code)) co_return written.error();
        if (!is_stale) co_return can_not_keep(reference_, written.error().message);
        auto anew = co_await read();
        if (!anew) co_return anew.error();
        stored = std::move(*anew);
    }
    co_return Error(ErrorCode::unavailable,
                    fmt::format("others write the secret {} at this moment; nothing was asked", reference_));
}

Async<Result<>> AccountSecret::keep(json::object stored, std::string refresh_token) {
    spare_.clear();
    std::string replaced = refresh_token_in(stored);
    if (refresh_token == replaced) co_return Result<>();
    unsaved_.emplace();
    unsaved_->stored = std::move(stored);
    unsaved_->replaced = std::move(replaced);
    unsaved_->refresh_token = std::move(refresh_token);
    co_return co_await save();
}

Async<Result<>> AccountSecret::save() {
    Error last;
    for (int round = 0; unsaved_ && round < rounds; ++round) {
        json::object secret = unsaved_->stored;
        secret[refresh_member] = unsaved_->refresh_token;
        auto written = co_await place_->replace(tenant_id_, reference_, unsaved_->stored, std::move(secret));
        if (written) {
            unsaved_.reset();
            co_return Result<>();
        }
        last = written.error();
        if (last.code != ErrorCode::stale) break;
        auto settled = co_await settle_stale();
        if (!settled) last = settled.error();
        if (!settled) break;
    }
    if (!unsaved_) co_return Result<>();
    co_return not_kept(reference_, last);
}

// Somebody has written the secret since it was read.
Async<Result<>> AccountSecret::settle_stale() {
    auto anew = co_await read();
    if (!anew) co_return anew.error();
    const std::string theirs = refresh_token_in(*anew);
    if (theirs == unsaved_->replaced) { // some other member of it
        unsaved_->stored = std::move(*anew);
        co_return Result<>();
    }
    // A new refresh token is another process's, or a person's, and goes before ours; unless it turns out to be void.
    if (theirs != unsaved_->refresh_token) spare_ = std::move(unsaved_->refresh_token);
    unsaved_.reset();
    co_return Result<>();
}

std::optional<std::string> AccountSecret::next_candidate(const json::object& stored,
                                                         const std::vector<std::string>& tried) const {
    if (tried.size() >= rounds) return std::nullopt;
    for (const std::string& each : {refresh_token_in(stored), spare_})
        if (!each.empty() && std::find(tried.begin(), tried.end(), each) == tried.end()) return each;
    return std::nullopt;
}

} // namespace castiel_sync
