#include <core/mapping.hpp>

#include <core/mapping_plan.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace castiel_sync {
namespace {

MappingFault fault_of(const std::string& field, const Error& error) {
    MappingFault fault;
    fault.error = Error(error.code, fmt::format("field '{}': {}", field, error.message));
    fault.field = field;
    return fault;
}

MappingFault invalid(const std::string& field, std::string what) {
    return fault_of(field, Error(ErrorCode::invalid_record, std::move(what)));
}

bool is_blank(const FieldValue& value) {
    if (!value || value->is_null()) return true;
    const auto* text = value->if_string();
    return text != nullptr && text->empty();
}

// Calls `visit(id)` for every id in the value, which is one id or a list of them; false at the first that is none.
template <class Visit>
bool for_each_reference(const json::value& value, Visit&& visit) {
    if (value.is_null()) return true;
    if (const auto* list = value.if_array())
        return std::all_of(list->begin(), list->end(), [&](const json::value& element) {
            const auto id = reference_id(element);
            return id && visit(*id);
        });
    const auto id = reference_id(value);
    return id && visit(*id);
}

// An id as the other side writes it; nullopt when it should be an integer and is none.
std::optional<json::value> written_id(const ReferenceTarget& target) {
    if (!target.integer_id) return json::value(target.id);
    const char* end = target.id.data() + target.id.size();
    std::int64_t integer = 0;
    if (const auto read = std::from_chars(target.id.data(), end, integer); read.ec == std::errc{} && read.ptr == end)
        return json::value(integer);
    std::uint64_t natural = 0;
    if (const auto read = std::from_chars(target.id.data(), end, natural); read.ec == std::errc{} && read.ptr == end)
        return json::value(natural);
    return std::nullopt;
}

Mapped<json::value> translate(const json::value& value, const std::string& entity, Side side,
                              const ResolvedReferences& references, const std::string& field) {
    json::array written;
    std::optional<MappingFault> fault;
    const bool complete = for_each_reference(value, [&](const std::string& id) {
        const auto found = references.find(ReferenceKey{entity, side, id});
        if (found == references.end()) {
            fault = fault_of(field, Error(ErrorCode::missing_reference,
                                          fmt::format("refers to the record '{}' of '{}', which is not linked yet",
                                                      excerpt(id), entity)));
            return false;
        }
        auto other_id = written_id(found->second);
        if (!other_id) fault = invalid(field, "the referenced id should be an integer and is not");
        if (other_id) written.push_back(std::move(*other_id));
        return !fault;
    });
    if (fault) return *fault;
    if (!complete)
        return invalid(field, fmt::format("expects the id of a record of '{}' (text or a whole number), or a list of "
                                          "ids",
                                          entity));
    if (value.is_null()) return value;
    if (value.is_array()) return json::value(std::move(written));
    return std::move(written.front());
}

const std::string& source_name(const FieldMapping& definition) {
    return definition.external_field.empty() ? definition.shard_field : definition.external_field;
}

// One field towards the shard; what is wrong with it, if anything.
std::optional<MappingFault> read_field(const FieldProgram& program, const FieldMapping& definition,
                                       const json::object& external, const ResolvedReferences& references,
                                       FieldValue& value) {
    if (program.constant) {
        value = program.constant;
        return std::nullopt;
    }
    const std::string& name = source_name(definition);
    auto read = program.read(external);
    if (!read) return fault_of(name, read.error());
    value = std::move(*read);
    if (value && !program.reference.empty()) {
        auto translated = translate(*value, program.reference, Side::source, references, name);
        if (!translated) return translated.error();
        value = std::move(*translated);
    }
    if ((!value || value->is_null()) && program.default_value) value = program.default_value;
    if (definition.required && is_blank(value))
        return invalid(name, "is required, and is absent or empty; fill it in, or give the mapping a default");
    return std::nullopt;
}

// One present shard value in normal form. What can't flow to the source is taken as it is.
std::optional<MappingFault> normalise_field(const FieldProgram& program, const Mapping::Field& field,
                                            const json::value& present, FieldValue& value) {
    const bool changes = program.invertible && program.changes_values();
    if (!changes || !program.reference.empty()) {
        const bool stands_in = changes && present.is_null() && program.default_value;
        value.emplace(stands_in ? *program.default_value : present);
        return std::nullopt;
    }
    auto normal = program.normal_form(present);
    if (!normal && field.to_source) return fault_of(field.definition.shard_field, normal.error());
    if (normal)
        value = std::move(*normal);
    else
        value.emplace(present);
    return std::nullopt;
}

// One shard value towards the source.
Mapped<json::value> invert_field(const FieldProgram& program, const FieldMapping& definition, const json::value& value,
                                 const ResolvedReferences& references) {
    const std::string& name = definition.shard_field;
    if (definition.required && is_blank(value)) return invalid(name, "is required by the mapping and can't be emptied");
    const json::value* wanted = &value;
    std::optional<json::value> translated_value;
    if (!program.reference.empty()) {
        auto translated = translate(value, program.reference, Side::target, references, name);
        if (!translated) return translated.error();
        wanted = &translated_value.emplace(std::move(*translated));
    }
    auto written = program.to_external(*wanted);
    if (!written) return fault_of(name, written.error());
    if (!program.changes_values()) return std::move(*written);
    // Never write what would be read as another value. A value that is not in normal form may change into it once.
    const auto back = program.to_shard(*written);
    if (!back) return fault_of(name, back.error());
    if (equal_values(*back, *wanted)) return std::move(*written);
    const auto again = program.normal_form(*back);
    const bool settles = again && (equal_values(*again, *back) || back->is_null());
    if (!settles) return invalid(name, "can't be written so that it reads as the same value");
    return std::move(*written);
}

// The field's shard value as this record gives it, but for references.
FieldValue read_plainly(const FieldProgram& program, const json::object& external) {
    auto value = program.read(external);
    if (!value) return *program.external.find(external); // it is there; whether it can be read is told elsewhere
    if ((!*value || (*value)->is_null()) && program.default_value) return program.default_value;
    return std::move(*value);
}

// Writes fields into one record, in the order of their paths.
class RecordWriter {
public:
    RecordWriter(json::object record, std::size_t fields) : record_(std::move(record)) {
        if (record_.empty()) record_.reserve(fields);
    }

    Result<> write(const Path& path, json::value value) {
        if (value.is_null() && !path.has_place_in(record_)) { // nothing there to be cleared
            skipped_.push_back(&path);
            return {};
        }
        if (skipped_.empty()) return path.set(record_, std::move(value));
        if (path.set(record_, value)) return {};
        // A later element of a list needs the earlier ones, even if they are null.
        std::erase_if(skipped_, [&](const Path* earlier) {
            return earlier->segments().front().name == path.segments().front().name &&
                   earlier->set(record_, nullptr).has_value();
        });
        return path.set(record_, std::move(value));
    }

    [[nodiscard]] json::object& record() noexcept { return record_; }

private:
    json::object record_;
    std::vector<const Path*> skipped_; // null was wanted there
};

} // namespace

void throw_exception_from_error(const MappingFault& fault, const boost::source_location&) {
    throw ErrorException(fault.error);
}

const EntityMapping& Mapping::definition() const { return plan_->definition; }
const std::vector<Mapping::Field>& Mapping::fields() const { return plan_->fields; }
std::string Mapping::fingerprint() const { return plan_->fingerprint; }

std::vector<ReferenceKey> Mapping::source_references(const json::object& external) const {
    std::vector<ReferenceKey> keys;
    for (const FieldProgram& program : plan_->programs) {
        if (program.reference.empty()) continue;
        const auto value = program.read(external);
        if (!value || !*value) continue; // read_source tells what is wrong
        (void)for_each_reference(**value, [&](const std::string& id) {
            keys.push_back(ReferenceKey{program.reference, Side::source, id});
            return true;
        });
    }
    return keys;
}

std::vector<ReferenceKey> Mapping::target_references(const FieldValues& wanted) const {
    std::vector<ReferenceKey> keys;
    for (std::size_t i = 0; i < plan_->programs.size() && i < wanted.size(); ++i) {
        const FieldProgram& program = plan_->programs[i];
        if (program.reference.empty() || !wanted[i] || !plan_->fields[i].to_source) continue;
        (void)for_each_reference(*wanted[i], [&](const std::string& id) {
            keys.push_back(ReferenceKey{program.reference, Side::target, id});
            return true;
        });
    }
    return keys;
}

Mapped<FieldValues> Mapping::read_source(const json::object& external, const ResolvedReferences& references) const {
    FieldValues values(plan_->fields.size());
    for (std::size_t i = 0; i < plan_->fields.size(); ++i) {
        const Field& field = plan_->fields[i];
        auto fault = read_field(plan_->programs[i], field.definition, external, references, values[i]);
        if (fault && field.to_target) return std::move(*fault);
        if (fault) values[i].reset();
    }
    return values;
}

Mapped<FieldValues> Mapping::read_target(const json::object& structured_data) const {
    FieldValues values(plan_->fields.size());
    for (std::size_t i = 0; i < plan_->fields.size(); ++i) {
        const json::value* present = plan_->programs[i].shard.find(structured_data);
        if (present == nullptr) continue;
        if (auto fault = normalise_field(plan_->programs[i], plan_->fields[i], *present, values[i]))
            return std::move(*fault);
    }
    return values;
}

Mapped<json::object> Mapping::write_source(json::object present, const FieldValues& wanted,
                                           const ResolvedReferences& references) const {
    RecordWriter writer(std::move(present), plan_->fields.size());
    for (const std::size_t i : plan_->external_order) {
        const Field& field = plan_->fields[i];
        if (!field.to_source || i >= wanted.size() || !wanted[i]) continue;
        auto value = invert_field(plan_->programs[i], field.definition, *wanted[i], references);
        if (!value) return value.error();
        if (auto written = writer.write(plan_->programs[i].external, std::move(*value)); !written)
            return fault_of(field.definition.shard_field, written.error());
    }
    for (std::size_t i = 0; i < plan_->fields.size(); ++i) {
        const Field& field = plan_->fields[i];
        if (!field.to_source || !field.definition.required) continue;
        if (is_blank(read_plainly(plan_->programs[i], writer.record())))
            return invalid(field.definition.shard_field, "is required, and the external record would not have it");
    }
    return std::move(writer.record());
}

Mapped<json::object> Mapping::write_target(json::object present, const FieldValues& wanted) const {
    RecordWriter writer(std::move(present), plan_->fields.size());
    for (const std::size_t i : plan_->shard_order) {
        const Field& field = plan_->fields[i];
        if (!field.to_target || i >= wanted.size() || !wanted[i]) continue;
        if (auto written = writer.write(plan_->programs[i].shard, *wanted[i]); !written)
            return fault_of(field.definition.shard_field, written.error());
    }
    return std::move(writer.record());
}

bool Mapping::equal(std::size_t field, const json::value& left, const json::value& right) const {
    return plan_->fields[field].definition.unordered ? equal_unordered(left, right) : equal_values(left, right);
}

std::optional<std::string> Mapping::match_key(const FieldValues& values) const {
    if (plan_->match_fields.empty()) return std::nullopt;
    json::array key;
    for (const std::size_t i : plan_->match_fields) {
        if (i >= values.size() || is_blank(values[i])) return std::nullopt;
        key.push_back(*values[i]);
        if (!plan_->fields[i].definition.unordered || !key.back().is_array()) continue;
        auto& list = key.back().get_array();
        std::sort(list.begin(), list.end(), [](const json::value& left, const json::value& right) {
            return to_canonical_json(left) < to_canonical_json(right);
        });
    }
    return to_canonical_json(key);
}

json::object Mapping::to_object(const FieldValues& values) const {
    json::object object;
    object.reserve(values.size());
    for (std::size_t i = 0; i < plan_->fields.size() && i < values.size(); ++i)
        if (values[i]) object.emplace(plan_->fields[i].definition.shard_field, *values[i]); // no two have one name
    return object;
}

FieldValues Mapping::from_object(const json::object& object) const {
    FieldValues values(plan_->fields.size());
    for (std::size_t i = 0; i < plan_->fields.size(); ++i)
        if (const json::value* value = object.if_contains(plan_->fields[i].definition.shard_field)) values[i] = *value;
    return values;
}

std::vector<std::string> Mapping::referenced_entities() const {
    std::vector<std::string> entities;
    for (const FieldProgram& program : plan_->programs)
        if (!program.reference.empty() &&
            std::find(entities.begin(), entities.end(), program.reference) == entities.end())
            entities.push_back(program.reference);
    return entities;
}

} // namespace castiel_sync
