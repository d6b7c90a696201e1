#include <castiel_sync/json.hpp>
#include <core/json_number.hpp>
#include <core/json_text.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

using namespace castiel_sync;

namespace {

double any_double() {
    const auto value = std::bit_cast<double>(*rc::gen::arbitrary<std::uint64_t>());
    return std::isfinite(value) ? value : 0.5;
}

// Decimals as people write them: up to 17 digits, a point somewhere.
double common_double() {
    const auto digits = *rc::gen::inRange<std::int64_t>(-100'000'000'000'000'000, 100'000'000'000'000'000);
    return static_cast<double>(digits) / std::pow(10.0, *rc::gen::inRange(0, 18));
}

std::string any_text() {
    std::string text;
    for (const auto point : *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::oneOf(
             rc::gen::inRange<std::uint32_t>(0, 0x80), rc::gen::inRange<std::uint32_t>(0x80, 0x800),
             rc::gen::inRange<std::uint32_t>(0x800, 0xd800), rc::gen::inRange<std::uint32_t>(0xe000, 0x10000),
             rc::gen::inRange<std::uint32_t>(0x10000, 0x110000)))) {
        const auto put = [&](std::uint32_t bits) { text += static_cast<char>(bits); };
        if (point < 0x80) {
            put(point);
        } else if (point < 0x800) {
            put(0xc0 | point >> 6), put(0x80 | (point & 0x3f));
        } else if (point < 0x10000) {
            put(0xe0 | point >> 12), put(0x80 | (point >> 6 & 0x3f)), put(0x80 | (point & 0x3f));
        } else {
            put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 0x3f));
            put(0x80 | (point >> 6 & 0x3f)), put(0x80 | (point & 0x3f));
        }
    }
    return text;
}

json::value any_value(int depth) {
    switch (*rc::gen::inRange(0, depth > 0 ? 10 : 8)) {
    case 0:
        return nullptr;
    case 1:
        return *rc::gen::arbitrary<bool>();
    case 2:
        return *rc::gen::arbitrary<std::int64_t>();
    case 3:
        return *rc::gen::arbitrary<std::uint64_t>() | (std::uint64_t{1} << 63);
    case 4:
        return any_double();
    case 5:
        return common_double();
    case 6:
    case 7:
        return json::string(any_text());
    case 8: {
        json::array array;
        for (int left = *rc::gen::inRange(0, 5); left > 0; --left)
            array.push_back(any_value(depth - 1));
        return array;
    }
    default: {
        json::object object;
        for (int left = *rc::gen::inRange(0, 5); left > 0; --left)
            object[any_text()] = any_value(depth - 1);
        return object;
    }
    }
}

// Few values, so that two of them are often equal in part; numbers near the places where kinds of number meet.
json::value small_value(int depth) {
    switch (*rc::gen::inRange(0, depth > 0 ? 9 : 6)) {
    case 0:
        return *rc::gen::element<json::value>(nullptr, true, false, "", "1", "a");
    case 1:
        return *rc::gen::element<std::int64_t>(-1, 0, 1, 9007199254740992, 9007199254740993, INT64_MAX, INT64_MIN);
    case 2:
        return *rc::gen::element<std::uint64_t>(0, 1, std::uint64_t{1} << 63, UINT64_MAX);
    case 3:
    case 4:
    case 5:
        return *rc::gen::element(-1.0, -0.0, 0.0, 0.5, 1.0, 0x1p53, 0x1p63, -0x1p63, 0x1p64, 1e22);
    case 6: {
        json::array array;
        for (int left = *rc::gen::inRange(0, 3); left > 0; --left)
            array.push_back(small_value(depth - 1));
        return array;
    }
    default: {
        json::object object;
        for (int left = *rc::gen::inRange(0, 3); left > 0; --left)
            object[*rc::gen::element<std::string>("", "a", "b", "ab")] = small_value(depth - 1);
        return object;
    }
    }
}

// The same value in other clothes: members in another order, integers as doubles and the other way round.
json::value dressed_otherwise(const json::value& value) {
    if (const auto* array = value.if_array()) {
        json::array other;
        for (const auto& element : *array)
            other.push_back(dressed_otherwise(element));
        return other;
    }
    if (const auto* object = value.if_object()) {
        std::vector<const json::key_value_pair*> members;
        for (const auto& member : *object)
            members.push_back(&member);
        std::rotate(members.begin(),
                    members.begin() +
                        (members.empty() ? 0 : *rc::gen::inRange<int>(0, static_cast<int>(members.size()))),
                    members.end());
        json::object other;
        for (const auto* member : members)
            other.emplace(member->key(), dressed_otherwise(member->value()));
        return other;
    }
    if (value.is_double()) {
        if (const auto integer = as_int64(value.get_double())) return *integer;
        if (const auto integer = as_uint64(value.get_double())) return *integer;
    }
    if (value.is_int64() && std::abs(static_cast<double>(value.get_int64())) < 0x1p53)
        return static_cast<double>(value.get_int64());
    return value;
}

bool has_same_kinds(const json::value& left, const json::value& right) {
    if (left.kind() != right.kind()) return false;
    if (left.is_double()) return std::signbit(left.get_double()) == std::signbit(right.get_double());
    if (left.is_array())
        return std::equal(left.get_array().begin(), left.get_array().end(), right.get_array().begin(), has_same_kinds);
    if (left.is_object())
        return std::equal(
            left.get_object().begin(), left.get_object().end(), right.get_object().begin(),
            [](const auto& a, const auto& b) { return a.key() == b.key() && has_same_kinds(a.value(), b.value()); });
    return true;
}

} // namespace

TEST_CASE("every value that JSON carries is read back as written: kinds, order, signs") {
    CHECK(rc::check("parse_json(to_json(v)) == v", [] {
        const json::value value = any_value(4);
        RC_PRE(check_json(value).has_value());
        const auto parsed = parse_json(to_json(value));
        RC_ASSERT(parsed.has_value());
        RC_ASSERT(*parsed == value);
        RC_ASSERT(equal_values(*parsed, value));
        RC_ASSERT(has_same_kinds(*parsed, value));
    }));
}

TEST_CASE("every finite double is read back bit by bit") {
    CHECK(rc::check("parse_json(to_json(d)) has the bits of d", [] {
        const double value = *rc::gen::arbitrary<bool>() ? any_double() : common_double();
        const auto parsed = parse_json(to_json(value));
        RC_ASSERT(parsed.has_value());
        RC_ASSERT(std::bit_cast<std::uint64_t>(parsed->as_double()) == std::bit_cast<std::uint64_t>(value));
    }));
}

TEST_CASE("a decimal is carried exactly or refused, never rounded") {
    CHECK(rc::check("digits in = digits out", [] {
        const auto digits = *rc::gen::container<std::string>(rc::gen::inRange('0', static_cast<char>('9' + 1)));
        RC_PRE(!digits.empty());
        const auto parsed = parse_json("1." + digits);
        std::string expected = "1." + digits;
        expected.erase(std::max(expected.find_last_not_of('0') + 1, std::size_t{2}));
        if (expected == "1.") expected = "1.0";
        if (parsed) RC_ASSERT(to_json(*parsed) == expected);
        if (expected.size() <= 16) RC_ASSERT(parsed.has_value());
        if (expected.size() > 18) RC_ASSERT_FALSE(parsed.has_value());
    }));
}

TEST_CASE("canonical texts are equal exactly when values are") {
    CHECK(rc::check("to_canonical_json(a) == to_canonical_json(b) iff equal_values(a, b)", [] {
        const json::value left = small_value(3);
        const json::value right = small_value(3);
        RC_ASSERT((to_canonical_json(left) == to_canonical_json(right)) == equal_values(left, right));
        RC_ASSERT(equal_values(left, right) == equal_values(right, left));
        RC_ASSERT(equal_unordered(left, right) == equal_unordered(right, left));
    }));
    CHECK(rc::check("the same value in other clothes is the same value", [] {
        const json::value value = small_value(3);
        const json::value other = dressed_otherwise(value);
        RC_ASSERT(equal_values(value, other));
        RC_ASSERT(to_canonical_json(value) == to_canonical_json(other));
        RC_ASSERT(equal_values(parse_json(to_canonical_json(value)).value(), value));
    }));
}

TEST_CASE("any bytes are parsed or refused, and what is parsed can be written and parsed again") {
    CHECK(rc::check("parse_json is total", [] {
        auto text = *rc::gen::container<std::string>(
            rc::gen::oneOf(rc::gen::elementOf(std::string("{}[]\":,0123456789.eE+-\\utrfalsn \n\xc3\xa9\xff")),
                           rc::gen::arbitrary<char>()));
        if (*rc::gen::arbitrary<bool>()) text = "[\"" + text + "\"]";
        const auto parsed = parse_json(text);
        if (parsed)
            RC_ASSERT(equal_values(parse_json(to_json(*parsed)).value(), *parsed));
        else
            RC_ASSERT(parsed.error().message.starts_with("JSON, byte "));
    }));
}
