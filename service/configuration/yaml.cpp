#include "yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <sstream>

namespace castiel_sync::service {
namespace {

// Aliases can make a short text unfold into an endless document.
constexpr std::size_t max_depth = 64;
constexpr std::size_t max_nodes = 200'000;

bool is_integer(std::string_view text) {
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_decimal(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t start = at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9')
            ++at;
        return at - start;
    };
    const auto sign = [&] { at += at < text.size() && (text[at] == '-' || text[at] == '+') ? 1 : 0; };
    sign();
    std::size_t mantissa = digits();
    if (at < text.size() && text[at] == '.') {
        ++at;
        mantissa += digits();
    }
    if (mantissa == 0) return false;
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        sign();
        if (digits() == 0) return false;
    }
    return at == text.size();
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<json::value> read_integer(std::string_view text, int base) {
    if (const auto number = parse_number<std::int64_t>(text, base)) return json::value(*number);
    if (const auto number = parse_number<std::uint64_t>(text, base)) return json::value(*number);
    return std::nullopt;
}

std::optional<json::value> read_decimal(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
    return json::value(number);
}

// The parser reads the escapes \N and \_ (U+0085 and U+00A0) as a byte each, where all else of a text is UTF-8.
std::string text_of(const YAML::Node& scalar) {
    const std::string& read = scalar.Scalar();
    std::string text;
    for (std::size_t at = 0; at < read.size();) {
        const auto byte = static_cast<unsigned char>(read[at]);
        const bool alone = (byte & 0xC0U) == 0x80U;
        const std::size_t length = byte < 0xC0U ? 1 : byte < 0xE0U ? 2 : byte < 0xF0U ? 3 : 4;
        if (alone) text += '\xC2';
        text.append(read, at, length);
        at += length;
    }
    return text;
}

class Reader {
public:
    Reader(const std::string& source, LocatedDocument& document, std::vector<Fault>& faults)
        : source_(source), document_(document), faults_(faults) {}

    json::value read(const YAML::Node& node, const std::string& path, std::size_t depth) {
        Place place = place_of(node);
        if (depth > max_depth || ++nodes_ > max_nodes) {
            if (!exhausted_) fault(place, path, "is nested too deeply or too large (an alias that contains itself?)");
            exhausted_ = true;
            return nullptr;
        }
        place.plain = node.IsScalar() && node.Tag() == "?";
        document_.places[path] = place;
        switch (node.Type()) {
        case YAML::NodeType::Scalar:
            return read_scalar(node, path, place);
        case YAML::NodeType::Sequence:
            return read_sequence(node, path, depth);
        case YAML::NodeType::Map:
            return read_map(node, path, depth);
        default:
            return nullptr;
        }
    }

    // What exhausted the limits must not be looked at again for its consequences.
    [[nodiscard]] bool exhausted() const { return exhausted_; }

private:
    [[nodiscard]] Place place_of(const YAML::Node& node) const {
        Place place;
        place.source = source_;
        place.line = node.Mark().is_null() ? 0 : static_cast<std::size_t>(node.Mark().line) + 1;
        return place;
    }

    void fault(const Place& place, const std::string& path, std::string message) {
        faults_.push_back({place, path, std::move(message)});
    }

    json::value read_scalar(const YAML::Node& node, const std::string& path, const Place& place) {
        const std::string& tag = node.Tag();
        if (tag == "!" || tag == "tag:yaml.org,2002:str") return json::value(text_of(node));
        if (tag != "?" && !tag.empty()) {
            fault(place, path, "has the tag " + tag + ", which is not understood; leave it out");
            return nullptr;
        }
        if (auto value = read_plain_scalar(text_of(node))) return std::move(*value);
        fault(place, path, "is a number that can't be kept exactly; put it in quotes to mean text");
        return nullptr;
    }

    json::value read_sequence(const YAML::Node& node, const std::string& path, std::size_t depth) {
        json::array array;
        for (const YAML::Node& element : node) {
            if (exhausted_) break;
            array.push_back(read(element, element_path(path, array.size()), depth + 1));
        }
        return array;
    }

    json::value read_map(const YAML::Node& node, const std::string& path, std::size_t depth) {
        json::object object;
        for (const auto& entry : node) {
            if (exhausted_) break;
            if (!entry.first.IsScalar()) {
                fault(place_of(entry.first), path, "has a key that is not text");
                continue;
            }
            const std::string name = text_of(entry.first);
            const std::string below = member_path(path, name);
            if (object.contains(name)) {
                fault(place_of(entry.first), below,
                      "is given twice; the first one is in line " + std::to_string(document_.places[below].line));
                continue;
            }
            object[name] = read(entry.second, below, depth + 1);
            // A nested block begins on a later line than its key, and the key is what a person looks for.
            if (!exhausted_) document_.places[below].line = place_of(entry.first).line;
        }
        return object;
    }

    const std::string& source_;
    LocatedDocument& document_;
    std::vector<Fault>& faults_;
    std::size_t nodes_ = 0;
    bool exhausted_ = false;
};

// YAML allows none but tabs and line ends. The parser takes U+0004 for the end of the text, and changes what follows
// U+0000.
std::size_t first_line_with_control_character(std::string_view text) {
    const auto is_control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    };
    const auto found = std::ranges::find_if(text, is_control);
    return found == text.end() ? 0 : static_cast<std::size_t>(std::count(text.begin(), found, '\n')) + 1;
}

// Keeps nothing but where documents and their contents begin.
class DocumentStarts final : public YAML::EventHandler {
public:
    void OnDocumentStart(const YAML::Mark& mark) override { documents.push_back(mark); }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { note(mark); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { note(mark); }
    void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string&) override {
        note(mark);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        note(mark);
    }
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
        note(mark);
    }
    void OnMapEnd() override {}

    std::vector<YAML::Mark> documents;
    std::vector<YAML::Mark> contents;

private:
    void note(const YAML::Mark& mark) {
        if (contents.size() < documents.size()) contents.push_back(mark);
    }
};

// Where the contents of the first two documents begin. YAML::LoadAll takes a comma that stands where a document should
// for one empty document after the other, until memory ends.
std::vector<YAML::Mark> find_documents(const std::string& text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    DocumentStarts starts;
    while (starts.documents.size() < 2 && parser.HandleNextDocument(starts)) {
    }
    if (starts.documents.size() == 2 && starts.documents[0].pos == starts.documents[1].pos)
        throw YAML::ParserException(starts.documents[0], "a comma has no place here");
    return starts.contents;
}

// The parser puts another character where bytes are no UTF-8, so that a password or a path would silently change.
std::size_t first_line_without_utf8(std::string_view text) {
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const json::value written(text.substr(0, end));
        const auto carried = parse_json(to_json(written)); // which shows U+FFFD for what is no UTF-8
        if (!carried || *carried != written) return line;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return 0;
}

} // namespace

std::optional<json::value> read_plain_scalar(std::string_view text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return json::value(nullptr);
    if (text == "true" || text == "True" || text == "TRUE") return json::value(true);
    if (text == "false" || text == "False" || text == "FALSE") return json::value(false);
    if (text.starts_with("0x") && text.size() > 2) {
        if (const auto number = read_integer(text.substr(2), 16)) return number;
    } else if (text.starts_with("0o") && text.size() > 2) {
        if (const auto number = read_integer(text.substr(2), 8)) return number;
    } else if (is_integer(text)) {
        return read_integer(text.starts_with('+') ? text.substr(1) : text, 10);
    } else if (is_decimal(text)) {
        return read_decimal(text.starts_with('+') ? text.substr(1) : text);
    }
    return json::value(json::string(text));
}

LocatedDocument read_yaml(const std::string& text, const std::string& source, std::vector<Fault>& faults) {
    LocatedDocument document;
    Place whole;
    whole.source = source;
    if (const std::size_t line = first_line_without_utf8(text)) {
        whole.line = line;
        faults.push_back({whole, "", "holds bytes that are not UTF-8; save the file as UTF-8"});
        return document;
    }
    if (const std::size_t line = first_line_with_control_character(text)) {
        whole.line = line;
        faults.push_back(
            {whole, "", "holds a control character; remove it, or write it as an escape in double quotes"});
        return document;
    }
    try {
        const std::vector<YAML::Mark> found = find_documents(text);
        if (found.size() > 1) {
            whole.line = static_cast<std::size_t>(found[1].line) + 1;
            faults.push_back({whole, "", "holds more than one YAML document; keep one"});
            return document;
        }
        const YAML::Node first = YAML::Load(text);
        if (first.IsNull()) return document;
        if (!first.IsMap()) {
            whole.line = static_cast<std::size_t>(first.Mark().line) + 1;
            faults.push_back({whole, "", "must hold keys and values, such as `storage:`"});
            return document;
        }
        Reader reader(source, document, faults);
        document.value = reader.read(first, "", 0);
        document.places[""].line = 0;
        if (reader.exhausted()) document.value = json::object();
    } catch (const YAML::Exception& error) {
        whole.line = error.mark.is_null() ? 0 : static_cast<std::size_t>(error.mark.line) + 1;
        // It may quote half a character.
        const json::value message = parse_json(to_json(json::value(error.msg))).value();
        faults.push_back(
            {whole, "",
             "is not valid YAML: " + std::string(message.get_string()) +
                 (text.find("${") == std::string::npos ? "" : " (put ${…} in quotes inside { } and [ ])")});
    }
    return document;
}

} // namespace castiel_sync::service
