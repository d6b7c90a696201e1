// Transforms: the steps of a field's way between its external and its shard form. Pure.
//
// A two-way transform has a right inverse: to_shard(to_external(y)) == y for every y that to_shard gives. For any
// other y of the right kind, to_external either refuses it or answers something that reads back as what the
// transform takes for the same ("Ada" for lowercase).
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>
#include <core/mapping_reader.hpp>
#include <core/path.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace castiel_sync {

class Transform {
public:
    // What a single value is on each side of a step. Steps take a list element by element unless they say otherwise.
    enum class Kind { any, text, number, boolean };

    struct Traits {
        Kind input = Kind::text;
        Kind output = Kind::text;
        bool element_wise = true;
        bool two_way = true;
        json::object options = {};                 // all of them, defaults filled in: part of the mapping's fingerprint
        std::vector<std::string> literals = {}; // texts that to_external writes and earlier steps must leave alone
    };

    virtual ~Transform() = default;
    Transform(const Transform&) = delete;
    Transform& operator=(const Transform&) = delete;

    [[nodiscard]] const Traits& traits() const noexcept { return traits_; }

    // Null stays null but for steps that make a value of it. invalid_record when the value does not fit.
    [[nodiscard]] Result<json::value> to_shard(const json::value& value) const;
    [[nodiscard]] Result<json::value> to_external(const json::value& value) const;

protected:
    explicit Transform(Traits traits) : traits_(std::move(traits)) {}

    // Of a value that is not null, and no list where the step is element-wise.
    [[nodiscard]] virtual Result<json::value> forward(const json::value& value) const = 0;
    [[nodiscard]] virtual Result<json::value> backward(const json::value& value) const = 0;

private:
    Traits traits_;
};

using TransformPointer = std::shared_ptr<const Transform>;

[[nodiscard]] std::string_view to_string(Transform::Kind kind) noexcept;

// nullptr and faults at `path` when the step is unknown or its options are wrong. `template` is no Transform: it reads
// the whole record.
[[nodiscard]] TransformPointer make_transform(const TransformStep& step, const std::string& path,
                                              std::vector<ConfigurationFault>& faults);

// All names, `template` included, in the order of the documentation.
[[nodiscard]] const std::vector<std::string>& transform_names();

// Text made of several fields: "{name.first} {name.last}"; {{ and }} are braces.
class TextTemplate {
public:
    [[nodiscard]] static Result<TextTemplate> parse(std::string_view text);

    // nullopt when no field is there, null when those that are there are null. Numbers are written exactly.
    [[nodiscard]] Result<std::optional<json::value>> fill(const json::object& record) const;

private:
    std::vector<std::variant<std::string, Path>> pieces_;
};

// The makers, by subject; each takes the options it knows from the reader.
using TransformMaker = TransformPointer (*)(ObjectReader& options);
struct NamedTransform {
    std::string_view name;
    TransformMaker make;
};
[[nodiscard]] const std::vector<NamedTransform>& text_transforms();
[[nodiscard]] const std::vector<NamedTransform>& scalar_transforms();
[[nodiscard]] const std::vector<NamedTransform>& time_transforms();
[[nodiscard]] const std::vector<NamedTransform>& list_transforms();

// What a step says of a value of the wrong kind.
[[nodiscard]] Error wrong_kind(std::string_view expected, const json::value& value);
[[nodiscard]] Error unfit(std::string message);

} // namespace castiel_sync
