// The secret that an account's tokens are got with, and what is kept of it in memory.
//
// A refresh token that rotates is good for one request, whoever sends it. So all accounts that name one secret share
// one of these: they take turns, and a successor that could not be written yet is every account's to write.
#pragma once

#include <async/gate.hpp>
#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/secret_provider.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

[[nodiscard]] std::string refresh_token_in(const json::object& secret);

// Threading: on the Runtime's executor. The calls that return Async are for whoever has the turn.
class AccountSecret {
public:
    // `reference` empty: the credentials that it is told are all there is.
    AccountSecret(std::string tenant_id, std::string reference);

    // What an integration came with. The first place is kept; the credentials count as long as there is none (null).
    void take_note(std::shared_ptr<SecretProvider> place, json::object credentials);

    // Waits until those are through who came earlier; `end` is to be opened after the turn. However long that takes:
    // who would go on without its turn would send a refresh token that somebody else is sending.
    Async<void> take_turn(std::shared_ptr<Gate> end);

    Async<Result<json::object>> read();

    // Whether a new refresh token could be written; `stored` is read anew where it has changed. At once where one has
    // been written before.
    Async<Result<>> try_to_write(json::object& stored);

    // The refresh token that is in force now, of a secret that was `stored`.
    Async<Result<>> keep(json::object stored, std::string refresh_token);

    // Writes what is not written yet. unavailable: it could not be, and stays.
    Async<Result<>> save();
    [[nodiscard]] bool has_unsaved() const { return unsaved_.has_value(); }

    // A refresh token that is worth asking with after those that were `tried`.
    [[nodiscard]] std::optional<std::string> next_candidate(const json::object& stored,
                                                            const std::vector<std::string>& tried) const;

    [[nodiscard]] const std::string& reference() const { return reference_; }

    // Nothing would be lost if this were made anew.
    [[nodiscard]] bool is_idle() const { return !unsaved_ && spare_.empty(); }

private:
    // A refresh token that is in force and not written yet.
    struct Unsaved {
        json::object stored;  // the secret that it belongs into, as it was
        std::string replaced; // the refresh token in that
        std::string refresh_token;

        Unsaved() = default;
    };

    Async<Result<>> settle_stale();

    std::shared_ptr<SecretProvider> place_;
    std::string tenant_id_;
    std::string reference_;
    json::object credentials_;
    std::weak_ptr<Gate> last_turn_;
    std::optional<Unsaved> unsaved_;
    std::string spare_; // a refresh token that we were given while somebody else wrote another one
    bool has_written_ = false;
};

} // namespace castiel_sync
