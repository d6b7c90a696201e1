// split: text → list of texts; join: list of texts → text. Each is the other's inverse.
#include <core/transform.hpp>

#include <fmt/format.h>

namespace castiel_sync {
namespace {

json::value split_text(std::string_view text, std::string_view separator) {
    json::array parts;
    if (text.empty()) return parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + separator.size());
    }
}

Result<json::value> join_texts(const json::value& value, std::string_view separator) {
    const auto* parts = value.if_array();
    if (parts == nullptr) return wrong_kind("a list of texts", value);
    json::string text;
    for (std::size_t i = 0; i < parts->size(); ++i) {
        const auto* part = (*parts)[i].if_string();
        if (part == nullptr)
            return unfit(fmt::format("expects a list of texts, has {} in it", describe_kind((*parts)[i])));
        if (i > 0) text.append(separator);
        text.append(*part);
    }
    return json::value(std::move(text));
}

// A list whose text would be read as another list ("a,b" as one element) can't go this way.
Result<json::value> join_exactly(const json::value& value, std::string_view separator) {
    auto text = join_texts(value, separator);
    if (text && split_text(text->get_string(), separator) != value)
        return unfit(fmt::format("an element holds the separator '{}' or can't be told from none, so the list would "
                                 "come back as another one",
                                 separator));
    return text;
}

Result<json::value> split_value(const json::value& value, std::string_view separator) {
    const auto* text = value.if_string();
    if (text == nullptr) return wrong_kind("text", value);
    return split_text(*text, separator);
}

class Split : public Transform {
public:
    explicit Split(std::string separator)
        // The digits stand for an element on either side of it.
        : Transform({.element_wise = false, .options = json::object({{"separator", separator}}),
                     .literals = {"1" + separator + "1"}}),
          separator_(std::move(separator)) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        return split_value(value, separator_);
    }
    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        return join_exactly(value, separator_);
    }

private:
    std::string separator_;
};

class Join : public Transform {
public:
    Join(std::string separator, bool lossy)
        : Transform({.element_wise = false, .two_way = !lossy,
                     .options = json::object({{"separator", separator}, {"lossy", lossy}})}),
          separator_(std::move(separator)), lossy_(lossy) {}

protected:
    [[nodiscard]] Result<json::value> forward(const json::value& value) const override {
        return lossy_ ? join_texts(value, separator_) : join_exactly(value, separator_);
    }
    [[nodiscard]] Result<json::value> backward(const json::value& value) const override {
        return split_value(value, separator_);
    }

private:
    std::string separator_;
    bool lossy_;
};

std::string read_separator(ObjectReader& options) {
    constexpr std::size_t longest = 32;
    std::string separator = options.text("separator").value_or(",");
    if (separator.empty() || separator.size() > longest)
        options.fault("separator", fmt::format("must be 1 to {} bytes of text", longest));
    return separator.empty() ? "," : separator;
}

TransformPointer make_split(ObjectReader& options) { return std::make_shared<Split>(read_separator(options)); }

TransformPointer make_join(ObjectReader& options) {
    std::string separator = read_separator(options);
    return std::make_shared<Join>(std::move(separator), options.boolean("lossy").value_or(false));
}

} // namespace

const std::vector<NamedTransform>& list_transforms() {
    static const std::vector<NamedTransform> transforms{{"split", &make_split}, {"join", &make_join}};
    return transforms;
}

} // namespace castiel_sync
