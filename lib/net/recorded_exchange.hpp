// One line of a recording: how calls and answers are masked, written and read.
#pragma once

#include <castiel_sync/http/secrets.hpp>
#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/json.hpp>

#include <string>
#include <string_view>

namespace castiel_sync {

// A call as a recording knows it, which is also how a replayed call is compared with it.
struct RecordedCall {
    std::string method;
    std::string url;
    // JSON objects and arrays as such; other text as a string; bytes that are no UTF-8 as base64.
    json::value body;
    bool base64 = false;

    [[nodiscard]] bool same_body(const RecordedCall& other) const;
};

struct RecordedExchange {
    RecordedCall call;
    Result<HttpAnswer> answer = Error();
};

[[nodiscard]] RecordedCall masked_call(const HttpCall& call, const Secrets& secrets);

// Without a line end.
[[nodiscard]] std::string write_exchange(const HttpCall& call, const Result<HttpAnswer>& answer,
                                         const Secrets& secrets);

// invalid_record: says what is wrong, not where.
[[nodiscard]] Result<RecordedExchange> read_exchange(std::string_view line);

} // namespace castiel_sync
