// Sealing: how secrets that must be used again are kept in a store that others may read.
//
// AES-256-GCM with a random nonce, by a key from the configuration. What is sealed names its key, so that keys can be
// changed, and belongs to its context: it opens nowhere else.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/runtime.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// A value. Threading: const calls overlap freely.
class Sealer {
public:
    // Keys as base64 of 32 bytes each: the first one seals, all of them open. invalid_configuration: none, or one that
    // is no key; the message holds nothing of it.
    [[nodiscard]] static Result<Sealer> make(const std::vector<std::string>& keys);
    // A key for `make`.
    [[nodiscard]] static std::string make_key(Random& random);

    // `context` says whose it is. Only with a Random whose bits may become secrets.
    [[nodiscard]] std::string seal(std::string_view secret, std::string_view context, Random& random) const;
    // invalid_configuration: sealed by a key that is not there. corrupted: changed, or sealed in another context.
    [[nodiscard]] Result<std::string> open(std::string_view sealed, std::string_view context) const;

private:
    struct Key {
        std::string name; // derived from the key
        std::string bytes;
    };
    explicit Sealer(std::vector<Key> keys) : keys_(std::move(keys)) {}

    std::vector<Key> keys_;
};

} // namespace castiel_sync
