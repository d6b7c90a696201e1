// Requests that must not happen twice: what was answered to an Idempotency-Key is kept for a day, and answered again.
#pragma once

#include <castiel_sync/http/message.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/webhooks/sealing.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync::service {

// One request with a key. Threading: on the store's executor.
class IdempotentRequest {
public:
    // `request`: all that makes two requests the same one. Answers are kept sealed, since some hold secrets; where
    // `sealer` (borrowed) is null, in clear.
    IdempotentRequest(const Runtime& runtime, Store& store, const Sealer* sealer, std::string tenant_id,
                      std::string key, std::string_view request);

    // Takes the key. An answer when there is one already: the first one, 422 when the key was used for another request,
    // 409 while the first one is under way. nullopt: go on, and call `keep` with the answer.
    Async<Result<std::optional<HttpResponse>>> begin();
    // What a repetition is to be answered. A failure that may pass is not kept: the repetition tries again.
    Async<Result<>> keep(const HttpResponse& answer);

    // A UUID that repetitions share, for whatever the request makes.
    [[nodiscard]] const std::string& made_id() const { return made_id_; }

private:
    struct Kept;
    [[nodiscard]] std::string context() const { return "idempotency/" + tenant_id_ + "/" + key_; }
    [[nodiscard]] Document to_document(const Kept& kept) const;
    [[nodiscard]] Result<Kept> from_document(const Document& document) const;

    Runtime runtime_;
    Store& store_;
    const Sealer* sealer_;
    std::string tenant_id_;
    std::string key_;
    std::string fingerprint_;
    std::string made_id_;
    std::string etag_;
};

inline constexpr std::string_view idempotency_kind = "idempotency";

} // namespace castiel_sync::service
