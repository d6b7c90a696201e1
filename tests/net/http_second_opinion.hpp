// Requests as text, by our reader and by Boost.Beast's parser, so that the two can be compared.
#pragma once

#include <net/http_request_reader.hpp>
#include <net/http_syntax.hpp>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync::testing {

struct ReadRequests {
    std::vector<std::string> requests;
    unsigned refused = 0; // the status, or 1 where there is none
};

inline std::string describe(std::string_view method, std::string_view target,
                            std::vector<std::pair<std::string, std::string>> headers, std::string_view body) {
    std::string text = std::string(method).append(" ").append(target);
    // Beast puts headers of one name together.
    for (auto& [name, value] : headers)
        std::ranges::transform(name, name.begin(), lower);
    std::ranges::stable_sort(headers, {}, &std::pair<std::string, std::string>::first);
    for (const auto& [name, value] : headers)
        text.append("\n").append(name).append("=").append(value);
    return text.append("\n\n").append(body);
}

// `piece` is asked how many of the bytes that are left arrive next: at least one.
inline ReadRequests read_requests(std::string_view bytes, HttpRequestLimits limits,
                                  const std::function<std::size_t(std::size_t)>& piece) {
    ReadRequests read;
    HttpRequestReader reader(limits);
    for (;;) {
        const HttpRequestReader::Step step = reader.next();
        if (step == HttpRequestReader::Step::refused) {
            read.refused = reader.refusal().status;
            return read;
        }
        if (step == HttpRequestReader::Step::request) {
            const HttpRequest request = reader.take_request();
            std::vector<std::pair<std::string, std::string>> headers;
            for (const HttpHeader& header : request.headers)
                headers.emplace_back(header.name, header.value);
            read.requests.push_back(describe(request.method, request.target, std::move(headers), request.body));
        }
        if (step != HttpRequestReader::Step::more) continue;
        if (bytes.empty()) return read;
        const std::span<char> space = reader.space();
        const std::size_t size = std::min({piece(bytes.size()), bytes.size(), space.size()});
        if (size == 0) { // there must always be space for what is still missing
            read.refused = 1;
            return read;
        }
        std::memcpy(space.data(), bytes.data(), size);
        bytes.remove_prefix(size);
        reader.put(size);
    }
}

// At most `count` requests.
inline ReadRequests read_by_beast(std::string_view bytes, std::size_t count) {
    namespace http = boost::beast::http;
    ReadRequests read;
    while (read.requests.size() < count && !bytes.empty()) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(1'000'000);
        parser.body_limit(1'000'000);
        std::vector<std::pair<std::string, std::string>> headers;
        bool headers_taken = false;
        while (!parser.is_done()) {
            boost::system::error_code problem;
            const std::size_t used = parser.put(boost::asio::buffer(bytes), problem);
            bytes.remove_prefix(used);
            if (parser.is_header_done() && !std::exchange(headers_taken, true)) {
                // Before the body, whose trailers Beast takes for headers.
                for (const auto& field : parser.get())
                    headers.emplace_back(field.name_string(), field.value());
                parser.eager(true);
                if (!problem) continue;
            }
            if (problem == http::error::need_more || (!problem && used == 0)) return read;
            if (problem) {
                read.refused = 1;
                return read;
            }
        }
        const auto& request = parser.get();
        read.requests.push_back(
            describe(request.method_string(), request.target(), std::move(headers), request.body()));
    }
    return read;
}

} // namespace castiel_sync::testing
