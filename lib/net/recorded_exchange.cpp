#include <net/recorded_exchange.hpp>

#include <core/http_syntax.hpp>
#include <core/json_text.hpp>
#include <core/base64.hpp>
#include <net/masking.hpp>

#include <fmt/format.h>

#include <chrono>
#include <initializer_list>
#include <optional>
#include <utility>

namespace castiel_sync {
namespace {

struct RecordedBody {
    json::value value; // see RecordedCall::body
    bool base64 = false;
};

std::optional<json::value> parse_structure(std::string_view text) {
    auto value = parse_json(text);
    if (!value || !(value->is_object() || value->is_array())) return std::nullopt;
    return std::move(*value);
}

RecordedBody masked_body(std::string_view body, const HttpHeaders& headers, const Secrets& secrets) {
    if (const auto value = parse_structure(body)) return {mask_json(*value, secrets), false};
    const std::string* type = headers.find("Content-Type");
    const bool form =
        type && equal_without_case(std::string_view(*type).substr(0, 33), "application/x-www-form-urlencoded");
    const std::string text = form ? mask_form(body, secrets) : secrets.scrub(body);
    if (is_utf8(text)) return {json::value(text), false};
    return {json::value(to_base64(text)), true};
}

void add_body(json::object& object, RecordedBody body) {
    const auto* text = body.value.if_string();
    if (text && text->empty()) return;
    object[body.base64 ? "body_base64" : "body"] = std::move(body.value);
}

// {"Accept": "a", "Set-Cookie": ["b", "c"]}
void add_headers(json::object& object, const HttpHeaders& headers, const Secrets& secrets) {
    json::object written;
    for (const HttpHeader& header : headers) {
        const auto same_name = [&](const auto& member) { return equal_without_case(member.key(), header.name); };
        const auto known = std::find_if(written.begin(), written.end(), same_name);
        json::value value(mask_header(header.name, header.value, secrets));
        if (known == written.end()) {
            written[header.name] = std::move(value);
        } else {
            if (!known->value().is_array()) known->value() = json::array{known->value()};
            known->value().get_array().push_back(std::move(value));
        }
    }
    if (!written.empty()) object["headers"] = std::move(written);
}

json::object write_answer(const HttpAnswer& answer, const Secrets& secrets) {
    json::object written{{"status", answer.status}};
    add_headers(written, answer.headers, secrets);
    add_body(written, masked_body(answer.body, answer.headers, secrets));
    return written;
}

json::object write_error(const Error& error, const Secrets& secrets) {
    json::object written{{"code", to_string(error.code)}, {"message", secrets.scrub(error.message)}};
    if (error.retry_after) written["retry_after_ms"] = error.retry_after->count();
    return written;
}

// Reads the members of one object; the first fault stays, and ends up in the message.
class MemberReader {
public:
    MemberReader(const json::object& object, std::string place) : object_(object), place_(std::move(place)) {}

    void fail(std::string what) {
        if (fault_.empty()) fault_ = place_ + what;
    }

    void allow(std::initializer_list<std::string_view> names) {
        for (const auto& member : object_)
            if (std::find(names.begin(), names.end(), std::string_view(member.key())) == names.end())
                fail(fmt::format("member {} is not known here; there are {}", std::string_view(member.key()),
                                 fmt::join(names, ", ")));
    }

    const json::value* find(std::string_view name) const { return object_.if_contains(name); }

    std::string text(std::string_view name) {
        const json::value* value = find(name);
        if (value && value->is_string()) return std::string(value->get_string());
        fail(fmt::format("{} has to be there, and a string", name));
        return {};
    }

    const json::object* object(std::string_view name) {
        const json::value* value = find(name);
        if (value && value->is_object()) return &value->get_object();
        fail(fmt::format("{} has to be an object", name));
        return nullptr;
    }

    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most) {
        const json::value* value = find(name);
        if (value && value->is_int64() && value->get_int64() >= least && value->get_int64() <= most)
            return value->get_int64();
        fail(fmt::format("{} has to be an integer from {} to {}", name, least, most));
        return std::nullopt;
    }

    HttpHeaders headers() {
        HttpHeaders headers;
        if (!find("headers")) return headers;
        const json::object* members = object("headers");
        if (!members) return headers;
        for (const auto& member : *members)
            add_header(headers, member.key(), member.value());
        return headers;
    }

    RecordedBody body() {
        const json::value* body = find("body");
        const json::value* base64 = find("body_base64");
        if (body && base64) fail("body and body_base64 exclude each other");
        if (base64) {
            if (base64->is_string() && from_base64(base64->get_string())) return {*base64, true};
            fail("body_base64 is not base64, padded, with + and /");
        } else if (body && body->is_string()) {
            // What was written by hand as a text is the same body.
            if (auto structure = parse_structure(body->get_string())) return {std::move(*structure), false};
            return {*body, false};
        } else if (body) {
            if (body->is_object() || body->is_array()) return {*body, false};
            fail("body has to be an object, an array or a string (a body that is another JSON value: as a string)");
        }
        return {json::value(""), false};
    }

    [[nodiscard]] const std::string& fault() const { return fault_; }

private:
    void add_header(HttpHeaders& headers, std::string_view name, const json::value& value) {
        const auto add_one = [&](const json::value& one) {
            if (one.is_string() && is_token(name) && all_of(one.get_string(), value_character))
                headers.add(std::string(name), std::string(one.get_string()));
            else
                fail(fmt::format("header {} has to have a string, or an array of them, that can stand in a header",
                                 name));
        };
        if (!value.is_array()) return add_one(value);
        for (const json::value& one : value.get_array())
            add_one(one);
    }

    const json::object& object_;
    std::string place_;
    std::string fault_;
};

std::string bytes_of(const RecordedBody& body) {
    if (!body.value.is_string()) return to_json(body.value);
    const std::string text(body.value.get_string());
    return body.base64 ? from_base64(text).value_or("") : text;
}

Result<HttpAnswer> read_answer(const json::object& object, std::string& fault) {
    MemberReader reader(object, "answer: ");
    reader.allow({"status", "headers", "body", "body_base64"});
    HttpAnswer answer;
    answer.status = static_cast<unsigned>(reader.integer("status", 100, 599).value_or(0));
    answer.headers = reader.headers();
    answer.body = bytes_of(reader.body());
    fault = reader.fault();
    return answer;
}

Result<HttpAnswer> read_error(const json::object& object, std::string& fault) {
    MemberReader reader(object, "error: ");
    reader.allow({"code", "message", "retry_after_ms"});
    const std::string code = reader.text("code");
    const auto known = parse_error_code(code);
    if (!known) reader.fail(fmt::format("code {} is not one of this library's", code));
    Error error(known.value_or(ErrorCode::internal), reader.text("message"));
    if (reader.find("retry_after_ms"))
        if (const auto wait = reader.integer("retry_after_ms", 0, 315'360'000'000))
            error.retry_after = std::chrono::milliseconds(*wait);
    fault = reader.fault();
    return error;
}

} // namespace

bool RecordedCall::same_body(const RecordedCall& other) const {
    return base64 == other.base64 && equal_values(body, other.body);
}

RecordedCall masked_call(const HttpCall& call, const Secrets& secrets) {
    RecordedBody body = masked_body(call.body, call.headers, secrets);
    return {call.method, mask_url(call.url, secrets), std::move(body.value), body.base64};
}

std::string write_exchange(const HttpCall& call, const Result<HttpAnswer>& answer, const Secrets& secrets) {
    RecordedCall masked = masked_call(call, secrets);
    json::object line{{"method", masked.method}, {"url", masked.url}};
    add_headers(line, call.headers, secrets);
    add_body(line, {std::move(masked.body), masked.base64});
    if (answer)
        line["answer"] = write_answer(*answer, secrets);
    else
        line["error"] = write_error(answer.error(), secrets);
    return to_json(line);
}

Result<RecordedExchange> read_exchange(std::string_view line) {
    JsonLimits limits;
    limits.max_depth += 4; // a body may be as deep as any
    limits.max_bytes *= 4; // and its text longer when it is base64 or escaped
    const auto object = parse_json_object(line, limits);
    if (!object) return object.error();
    MemberReader reader(*object, "");
    reader.allow({"method", "url", "headers", "body", "body_base64", "answer", "error"});
    RecordedExchange exchange;
    exchange.call.method = reader.text("method");
    if (!is_token(exchange.call.method)) reader.fail("method is not one");
    exchange.call.url = reader.text("url");
    (void)reader.headers();
    RecordedBody body = reader.body();
    exchange.call.body = std::move(body.value);
    exchange.call.base64 = body.base64;
    const bool fails = reader.find("error") != nullptr;
    if (fails == (reader.find("answer") != nullptr)) reader.fail("there has to be either answer or error");
    std::string fault;
    if (const json::object* outcome = reader.object(fails ? "error" : "answer"))
        exchange.answer = fails ? read_error(*outcome, fault) : read_answer(*outcome, fault);
    if (!fault.empty()) reader.fail(fault);
    if (!reader.fault().empty()) return Error(ErrorCode::invalid_record, reader.fault());
    return exchange;
}

} // namespace castiel_sync
