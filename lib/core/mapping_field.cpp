#include <core/mapping_field.hpp>

#include <castiel_sync/record.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace castiel_sync {

ValueTable::ValueTable(const std::vector<std::pair<json::value, json::value>>& rows) {
    for (const auto& [external, shard] : rows) {
        to_shard_.emplace(to_canonical_json(external), shard);
        invertible_ = to_external_.emplace(to_canonical_json(shard), external).second && invertible_;
        holds_lists_ = holds_lists_ || external.is_array() || shard.is_array();
    }
}

Result<json::value> ValueTable::look_up(const Column& column, const json::value& value) const {
    if (value.is_array() && !holds_lists_) {
        json::array mapped;
        mapped.reserve(value.get_array().size());
        for (const json::value& element : value.get_array()) {
            auto one = look_up(column, element);
            if (!one) return one;
            mapped.push_back(std::move(*one));
        }
        return json::value(std::move(mapped));
    }
    const std::string text = to_canonical_json(value);
    if (const auto row = column.find(text); row != column.end()) return row->second;
    if (value.is_null()) return value;
    constexpr std::size_t shown = 40;
    return unfit(fmt::format("has the value {}, which the value table does not hold; add it to 'values'",
                             excerpt(text, shown)));
}

Result<std::optional<json::value>> FieldProgram::read(const json::object& record) const {
    std::optional<json::value> made;
    const json::value* present = nullptr;
    if (text_template) {
        auto filled = text_template->fill(record);
        if (!filled) return filled;
        made = std::move(*filled);
        present = made ? &*made : nullptr;
    } else {
        present = external.find(record);
    }
    if (present == nullptr) return std::optional<json::value>();
    if (steps.empty() && !table) return made ? std::move(made) : std::optional<json::value>(*present);
    auto mapped = to_shard(*present);
    if (!mapped) return mapped.error();
    return std::optional<json::value>(std::move(*mapped));
}

Result<json::value> FieldProgram::to_shard(const json::value& value) const {
    if (steps.empty()) return table ? table->to_shard(value) : Result<json::value>(value);
    auto mapped = steps.front()->to_shard(value);
    for (std::size_t step = 1; step < steps.size() && mapped; ++step)
        mapped = steps[step]->to_shard(*mapped);
    if (mapped && table) return table->to_shard(*mapped);
    return mapped;
}

Result<json::value> FieldProgram::to_external(const json::value& value) const {
    if (!table && steps.empty()) return value;
    auto mapped = table ? table->to_external(value) : steps.back()->to_external(value);
    for (std::size_t left = steps.size() - (table ? 0 : 1); left > 0 && mapped; --left)
        mapped = steps[left - 1]->to_external(*mapped);
    return mapped;
}

Result<json::value> FieldProgram::normal_form(const json::value& value) const {
    auto there = to_external(value);
    if (!there) return there;
    auto back = to_shard(*there);
    if (back && back->is_null() && default_value) return *default_value;
    return back;
}

std::optional<std::string> reference_id(const json::value& value) {
    if (const auto* text = value.if_string()) {
        if (text->empty() || text->size() > max_record_id_bytes) return std::nullopt;
        return std::string(*text);
    }
    if (const auto* integer = value.if_int64()) return std::to_string(*integer);
    if (const auto* natural = value.if_uint64()) return std::to_string(*natural);
    return std::nullopt;
}

} // namespace castiel_sync
