// number_to_string, string_to_number, round, boolean_to_string, string_to_boolean.
#include <core/transform.hpp>

#include <core/transform_decimal.hpp>

#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace castiel_sync {
namespace {

constexpr std::int64_t max_decimals = 15; // what any double carries

Error too_fine(const DecimalStyle& style) {
    return unfit(fmt::format("has more than {} decimals; put 'round' before this step to cut them", *style.decimals));
}

Result<json::value> write_number(const json::value& value, const DecimalStyle& style) {
    const auto number = to_decimal_number(value);
    if (!number) return wrong_kind("a number", value);
    auto text = write_decimal_number(*number, style);
    if (!text) return too_fine(style);
    return json::value(std::move(*text));
}

Result<json::value> read_number(const json::value& value, const DecimalStyle& style) {
    const auto* text = value.if_string();
    if (text == nullptr) return wrong_kind("text", value);
    const auto number = read_decimal_number(*text, style);
    if (!number) return unfit("is not a number in the form that the mapping describes");
    if (style.decimals && -number->exponent > *style.decimals) return too_fine(style);
    auto exact = to_exact_number(*number);
    if (!exact) return unfit("is a number that neither a 64-bit integer nor a double carries exactly");
    return std::move(*exact);
}

class NumberToString : public Transform {
public:
    NumberToString(DecimalStyle style, json::object options)
        : Transform({.input = Kind::number, .output = Kind::text, .options = std::move(options)}),
          style_(std::move(style)) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        return write_number(value, style_);
    }
    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        return read_number(value, style_);
    }

private:
    DecimalStyle style_;
};

class StringToNumber : public Transform {
public:
    StringToNumber(DecimalStyle style, json::object options)
        : Transform({.input = Kind::text, .output = Kind::number, .options = std::move(options)}),
          style_(std::move(style)) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        return read_number(value, style_);
    }
    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        return write_number(value, style_);
    }

private:
    DecimalStyle style_;
};

class Round : public Transform {
public:
    explicit Round(int decimals)
        : Transform({.input = Kind::number, .output = Kind::number, .options = {{"decimals", decimals}}}),
          decimals_(decimals) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        auto number = to_decimal_number(value);
        if (!number) return wrong_kind("a number", value);
        if (-number->exponent <= decimals_) return value;
        auto exact = to_exact_number(round_decimal_number(std::move(*number), decimals_));
        if (!exact) return unfit(fmt::format("can't be rounded to {} decimals exactly", decimals_));
        return std::move(*exact);
    }
    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        if (!to_decimal_number(value)) return wrong_kind("a number", value);
        return value;
    }

private:
    int decimals_;
};

DecimalStyle read_style(ObjectReader& options, bool groups, json::object& canonical) {
    DecimalStyle style;
    const auto decimals = options.integer("decimals", 0, max_decimals);
    if (decimals) style.decimals = static_cast<int>(*decimals);
    canonical["decimals"] = decimals ? json::value(*decimals) : json::value(nullptr);

    const std::string point = options.text("decimalSeparator").value_or(".");
    if (point != "." && point != ",") options.fault("decimalSeparator", "must be '.' or ','");
    style.point = point.empty() ? '.' : point.front();
    canonical["decimalSeparator"] = point;

    if (!groups) return style;
    static const std::set<std::string, std::less<>> marks{".", ",", "'", " ", "_", "\u00A0", "\u202F", "\u2019"};
    style.group = options.text("groupSeparator").value_or("");
    if (!style.group.empty() && (!marks.contains(style.group) || style.group == point))
        options.fault("groupSeparator", "must be one of . , ' _ or a space, and differ from decimalSeparator");
    canonical["groupSeparator"] = style.group;
    return style;
}

TransformPointer make_number_to_string(ObjectReader& options) {
    json::object canonical;
    auto style = read_style(options, false, canonical);
    return std::make_shared<NumberToString>(std::move(style), std::move(canonical));
}

TransformPointer make_string_to_number(ObjectReader& options) {
    json::object canonical;
    auto style = read_style(options, true, canonical);
    return std::make_shared<StringToNumber>(std::move(style), std::move(canonical));
}

TransformPointer make_round(ObjectReader& options) {
    return std::make_shared<Round>(static_cast<int>(options.integer("decimals", 0, max_decimals).value_or(0)));
}

class BooleanToString : public Transform {
public:
    BooleanToString(std::string yes, std::string no)
        : Transform({.input = Kind::boolean, .output = Kind::text, .options = {{"true", yes}, {"false", no}}}),
          yes_(std::move(yes)), no_(std::move(no)) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        const auto* flag = value.if_bool();
        if (flag == nullptr) return wrong_kind("true or false", value);
        return json::value(*flag ? yes_ : no_);
    }
    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        const auto* text = value.if_string();
        if (text == nullptr) return wrong_kind("text", value);
        if (*text == yes_) return json::value(true);
        if (*text == no_) return json::value(false);
        return unfit(fmt::format("is neither '{}' nor '{}'", yes_, no_));
    }

private:
    std::string yes_, no_;
};

using Texts = std::vector<std::string>;

class StringToBoolean : public Transform {
public:
    StringToBoolean(Texts yes, Texts no)
        : Transform({.input = Kind::text, .output = Kind::boolean,
                     .options = {{"true", json::value_from(yes)}, {"false", json::value_from(no)}},
                     .literals = {yes.front(), no.front()}}),
          yes_(std::move(yes)), no_(std::move(no)) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        const auto* text = value.if_string();
        if (text == nullptr) return wrong_kind("text", value);
        if (std::find(yes_.begin(), yes_.end(), *text) != yes_.end()) return json::value(true);
        if (std::find(no_.begin(), no_.end(), *text) != no_.end()) return json::value(false);
        return unfit(fmt::format("is none of the texts for true ({}) and false ({})", fmt::join(yes_, ", "),
                                 fmt::join(no_, ", ")));
    }
    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        const auto* flag = value.if_bool();
        if (flag == nullptr) return wrong_kind("true or false", value);
        return json::value(*flag ? yes_.front() : no_.front());
    }

private:
    Texts yes_, no_;
};

TransformPointer make_boolean_to_string(ObjectReader& options) {
    auto yes = options.text("true").value_or("true"), no = options.text("false").value_or("false");
    if (yes == no) options.fault("false", fmt::format("true and false can't both be '{}'", excerpt(no)));
    return std::make_shared<BooleanToString>(std::move(yes), std::move(no));
}

// One text, or a list of which the first is written back.
Texts read_texts(ObjectReader& options, std::string_view name, std::string otherwise) {
    const json::value* value = options.find(name);
    if (value == nullptr) return {std::move(otherwise)};
    Texts texts;
    if (const auto* one = value->if_string()) texts.emplace_back(*one);
    if (const auto* several = value->if_array())
        for (const json::value& text : *several)
            if (text.is_string()) texts.emplace_back(text.get_string());
    const bool complete = value->is_string() || (value->is_array() && texts.size() == value->get_array().size());
    if (texts.empty() || !complete)
        options.fault(name, "must be text or a list of texts; put quotation marks around numbers");
    if (texts.empty()) texts.push_back(std::move(otherwise));
    return texts;
}

TransformPointer make_string_to_boolean(ObjectReader& options) {
    Texts yes = read_texts(options, "true", "true"), no = read_texts(options, "false", "false");
    for (const std::string& text : no)
        if (std::find(yes.begin(), yes.end(), text) != yes.end())
            options.fault("false", fmt::format("'{}' can't mean both true and false", excerpt(text)));
    return std::make_shared<StringToBoolean>(std::move(yes), std::move(no));
}

} // namespace

const std::vector<NamedTransform>& scalar_transforms() {
    static const std::vector<NamedTransform> transforms{{"number_to_string", &make_number_to_string},
                                                        {"string_to_number", &make_string_to_number},
                                                        {"round", &make_round},
                                                        {"boolean_to_string", &make_boolean_to_string},
                                                        {"string_to_boolean", &make_string_to_boolean}};
    return transforms;
}

} // namespace castiel_sync
