#include "idempotency.hpp"

#include "answers.hpp"
#include "hash.hpp"

#include <castiel_sync/json.hpp>

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace castiel_sync::service {
namespace {

constexpr std::chrono::hours kept_for{24};
constexpr std::chrono::minutes under_way_for{2}; // then whoever began it is gone: no request takes that long
constexpr int rounds = 3;

// The form of a version-8 UUID (RFC 9562): its bits are ours to choose.
std::string uuid_of(const std::string& hexadecimal) {
    return fmt::format("{}-{}-8{}-8{}-{}", hexadecimal.substr(0, 8), hexadecimal.substr(8, 4),
                       hexadecimal.substr(13, 3), hexadecimal.substr(17, 3), hexadecimal.substr(20, 12));
}

} // namespace

struct IdempotentRequest::Kept {
    std::string fingerprint;
    Timestamp since{};
    unsigned status = 0; // 0: under way
    HttpHeaders headers;
    std::string body;
};

IdempotentRequest::IdempotentRequest(const Runtime& runtime, Store& store, const Sealer* sealer, std::string tenant_id,
                                     std::string key, std::string_view request)
    : runtime_(runtime), store_(store), sealer_(sealer), tenant_id_(std::move(tenant_id)), key_(std::move(key)),
      fingerprint_(sha256(request)), made_id_(uuid_of(sha256(tenant_id_ + '\n' + key_))) {}

Document IdempotentRequest::to_document(const Kept& kept) const {
    json::object headers;
    for (const HttpHeader& header : kept.headers)
        headers[header.name] = header.value;
    Document document;
    document.kind = idempotency_kind;
    document.id = key_;
    document.etag = etag_;
    document.expires_at = kept.since + kept_for;
    document.body = to_json(json::object{{"fingerprint", kept.fingerprint},
                                         {"since", to_string(kept.since)},
                                         {"status", kept.status},
                                         {"headers", std::move(headers)},
                                         {"body", sealer_ ? sealer_->seal(kept.body, context(), *runtime_.random)
                                                          : kept.body},
                                         {"sealed", sealer_ != nullptr}});
    return document;
}

Result<IdempotentRequest::Kept> IdempotentRequest::from_document(const Document& document) const {
    const Error corrupted(ErrorCode::corrupted, "the stored answer to Idempotency-Key \"" + key_ + "\" can't be read");
    auto parsed = parse_json(document.body);
    if (!parsed || !parsed->is_object()) return corrupted;
    const json::object& members = parsed->get_object();
    const auto text = [&](std::string_view name) -> const json::string* {
        const json::value* member = members.if_contains(name);
        return member != nullptr ? member->if_string() : nullptr;
    };
    const json::value* status = members.if_contains("status");
    const json::string* since = text("since");
    const auto time = since != nullptr ? parse_timestamp(*since) : std::nullopt;
    const json::value* headers = members.if_contains("headers");
    if (headers == nullptr || !headers->is_object()) return corrupted;
    if (text("fingerprint") == nullptr || text("body") == nullptr || !time || status == nullptr || !status->is_int64())
        return corrupted;
    Kept kept;
    kept.fingerprint = std::string_view(*text("fingerprint"));
    kept.body = std::string_view(*text("body"));
    const json::value* sealed = members.if_contains("sealed");
    if (sealed != nullptr && *sealed == json::value(true)) {
        if (!sealer_) return corrupted;
        auto opened = sealer_->open(kept.body, context());
        if (!opened) return opened.error();
        kept.body = std::move(*opened);
    }
    kept.since = *time;
    kept.status = static_cast<unsigned>(status->get_int64());
    for (const auto& header : headers->get_object()) {
        if (!header.value().is_string()) return corrupted;
        kept.headers.add(std::string(header.key()), std::string(header.value().get_string()));
    }
    return kept;
}

Async<Result<std::optional<HttpResponse>>> IdempotentRequest::begin() {
    const Timestamp now = runtime_.clock->now();
    Kept mine;
    mine.fingerprint = fingerprint_;
    mine.since = now;
    for (int round = 0; round < rounds; ++round) {
        std::vector<Write> writes{etag_.empty() ? insert(to_document(mine)) : replace(to_document(mine))};
        auto receipt = co_await store_.commit(tenant_id_, std::move(writes));
        if (receipt) {
            etag_ = receipt->etags.front();
            co_return std::optional<HttpResponse>();
        }
        const Error error = receipt.error();
        if (error.code != ErrorCode::stale) co_return error;
        etag_.clear();
        std::vector<std::string> ids{key_};
        auto documents = co_await store_.read(tenant_id_, std::string(idempotency_kind), std::move(ids));
        if (!documents) co_return documents.error();
        if (!documents->front()) continue; // it has just expired
        auto kept = from_document(*documents->front());
        if (!kept) co_return kept.error();
        if (kept->fingerprint != fingerprint_)
            co_return error_answer(422, "this Idempotency-Key was used for another request; use a new one");
        if (kept->status != 0) {
            HttpResponse answer;
            answer.status = kept->status;
            answer.headers = kept->headers;
            answer.body = kept->body;
            answer.headers.add("Idempotency-Replayed", "true");
            co_return answer;
        }
        if (kept->since + under_way_for > now && kept->since <= now) {
            HttpResponse answer = error_answer(409, "the first request with this Idempotency-Key is still under way");
            answer.headers.add("Retry-After", "1");
            co_return answer;
        }
        etag_ = documents->front()->etag;
    }
    co_return Error(ErrorCode::busy, "others use the same Idempotency-Key at this moment; try again");
}

Async<Result<>> IdempotentRequest::keep(const HttpResponse& answer) {
    const bool may_pass = answer.status >= 500 || answer.status == 429 || answer.status == 409;
    std::vector<Write> writes;
    if (may_pass) {
        writes.push_back(remove(std::string(idempotency_kind), key_, etag_));
    } else {
        Kept kept;
        kept.fingerprint = fingerprint_;
        kept.since = runtime_.clock->now();
        kept.status = answer.status;
        kept.headers = answer.headers;
        kept.body = answer.body;
        writes.push_back(replace(to_document(kept)));
    }
    auto receipt = co_await store_.commit(tenant_id_, std::move(writes));
    if (!receipt) co_return receipt.error();
    co_return Result<>();
}

} // namespace castiel_sync::service
