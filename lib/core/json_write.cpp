// Writing: member order and number kinds as they are, or the canonical form that equal values share.
#include <castiel_sync/json.hpp>
#include <core/json_number.hpp>
#include <core/json_text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

using Member = const json::key_value_pair*;

// 0: as it is. 'u': as \u00xx. 0x80: not ASCII, to be checked. Else: the letter behind the backslash.
constexpr unsigned char not_ascii = 0x80;
constexpr std::string_view replacement_character = "\xef\xbf\xbd";
constexpr std::array<unsigned char, 256> escapes = [] {
    std::array<unsigned char, 256> table{};
    for (std::size_t byte = 0; byte < 0x20; ++byte)
        table[byte] = 'u';
    for (std::size_t byte = 0x80; byte < 0x100; ++byte)
        table[byte] = not_ascii;
    table['\b'] = 'b';
    table['\t'] = 't';
    table['\n'] = 'n';
    table['\f'] = 'f';
    table['\r'] = 'r';
    table['"'] = '"';
    table['\\'] = '\\';
    return table;
}();

// Whether all of these bytes stand in JSON as they are; without a branch, so that the compiler uses vectors.
template <std::size_t size>
bool all_plain(const char* text) {
    std::array<signed char, size> bytes{};
    std::memcpy(bytes.data(), text, size);
    signed char special = 0;
    for (const signed char byte : bytes) // below ' ': a control character, or (negative) not ASCII
        special |= static_cast<signed char>((byte < ' ') | (byte == '"') | (byte == '\\'));
    return special == 0;
}

// How many bytes at the front of the text do so. Many at a time: most texts are such bytes only.
std::size_t plain_length(std::string_view text) {
    std::size_t place = 0;
    while (place + 64 <= text.size() && all_plain<64>(text.data() + place))
        place += 64;
    while (place + 16 <= text.size() && all_plain<16>(text.data() + place))
        place += 16;
    while (place < text.size() && escapes[static_cast<unsigned char>(text[place])] == 0)
        ++place;
    return place;
}

// Room that a thread keeps between calls. It holds nothing that the next call reads.
struct Room {
    std::vector<char> text = std::vector<char>(1024);
    std::vector<Member> members;

    // Fit for the common record; the room of an uncommonly large one is given back.
    void shrink() {
        constexpr std::size_t kept_bytes = 256 * 1024;
        if (text.size() > kept_bytes || members.capacity() > kept_bytes / sizeof(Member)) *this = Room();
    }
};

class Writer {
public:
    Writer(Room& room, bool canonical)
        : room_(room), cursor_(room.text.data()), end_(cursor_ + room.text.size()), canonical_(canonical) {
        room_.members.clear();
    }

    void write(std::string_view text) { put_string(text); }

    void write(const json::object& object) { canonical_ ? write_sorted(object) : write_in_order(object); }

    void write(const json::value& value) {
        switch (value.kind()) {
        case json::kind::null:
            put("null");
            break;
        case json::kind::bool_:
            put(value.get_bool() ? "true" : "false");
            break;
        case json::kind::int64:
            put_integer(value.get_int64());
            break;
        case json::kind::uint64:
            put_integer(value.get_uint64());
            break;
        case json::kind::double_:
            put_double(value.get_double());
            break;
        case json::kind::string:
            put_string(value.get_string());
            break;
        case json::kind::array:
            write(value.get_array());
            break;
        case json::kind::object:
            write(value.get_object());
            break;
        }
    }

    [[nodiscard]] std::string_view written() const {
        return {room_.text.data(), static_cast<std::size_t>(cursor_ - room_.text.data())};
    }

private:
    void write(const json::array& array) {
        put('[');
        bool first = true;
        for (const auto& element : array) {
            if (!std::exchange(first, false)) put(',');
            write(element);
        }
        put(']');
    }

    void write_in_order(const json::object& object) {
        put('{');
        bool first = true;
        for (const auto& member : object)
            write_member(member, first);
        put('}');
    }

    // The members of this object stand on top of those of the objects around it.
    void write_sorted(const json::object& object) {
        auto& members = room_.members;
        const auto begin = static_cast<std::ptrdiff_t>(members.size());
        for (const auto& member : object)
            members.push_back(&member);
        const auto by_name = [](Member left, Member right) { return left->key() < right->key(); };
        if (!std::is_sorted(members.begin() + begin, members.end(), by_name))
            std::sort(members.begin() + begin, members.end(), by_name);
        put('{');
        bool first = true;
        for (std::size_t place = 0; place < object.size(); ++place)
            write_member(*members[static_cast<std::size_t>(begin) + place], first);
        put('}');
        members.resize(static_cast<std::size_t>(begin));
    }

    void write_member(const json::key_value_pair& member, bool& first) {
        if (!std::exchange(first, false)) put(',');
        put_string(member.key());
        put(':');
        write(member.value());
    }

    void put_string(std::string_view text) {
        make_room(text.size() + 2);
        *cursor_++ = '"';
        while (!text.empty()) {
            const std::size_t plain = plain_length(text);
            put(text.substr(0, plain));
            text.remove_prefix(plain);
            if (!text.empty()) text.remove_prefix(put_special(text));
        }
        put('"');
    }

    // Puts the character at the front of the text, which is not plain; answers how many bytes it has there.
    std::size_t put_special(std::string_view text) {
        const auto byte = static_cast<unsigned char>(text.front());
        const unsigned char escape = escapes[byte];
        if (escape == not_ascii) {
            const std::size_t length = utf8_length(text);
            put(length == 0 ? replacement_character : text.substr(0, length));
            return std::max<std::size_t>(length, 1);
        }
        put('\\');
        put(static_cast<char>(escape));
        if (escape == 'u') {
            constexpr std::string_view alphabet = "0123456789abcdef";
            put("00");
            put(alphabet[byte >> 4]);
            put(alphabet[byte & 0xf]);
        }
        return 1;
    }

    void put_double(double value) {
        if (canonical_) {
            if (const auto integer = as_int64(value)) return put_integer(*integer);
            if (const auto integer = as_uint64(value)) return put_integer(*integer);
        }
        make_room(double_text_bytes);
        cursor_ = write_double(cursor_, value);
    }

    template <class Integer>
    void put_integer(Integer value) {
        make_room(24);
        cursor_ = std::to_chars(cursor_, end_, value).ptr;
    }

    void put(char character) {
        make_room(1);
        *cursor_++ = character;
    }

    void put(std::string_view text) {
        make_room(text.size());
        cursor_ = std::copy(text.begin(), text.end(), cursor_);
    }

    void make_room(std::size_t bytes) {
        if (static_cast<std::size_t>(end_ - cursor_) >= bytes) return;
        const std::size_t used = written().size();
        room_.text.resize(std::max(2 * room_.text.size(), used + bytes));
        cursor_ = room_.text.data() + used;
        end_ = room_.text.data() + room_.text.size();
    }

    Room& room_;
    char* cursor_;
    char* end_;
    bool canonical_;
};

template <class Value>
void append(std::string& out, const Value& value, bool canonical) {
    thread_local Room room;
    Writer writer(room, canonical);
    writer.write(value);
    out += writer.written();
    room.shrink();
}

} // namespace

std::string to_json(const json::value& value) {
    std::string text;
    append(text, value, false);
    return text;
}

void append_json(std::string& out, const json::value& value) { append(out, value, false); }

void append_json_object(std::string& out, const json::object& object) { append(out, object, false); }

void append_json_string(std::string& out, std::string_view text) {
    if (plain_length(text) != text.size()) return append(out, text, false);
    out += '"';
    out += text;
    out += '"';
}

std::string to_canonical_json(const json::value& value) {
    std::string text;
    append(text, value, true);
    return text;
}

} // namespace castiel_sync
