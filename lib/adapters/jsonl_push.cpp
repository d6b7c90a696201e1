#include <core/hashes.hpp>
#include <adapters/jsonl_push.hpp>

#include <fmt/format.h>

namespace castiel_sync {
namespace {

using Action = PushItem::Action;
using Status = PushOutcome::Status;

PushOutcome outcome_of(Status status, std::optional<Error> error = std::nullopt) {
    PushOutcome outcome;
    outcome.status = status;
    outcome.error = std::move(error);
    return outcome;
}

PushOutcome written(NewLine& line, bool tell_fields) {
    PushOutcome outcome;
    outcome.status = Status::applied;
    outcome.id = std::move(line.record.id);
    outcome.integer_id = line.record.integer_id;
    outcome.version = std::move(line.record.version);
    outcome.modified_at = line.record.modified_at;
    if (tell_fields) outcome.fields = std::move(line.record.fields);
    return outcome;
}

} // namespace

Steady<PushOutcome> JsonlPush::apply(const PushItem& item) {
    const bool creates = item.action == Action::create;
    if ((creates ? item.idempotency_key : item.id).empty()) {
        const std::string_view what = creates ? "a create needs an idempotency key, from which its id is made"
                                              : "an update or a removal needs the record's id";
        return std::optional(outcome_of(Status::rejected, Error(ErrorCode::invalid_request, std::string(what))));
    }
    const std::string id = creates ? id_from_key(item.idempotency_key) : item.id;
    // A version that matches was read from a valid line; without one, the line has to be looked at.
    auto found = know(id, item.expected_version.empty());
    if (!found) return found.error();
    if (!*found) return std::optional<PushOutcome>();
    Known& known = ***found;
    if (known.obstacle) return std::optional(outcome_of(Status::rejected, known.obstacle));
    if (creates) return std::optional(create(item, id, known));
    if (!known.present) return std::optional(without_record(item));
    if (!item.expected_version.empty() && item.expected_version != known.version)
        return std::optional(outcome_of(Status::stale));
    return std::optional(item.action == Action::update ? update(item, known) : remove(item, known));
}

Steady<JsonlPush::Known*> JsonlPush::know(const std::string& id, bool parsed) {
    const auto place = known_.find(id);
    if (place != known_.end() && (place->second.parsed || !parsed)) return std::optional(&place->second);
    auto lookup = snapshot_.find(id);
    if (!lookup) return lookup.error();
    if (!*lookup) return std::optional<Known*>();
    Known& known = known_[id];
    known = look_at(**lookup, id, parsed);
    return std::optional(&known);
}

JsonlPush::Known JsonlPush::look_at(const JsonlLookup& lookup, const std::string& id, bool parsed) {
    Known known;
    known.parsed = parsed;
    if (lookup.state == JsonlLookup::State::duplicate)
        known.obstacle =
            Error(ErrorCode::invalid_record, fmt::format("{}: the id \"{}\" stands on lines {}; keep one of them",
                                                         snapshot_.path(), id, lookup.lines));
    if (lookup.state != JsonlLookup::State::present) return known;
    if (parsed) {
        auto record = parse_line(lookup.line.text, snapshot_.options());
        if (record)
            known.fields = std::move(record->fields);
        else
            known.obstacle = Error(ErrorCode::invalid_record,
                                   fmt::format("{}: {}", snapshot_.place(*lookup.entry), record.error().message));
    }
    std::string scratch;
    known.present = true;
    known.integer_id = read_line_id(lookup.line.text, snapshot_.options(), scratch).integer;
    known.version = line_version(lookup.line.text);
    known.offset = lookup.entry->offset();
    known.length = lookup.entry->length();
    known.end_length = lookup.line.end_length;
    return known;
}

PushOutcome JsonlPush::create(const PushItem& item, const std::string& id, Known& known) {
    auto line = make_line(item.fields, id, false, snapshot_.options());
    if (!line) return outcome_of(Status::rejected, line.error());
    if (known.present) {
        // An earlier create with this key made the record. Somebody may have edited it since; the version answered is
        // the one that it was made with, so that such an edit is still seen as one.
        const bool edited = known.version != line->record.version;
        PushOutcome outcome = written(*line, true);
        if (edited) outcome.fields = present_fields(known);
        return outcome;
    }
    write(known, id, line->text);
    known.present = true;
    known.version = line->record.version;
    return written(*line, true);
}

PushOutcome JsonlPush::update(const PushItem& item, Known& known) {
    auto line = make_line(item.fields, item.id, known.integer_id, snapshot_.options());
    if (!line) return outcome_of(Status::rejected, line.error());
    if (line->record.version != known.version) write(known, item.id, line->text);
    known.version = line->record.version;
    return written(*line, line->record.fields.size() != item.fields.size());
}

PushOutcome JsonlPush::remove(const PushItem& item, Known& known) {
    write(known, item.id, std::nullopt);
    known.present = false;
    return outcome_of(Status::applied);
}

PushOutcome JsonlPush::without_record(const PushItem& item) const {
    if (const JsonlEntry* line = snapshot_.unreadable())
        return outcome_of(Status::rejected,
                          Error(ErrorCode::invalid_record,
                                fmt::format("{} can't be read and may be the record \"{}\"; mend that line",
                                            snapshot_.place(*line), item.id)));
    return outcome_of(item.action == Action::update ? Status::absent : Status::applied);
}

void JsonlPush::write(Known& known, const std::string& id, std::optional<std::string> text) {
    known.parsed = true;
    if (known.appended) {
        appended_[*known.appended].second = std::move(text);
        if (!appended_[*known.appended].second) known.appended.reset();
    } else if (known.present) {
        JsonlEdit edit;
        edit.offset = known.offset;
        edit.length = known.length;
        edit.end_length = known.end_length;
        edit.new_text = std::move(text);
        edits_.insert_or_assign(known.offset, std::move(edit));
    } else {
        known.appended = appended_.size();
        appended_.emplace_back(id, std::move(text));
    }
}

json::object JsonlPush::present_fields(const Known& known) const {
    const auto edit = edits_.find(known.offset);
    if (!known.appended && edit == edits_.end()) return known.fields;
    const auto& text = known.appended ? appended_[*known.appended].second : edit->second.new_text;
    return parse_line(*text, snapshot_.options()).value().fields; // our own line, read back when it was made
}

std::vector<JsonlEdit> JsonlPush::take_edits() {
    std::vector<JsonlEdit> edits;
    edits.reserve(edits_.size());
    for (auto& [offset, edit] : edits_)
        edits.push_back(std::move(edit));
    return edits;
}

std::vector<std::pair<std::string, std::string>> JsonlPush::take_appended() {
    std::vector<std::pair<std::string, std::string>> lines;
    for (auto& [id, text] : appended_)
        if (text) lines.emplace_back(std::move(id), std::move(*text));
    return lines;
}

} // namespace castiel_sync
