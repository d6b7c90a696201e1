// The law that makes a transform two-way: to_shard(to_external(y)) == y for every y that to_shard gives.
#include "support.hpp"

#include <core/transform.hpp>
#include <core/transform_decimal.hpp>

#include <rapidcheck.h>

#include <bit>
#include <cmath>

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

struct Subject {
    std::string_view step;
    rc::Gen<json::value> external;
};

rc::Gen<json::value> texts(std::vector<std::string> pieces) {
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(std::move(pieces))),
                        [](const std::vector<std::string>& chosen) {
                            std::string text;
                            for (const std::string& piece : chosen)
                                text += piece;
                            return json::value(text);
                        });
}

rc::Gen<json::value> words() {
    return texts({" ", "\t", "\u00a0", "a", "B", "Z", "ä", "Ä", "ß", "İ", "ſ", "K", "ǅ", "Ω", "😀", ",", "1", "\xff"});
}

rc::Gen<json::value> numbers() {
    return rc::gen::oneOf(
        rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](std::int64_t number) { return json::value(number); }),
        rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t number) { return json::value(number); }),
        rc::gen::map(rc::gen::arbitrary<std::uint64_t>(),
                     [](std::uint64_t bits) {
                         const auto number = std::bit_cast<double>(bits);
                         return json::value(std::isfinite(number) ? number : 0.5);
                     }),
        // As people write them: few digits, a point somewhere.
        rc::gen::map(rc::gen::pair(rc::gen::inRange(-10'000'000, 10'000'000), rc::gen::inRange(0, 6)),
                     [](const std::pair<int, int>& parts) {
                         return json::value(static_cast<double>(parts.first) / std::pow(10.0, parts.second));
                     }));
}

rc::Gen<json::value> number_texts() {
    return rc::gen::oneOf(
        texts({"0", "1", "9", "5", ".", ",", "-", "+", "e"}),
        rc::gen::map(numbers(), [](const json::value& number) { return json::value(to_json(number)); }));
}

rc::Gen<json::value> lists() {
    return rc::gen::map(
        rc::gen::container<std::vector<json::value>>(texts({"a", "b", ",", ";", ""})),
        [](const std::vector<json::value>& parts) { return json::value(json::array(parts.begin(), parts.end())); });
}

std::string two_digits(int number) { return (number < 10 ? "0" : "") + std::to_string(number); }

// Around the changes of the clocks more often than elsewhere.
rc::Gen<json::value> local_times(std::string separator, std::string suffix) {
    return rc::gen::map(
        rc::gen::tuple(rc::gen::elementOf(std::vector<std::string>{
                           "2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2024-02-29", "1969-12-31",
                           "2037-07-01", "2050-07-01", "1891-03-14", "0001-01-01", "9999-12-31"}),
                       rc::gen::inRange(0, 24), rc::gen::inRange(0, 60)),
        [=](const std::tuple<std::string, int, int>& parts) {
            return json::value(std::get<0>(parts) + separator + two_digits(std::get<1>(parts)) + ":" +
                               two_digits(std::get<2>(parts)) + suffix);
        });
}

std::vector<Subject> subjects() {
    return {
        {R"({"name": "trim"})", words()},
        {R"({"name": "lowercase"})", words()},
        {R"({"name": "uppercase"})", words()},
        {R"({"name": "collapse_spaces"})", words()},
        {R"({"name": "blank_to_null"})", words()},
        {R"({"name": "number_to_string"})", numbers()},
        {R"({"name": "number_to_string", "decimals": 3, "decimalSeparator": ","})", numbers()},
        {R"({"name": "string_to_number"})", number_texts()},
        {R"({"name": "string_to_number", "decimals": 2, "decimalSeparator": ",", "groupSeparator": "."})",
         number_texts()},
        {R"({"name": "round"})", numbers()},
        {R"({"name": "round", "decimals": 3})", numbers()},
        {R"({"name": "boolean_to_string", "true": "ja", "false": "nein"})",
         rc::gen::map(rc::gen::arbitrary<bool>(), [](bool flag) { return json::value(flag); })},
        {R"({"name": "string_to_boolean", "true": ["ja", "j"], "false": ["nein", "n", ""]})",
         texts({"ja", "j", "nein", "n"})},
        {R"({"name": "split"})", texts({"a", "b", ",", " "})},
        {R"({"name": "split", "separator": "aa"})", texts({"a", "b", "aa"})},
        {R"({"name": "join", "separator": ";"})", lists()},
        {R"({"name": "date_time"})", local_times("T", "+05:30")},
        {R"({"name": "date_time", "zone": "Europe/Berlin"})", local_times("T", "")},
        {R"({"name": "date_time", "zone": "America/New_York", "format": "%Y-%m-%d %H:%M"})", local_times(" ", "")},
        {R"({"name": "date_time", "zone": "Europe/Berlin", "format": "%Y-%m-%d %H:%M%z"})", local_times(" ", "+0300")},
        {R"({"name": "date_time", "format": "unix"})", numbers()},
    };
}

TransformPointer transform(std::string_view step) {
    TransformStep parsed;
    parsed.options = object(step);
    parsed.name = parsed.options.at("name").get_string();
    parsed.options.erase("name");
    std::vector<ConfigurationFault> faults;
    auto made = make_transform(parsed, "transform", faults);
    REQUIRE(made != nullptr);
    return made;
}

} // namespace

TEST_CASE("what to_shard gives, to_external writes so that it reads as the same") {
    for (const Subject& subject : subjects()) {
        const TransformPointer made = transform(subject.step);
        // Zones and times that a format can't tell apart may refuse the way back; nothing else may.
        const bool may_refuse = subject.step.find("zone") != std::string_view::npos;
        CHECK_MESSAGE(rc::check(std::string(subject.step),
                                [&] {
                                    const json::value external = *subject.external;
                                    const auto shard = made->to_shard(external);
                                    if (!shard) return;
                                    const auto written = made->to_external(*shard);
                                    RC_ASSERT(may_refuse || written.has_value());
                                    if (!written) return;
                                    const auto again = made->to_shard(*written);
                                    RC_ASSERT(again.has_value());
                                    RC_ASSERT(equal_values(*again, *shard));
                                }),
                      subject.step);
    }
}

TEST_CASE("any shard value is refused, or written as what the transform takes for the same for good") {
    for (const Subject& subject : subjects()) {
        const TransformPointer made = transform(subject.step);
        CHECK_MESSAGE(rc::check(std::string(subject.step),
                                [&] {
                                    const json::value shard = *rc::gen::oneOf(
                                        words(), numbers(), lists(), local_times("T", ":30.5Z"), number_texts());
                                    const auto written = made->to_external(shard);
                                    if (!written) return;
                                    const auto normal = made->to_shard(*written);
                                    RC_ASSERT(normal.has_value());
                                    const auto again = made->to_external(*normal);
                                    RC_ASSERT(again.has_value());
                                    RC_ASSERT(equal_values(*made->to_shard(*again), *normal));
                                }),
                      subject.step);
    }
}

TEST_CASE("changing case twice changes nothing more, for every character of Unicode") {
    const auto encode = [](char32_t code) {
        std::string text;
        const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
        if (code < 0x80) {
            put(code);
        } else if (code < 0x800) {
            put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
        } else {
            put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)),
                put(0x80 | (code & 0x3F));
        }
        return text;
    };
    const auto lower = transform(R"({"name": "lowercase"})"), upper = transform(R"({"name": "uppercase"})");
    std::size_t changed = 0;
    for (char32_t code = 0; code < 0x110000; ++code) {
        if (code >= 0xD800 && code < 0xE000) continue;
        const json::value letter(encode(code));
        for (const auto& made : {lower, upper}) {
            const auto once = made->to_shard(letter);
            const auto twice = made->to_shard(*once);
            if (*once != letter) ++changed;
            if (*once != *twice) FAIL("U+" << static_cast<std::uint32_t>(code));
        }
    }
    CHECK(changed > 2'500); // so many letters have two cases
}

TEST_CASE("bytes that are no UTF-8 are carried on as they are") {
    // Longer than needed, half of a surrogate pair, past U+10FFFF, cut off.
    for (const std::string text : {"\xc1\xa1", "\xe0\x81\xa1", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
        for (const auto step : {R"({"name": "uppercase"})", R"({"name": "lowercase"})", R"({"name": "collapse_spaces"})"})
            CHECK(*transform(step)->to_shard(json::value(text)) == json::value(text));
}

TEST_CASE("a number that goes to text and back is the same number, to the last digit") {
    CHECK(rc::check([] {
        const json::value number = *numbers();
        const auto text = write_decimal_number(*to_decimal_number(number), {});
        RC_ASSERT(text.has_value());
        const auto back = to_exact_number(*read_decimal_number(*text, {}));
        RC_ASSERT(back.has_value());
        // Beyond 2^53 a double's shortest form may be an integer that 64 bits carry better; its digits are the same.
        const auto digits = to_decimal_number(*back), expected = to_decimal_number(number);
        RC_ASSERT(digits->digits == expected->digits);
        RC_ASSERT(digits->exponent == expected->exponent);
        RC_ASSERT(digits->negative == expected->negative);
        if (!number.is_double() || std::abs(number.get_double()) < 9007199254740992.0)
            RC_ASSERT(equal_values(*back, number));
    }));
}
