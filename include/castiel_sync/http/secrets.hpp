// Secrets: texts that may stand in no log, message or recording, and a way to take them out.
#pragma once

#include <castiel_sync/json.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace castiel_sync {

// A value. Fill it with the credentials of an integration, and with what comes later, such as access tokens.
//
// What is found, wherever it stands in a text: the secret as it is; percent-encoded, with any choice of characters and
// hexadecimal digits in either case, and form-encoded (a space as +); escaped as in JSON texts, \u included; JSON of
// percent-encoded text; base64 with either alphabet, also as part of something longer (`user:password`), and then
// percent-encoded or in JSON; hexadecimal digits in either case. What is not found: texts encoded twice in the same
// way, compressed or encrypted, split over several texts, or changed in case.
//
// A compound, such as `user:password`, is worth adding: its base64 is then taken out as one.
//
// Threading: const calls overlap freely.
class Secrets {
public:
    // What stands in a secret's place.
    static constexpr std::string_view mark = "[secret]";
    // Shorter ones are left alone: they stand by chance in any text, and taking them out would leave nothing to read.
    // A secret of that length protects nothing.
    static constexpr std::size_t min_bytes = 4;

    Secrets() = default;
    // Every text in it at any depth, not the names of members.
    explicit Secrets(const json::object& credentials);

    // Of any bytes. What is shorter than min_bytes, or part of the mark itself, is left out. A text that is a JSON
    // object (the key file of a service account) adds every text in it, too.
    void add(std::string_view secret);

    // Any bytes are fine. Secrets that overlap are taken out as one.
    [[nodiscard]] std::string scrub(std::string_view text) const;

private:
    // One form that a secret may take.
    struct Needle {
        enum class Form : std::uint8_t { text, base64, hexadecimal };
        std::string text;
        Form form = Form::text;
        // base64: the characters beside these hold bits of the secret, too.
        bool shares_first = false;
        bool shares_last = false;
    };
    struct Span {
        std::size_t begin = 0;
        std::size_t end = 0;
    };

    void add_leaves(const json::value& value);
    void add_needle(Needle needle);
    void find_at(std::string_view text, std::size_t place, std::vector<Span>& found) const;
    [[nodiscard]] static Span find_needle(std::string_view text, std::size_t place, const Needle& needle);

    std::vector<Needle> needles_;
    // By the character that they may begin with, as places in needles_. Few do: every adapter has one of these.
    std::unordered_map<char, std::vector<std::size_t>> starts_;
};

} // namespace castiel_sync
