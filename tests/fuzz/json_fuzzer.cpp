// JSON text: parsing and writing are inverse to each other, and Boost.JSON's own parser agrees where both must.
#include "fuzzing.hpp"

#include <boost/json/parse.hpp>

#include <cmath>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;

namespace {

// What only the strict parser refuses.
bool is_strictness(std::string_view message) {
    for (const std::string_view reason : {"a second member named", "carries this number exactly", "nested deeper than",
                                          "the exponent of this number is out of range"})
        if (message.find(reason) != std::string_view::npos) return true;
    return false;
}

double as_double(const json::value& number) {
    if (const auto* integer = number.if_int64()) return static_cast<double>(*integer);
    if (const auto* natural = number.if_uint64()) return static_cast<double>(*natural);
    return number.get_double();
}

// Boost 1.81 reads decimal numbers to within their last digits only.
bool close(const json::value& ours, const json::value& theirs) {
    if (ours.is_number() != theirs.is_number()) return false;
    if (!ours.is_number()) return true;
    const double left = as_double(ours), right = as_double(theirs);
    return left == right || std::abs(left - right) <= 1e-12 * std::abs(left) || std::abs(left) < 1e-300;
}

bool agree(const json::value& ours, const json::value& theirs) {
    if (ours.is_structured() || theirs.is_structured()) {
        if (ours.kind() != theirs.kind()) return false;
        if (const auto* list = ours.if_array()) {
            const json::array& other = theirs.get_array();
            if (list->size() != other.size()) return false;
            for (std::size_t place = 0; place < list->size(); ++place)
                if (!agree((*list)[place], other[place])) return false;
            return true;
        }
        const json::object& object = ours.get_object();
        const json::object& other = theirs.get_object();
        if (object.size() != other.size()) return false;
        for (const auto& member : object) {
            const json::value* value = other.if_contains(member.key());
            if (value == nullptr || !agree(member.value(), *value)) return false;
        }
        return true;
    }
    return ours.is_number() || theirs.is_number() ? close(ours, theirs) : ours == theirs;
}

void check_written(const json::value& value) {
    const std::string written = to_json(value);
    const auto again = parse_json(written);
    require(again.has_value(), "what was parsed is written so that it parses", written);
    require(identical(*again, value), "parse(write(v)) is v to the last bit", written);
    require(to_json(*again) == written, "writing is a fixed point", written);
    require(check_json(value).has_value(), "what was parsed, JSON can carry", written);

    const std::string canonical = to_canonical_json(value);
    const auto equal = parse_json(canonical);
    require(equal.has_value(), "the canonical form parses", canonical);
    require(equal_values(*equal, value), "the canonical form has the value", canonical);
    require(to_canonical_json(*equal) == canonical, "the canonical form is a fixed point", canonical);
}

void check_equality(const json::value& left, const json::value& right) {
    const bool equal = equal_values(left, right);
    require(equal == equal_values(right, left), "equality is symmetric", to_json(left));
    require(equal == (to_canonical_json(left) == to_canonical_json(right)), "equal values have equal canonical forms",
            to_json(left) + " and " + to_json(right));
    const bool unordered = equal_unordered(left, right);
    require(unordered == equal_unordered(right, left), "unordered equality is symmetric", to_json(left));
    require(unordered || !equal, "what is equal in order is equal in any order", to_json(left));
    if (!left.is_array()) return;
    json::array backwards(left.get_array().rbegin(), left.get_array().rend());
    require(equal_unordered(left, backwards), "a list equals its reverse where order does not count", to_json(left));
}

void check_refusal(const Error& error, std::size_t size) {
    require(error.code == ErrorCode::invalid_record, "a faulty text is an invalid record");
    require_readable(error);
    unsigned long long offset = 0;
    require(std::sscanf(error.message.c_str(), "JSON, byte %llu:", &offset) == 1, "a fault names its place",
            error.message);
    require(offset <= size, "the place of a fault is in the text", error.message);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = text_of(data, size);
    const auto ours = parse_json(text);

    boost::system::error_code refused;
    json::parse_options options;
    options.max_depth = 1024;
    const json::value theirs = json::parse(json::string_view(text.data(), text.size()), refused, {}, options);

    if (!ours) {
        check_refusal(ours.error(), size);
        require(refused.failed() || is_strictness(ours.error().message), "what is JSON is refused for strictness only",
                ours.error().message);
        return 0;
    }
    require(!refused.failed(), "what is no JSON is refused", refused.message());
    require(agree(*ours, theirs), "Boost.JSON reads the same", to_json(*ours));
    check_written(*ours);
    check_equality(*ours, *ours);
    if (const auto* list = ours->if_array(); list != nullptr && list->size() > 1)
        check_equality(list->front(), list->back());

    JsonLimits narrow;
    narrow.max_bytes = size - 1;
    require(!parse_json(text, narrow), "a text over the limit is refused");
    return 0;
}
