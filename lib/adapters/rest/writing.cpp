#include <adapters/rest/writing.hpp>

#include <adapters/rest/values.hpp>

#include <fmt/format.h>

#include <utility>

namespace castiel_sync {
namespace {

// The value in the record whose text this is, so that a number is sent as a number.
json::value typed(const Path* path, const PushItem& item, const std::string& text) {
    if (path != nullptr)
        for (const json::object* record : {&item.previous, &item.fields}) {
            const json::value* value = path->find(*record);
            if (value != nullptr && scalar_text(*value) == text) return *value;
        }
    return json::string(text);
}

std::string last_part_of_path(std::string_view url) {
    url = url.substr(0, url.find_first_of("?#"));
    while (url.ends_with('/'))
        url.remove_suffix(1);
    const std::string_view part = url.substr(url.rfind('/') + 1);
    std::string decoded;
    const auto digit = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    for (std::size_t index = 0; index < part.size(); ++index) {
        const bool escape = part[index] == '%' && index + 2 < part.size() && digit(part[index + 1]) >= 0 &&
                            digit(part[index + 2]) >= 0;
        decoded += escape ? static_cast<char>(digit(part[index + 1]) * 16 + digit(part[index + 2])) : part[index];
        index += escape ? 2 : 0;
    }
    return decoded;
}

} // namespace

PushOutcome outcome_of(PushOutcome::Status status, Error error) {
    PushOutcome outcome;
    outcome.status = status;
    outcome.error = std::move(error);
    return outcome;
}

Result<> add_item_variables(const RestEntity& entity, const RestWrite* write, const PushItem& item,
                            const std::string& version, json::object& variables) {
    if (!item.idempotency_key.empty()) variables.emplace("key", item.idempotency_key);
    if (!item.id.empty()) variables.emplace("id", typed(&entity.id, item, item.id));
    if (!version.empty())
        variables.emplace("version", typed(entity.version ? &*entity.version : nullptr, item, version));
    if (write == nullptr) return {};
    json::object record = item.fields;
    json::object before = item.previous;
    for (const Path& path : write->omit) {
        take_out(record, path);
        take_out(before, path);
    }
    json::object changes = changed_members(before, record);
    json::object patch = merge_patch(before, record);
    for (const auto& [path, text] : write->set) {
        auto value = text.fill_value(variables);
        if (!value) return value.error();
        for (json::object* object : {&record, &changes, &patch}) {
            take_out(*object, path);
            if (!*value) continue;
            if (auto put = path.set(*object, **value); !put)
                return Error(ErrorCode::invalid_record, put.error().message);
        }
    }
    variables.emplace("record", std::move(record));
    variables.emplace("changes", std::move(changes));
    variables.emplace("mergePatch", std::move(patch));
    return {};
}

Result<PushOutcome> read_written(const RestEntity& entity, const RestWritten& written, const PushItem& item,
                                 const HttpHeaders& headers, const json::value& body) {
    PushOutcome outcome;
    outcome.status = PushOutcome::Status::applied;
    outcome.id = item.id;
    if (item.action == PushItem::Action::remove) return outcome;
    if (written.has_record) {
        const json::value* row = find_in(written.record, body);
        auto record = row == nullptr
                          ? Result<Record>(Error(ErrorCode::invalid_record, "is not where the description says"))
                          : read_record(entity, *row);
        if (!record) return Error(ErrorCode::invalid_record, "the record in the answer " + record.error().message);
        const bool creates = item.action == PushItem::Action::create;
        const bool named = !creates || entity.create->id_is_key;
        if (named && record->id != (creates ? item.idempotency_key : item.id))
            return Error(ErrorCode::invalid_record,
                         fmt::format("the record in the answer is {}, and another one was written", record->id));
        outcome.id = record->id;
        outcome.integer_id = record->integer_id;
        outcome.version = record->version;
        outcome.modified_at = record->modified_at;
        outcome.fields = std::move(record->fields);
        return outcome;
    }
    if (const auto version = value_at(written.version, headers, body))
        outcome.version = scalar_text(*version).value_or("");
    if (item.action != PushItem::Action::create) return outcome;
    if (const auto id = value_at(written.id, headers, body)) {
        outcome.id = scalar_text(*id).value_or("");
        outcome.integer_id = id->is_number();
    } else if (written.id_from_location) {
        const std::string* location = headers.find("Location");
        if (location != nullptr) outcome.id = last_part_of_path(*location);
    } else if (entity.create->id_is_key) {
        outcome.id = item.idempotency_key;
    }
    if (outcome.id.empty() || outcome.id.size() > max_record_id_bytes)
        return Error(ErrorCode::invalid_record, "the answer does not tell the id of the new record");
    return outcome;
}

} // namespace castiel_sync
