// Requests as text: by our reader, and cut out of the bytes by the letter of RFC 9112.
#pragma once

#include <net/http_request_reader.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

struct ReadRequests {
    std::vector<std::string> requests;
    unsigned refused = 0; // the status, or 1 where there is none
};

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
            std::string text = request.method + " " + request.target;
            for (const HttpHeader& header : request.headers)
                text.append("\n").append(header.name).append("=").append(header.value);
            read.requests.push_back(text.append("\n\n").append(request.body));
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

// What our reader accepted is cut again, without its code or Beast's, and objected to where another server or a proxy
// could find other borders: only then can nobody hide a request in another one. Knows whole inputs only, and refuses
// nothing that does not move a border.
class RequestCutter {
public:
    explicit RequestCutter(std::string_view bytes) : rest_(bytes) {}

    // The next request as text, empty after an objection.
    std::string cut() {
        if (rest_.starts_with("\r\n")) rest_.remove_prefix(2); // RFC 9112, 2.2
        std::string text(line());
        if (std::ranges::count(text, ' ') != 2) object("the request line has not three words");
        const bool version_1_0 = text.ends_with(" HTTP/1.0");
        if (!version_1_0 && !text.ends_with(" HTTP/1.1")) object("this is not HTTP/1.0 or HTTP/1.1");
        text.resize(text.size() - std::min(text.size(), std::string_view(" HTTP/1.0").size()));

        std::vector<std::string> hosts, lengths, codings;
        for (std::string_view header = line(); !header.empty(); header = line()) {
            const std::string name = name_of(header);
            const std::string_view value = trimmed(header.substr(std::min(header.size(), name.size() + 1)));
            text.append("\n").append(name).append("=").append(value);
            if (lower(name) == "host") hosts.emplace_back(value);
            if (lower(name) == "content-length") lengths.emplace_back(value);
            if (lower(name) == "transfer-encoding") codings.push_back(lower(value));
        }
        if (hosts.size() > 1 || (hosts.empty() && !version_1_0)) object("there is not one host");
        if (lengths.size() + codings.size() > 1) object("the end of the body is said twice");
        if (!codings.empty() && (version_1_0 || codings.front() != "chunked")) object("the coding is not chunked");

        text.append("\n\n");
        if (!lengths.empty()) text.append(take(number(lengths.front(), 10)));
        if (!codings.empty()) cut_chunks(text);
        return objection_.empty() ? text : std::string();
    }

    [[nodiscard]] const std::string& objection() const { return objection_; }

private:
    static std::string lower(std::string_view text) {
        std::string answer(text);
        for (char& character : answer)
            if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
        return answer;
    }

    static std::string_view trimmed(std::string_view text) {
        const std::size_t first = text.find_first_not_of(" \t");
        if (first == std::string_view::npos) return {};
        return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
    }

    // RFC 9112, 5.1: nothing between name and colon.
    std::string name_of(std::string_view header) {
        const std::string_view name = header.substr(0, header.find(':'));
        const bool visible =
            std::ranges::all_of(name, [](char character) { return character > ' ' && character < 127; });
        if (name.empty() || name.size() == header.size() || !visible) object("a header has no name");
        return std::string(name);
    }

    void cut_chunks(std::string& text) {
        for (;;) {
            const std::string_view beginning = line();
            const std::uint64_t size = number(trimmed(beginning.substr(0, beginning.find(';'))), 16);
            if (!objection_.empty()) return;
            if (size == 0) break;
            text.append(take(size));
            if (!line().empty()) object("a chunk does not end where it should");
        }
        for (std::string_view trailer = line(); !trailer.empty(); trailer = line())
            (void)name_of(trailer);
    }

    // RFC 9112, 2.2: some take a bare line feed, or a bare carriage return, for the end of a line.
    std::string_view line() {
        const std::string_view found = take(rest_.find("\r\n"));
        (void)take(2);
        if (found.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
            object("a line may end somewhere else");
        return found;
    }

    std::string_view take(std::uint64_t size) {
        if (size > rest_.size()) {
            object("the end is missing");
            return {};
        }
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    std::uint64_t number(std::string_view digits, int base) {
        std::uint64_t value = 0;
        const char* const end = digits.data() + digits.size();
        const auto [stop, problem] = std::from_chars(digits.data(), end, value, base);
        if (stop != end || problem != std::errc()) object("a length is not a number");
        return value;
    }

    void object(const char* reason) {
        if (objection_.empty()) objection_ = reason;
        rest_ = {};
    }

    std::string_view rest_;
    std::string objection_;
};

} // namespace castiel_sync::testing
