#include "http/contract_rules.hpp"

#include "configuration/yaml.hpp"
#include "http/target.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace castiel_sync::service {
namespace {

using Words = std::vector<std::string_view>;

std::string text_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool is_true(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && *value == true;
}

const json::object& object_of(const json::object& object, std::string_view name) {
    static const json::object none;
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_object() ? value->get_object() : none;
}

std::string joined(const Words& words) {
    std::string text;
    for (std::size_t at = 0; at < words.size(); ++at)
        text.append(at == 0 ? "" : at + 1 == words.size() ? " or " : ", ").append(words[at]);
    return text;
}

class Reader {
public:
    explicit Reader(const json::value& document) : document_(document) {}

    ContractRules read() {
        if (!document_.is_object()) return {};
        const json::object& root = document_.get_object();
        if (!text_of(root, "openapi").starts_with("3.1.")) say("openapi", "must be 3.1");
        needs_authentication_ = needs_authentication(root, false);
        for (const auto& path : object_of(root, "paths"))
            read_path(path.key(), path.value());
        for (auto& routes : rules_.routes)
            std::ranges::stable_sort(routes, literal_first);
        return std::move(rules_);
    }

    [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

private:
    void say(const std::string& place, std::string_view message) {
        faults_.push_back(std::string(place).append(": ").append(message));
    }

    // What is not named here would be passed over in silence.
    void refuse_others(const json::object& object, const std::string& place, const Words& known) {
        for (const auto& member : object)
            if (std::ranges::find(known, std::string_view(member.key())) == known.end())
                say(place + "." + std::string(member.key()), "is not read here");
    }

    const json::object& resolved(const json::value& value, const std::string& place) {
        static const json::object none;
        const auto* object = value.if_object();
        if (object == nullptr) {
            say(place, "must be an object");
            return none;
        }
        const std::string reference = text_of(*object, "$ref");
        if (reference.empty()) return *object;
        boost::system::error_code error;
        const json::value* found =
            reference.starts_with("#/") ? document_.find_pointer(reference.substr(1), error) : nullptr;
        if (found == nullptr || !found->is_object()) {
            say(place, "leads nowhere: " + reference);
            return none;
        }
        return found->get_object();
    }

    static bool needs_authentication(const json::object& object, bool otherwise) {
        const auto* security = object.if_contains("security");
        if (security == nullptr || !security->is_array()) return otherwise;
        return !security->get_array().empty();
    }

    static bool literal_first(const Route& left, const Route& right) {
        return std::ranges::lexicographical_compare(left.segments, right.segments, {}, &Route::Segment::is_parameter,
                                                    &Route::Segment::is_parameter);
    }

    void read_path(const std::string& path, const json::value& value) {
        const json::object& item = resolved(value, path);
        refuse_others(item, path, {"get", "put", "post", "delete", "patch"});
        const auto segments = split_path(path);
        if (!segments) return say(path, "must begin with a slash");
        Route route;
        for (const std::string_view segment : *segments) {
            const bool is_parameter = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
            const std::string_view name = is_parameter ? segment.substr(1, segment.size() - 2) : segment;
            if (name.empty() || name.find_first_of("{}") != std::string_view::npos)
                say(path, "a segment is a name, or a parameter in braces");
            route.segments.push_back({std::string(name), is_parameter});
        }
        for (const auto& [key, method] : std::initializer_list<std::pair<const char*, const char*>>{
                 {"get", "GET"}, {"put", "PUT"}, {"post", "POST"}, {"delete", "DELETE"}, {"patch", "PATCH"}}) {
            const auto* operation = item.if_contains(key);
            if (operation == nullptr) continue;
            route.operations.emplace_back(method, rules_.operations.size());
            route.allow.append(route.allow.empty() ? "" : ", ").append(method);
            if (std::string_view(method) == "GET") route.allow += ", HEAD";
            read_operation(path, method, *operation, route);
        }
        if (rules_.routes.size() <= route.segments.size()) rules_.routes.resize(route.segments.size() + 1);
        rules_.routes[route.segments.size()].push_back(std::move(route));
    }

    void read_operation(const std::string& path, const std::string& method, const json::value& value,
                        const Route& route) {
        const std::string place = method + " " + path;
        const json::object& object = resolved(value, place);
        refuse_others(object, place,
                      {"operationId", "tags", "summary", "description", "parameters", "requestBody", "responses",
                       "security", "deprecated"});
        Operation operation;
        operation.id = text_of(object, "operationId");
        operation.method = method;
        operation.path = path;
        operation.needs_authentication = needs_authentication(object, needs_authentication_);
        operation.takes_body = object.contains("requestBody");
        operation.index = rules_.operations.size();
        if (operation.id.empty() || !ids_.insert(operation.id).second) say(place, "needs an operationId of its own");
        OperationRules rules;
        read_parameters(object, place, route, rules);
        if (const auto* body = object.if_contains("requestBody"))
            operation.takes_bytes = read_body(*body, place + ".requestBody", rules);
        rules_.operations.push_back(std::move(operation));
        rules_.rules.push_back(std::move(rules));
    }

    void read_parameters(const json::object& operation, const std::string& place, const Route& route,
                         OperationRules& rules) {
        const auto* parameters = operation.if_contains("parameters");
        std::set<std::string> names;
        Words query_names;
        if (parameters != nullptr && parameters->is_array())
            for (const json::value& parameter : parameters->get_array()) {
                auto rule = read_parameter(parameter, place + ".parameters");
                if (!names.insert(rule->name).second) say(rule->place, "a name stands for one parameter");
                rules.parameters.push_back(std::move(rule));
            }
        for (const auto& rule : rules.parameters)
            if (rule->in == "query") query_names.push_back(rule->name);
        rules.query_names = joined(query_names);
        std::set<std::string> in_path;
        for (const auto& segment : route.segments)
            if (segment.is_parameter) in_path.insert(segment.text);
        std::set<std::string> declared;
        for (const auto& rule : rules.parameters)
            if (rule->in == "path") declared.insert(rule->name);
        if (in_path != declared) say(place, "its path parameters are not those of its path");
    }

    std::shared_ptr<const ParameterRule> read_parameter(const json::value& value, const std::string& place) {
        // Most operations share theirs; they are compiled once.
        const json::object& object = resolved(value, place);
        auto& shared = parameters_[&object];
        if (shared) return shared;
        const std::string name = text_of(object, "name");
        const std::string in = text_of(object, "in");
        const std::string where = place + "." + name;
        refuse_others(object, where,
                      {"name", "in", "required", "description", "schema", "example", "examples", "deprecated"});
        if (name.empty()) say(where, "needs a name");
        if (in != "path" && in != "query" && in != "header") say(where, "is not in path, query or header");
        const auto* schema = object.if_contains("schema");
        if (schema == nullptr) say(where, "needs a schema");
        CompiledSchema compiled = compile(schema != nullptr ? *schema : json::value(json::object()), where);
        const json::object no_schema;
        const json::object& resolved_schema =
            compiled.resolved().is_object() ? compiled.resolved().get_object() : no_schema;
        const std::string type = text_of(resolved_schema, "type");
        if (type != "string" && type != "integer" && type != "boolean")
            say(where, "must be of type string, integer or boolean");
        std::optional<json::value> default_value;
        if (const auto* value_by_default = resolved_schema.if_contains("default")) default_value = *value_by_default;
        shared = std::make_shared<ParameterRule>(ParameterRule{name, in + "." + name, in, is_true(object, "required"),
                                                               type == "integer"   ? ParameterRule::Type::integer
                                                               : type == "boolean" ? ParameterRule::Type::boolean
                                                                                   : ParameterRule::Type::text,
                                                               std::move(default_value), std::move(compiled)});
        return shared;
    }

    // Whether it is bytes of any media type.
    bool read_body(const json::value& value, const std::string& place, OperationRules& rules) {
        const json::object& body = resolved(value, place);
        refuse_others(body, place, {"required", "description", "content"});
        rules.body_required = is_true(body, "required");
        const json::object& content = object_of(body, "content");
        if (content.size() == 1 && content.contains("*/*")) {
            refuse_others(object_of(content, "*/*"), place + ".content.*/*", {});
            return true;
        }
        refuse_others(content, place + ".content", {"application/json"});
        const json::object& media = object_of(content, "application/json");
        refuse_others(media, place + ".content.application/json", {"schema", "example", "examples"});
        const auto* schema = media.if_contains("schema");
        if (schema == nullptr) say(place, "needs a schema for application/json");
        else rules.body.emplace(compile(*schema, place));
        return false;
    }

    CompiledSchema compile(const json::value& schema, const std::string& place) {
        CompiledSchema compiled(schema, document_);
        for (const ConfigurationFault& fault : compiled.faults())
            say(place + ".schema." + fault.path, fault.message);
        return compiled;
    }

    const json::value& document_;
    ContractRules rules_;
    std::vector<std::string> faults_;
    std::set<std::string> ids_;
    std::map<const json::object*, std::shared_ptr<const ParameterRule>> parameters_;
    bool needs_authentication_ = false;
};

} // namespace

Result<ContractRules> read_contract_rules(const std::string& text) {
    std::vector<Fault> yaml_faults;
    const LocatedDocument document = read_yaml(text, "openapi.yaml", yaml_faults);
    if (!yaml_faults.empty()) return Error(ErrorCode::invalid_configuration, to_string(yaml_faults.front()));
    Reader reader(document.value);
    ContractRules rules;
    try {
        rules = reader.read();
    } catch (const std::exception& fault) { // valijson and std::regex throw at schemas that are none
        return Error(ErrorCode::invalid_configuration, std::string("openapi.yaml: ") + fault.what());
    }
    std::string message;
    for (const std::string& fault : reader.faults())
        message.append(message.empty() ? "" : "\n").append("openapi.yaml: ").append(fault);
    if (rules.operations.empty() && message.empty()) message = "openapi.yaml: has no operations";
    if (!message.empty()) return Error(ErrorCode::invalid_configuration, std::move(message));
    return Result<ContractRules>(std::move(rules));
}

} // namespace castiel_sync::service
