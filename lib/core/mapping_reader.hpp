// Reads an object of a configuration member by member and collects every fault with its key path. Pure.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>
#include <core/json_text.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// "text", "a number", "a list" …, for messages.
[[nodiscard]] std::string_view describe_kind(const json::value& value) noexcept;

// parent.name, or name at the root.
[[nodiscard]] std::string member_path(std::string_view parent, std::string_view name);
[[nodiscard]] std::string element_path(std::string_view parent, std::size_t index);

// A word of a configuration and what it stands for. Other systems' words for the same are read, and not offered.
template <class Value>
struct Word {
    std::string_view text;
    Value value;
    bool offered = true;
};

class ObjectReader {
public:
    ObjectReader(const json::object& object, std::string path, std::vector<ConfigurationFault>& faults)
        : object_(object), path_(std::move(path)), faults_(faults) {}

    [[nodiscard]] std::string path(std::string_view name) const { return member_path(path_, name); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::vector<ConfigurationFault>& faults() const noexcept { return faults_; }

    // Every name that is asked for counts as known. Absent and null are the same, but for find_or_null.
    [[nodiscard]] const json::value* find(std::string_view name);
    [[nodiscard]] const json::value* find_or_null(std::string_view name);
    [[nodiscard]] std::optional<std::string> text(std::string_view name);
    [[nodiscard]] std::optional<bool> boolean(std::string_view name);
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
    [[nodiscard]] std::optional<double> share(std::string_view name); // 0 to 1
    [[nodiscard]] const json::array* list(std::string_view name);
    [[nodiscard]] const json::object* object(std::string_view name);

    template <class Value>
    [[nodiscard]] std::optional<Value> word(std::string_view name, std::span<const Word<Value>> words) {
        const auto written = text(name);
        if (!written) return std::nullopt;
        std::string offered;
        for (const Word<Value>& candidate : words) {
            if (candidate.text == *written) return candidate.value;
            if (candidate.offered) offered.append(offered.empty() ? "" : ", ").append(candidate.text);
        }
        refuse_word(name, *written, offered);
        return std::nullopt;
    }

    // Two spellings of one name: the one that is there. Both may be there if they say the same.
    [[nodiscard]] std::string_view spelling(std::string_view name, std::string_view other);

    void fault(std::string_view name, std::string message);
    void fault_here(std::string message);

    // One fault for each member that nobody asked for. `what`: "a field mapping".
    void refuse_unknown(std::string_view what);

private:
    void refuse_kind(std::string_view name, std::string_view expected, const json::value& value);
    void refuse_word(std::string_view name, std::string_view written, std::string_view offered);

    const json::object& object_;
    std::string path_;
    std::vector<ConfigurationFault>& faults_;
    std::vector<std::string> known_;
};

} // namespace castiel_sync
