#include <castiel_sync/http/message.hpp>

#include <core/http_syntax.hpp>

#include <algorithm>

namespace castiel_sync {

const std::string* HttpHeaders::find(std::string_view name) const {
    for (const HttpHeader& header : headers_)
        if (equal_without_case(header.name, name)) return &header.value;
    return nullptr;
}

std::size_t HttpHeaders::count(std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        headers_, [&](const HttpHeader& header) { return equal_without_case(header.name, name); }));
}

void HttpHeaders::add(std::string name, std::string value) { headers_.emplace_back(std::move(name), std::move(value)); }

void HttpHeaders::set(std::string name, std::string value) {
    remove(name);
    add(std::move(name), std::move(value));
}

std::size_t HttpHeaders::remove(std::string_view name) {
    return std::erase_if(headers_, [&](const HttpHeader& header) { return equal_without_case(header.name, name); });
}

} // namespace castiel_sync
