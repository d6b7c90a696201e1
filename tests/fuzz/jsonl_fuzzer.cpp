// A .jsonl file and a push into it: every line is found and judged as it stands, and an edit touches its own line only.
#include "fuzzing.hpp"

#include <core/hashes.hpp>
#include <adapters/jsonl_line.hpp>
#include <adapters/jsonl_push.hpp>

#include <algorithm>
#include <array>
#include <map>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;

namespace {

using Kind = JsonlEntry::Kind;
using Status = PushOutcome::Status;

struct FileLine {
    std::string text;
    std::string end;          // "\n", "\r\n"; "\r" or nothing at the end of the file
    std::uint64_t offset = 0;
};

// The file as the documentation says it is read, by the simplest code.
struct Model {
    std::vector<FileLine> lines;
    std::map<std::string, std::vector<std::size_t>> places; // of the lines whose id is known, by id
    std::size_t blank = 0;

    Model(std::string_view content, const JsonlOptions& options) {
        std::uint64_t offset = 0;
        if (content.starts_with("\xef\xbb\xbf")) {
            content.remove_prefix(3);
            offset = 3;
        }
        while (!content.empty()) {
            const std::size_t found = content.find('\n');
            const std::size_t length = std::min(found, content.size());
            FileLine line;
            line.offset = offset;
            line.text = content.substr(0, length);
            if (found != std::string_view::npos) line.end = "\n";
            if (line.text.ends_with('\r')) {
                line.text.pop_back();
                line.end.insert(0, "\r");
            }
            const std::size_t taken = line.text.size() + line.end.size();
            content.remove_prefix(taken);
            offset += taken;
            lines.push_back(std::move(line));
        }
        std::string scratch;
        for (std::size_t place = 0; place < lines.size(); ++place) {
            const std::string& text = lines[place].text;
            if (text.find_first_not_of(" \t\r") == std::string::npos && text.size() <= options.max_line_bytes) ++blank;
            if (text.size() > options.max_line_bytes) continue;
            const LineId id = read_line_id(text, options, scratch);
            if (id.kind == LineId::Kind::known) places[std::string(id.text)].push_back(place);
        }
    }
};

void check_line(std::string_view line, const JsonlOptions& options) {
    require(is_utf8(make_payload(line)), "a payload is UTF-8");
    std::string scratch;
    const LineId id = read_line_id(line, options, scratch);
    const auto record = parse_line(line, options);
    if (!record) {
        require(record.error().code == ErrorCode::invalid_record, "a faulty line is an invalid record");
        return require_readable(record.error());
    }
    require(id.kind == LineId::Kind::known, "the id of a valid line is known", line);
    require(id.text == record->id && id.integer == record->integer_id, "both ways to read an id agree", line);
    require(!record->id.empty() && record->id.size() <= max_record_id_bytes && is_utf8(record->id),
            "an id is 1 to 512 bytes of UTF-8", line);
    const auto made = make_line(record->fields, record->id, record->integer_id, options);
    if (!made) { // escapes that writing adds may make the line too long
        require(made.error().message.find("maxLineBytes") != std::string::npos, "what was read can be written",
                made.error().message);
        return;
    }
    require(made->text.find('\n') == std::string::npos, "a record is one line", made->text);
    const auto again = parse_line(made->text, options);
    require(again.has_value(), "what was written can be read", made->text);
    require(again->id == record->id && again->integer_id == record->integer_id, "an id survives", made->text);
    require(identical(again->fields, record->fields), "the fields survive", made->text);
    require(again->version == made->record.version && again->modified_at == made->record.modified_at,
            "a writer knows what will be read", made->text);
}

JsonlSnapshot take(const MemoryFile& file, const JsonlOptions& options) {
    auto taken = JsonlSnapshot::take(file.path(), "file.jsonl", options);
    require(taken.has_value(), "a file can be read", taken ? "" : taken.error().message);
    require(taken->has_value(), "a file at rest is read at the first attempt");
    return std::move(**taken);
}

void check_index(JsonlSnapshot& snapshot, const Model& model, const JsonlOptions& options) {
    require(snapshot.entries().size() == model.lines.size() - model.blank, "every line has its entry");
    for (const JsonlEntry& entry : snapshot.entries()) {
        require(entry.line() >= 1 && entry.line() <= model.lines.size(), "an entry stands on a line of the file");
        const FileLine& line = model.lines[entry.line() - 1];
        require(entry.offset() == line.offset, "an entry knows where its line begins");
        require((entry.kind() == Kind::over_long) == (line.text.size() > options.max_line_bytes),
                "a line is over-long above the limit only");
        if (entry.kind() == Kind::over_long) continue;
        const auto read = snapshot.read(entry);
        require(read.has_value() && read->has_value(), "an entry can be read");
        require((**read).text == line.text && (**read).end_length == line.end.size(), "what is read is the line");
    }
    for (const auto& [id, places] : model.places) {
        const auto found = snapshot.find(id);
        require(found.has_value() && found->has_value(), "an id can be looked up");
        const bool once = places.size() == 1;
        require((**found).state == (once ? JsonlLookup::State::present : JsonlLookup::State::duplicate),
                "an id is found, and what stands twice is said to");
        if (once) require((**found).line.text == model.lines[places.front()].text, "an id leads to its line");
    }
}

// What the items drawn from the input come to, line by line.
struct Push {
    std::map<std::string, std::optional<std::string>> edited;                // in the file; nullopt: removed
    std::vector<std::pair<std::string, std::optional<std::string>>> created; // behind it, in order
};

json::object fields_for(FuzzedDataProvider& input) {
    json::object fields;
    if (input.ConsumeBool()) fields["name"] = "Ada";
    if (input.ConsumeBool()) fields["note"] = std::string(input.ConsumeIntegralInRange<std::size_t>(0, 80), 'x');
    if (input.ConsumeBool()) fields["line"] = "\r\n";
    return fields;
}

PushItem draw_item(FuzzedDataProvider& input, const Model& model) {
    PushItem item;
    item.action = static_cast<PushItem::Action>(input.ConsumeIntegralInRange(0, 2));
    item.idempotency_key = input.ConsumeBool() ? "one" : "two";
    if (input.ConsumeBool() || model.places.empty())
        item.id = id_from_key(item.idempotency_key);
    else
        item.id = std::next(model.places.begin(), static_cast<std::ptrdiff_t>(input.ConsumeIntegralInRange<std::size_t>(
                                                      0, model.places.size() - 1)))
                      ->first;
    if (item.action == PushItem::Action::create) item.id.clear();
    if (item.action != PushItem::Action::remove) item.fields = fields_for(input);
    return item;
}

// Notes an outcome that says applied.
void note(Push& push, const Model& model, const PushItem& item, const PushOutcome& outcome,
          const JsonlOptions& options) {
    const bool creates = item.action == PushItem::Action::create;
    const std::string id = creates ? id_from_key(item.idempotency_key) : item.id;
    const auto created = std::find_if(push.created.rbegin(), push.created.rend(),
                                      [&](const auto& one) { return one.first == id && one.second; });
    const auto place = model.places.find(id);
    const bool behind = created != push.created.rend();
    const auto edit = push.edited.find(id);
    const bool in_file = place != model.places.end() && (edit == push.edited.end() || edit->second);
    if (item.action == PushItem::Action::remove) {
        if (behind)
            created->second.reset();
        else if (in_file)
            push.edited[id].reset();
        return;
    }
    if (creates && (behind || in_file)) return; // made by an earlier create
    bool integer = false;
    if (in_file) {
        std::string scratch;
        integer = read_line_id(model.lines[place->second.front()].text, options, scratch).integer;
    }
    auto line = make_line(item.fields, id, integer, options);
    require(line.has_value(), "what was applied can be a line", line ? "" : line.error().message);
    require(outcome.id == id && outcome.version == line->record.version, "an outcome tells what was written");
    if (behind)
        created->second = line->text;
    else if (in_file)
        push.edited[id] = line->text;
    else
        push.created.emplace_back(id, line->text);
}

std::string expected_content(const std::string& content, const Model& model, const Push& push) {
    std::string expected = content.starts_with("\xef\xbb\xbf") ? "\xef\xbb\xbf" : "";
    const std::string end = !model.lines.empty() && model.lines.front().end == "\r\n" ? "\r\n" : "\n";
    std::map<std::size_t, std::optional<std::string>> by_line;
    for (const auto& [id, text] : push.edited)
        by_line.emplace(model.places.at(id).front(), text);
    std::string missing;
    for (std::size_t place = 0; place < model.lines.size(); ++place) {
        const auto edit = by_line.find(place);
        if (edit != by_line.end() && !edit->second) continue;
        expected += edit == by_line.end() ? model.lines[place].text : *edit->second;
        expected += model.lines[place].end;
        missing = model.lines[place].end.ends_with('\n') ? "" : model.lines[place].end == "\r" ? "\n" : end;
    }
    for (const auto& [id, text] : push.created) {
        if (!text) continue;
        expected += std::exchange(missing, {}) + *text + end;
    }
    return expected;
}

std::string index_of(const JsonlSnapshot& snapshot) {
    std::string text = std::to_string(snapshot.records()) + " records\n";
    for (const JsonlEntry& entry : snapshot.entries()) {
        for (const std::uint64_t part : {std::uint64_t{entry.line()}, static_cast<std::uint64_t>(entry.kind()),
                                         entry.hash(), entry.offset(), std::uint64_t{entry.length()}})
            text += std::to_string(part) + ' ';
        text += '\n';
    }
    return text;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const MemoryFile file("before"), rewritten_file("after");
    FuzzedDataProvider input(data, size);
    JsonlOptions options;
    if (input.ConsumeBool()) options.id_field = "key";
    options.max_line_bytes = input.PickValueInArray<std::size_t>({48, 160, 16 * 1024 * 1024});
    const auto count = input.ConsumeIntegralInRange<std::size_t>(0, 4);
    std::array<std::uint64_t, 4> draws{};
    for (std::size_t place = 0; place < count; ++place)
        draws[place] = input.ConsumeIntegral<std::uint64_t>();
    const std::string content = input.ConsumeRemainingBytesAsString();

    const Model model(content, options);
    for (const FileLine& line : model.lines)
        if (line.text.size() <= options.max_line_bytes) check_line(line.text, options);
    file.write(content);
    JsonlSnapshot snapshot = take(file, options);
    check_index(snapshot, model, options);

    if (count == 0) return 0;
    Push expected;
    JsonlPush push(snapshot);
    for (std::size_t place = 0; place < count; ++place) {
        FuzzedDataProvider draw(reinterpret_cast<const std::uint8_t*>(&draws[place]), sizeof(draws[place]));
        const PushItem item = draw_item(draw, model);
        const auto outcome = push.apply(item);
        require(outcome.has_value() && outcome->has_value(), "a file at rest can be pushed to");
        if ((**outcome).error) require_readable(*(**outcome).error);
        require(((**outcome).status == Status::rejected) == (**outcome).error.has_value(), "a refusal has its reason");
        if ((**outcome).status == Status::applied) note(expected, model, item, **outcome, options);
    }
    const auto edits = push.take_edits();
    const auto appended = push.take_appended();
    rewritten_file.write("");
    FileDescriptor out(::dup(rewritten_file.number()));
    require(::lseek(out.number(), 0, SEEK_SET) == 0, "a file in memory can be written from its beginning");
    const auto whole = write_rewritten(snapshot, edits, appended, out);
    require(whole.has_value() && *whole, "a file at rest can be rewritten");
    const std::string content_now = rewritten_file.read();
    require(content_now == expected_content(content, model, expected), "an edit touches its own line only",
            content_now);

    const auto derived = std::move(snapshot).rewritten(std::move(out), edits, appended);
    require(derived.has_value(), "the index follows its file");
    // A line that came to stand first may begin with what is a byte order mark there.
    const bool marked = content_now.starts_with("\xef\xbb\xbf") && !content.starts_with("\xef\xbb\xbf");
    require(derived->has_value() != marked, "the index follows its file");
    if (marked) return 0;
    const std::string kept = index_of(**derived), anew = index_of(take(rewritten_file, options));
    require(kept == anew, "an index derived is an index made anew", content_now + "\n" + kept + "and\n" + anew);
    return 0;
}
