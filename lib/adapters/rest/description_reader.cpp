#include <adapters/rest/description_reader.hpp>

#include <core/http_syntax.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace castiel_sync {
namespace {

// The transport's own, or such as would change what a request is.
constexpr std::array<std::string_view, 8> reserved_headers{"Host",       "Content-Length",  "Transfer-Encoding",
                                                           "Connection", "Accept-Encoding", "TE",
                                                           "Upgrade",    "Proxy-Authorization"};

bool is_reserved(std::string_view header) {
    return std::any_of(reserved_headers.begin(), reserved_headers.end(),
                       [&](std::string_view each) { return equal_without_case(each, header); });
}

} // namespace

void RestReader::check_names(const std::vector<std::string>& used, const RestNames& names, const std::string& place) {
    // Credentials are filled in before there are settings.
    const bool credentials = std::find(names.begin(), names.end(), "credentials.") != names.end();
    for (const std::string& name : used) {
        if (std::find(names.begin(), names.end(), name) != names.end()) continue;
        const bool setting = !credentials && name.starts_with("settings.");
        if (setting && std::find(settings_.begin(), settings_.end(), name.substr(9)) != settings_.end()) continue;
        if (credentials && name.starts_with("credentials.")) continue;
        faults_.emplace_back(place, setting ? fmt::format("names {{{}}}, and settings declares no {}", name,
                                                          name.substr(9))
                                            : fmt::format("names {{{}}}, which has no value here; here are {}", name,
                                                          fmt::join(names, ", ")));
    }
}

RequestText RestReader::text(ObjectReader& reader, std::string_view name, const RestNames& names) {
    const auto written = reader.text(name);
    if (!written) return {};
    auto parsed = RequestText::parse(*written);
    if (!parsed) {
        reader.fault(name, parsed.error().message);
        return {};
    }
    check_names(parsed->names(), names, reader.path(name));
    return std::move(*parsed);
}

std::vector<std::pair<std::string, RequestText>> RestReader::texts(ObjectReader& reader, std::string_view name,
                                                                   const RestNames& names, bool headers) {
    std::vector<std::pair<std::string, RequestText>> read;
    const json::object* object = reader.object(name);
    if (object == nullptr) return read;
    ObjectReader members(*object, reader.path(name), faults_);
    for (const auto& member : *object) {
        const std::string key(member.key());
        if (headers && (!is_token(key) || is_reserved(key))) {
            members.fault(key, is_token(key) ? "is the transport's own header; leave it out" : "is no header's name");
            continue;
        }
        const json::value& value = member.value();
        // So that `limit: 100` need not be put in quotes, and is a number where it is put into a record.
        if (value.is_number() || value.is_bool()) {
            read.emplace_back(key, RequestText::constant(value));
            continue;
        }
        if (value.is_null()) {
            members.fault(key, "is empty; leave it out, or put it in quotes to mean text");
            continue;
        }
        RequestText parsed = text(members, key, names);
        const bool plain = !headers || all_of(parsed.written(), value_character);
        if (!plain) members.fault(key, "holds a character that no header may have");
        read.emplace_back(key, std::move(parsed));
    }
    return read;
}

std::optional<RequestJson> RestReader::body(ObjectReader& reader, std::string_view name, const RestNames& names) {
    const json::value* written = reader.find(name);
    if (written == nullptr) return std::nullopt;
    auto parsed = RequestJson::parse(*written);
    if (!parsed) {
        reader.fault(name, parsed.error().message);
        return std::nullopt;
    }
    check_names(parsed->names(), names, reader.path(name));
    return std::move(*parsed);
}

RestRequest RestReader::request(ObjectReader& reader, const RestNames& names, std::string_view method) {
    RestRequest request;
    request.method = reader.text("method").value_or(std::string(method));
    constexpr std::array<std::string_view, 5> methods{"GET", "POST", "PUT", "PATCH", "DELETE"};
    if (std::find(methods.begin(), methods.end(), request.method) == methods.end())
        reader.fault("method", "must be GET, POST, PUT, PATCH or DELETE");
    request.path = text(reader, "path", names);
    if (reader.find("path") == nullptr) reader.fault("path", "is missing; it follows the base URL: /contacts");
    if (!request.path.written().empty() && !request.path.written().starts_with('/'))
        reader.fault("path", "must begin with a slash; it follows the base URL");
    if (request.path.written().find_first_of("?# ") != std::string::npos)
        reader.fault("path", "must not hold ?, # or spaces; parameters stand under query");
    request.query = texts(reader, "query", names, false);
    request.headers = texts(reader, "headers", names, true);
    request.body = body(reader, "body", names);
    return request;
}

std::optional<Path> RestReader::path(ObjectReader& reader, std::string_view name) {
    const auto written = reader.text(name);
    if (!written) return std::nullopt;
    auto parsed = Path::parse(*written);
    if (parsed) return std::move(*parsed);
    reader.fault(name, parsed.error().message);
    return std::nullopt;
}

std::vector<Path> RestReader::paths(ObjectReader& reader, std::string_view name) {
    std::vector<Path> read;
    const json::array* list = reader.list(name);
    if (list == nullptr) return read;
    for (const json::value& element : *list) {
        auto parsed = element.is_string()
                          ? Path::parse(element.get_string())
                          : Result<Path>(Error(ErrorCode::invalid_configuration, "must hold names of members only"));
        if (parsed)
            read.push_back(std::move(*parsed));
        else
            reader.fault(name, parsed.error().message);
    }
    return read;
}

std::optional<RestLocation> RestReader::location(ObjectReader& reader, std::string_view name, bool may_be_header) {
    const json::value* written = reader.find(name);
    if (written == nullptr) return std::nullopt;
    RestLocation location;
    if (!written->is_object()) {
        location.field = path(reader, name);
        return location;
    }
    ObjectReader parts(written->get_object(), reader.path(name), faults_);
    location.field = path(parts, "field");
    location.header = parts.text("header").value_or("");
    if (!location.header.empty() && !may_be_header) parts.fault("header", "is in no header here; name a field");
    if (!location.header.empty() && !is_token(location.header)) parts.fault("header", "is no header's name");
    if (location.field.has_value() == !location.header.empty())
        parts.fault_here("needs one of field and header");
    parts.refuse_unknown("a location");
    return location;
}

RestCondition RestReader::read_condition(ObjectReader& reader) {
    RestCondition condition;
    condition.field = path(reader, "field");
    if (const json::value* value = reader.find_or_null("equals")) condition.equals = *value;
    condition.contains = reader.text("contains").value_or("");
    condition.starts_with = reader.text("startsWith").value_or("");
    condition.present = reader.boolean("present");
    if (const json::value* value = reader.find("above")) {
        if (value->is_number())
            condition.above = value->to_number<double>();
        else
            reader.fault("above", "must be a number");
    }
    const int tests = (condition.equals ? 1 : 0) + (condition.contains.empty() ? 0 : 1) +
                      (condition.starts_with.empty() ? 0 : 1) + (condition.present ? 1 : 0) + (condition.above ? 1 : 0);
    if (condition.field && tests == 0)
        reader.fault_here("needs one of equals, contains, startsWith, above and present");
    if (!condition.field && tests > 0) reader.fault("field", "is missing: what is asked about");
    return condition;
}

std::optional<RestCondition> RestReader::condition(ObjectReader& reader, std::string_view name) {
    const json::object* object = reader.object(name);
    if (object == nullptr) return std::nullopt;
    ObjectReader parts(*object, reader.path(name), faults_);
    RestCondition read = read_condition(parts);
    if (object->empty()) parts.fault_here("is empty, and would always hold; name a field and what is asked of it");
    parts.refuse_unknown("a condition");
    return read;
}

std::vector<RestCondition> RestReader::conditions(ObjectReader& reader, std::string_view name) {
    std::vector<RestCondition> read;
    const json::array* list = reader.list(name);
    if (list == nullptr) return read;
    for (std::size_t index = 0; index < list->size(); ++index) {
        const std::string place = element_path(reader.path(name), index);
        const json::object* object = (*list)[index].if_object();
        if (object == nullptr) {
            faults_.emplace_back(place, "must be a condition such as {field: error, equals: not_found}");
            continue;
        }
        ObjectReader parts(*object, place, faults_);
        read.push_back(read_condition(parts));
        if (!read.back().field) parts.fault("field", "is missing: what is asked about");
        parts.refuse_unknown("a condition");
    }
    return read;
}

RestTimeFormat RestReader::time_format(ObjectReader& reader, std::string_view name) {
    RestTimeFormat format;
    const auto written = reader.text(name);
    if (!written || *written == "iso8601") return format;
    using Kind = RestTimeFormat::Kind;
    constexpr std::array<std::pair<std::string_view, Kind>, 3> words{
        {{"seconds", Kind::seconds}, {"milliseconds", Kind::milliseconds}, {"httpDate", Kind::http_date}}};
    for (const auto& [word, kind] : words)
        if (*written == word) {
            format.kind = kind;
            return format;
        }
    auto pattern = TimeFormat::parse(*written);
    if (!pattern) {
        reader.fault(name, fmt::format("must be iso8601, seconds, milliseconds, httpDate or a format such as "
                                       "\"%d.%m.%Y %H:%M:%S\": {}",
                                       pattern.error().message));
        return format;
    }
    format.kind = Kind::pattern;
    format.pattern = std::move(*pattern);
    format.pattern_text = *written;
    return format;
}

RestWritten RestReader::written(ObjectReader& reader, std::string_view name) {
    RestWritten written;
    const json::object* object = reader.object(name);
    if (object == nullptr) return written;
    ObjectReader parts(*object, reader.path(name), faults_);
    if (const json::value* record = parts.find("record")) {
        written.has_record = true;
        if (*record == true) {
            // The body itself.
        } else {
            written.record = path(parts, "record");
        }
    }
    written.id = location(parts, "id", true).value_or(RestLocation());
    written.version = location(parts, "version", true).value_or(RestLocation());
    written.id_from_location = parts.boolean("idFromLocation").value_or(false);
    parts.refuse_unknown("an answer");
    return written;
}

std::vector<std::pair<Path, RequestText>> RestReader::members(ObjectReader& reader, std::string_view name,
                                                                  const RestNames& names) {
    std::vector<std::pair<Path, RequestText>> read;
    for (auto& [member, value] : texts(reader, name, names, false)) {
        auto place = Path::parse(member);
        if (place)
            read.emplace_back(std::move(*place), std::move(value));
        else
            reader.fault(name, place.error().message);
    }
    return read;
}

} // namespace castiel_sync
