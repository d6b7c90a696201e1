#include <core/transform.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace castiel_sync {
namespace {

template <class Step>
Result<json::value> each(const json::value& value, bool element_wise, Step&& step) {
    if (value.is_null()) return json::value(nullptr);
    if (!element_wise || !value.is_array()) return step(value);
    json::array mapped;
    mapped.reserve(value.get_array().size());
    for (const json::value& element : value.get_array()) {
        if (element.is_null()) {
            mapped.emplace_back(nullptr);
            continue;
        }
        auto one = step(element);
        if (!one) return one;
        mapped.push_back(std::move(*one));
    }
    return json::value(std::move(mapped));
}

std::vector<NamedTransform> all_transforms() {
    std::vector<NamedTransform> all;
    for (const auto* group : {&text_transforms(), &scalar_transforms(), &time_transforms(), &list_transforms()})
        all.insert(all.end(), group->begin(), group->end());
    return all;
}

} // namespace

Result<json::value> Transform::to_shard(const json::value& value) const {
    return each(value, traits_.element_wise, [this](const json::value& one) { return forward(one); });
}

Result<json::value> Transform::to_external(const json::value& value) const {
    return each(value, traits_.element_wise, [this](const json::value& one) { return backward(one); });
}

std::string_view to_string(Transform::Kind kind) noexcept {
    switch (kind) {
    case Transform::Kind::any: return "any value";
    case Transform::Kind::text: return "text";
    case Transform::Kind::number: return "a number";
    case Transform::Kind::boolean: return "true or false";
    }
    return "unknown";
}

const std::vector<std::string>& transform_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const NamedTransform& named : all_transforms())
            list.emplace_back(named.name);
        list.emplace_back("template");
        return list;
    }();
    return names;
}

TransformPointer make_transform(const TransformStep& step, const std::string& path,
                                std::vector<ConfigurationFault>& faults) {
    static const std::vector<NamedTransform> known = all_transforms();
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const NamedTransform& named) { return named.name == step.name; });
    if (found == known.end()) {
        faults.emplace_back(path, fmt::format("there is no transform '{}'; use one of: {}", excerpt(step.name),
                                              fmt::join(transform_names(), ", ")));
        return nullptr;
    }
    const std::size_t before = faults.size();
    ObjectReader options(step.options, path, faults);
    TransformPointer made = found->make(options);
    options.refuse_unknown(fmt::format("transform {}", step.name));
    return faults.size() == before ? made : nullptr;
}

Error wrong_kind(std::string_view expected, const json::value& value) {
    return {ErrorCode::invalid_record, fmt::format("expects {}, has {}", expected, describe_kind(value))};
}

Error unfit(std::string message) { return {ErrorCode::invalid_record, std::move(message)}; }

} // namespace castiel_sync
