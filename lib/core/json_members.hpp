// One description of a value's members, `template <class Show> void show_members(Show& show, const T& value)`, serves
// two ways to show it: as JSON values, and as their text at once. Pure.
#pragma once

#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>
#include <core/json_text.hpp>

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace castiel_sync {

// What both have: an absent optional is an absent member.
template <class Way>
class ShownMembers {
public:
    template <class T>
    void operator()(std::string_view name, const T& value) {
        if constexpr (requires { value.has_value(); }) {
            if (value) way().member(name, *value);
        } else {
            way().member(name, value);
        }
    }
    void unless_empty(std::string_view name, std::string_view text) {
        if (!text.empty()) way().member(name, text);
    }

private:
    Way& way() { return static_cast<Way&>(*this); }
};

class ObjectMembers : public ShownMembers<ObjectMembers> {
public:
    explicit ObjectMembers(json::object& object) : object_(object) {}

    template <class T>
    void member(std::string_view name, const T& value) {
        object_.emplace(json::string_view(name.data(), name.size()), value_of(value));
    }

private:
    template <class T>
    static json::value value_of(const T& value) {
        if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, json::value> || std::is_same_v<T, json::object>) {
            return value;
        } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
            const std::string_view text = value;
            return json::string(text.data(), text.size());
        } else if constexpr (std::is_same_v<T, Timestamp>) {
            return json::string(to_string(value));
        } else if constexpr (requires { value.begin(); }) {
            json::array array;
            array.reserve(value.size());
            for (const auto& element : value)
                array.push_back(value_of(element));
            return array;
        } else {
            json::object object;
            ObjectMembers nested(object);
            show_members(nested, value);
            return object;
        }
    }

    json::object& object_;
};

class TextMembers : public ShownMembers<TextMembers> {
public:
    explicit TextMembers(std::string& text) : text_(text) { text_ += '{'; }
    void finish() { text_ += '}'; }

    template <class T>
    void member(std::string_view name, const T& value) {
        if (text_.back() != '{') text_ += ',';
        append_json_string(text_, name);
        text_ += ':';
        put(value);
    }

private:
    template <class T>
    void put(const T& value) {
        if constexpr (std::is_same_v<T, bool>) {
            text_ += value ? "true" : "false";
        } else if constexpr (std::integral<T>) {
            append_json_integer(text_, value);
        } else if constexpr (std::is_same_v<T, json::value>) {
            append_json(text_, value);
        } else if constexpr (std::is_same_v<T, json::object>) {
            append_json_object(text_, value);
        } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
            append_json_string(text_, value);
        } else if constexpr (std::is_same_v<T, Timestamp>) {
            append_json_string(text_, to_string(value));
        } else if constexpr (requires { value.begin(); }) {
            text_ += '[';
            bool first = true;
            for (const auto& element : value) {
                if (!std::exchange(first, false)) text_ += ',';
                put(element);
            }
            text_ += ']';
        } else {
            TextMembers nested(text_);
            show_members(nested, value);
            nested.finish();
        }
    }

    std::string& text_;
};

template <class T>
[[nodiscard]] json::object shown_object(const T& value) {
    json::object object;
    ObjectMembers members(object);
    show_members(members, value);
    return object;
}

template <class T>
void append_shown(std::string& out, const T& value) {
    TextMembers members(out);
    show_members(members, value);
    members.finish();
}

} // namespace castiel_sync
