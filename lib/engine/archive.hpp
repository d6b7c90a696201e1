// One description of a value's members serves writing and reading: `template <class A> void members(A&, T&)`.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>
#include <core/json_text.hpp>

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace castiel_sync {

// Enumerations are stored by name. Each needs to_string and an overload of parse_name.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e, std::string_view text, std::optional<E>& out) {
    { to_string(e) } -> std::convertible_to<std::string_view>;
    parse_name(text, out);
};

// Writes straight into text: a document is written far more often than looked into.
class ArchiveWriter {
public:
    static constexpr bool reading = false;
    explicit ArchiveWriter(std::string& text) : text_(text) { text_ += '{'; }
    void finish() { text_ += '}'; }

    template <class T>
    void operator()(std::string_view name, T& value) {
        if constexpr (requires { value.has_value(); }) {
            if (value) member(name, *value);
        } else {
            member(name, value);
        }
    }
    // Left out while it has its default: most documents are many.
    template <class T>
    void sparse(std::string_view name, T& value) {
        if (value != T{}) member(name, value);
    }

private:
    template <class T>
    void member(std::string_view name, T& value) {
        if (text_.back() != '{') text_ += ',';
        text_ += '"';
        text_ += name; // one of ours, which needs no escapes
        text_ += "\":";
        encode(value);
    }
    template <class T>
    void encode(T& value) {
        using V = std::remove_const_t<T>;
        if constexpr (std::is_same_v<V, std::string>) {
            append_json_string(text_, value);
        } else if constexpr (std::is_same_v<V, bool>) {
            text_ += value ? "true" : "false";
        } else if constexpr (std::is_integral_v<V>) {
            append_json_integer(text_, value);
        } else if constexpr (std::is_same_v<V, Timestamp>) {
            append_json_string(text_, to_string(value));
        } else if constexpr (std::is_same_v<V, json::object>) {
            append_json_object(text_, value);
        } else if constexpr (std::is_same_v<V, json::value>) {
            append_json(text_, value);
        } else if constexpr (NamedEnum<V>) {
            append_json_string(text_, to_string(value));
        } else if constexpr (requires { value.begin(); }) {
            text_ += '[';
            bool first = true;
            for (auto& element : value) {
                if (!std::exchange(first, false)) text_ += ',';
                encode(element);
            }
            text_ += ']';
        } else {
            ArchiveWriter nested(text_);
            members(nested, value);
            nested.finish();
        }
    }

    std::string& text_;
};

// Takes the values out of the object: what is read is a tree made for it alone.
class ArchiveReader {
public:
    static constexpr bool reading = true;
    explicit ArchiveReader(json::object& object) : object_(object) {}
    [[nodiscard]] bool ok() const { return bad_member_.empty(); }
    [[nodiscard]] const std::string& bad_member() const { return bad_member_; }

    template <class T>
    void operator()(std::string_view name, T& value) {
        json::value* member = object_.if_contains(name);
        if constexpr (requires { value.has_value(); }) {
            if (!member) return;
            value.emplace();
            if (!decode(*member, *value)) fail(name);
        } else {
            if (!member || !decode(*member, value)) fail(name);
        }
    }
    template <class T>
    void sparse(std::string_view name, T& value) {
        json::value* member = object_.if_contains(name);
        if (member && !decode(*member, value)) fail(name);
    }

private:
    void fail(std::string_view name) {
        if (bad_member_.empty()) bad_member_ = name;
    }

    template <class T>
    bool decode(json::value& member, T& value) {
        if constexpr (std::is_same_v<T, std::string>) {
            if (!member.is_string()) return false;
            value = std::string_view(member.get_string());
        } else if constexpr (std::is_same_v<T, bool>) {
            if (!member.is_bool()) return false;
            value = member.get_bool();
        } else if constexpr (std::is_arithmetic_v<T>) {
            if (!member.is_number()) return false;
            json::error_code error;
            value = member.to_number<T>(error);
            return !error;
        } else if constexpr (std::is_same_v<T, Timestamp>) {
            if (!member.is_string()) return false;
            const auto time = parse_timestamp(member.get_string());
            if (!time) return false;
            value = *time;
        } else if constexpr (std::is_same_v<T, json::value>) {
            value = std::move(member);
        } else if constexpr (std::is_same_v<T, json::object>) {
            if (!member.is_object()) return false;
            value = std::move(member.get_object());
        } else if constexpr (NamedEnum<T>) {
            if (!member.is_string()) return false;
            std::optional<T> parsed;
            parse_name(member.get_string(), parsed);
            if (!parsed) return false;
            value = *parsed;
        } else if constexpr (requires { value.begin(); }) {
            if (!member.is_array()) return false;
            if constexpr (!requires { value.emplace_back(); }) // one for each, or nobody knows whose they are
                if (member.get_array().size() != value.size()) return false;
            std::size_t i = 0;
            for (auto& element : member.get_array()) {
                if constexpr (requires { value.emplace_back(); }) {
                    if (!decode(element, value.emplace_back())) return false;
                } else {
                    if (!decode(element, value[i++])) return false;
                }
            }
        } else {
            if (!member.is_object()) return false;
            ArchiveReader nested(member.get_object());
            members(nested, value);
            return nested.ok();
        }
        return true;
    }

    json::object& object_;
    std::string bad_member_;
};

} // namespace castiel_sync
