#include <net/http_client_request.hpp>

#include <core/http_syntax.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace castiel_sync {
namespace {

constexpr std::array<std::string_view, 6> headers_of_the_transport{
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "TE", "Accept-Encoding"};

Error refusal(std::string message) { return {ErrorCode::invalid_request, std::move(message)}; }

// To have none is nothing unusual for these; the others are expected to have one.
bool may_lack_length(std::string_view method) { return method != "POST" && method != "PUT" && method != "PATCH"; }

} // namespace

Result<> check_call(const HttpCall& call) {
    if (!is_token(call.method)) return refusal("The method of an HTTP request must be a word such as GET.");
    if (call.method == "CONNECT") return refusal("The method CONNECT is for proxies, and is not sent for a call.");
    for (const HttpHeader& header : call.headers) {
        if (!is_token(header.name))
            return refusal("A header's name has a character that can't stand there, such as a space or a line break.");
        if (!all_of(header.value, value_character))
            return refusal(
                fmt::format("The value of the header {} has a control character, such as a line break.", header.name));
        const auto is_it = [&](std::string_view name) { return equal_without_case(header.name, name); };
        if (std::ranges::any_of(headers_of_the_transport, is_it))
            return refusal(fmt::format("The header {} is the transport's to set. Leave it out.", header.name));
    }
    return Result<>();
}

std::string make_request_head(const HttpCall& call, const HttpUrl& url, const std::string& user_agent, bool absolute) {
    std::string head;
    head.reserve(256 + url.target.size());
    const std::string authority = url.authority();
    head.append(call.method).append(" ");
    if (absolute) head.append("http://").append(authority);
    head.append(url.target).append(" HTTP/1.1\r\nHost: ").append(authority).append("\r\n");
    for (const HttpHeader& header : call.headers)
        head.append(header.name).append(": ").append(header.value).append("\r\n");
    if (!user_agent.empty() && !call.headers.find("User-Agent"))
        head.append("User-Agent: ").append(user_agent).append("\r\n");
    head.append("Accept-Encoding: gzip\r\n");
    if (!call.body.empty() || !may_lack_length(call.method))
        head.append("Content-Length: ").append(std::to_string(call.body.size())).append("\r\n");
    return head.append("\r\n");
}

std::string describe_call(const HttpCall& call, const HttpUrl& url) {
    return fmt::format("{} {}://{}{}", call.method, url.secure ? "https" : "http", url.authority(),
                       url.target.substr(0, url.target.find('?')));
}

} // namespace castiel_sync
