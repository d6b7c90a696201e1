#include <adapters/rest/exchange.hpp>

#include <adapters/rest/values.hpp>
#include <castiel_sync/http/retry_after.hpp>
#include <core/json_marks.hpp>
#include <core/json_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_wait = std::chrono::hours(24);

std::optional<std::int64_t> read_number(const HttpHeaders& headers, std::string_view name) {
    const std::string* text = name.empty() ? nullptr : headers.find(name);
    if (text == nullptr) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (fault != std::errc() || end != text->data() + text->size()) return std::nullopt;
    return number;
}

// Without the query, which may hold a key.
std::string place_of(const HttpCall& call) {
    return call.method + " " + call.url.substr(0, call.url.find('?'));
}

// scheme://host:port
std::string_view origin_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return url;
    return url.substr(0, url.find_first_of("/?#", scheme + 3));
}

ErrorCode code_of(RestMeaning means, unsigned status) {
    switch (means) {
    case RestMeaning::success:
    case RestMeaning::unknown:
        return ErrorCode::unknown_outcome;
    case RestMeaning::retry:
        return ErrorCode::unavailable;
    case RestMeaning::throttled:
        return ErrorCode::throttled;
    case RestMeaning::gone:
        return ErrorCode::not_found;
    case RestMeaning::conflict:
        return ErrorCode::stale;
    case RestMeaning::exists:
        return ErrorCode::already_exists;
    case RestMeaning::invalid:
        return ErrorCode::invalid_record;
    case RestMeaning::reauthenticate:
        return ErrorCode::unauthenticated;
    case RestMeaning::forbidden:
        return ErrorCode::forbidden;
    case RestMeaning::stop:
        break;
    }
    return status == 405 || status == 501 ? ErrorCode::unsupported : ErrorCode::invalid_configuration;
}

std::string advice(RestMeaning means, unsigned status, const HttpHeaders& headers) {
    if (status >= 300 && status < 400) {
        const std::string* target = headers.find("Location");
        return fmt::format("; redirects are not followed, since credentials would go with them: set the base URL to {}",
                           target == nullptr ? "the address that it leads to"
                                             : std::string_view(*target).substr(0, target->find('?')));
    }
    if (means == RestMeaning::reauthenticate) return "; the credentials are missing, wrong or expired";
    if (means == RestMeaning::stop && status == 404) return "; is there such an entity, and is the base URL right?";
    return {};
}

} // namespace

Error RestReply::error() const {
    if (means == RestMeaning::success && body_fault) return *body_fault;
    Error error(code_of(means, status), summary);
    if (error.code == ErrorCode::unavailable || error.code == ErrorCode::throttled) error.retry_after = retry_after;
    return error;
}

RestExchange::RestExchange(std::shared_ptr<const RestDescription> description, const AdapterContext& context,
                           std::shared_ptr<HttpTransport> transport, std::shared_ptr<RestAuthenticator> authenticator,
                           std::shared_ptr<const Secrets> secrets)
    : description_(std::move(description)), runtime_(context.runtime),
      settings_(with_defaults(*description_, context.settings)), transport_(std::move(transport)),
      authenticator_(std::move(authenticator)), secrets_(std::move(secrets)) {}

json::object RestExchange::variables(std::string_view entity) const {
    json::object variables;
    variables.emplace("settings", settings_);
    variables.emplace("entity", entity);
    return variables;
}

Result<HttpCall> RestExchange::call_of(const RestRequest& request, const json::object& variables) const {
    HttpCall call;
    call.method = request.method;
    auto base = description_->base_url.fill(variables, UrlPart::none);
    if (!base) return base.error();
    auto path = request.path.fill(variables, UrlPart::path);
    if (!path) return path.error();
    if (!*base || !*path)
        return Error(ErrorCode::invalid_configuration,
                     fmt::format("a variable of \"{}{}\" has no value; set it in the integration's settings",
                                 description_->base_url.written(), request.path.written()));
    call.url = std::move(**base);
    while (call.url.ends_with('/')) call.url.pop_back();
    call.url += **path;
    char separator = '?';
    const auto add_parameter = [&](std::string_view name, std::string_view encoded) {
        call.url += std::exchange(separator, '&');
        call.url.append(percent_encoded(name)).append("=").append(encoded);
    };
    for (const auto& [name, text] : request.query) {
        const Path* only = request.repeats_lists ? text.only_variable() : nullptr;
        const json::value* list = only == nullptr ? nullptr : only->find(variables);
        if (list != nullptr && list->is_array()) {
            for (const json::value& element : list->get_array())
                add_parameter(name, percent_encoded(scalar_text(element).value_or("")));
            continue;
        }
        auto filled = text.fill(variables, UrlPart::query);
        if (!filled) return filled.error();
        if (*filled) add_parameter(name, **filled);
    }
    call.headers.set("Accept", "application/json");
    for (const auto* headers : {&description_->headers, &request.headers})
        for (const auto& [name, text] : *headers) {
            auto filled = text.fill(variables, UrlPart::none);
            if (!filled) return filled.error();
            if (*filled) call.headers.set(name, std::move(**filled));
        }
    if (request.body) {
        auto body = request.body->fill(variables);
        if (!body) return body.error();
        if (*body) {
            call.body = to_json(**body);
            if (call.headers.find("Content-Type") == nullptr) call.headers.set("Content-Type", "application/json");
        }
    }
    call.timeout = description_->timeout;
    call.max_answer_bytes = description_->max_answer_bytes;
    return call;
}

Result<HttpCall> RestExchange::follow(HttpCall call, std::string_view link) const {
    const std::string_view origin = origin_of(call.url);
    std::string url;
    if (link.starts_with("//")) {
        url = std::string(origin.substr(0, origin.find("//"))).append(link);
    } else if (link.starts_with('/')) {
        url = std::string(origin).append(link);
    } else if (link.starts_with('?')) {
        url = call.url.substr(0, call.url.find('?')).append(link);
    } else {
        url = link;
    }
    if (origin_of(url) != origin)
        return Error(ErrorCode::corrupted,
                     fmt::format("{} answered a next page at {}, which is not where it is itself; credentials are not "
                                 "sent to other places",
                                 place_of(call), excerpt(secrets_->scrub(origin_of(url)), 200)));
    call.url = std::move(url);
    return call;
}

Async<Result<HttpAnswer>> RestExchange::send_once(HttpCall call, HttpCall& sent) {
    if (closed_until_) {
        const auto left = *closed_until_ - runtime_.clock->monotonic();
        if (left > std::chrono::nanoseconds(0)) {
            Error error(ErrorCode::throttled, fmt::format("{}: the system said that its quota is used up; it was not "
                                                          "asked again",
                                                          place_of(call)));
            error.retry_after = std::chrono::ceil<milliseconds>(left);
            co_return error;
        }
        closed_until_.reset();
    }
    auto authorized = co_await authenticator_->authorize(call);
    if (!authorized) co_return authorized.error();
    sent.url = call.url;
    sent.headers = call.headers;
    auto answer = co_await transport_->send(std::move(call));
    co_return answer;
}

Async<Result<RestReply>> RestExchange::send(RestAction action, HttpCall call, milliseconds timeout) {
    call.timeout = std::min(timeout, description_->timeout);
    const auto until = runtime_.clock->monotonic() + call.timeout;
    for (int attempt = 0;; ++attempt) {
        HttpCall copy = call;
        HttpCall sent;
        auto answer = co_await send_once(std::move(copy), sent);
        if (!answer) co_return answer.error();
        note_rate_limit(answer->headers);
        RestReply reply = read(action, call, std::move(*answer));
        call.timeout = std::chrono::floor<milliseconds>(until - runtime_.clock->monotonic());
        const bool again = reply.means == RestMeaning::reauthenticate && attempt == 0 &&
                           call.timeout > milliseconds(0) && authenticator_->renew(sent);
        if (!again) co_return reply;
    }
}

void RestExchange::note_rate_limit(const HttpHeaders& headers) {
    const RestRateLimit& limit = description_->rate_limit;
    const auto remaining = read_number(headers, limit.remaining_header);
    const auto reset = read_number(headers, limit.reset_header);
    if (!remaining || !reset || *remaining > 0) return;
    const Timestamp now = runtime_.clock->now();
    milliseconds wait{};
    const std::int64_t number = std::clamp<std::int64_t>(*reset, 0, 100'000'000'000'000);
    switch (limit.reset) {
    case RestRateLimit::Reset::seconds:
        wait = std::chrono::seconds(std::min<std::int64_t>(number, 86'400));
        break;
    case RestRateLimit::Reset::epoch_seconds:
        wait = std::chrono::seconds(std::min<std::int64_t>(number, 100'000'000'000)) - now.time_since_epoch();
        break;
    case RestRateLimit::Reset::epoch_milliseconds:
        wait = milliseconds(number) - now.time_since_epoch();
        break;
    }
    wait = std::clamp(wait, milliseconds(0), longest_wait);
    closed_until_ = runtime_.clock->monotonic() + wait;
}

RestReply RestExchange::read(RestAction action, const HttpCall& call, HttpAnswer answer) {
    RestReply reply;
    reply.status = answer.status;
    reply.headers = std::move(answer.headers);
    const std::string place = place_of(call);
    if (answer.body.find_first_not_of(" \t\r\n") != std::string::npos) {
        JsonLimits limits;
        limits.max_bytes = description_->max_answer_bytes;
        auto parsed = parse_json(answer.body, limits);
        if (!parsed) {
            auto marked = parse_json_marking(answer.body, limits);
            if (marked) parsed = std::move(marked);
        }
        if (parsed) {
            reply.body = std::move(*parsed);
        } else {
            const std::string* type = reply.headers.find("Content-Type");
            const std::string stated = type == nullptr ? "of no stated type" : secrets_->scrub(*type);
            reply.body_fault = Error(ErrorCode::corrupted,
                                     fmt::format("{} answered {} with a body that is no JSON ({}): {}", place,
                                                 reply.status, excerpt(stated), parsed.error().message));
        }
    } else {
        reply.body_fault =
            Error(ErrorCode::corrupted, fmt::format("{} answered {} without a body", place, reply.status));
    }
    reply.means = meaning_of(*description_, action, reply.status, reply.body, answer.body);
    // A page for people comes from something that stands in between, whatever it was asked to do.
    const std::size_t begin = answer.body.find_first_not_of(" \t\r\n");
    const bool is_page = begin != std::string::npos && answer.body[begin] == '<';
    if (is_page && is_write(action) && reply.means == RestMeaning::success) reply.means = RestMeaning::unknown;
    reply.retry_after = read_retry_after(reply.headers, runtime_.clock->now());
    reply.summary = fmt::format("{} answered {}", place, reply.status);
    reply.summary += message_in(reply.body);
    if (reply.means != RestMeaning::success)
        reply.summary += secrets_->scrub(advice(reply.means, reply.status, reply.headers));
    if (reply.means == RestMeaning::reauthenticate)
        reply.summary += clock_hint(reply.headers, runtime_.clock->now());
    return reply;
}

std::string RestExchange::message_in(const json::value& body) const {
    const json::value* message = description_->message ? find_in(description_->message, body) : nullptr;
    const auto text = message == nullptr ? std::nullopt : scalar_text(*message);
    return text ? ": " + std::string(excerpt(secrets_->scrub(*text), 300)) : std::string();
}

std::string RestExchange::without_credentials(std::string_view url) const {
    const RestAuthentication& authentication = description_->authentication;
    const std::size_t query = url.find('?');
    if (authentication.kind != RestAuthentication::Kind::query || query == std::string_view::npos)
        return std::string(url);
    std::string kept(url.substr(0, query));
    char separator = '?';
    for (std::string_view rest = url.substr(query + 1); !rest.empty();) {
        const std::string_view parameter = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(parameter.size() + 1, rest.size()));
        const std::string_view name = parameter.substr(0, parameter.find('='));
        if (name == authentication.name || name == percent_encoded(authentication.name)) continue;
        kept += std::exchange(separator, '&');
        kept += parameter;
    }
    return kept;
}

} // namespace castiel_sync
