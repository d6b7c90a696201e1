#include <adapters/rest/values.hpp>

#include <core/hashes.hpp>
#include <core/http_date.hpp>
#include <core/http_syntax.hpp>
#include <core/json_marks.hpp>
#include <core/mapping_reader.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace castiel_sync {

const json::value* find_in(const std::optional<Path>& path, const json::value& value) {
    if (!path) return &value;
    const auto* object = value.if_object();
    return object == nullptr ? nullptr : path->find(*object);
}

std::optional<std::string> scalar_text(const json::value& value) {
    if (const auto* string = value.if_string()) return std::string(*string);
    if (value.is_number() || value.is_bool()) return to_json(value);
    return std::nullopt;
}

std::optional<json::value> value_at(const RestLocation& location, const HttpHeaders& headers,
                                    const json::value& body) {
    if (location.field) {
        const json::value* found = find_in(location.field, body);
        if (found == nullptr || found->is_null() || (found->is_string() && found->get_string().empty()))
            return std::nullopt;
        return *found;
    }
    if (location.header.empty()) return std::nullopt;
    const std::string* header = headers.find(location.header);
    if (header == nullptr || header->empty()) return std::nullopt;
    return json::value(json::string(*header));
}

void take_out(json::object& object, const Path& path) {
    json::object* container = &object;
    const auto& segments = path.segments();
    for (std::size_t index = 0; index + 1 < segments.size(); ++index) {
        json::value* below = container->if_contains(segments[index].name);
        if (below == nullptr || !below->is_object()) return;
        container = &below->get_object();
    }
    container->erase(segments.back().name);
}

bool holds(const RestCondition& condition, const json::value& value) {
    if (!condition.field) return true;
    const json::value* found = find_in(condition.field, value);
    const bool present = found != nullptr && !found->is_null();
    if (condition.present && *condition.present != present) return false;
    if (condition.equals) {
        const bool equal = found == nullptr ? condition.equals->is_null() : equal_values(*found, *condition.equals);
        if (!equal) return false;
    }
    if (condition.above && (!present || !found->is_number() || !(found->to_number<double>() > *condition.above)))
        return false;
    if (condition.contains.empty() && condition.starts_with.empty()) return true;
    const auto text = present ? scalar_text(*found) : std::nullopt;
    if (!text) return false;
    return text->find(condition.contains) != std::string::npos && text->starts_with(condition.starts_with);
}

bool any_holds(const std::vector<RestCondition>& conditions, const json::value& value) {
    return std::any_of(conditions.begin(), conditions.end(),
                       [&](const RestCondition& condition) { return holds(condition, value); });
}

namespace {

bool applies(const RestAnswerRule& rule, RestAction action, unsigned status, const json::value& body,
             std::string_view text) {
    const auto within = [&](const auto& range) { return status >= range.first && status <= range.second; };
    if (!rule.statuses.empty() && std::none_of(rule.statuses.begin(), rule.statuses.end(), within)) return false;
    if (!rule.actions.empty() && std::find(rule.actions.begin(), rule.actions.end(), action) == rule.actions.end())
        return false;
    if (rule.condition && (!body.is_object() || !holds(*rule.condition, body))) return false;
    return rule.body_contains.empty() || text.find(rule.body_contains) != std::string_view::npos;
}

RestMeaning meaning_of_refusal(RestAction action, unsigned status) {
    const bool write = is_write(action);
    switch (status) {
    case 401:
        return RestMeaning::reauthenticate;
    case 403:
        return RestMeaning::forbidden;
    case 404:
        return action == RestAction::get || action == RestAction::update || action == RestAction::remove
                   ? RestMeaning::gone
                   : RestMeaning::stop;
    case 410:
        return action == RestAction::check || action == RestAction::create ? RestMeaning::stop : RestMeaning::gone;
    case 408:
        return write ? RestMeaning::unknown : RestMeaning::retry;
    case 409:
        if (action == RestAction::create) return RestMeaning::exists;
        return write ? RestMeaning::conflict : RestMeaning::stop;
    case 412:
        return write ? RestMeaning::conflict : RestMeaning::stop;
    case 400:
    case 413:
    case 422:
        return write && action != RestAction::batch ? RestMeaning::invalid : RestMeaning::stop;
    case 425: // too early: not processed
        return RestMeaning::retry;
    case 429:
        return RestMeaning::throttled;
    default:
        return RestMeaning::stop;
    }
}

} // namespace

RestMeaning meaning_of(const RestDescription& description, RestAction action, unsigned status, const json::value& body,
                       std::string_view text) {
    for (const RestAnswerRule& rule : description.answers)
        if (applies(rule, action, status, body, text)) return rule.means;
    if (status >= 200 && status < 300) return RestMeaning::success;
    if (status == 501 || status == 505) return RestMeaning::stop;
    if (status >= 500) return is_write(action) ? RestMeaning::unknown : RestMeaning::retry;
    return meaning_of_refusal(action, status);
}

namespace {

// The form that is written today: of the two others one has a year of two digits, which means nothing in a record.
std::optional<Timestamp> read_http_date(std::string_view text) {
    static const TimeFormat format = TimeFormat::parse("%a, %d %b %Y %H:%M:%S GMT").value();
    const auto reading = format.read(text);
    if (!reading) return std::nullopt;
    return Timestamp(reading->local.time_since_epoch());
}

} // namespace

std::optional<Timestamp> RestTimeFormat::read(const json::value& value) const {
    // Year 1 to 9999, in milliseconds: beyond it no time can be written.
    constexpr double least = -62'135'596'800'000.0;
    constexpr double most = 253'402'300'799'999.0;
    if (kind == Kind::seconds || kind == Kind::milliseconds) {
        if (!value.is_number()) return std::nullopt;
        const double number = value.to_number<double>() * (kind == Kind::seconds ? 1000 : 1);
        if (!(number >= least && number <= most)) return std::nullopt;
        return Timestamp(std::chrono::milliseconds(std::llround(number)));
    }
    const auto* text = value.if_string();
    if (text == nullptr) return std::nullopt;
    if (kind == Kind::http_date) return read_http_date(*text);
    const auto reading = kind == Kind::iso ? read_iso_time(*text) : pattern.read(*text);
    if (!reading) return std::nullopt;
    // Without an offset it is UTC: the description says so by its format.
    return Timestamp(reading->local.time_since_epoch() - reading->offset.value_or(std::chrono::minutes(0)));
}

json::value RestTimeFormat::write(Timestamp time) const {
    const LocalTime local(time.time_since_epoch());
    switch (kind) {
    case Kind::iso:
        return json::value(to_string(time));
    case Kind::seconds:
        return json::value(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
    case Kind::milliseconds:
        return json::value(time.time_since_epoch().count());
    case Kind::http_date:
        return json::value(to_http_date(time));
    case Kind::pattern:
        return json::value(pattern.write(local, {}));
    }
    return nullptr;
}

namespace {

Error bad_record(std::string message) { return {ErrorCode::invalid_record, std::move(message)}; }

std::string shown(const Path& path) {
    std::string text;
    for (const Path::Segment& segment : path.segments())
        text.append(text.empty() ? "" : ".").append(segment.name);
    return text;
}

Result<> read_id(const RestEntity& entity, const json::object& fields, Record& record) {
    const json::value* id = entity.id.find(fields);
    if (id == nullptr) return bad_record(fmt::format("has no id at {}", shown(entity.id)));
    record.integer_id = id->is_int64() || id->is_uint64();
    if (!record.integer_id && !id->is_string())
        return bad_record(fmt::format("the id at {} is {}, where text or a whole number is needed", shown(entity.id),
                                      describe_kind(*id)));
    record.id = *scalar_text(*id);
    if (record.id.empty() || record.id.size() > max_record_id_bytes)
        return bad_record(fmt::format("the id at {} has {} bytes; 1 to {} are taken", shown(entity.id),
                                      record.id.size(), max_record_id_bytes));
    return {};
}

Result<std::string> read_version(const RestEntity& entity, const json::object& fields) {
    if (entity.version) {
        const json::value* version = entity.version->find(fields);
        const auto text = version == nullptr ? std::nullopt : scalar_text(*version);
        if (text && !text->empty()) return *text;
        return bad_record(fmt::format("has no version at {}", shown(*entity.version)));
    }
    if (entity.unversioned.empty()) return hash128(to_canonical_json(fields));
    json::object counted = fields;
    for (const Path& path : entity.unversioned)
        take_out(counted, path);
    return hash128(to_canonical_json(counted));
}

} // namespace

Result<Record> read_record(const RestEntity& entity, const json::value& row) {
    const auto* fields = row.if_object();
    if (fields == nullptr) return bad_record(fmt::format("is {} and no object", describe_kind(row)));
    Record record;
    if (auto read = read_id(entity, *fields, record); !read) return read.error();
    if (const std::string number = marked_number(row); !number.empty())
        return bad_record(fmt::format("holds the number {}, which neither a 64-bit integer nor a double carries "
                                      "exactly; the system has to send it as text",
                                      number));
    if (entity.modified_at) {
        const json::value* time = entity.modified_at->find(*fields);
        if (time != nullptr && !time->is_null()) {
            record.modified_at = entity.modified_at_format.read(*time);
            if (!record.modified_at)
                return bad_record(
                    fmt::format("the time at {} is not in the described format", shown(*entity.modified_at)));
        }
    }
    if (entity.deleted && holds(*entity.deleted, row)) {
        record.deleted = true;
        return record;
    }
    auto version = read_version(entity, *fields);
    if (!version) return version.error();
    record.version = std::move(*version);
    record.fields = *fields;
    return record;
}

Result<std::optional<Record>> read_row(const RestEntity& entity, const json::value& row) {
    if (any_holds(entity.ignored, row)) return std::optional<Record>();
    auto record = read_record(entity, row);
    if (!record) return record.error();
    return std::optional<Record>(std::move(*record));
}

std::string next_link(const HttpHeaders& headers) {
    for (const HttpHeader& header : headers) {
        if (!equal_without_case(header.name, "Link")) continue;
        std::string_view rest = header.value;
        while (!rest.empty()) {
            const std::size_t open = rest.find('<');
            const std::size_t close = rest.find('>', open);
            if (open == std::string_view::npos || close == std::string_view::npos) break;
            const std::string_view target = rest.substr(open + 1, close - open - 1);
            // Parameters reach to the next link; a URL stands in < > and so holds no comma that ends one.
            const std::size_t end = std::min(rest.find('<', close), rest.size());
            std::string_view parameters = rest.substr(close + 1, end - close - 1);
            rest.remove_prefix(end);
            while (!parameters.empty()) {
                const std::size_t semicolon = std::min(parameters.find_first_of(";,"), parameters.size());
                std::string_view parameter = trimmed(parameters.substr(0, semicolon));
                parameters.remove_prefix(std::min(semicolon + 1, parameters.size()));
                const std::size_t equals = parameter.find('=');
                if (equals == std::string_view::npos ||
                    !equal_without_case(trimmed(parameter.substr(0, equals)), "rel"))
                    continue;
                std::string_view value = trimmed(parameter.substr(equals + 1));
                if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
                    value = value.substr(1, value.size() - 2);
                if (equal_without_case(value, "next")) return std::string(target);
            }
        }
    }
    return {};
}

json::object changed_members(const json::object& before, const json::object& after) {
    json::object changed;
    for (const auto& member : after) {
        const json::value* old = before.if_contains(member.key());
        if (old == nullptr || !equal_values(*old, member.value())) changed.emplace(member.key(), member.value());
    }
    for (const auto& member : before)
        if (!after.contains(member.key())) changed.emplace(member.key(), nullptr);
    return changed;
}

json::object merge_patch(const json::object& before, const json::object& after) {
    json::object patch;
    for (const auto& [key, value] : changed_members(before, after)) {
        const json::value* old = before.if_contains(key);
        if (old != nullptr && old->is_object() && value.is_object())
            patch.emplace(key, merge_patch(old->get_object(), value.get_object()));
        else
            patch.emplace(key, value);
    }
    return patch;
}

} // namespace castiel_sync
