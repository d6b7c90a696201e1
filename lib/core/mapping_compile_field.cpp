// Compiles one field and checks that its parts fit together, so that what can't work is said before the first record.
#include <core/mapping_plan.hpp>

#include <fmt/format.h>

namespace castiel_sync {
namespace {

constexpr std::size_t max_steps = 16;
constexpr std::size_t max_table_rows = 10'000;

using Faults = std::vector<ConfigurationFault>;

std::string step_path(const FieldMapping& definition, const std::string& path, std::size_t step) {
    return definition.transforms.size() == 1 ? member_path(path, "transform")
                                             : element_path(member_path(path, "transforms"), step);
}

Path compile_path(const std::string& text, const std::string& place, Faults& faults) {
    auto parsed = Path::parse(text);
    if (parsed) return std::move(*parsed);
    faults.emplace_back(place, parsed.error().message);
    return {};
}

void compile_template(const FieldMapping& definition, const std::string& path, FieldProgram& program, Faults& faults) {
    const std::string place = step_path(definition, path, 0);
    ObjectReader options(definition.transforms.front().options, place, faults);
    const auto text = options.text("template");
    if (!text && options.find("template") == nullptr)
        options.fault("template", "is missing: write the text, such as \"{name.first} {name.last}\"");
    options.refuse_unknown("transform template");
    if (text) {
        if (auto parsed = TextTemplate::parse(*text))
            program.text_template = std::move(*parsed);
        else
            options.fault("template", parsed.error().message);
    }
    if (!definition.external_field.empty())
        faults.emplace_back(member_path(path, "externalField"),
                            "is not read with a template, which names its fields itself; remove it");
    program.invertible = false;
}

// What is known of the value between two steps.
struct Form {
    Transform::Kind kind = Transform::Kind::any;
    std::optional<bool> list;
};

void check_kind(Form& form, const Transform& step, const std::string& name, const std::string& place, Faults& faults) {
    const auto& traits = step.traits();
    using Kind = Transform::Kind;
    if (form.kind != Kind::any && traits.input != Kind::any && form.kind != traits.input)
        faults.emplace_back(place, fmt::format("{} expects {}, and the step before it gives {}", name,
                                               to_string(traits.input), to_string(form.kind)));
    const bool splits = name == "split", joins = name == "join";
    if (splits && form.list == true) faults.emplace_back(place, "split expects text, and there is a list before it");
    if (joins && form.list == false) faults.emplace_back(place, "join expects a list, and there is text before it");
    if (splits || joins) form.list = splits;
    form.kind = traits.output;
}

// A step may write back only what the steps before it let pass: "Yes" never comes out of lowercase.
void check_literals(const FieldProgram& program, const Transform& step, const std::string& place, Faults& faults) {
    for (const std::string& literal : step.traits().literals) {
        const auto passed = program.to_shard(json::value(literal));
        if (passed && *passed != json::value(literal))
            faults.emplace_back(place, fmt::format("'{}' never comes here, because the steps before it make {} of it; "
                                                   "change the text or the order",
                                                   excerpt(literal), excerpt(to_json(*passed))));
    }
}

void compile_steps(const FieldMapping& definition, const std::string& path, FieldProgram& program, Faults& faults) {
    Form form;
    if (definition.transforms.size() > max_steps)
        faults.emplace_back(member_path(path, "transforms"), fmt::format("has more than {} steps", max_steps));
    for (std::size_t i = 0; i < definition.transforms.size(); ++i) {
        const TransformStep& step = definition.transforms[i];
        const std::string place = step_path(definition, path, i);
        if (step.name == "template") {
            if (i == 0)
                compile_template(definition, path, program, faults);
            else
                faults.emplace_back(place, "a template reads fields, not the value before it; make it the first step");
            form = {Transform::Kind::text, false};
            continue;
        }
        const TransformPointer made = make_transform(step, place, faults);
        if (made == nullptr) {
            form = {};
            continue;
        }
        check_kind(form, *made, step.name, place, faults);
        check_literals(program, *made, place, faults);
        program.invertible = program.invertible && made->traits().two_way;
        program.steps.push_back(made);
    }
}

bool has_step_without_inverse(const FieldProgram& program) {
    for (const TransformPointer& step : program.steps)
        if (!step->traits().two_way) return true;
    return false;
}

void compile_table(const FieldMapping& definition, const std::string& path, FieldProgram& program, Faults& faults) {
    if (definition.values.empty()) return;
    const std::string place = member_path(path, "values");
    if (definition.values.size() > max_table_rows) {
        faults.emplace_back(place, fmt::format("has more than {} rows", max_table_rows));
        return;
    }
    std::map<std::string, std::size_t> rows;
    for (std::size_t i = 0; i < definition.values.size(); ++i) {
        const json::value& external = definition.values[i].first;
        const auto [row, first_time] = rows.emplace(to_canonical_json(external), i);
        if (!first_time)
            faults.emplace_back(element_path(place, i),
                                fmt::format("the external value {} stands in row {} already; keep one of them",
                                            excerpt(row->first), row->second));
        if (external.is_null() || program.steps.empty() || has_step_without_inverse(program)) continue;
        auto there = program.to_external(external);
        const auto back = there ? program.to_shard(*there) : there;
        if (!back || !equal_values(*back, external))
            faults.emplace_back(element_path(place, i),
                                fmt::format("the external value {} never comes here: the transforms before the table "
                                            "do not give it",
                                            excerpt(row->first)));
    }
    program.table.emplace(definition.values);
    program.invertible = program.invertible && program.table->invertible();
}

void compile_constant(const FieldMapping& definition, const std::string& path, FieldProgram& program, Faults& faults) {
    program.constant = definition.constant;
    program.invertible = false;
    const auto refuse = [&](bool given, std::string_view name) {
        if (given)
            faults.emplace_back(member_path(path, name), "is not used with a constant, which is written as it stands; "
                                                         "remove one of them");
    };
    refuse(!definition.external_field.empty(), "externalField");
    refuse(!definition.transforms.empty(), definition.transforms.size() == 1 ? "transform" : "transforms");
    refuse(!definition.values.empty(), "values");
    refuse(!definition.reference.empty(), "reference");
    refuse(definition.default_value.has_value(), "default");
}

// The default is a shard value that the way back and forth must leave alone, or every sync would find a difference.
void compile_default(const FieldMapping& definition, const std::string& path, FieldProgram& program, Faults& faults) {
    if (!definition.default_value || definition.default_value->is_null()) return;
    program.default_value = definition.default_value;
    const bool flows_back = !definition.direction || flows_to(*definition.direction, Side::source);
    if (!program.invertible || !flows_back || !program.reference.empty()) return;
    const auto normal = program.normal_form(*definition.default_value);
    if (!normal)
        faults.emplace_back(member_path(path, "default"),
                            fmt::format("can't be written to the external system: it {}", normal.error().message));
    else if (!equal_values(*normal, *definition.default_value))
        faults.emplace_back(member_path(path, "default"),
                            fmt::format("would come back from the external system as {}; use that as the default",
                                        excerpt(to_json(*normal))));
}

void check_strategy(const FieldMapping& definition, const std::string& path, Faults& faults) {
    if (definition.strategy == Strategy::merge)
        faults.emplace_back(member_path(path, "strategy"),
                            "merge is for records: it decides field by field; use another strategy for a field");
    if (definition.strategy == Strategy::custom && definition.custom_strategy.empty())
        faults.emplace_back(member_path(path, "customStrategy"), "is missing: name the registered strategy");
    if (definition.strategy != Strategy::custom && !definition.custom_strategy.empty())
        faults.emplace_back(member_path(path, "customStrategy"), "is used with strategy custom only; remove one");
}

} // namespace

FieldProgram compile_field(const FieldMapping& definition, const std::string& path, Faults& faults) {
    FieldProgram program;
    program.shard = compile_path(definition.shard_field, member_path(path, "shardField"), faults);
    check_strategy(definition, path, faults);
    if (definition.constant) {
        compile_constant(definition, path, program, faults);
        return program;
    }
    program.reference = definition.reference;
    const bool from_template = !definition.transforms.empty() && definition.transforms.front().name == "template";
    if (!from_template)
        program.external = compile_path(definition.external_field, member_path(path, "externalField"), faults);
    const std::size_t before = faults.size();
    compile_steps(definition, path, program, faults);
    if (faults.size() > before) return program; // what depends on the steps can't be judged
    compile_table(definition, path, program, faults);
    if (!definition.reference.empty() && !definition.values.empty())
        faults.emplace_back(member_path(path, "values"), "a reference is translated through links; remove one of them");
    compile_default(definition, path, program, faults);
    return program;
}

} // namespace castiel_sync
