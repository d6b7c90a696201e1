// Mapping: one entity mapping, compiled. Turns external records into shard fields and back. Pure.
//
// Everything is compared and reconciled in shard form, one value per mapped field, in the order of the mapping.
// The law that makes a transform two-way: to_shard(to_external(y)) == y for every y that to_shard can give. Trim,
// lowercase and round have such an inverse (the value itself); a template has none, so its field is one-way.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/record.hpp>

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

using FieldValue = std::optional<json::value>; // nullopt: absent, which never erases; null does
using FieldValues = std::vector<FieldValue>;   // by field number

// Why a record can't be mapped: it is parked with this.
struct MappingFault {
    Error error;       // invalid_record or missing_reference; the message names the field and the value's place
    std::string field; // external path towards the shard, shard field towards the source

    MappingFault() = default;
};

[[noreturn]] void throw_exception_from_error(const MappingFault& fault, const boost::source_location& location);

template <class T>
using Mapped = boost::system::result<T, MappingFault>;

// A record of another entity that a field names by its id on `side`.
struct ReferenceKey {
    std::string entity; // external entity name
    Side side = Side::source;
    std::string id;

    friend auto operator<=>(const ReferenceKey&, const ReferenceKey&) = default;
};

struct ReferenceTarget {
    std::string id; // on the other side
    bool integer_id = false;
};

using ResolvedReferences = std::map<ReferenceKey, ReferenceTarget>;

struct MappingPlan; // what a mapping is compiled to

class Mapping {
public:
    struct Field {
        FieldMapping definition;
        bool to_target = true; // may flow towards the shard: by the stream's and the field's direction
        bool to_source = true; // … towards the external record; false without an inverse
    };

    struct Compiled;

    // Every fault at once; paths are relative to the entity mapping ("fieldMappings[2].transform").
    [[nodiscard]] static Compiled compile(const EntityMapping& definition, Direction stream_direction);

    [[nodiscard]] const EntityMapping& definition() const;
    [[nodiscard]] const std::vector<Field>& fields() const;

    // Equal for mappings under which stored base values mean the same. 32 hexadecimal digits.
    [[nodiscard]] std::string fingerprint() const;

    // The references that read_source needs resolved (side source), with those of values that are absent left out.
    [[nodiscard]] std::vector<ReferenceKey> source_references(const json::object& external) const;
    // The references that write_source needs resolved (side target), of the fields in `wanted` that are present.
    [[nodiscard]] std::vector<ReferenceKey> target_references(const FieldValues& wanted) const;

    // External record → shard form. Defaults and constants are in it. A field that does not flow to the target is
    // read too where that is possible, and absent otherwise.
    [[nodiscard]] Mapped<FieldValues> read_source(const json::object& external,
                                                  const ResolvedReferences& references) const;

    // Shard fields in normal form: to_shard(to_external(y)) for two-way fields, so that a value which the mapping
    // takes for the same ("Ada@X" under lowercase) compares as the same.
    [[nodiscard]] Mapped<FieldValues> read_target(const json::object& structured_data) const;

    // Writes the present values of `wanted` into the record and leaves everything else as it is.
    [[nodiscard]] Mapped<json::object> write_source(json::object present, const FieldValues& wanted,
                                                    const ResolvedReferences& references) const;
    [[nodiscard]] Mapped<json::object> write_target(json::object present, const FieldValues& wanted) const;

    // Are two present values of this field the same under the mapping? (unordered lists as multisets)
    [[nodiscard]] bool equal(std::size_t field, const json::value& left, const json::value& right) const;

    // One text per combination of match-key values; nullopt when there are no match keys, or one of them is absent,
    // null or "" (such a record matches nothing).
    [[nodiscard]] std::optional<std::string> match_key(const FieldValues& values) const;

    // {shard field: value} of the present ones, and back (unknown names are ignored).
    [[nodiscard]] json::object to_object(const FieldValues& values) const;
    [[nodiscard]] FieldValues from_object(const json::object& object) const;

    // Entities that this mapping's references name, without duplicates.
    [[nodiscard]] std::vector<std::string> referenced_entities() const;

private:
    explicit Mapping(std::shared_ptr<const MappingPlan> plan) : plan_(std::move(plan)) {}

    std::shared_ptr<const MappingPlan> plan_; // immutable: copies of a mapping share it
};

struct Mapping::Compiled {
    std::optional<Mapping> mapping; // absent when any fault is not a notice
    std::vector<ConfigurationFault> faults;
};

// Dotted path look-up and replacement in nested objects and arrays; "emails.0.address". Numbers index arrays where the
// container is an array and name members where it is an object.
[[nodiscard]] const json::value* find_path(const json::object& object, std::string_view path);
// Makes missing objects on the way, and an array element only when the index is the next free one. invalid_record
// when something that is neither object nor array stands in the way.
[[nodiscard]] Result<> set_path(json::object& object, std::string_view path, json::value value);

// Is the external record in scope? A comparison between values of different types is false (not_equals, not_in: true).
[[nodiscard]] bool matches(const std::vector<Filter>& filters, const json::object& external);

} // namespace castiel_sync
