// The parts that a description is made of, read by member and with every fault told.
#pragma once

#include <adapters/rest/description.hpp>
#include <core/mapping_reader.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// The variables that a request may name, for messages and checks; "settings." stands for all of them.
using RestNames = std::vector<std::string_view>;

class RestReader {
public:
    // `settings`: the names that the description declares.
    RestReader(std::vector<std::string> settings, std::vector<ConfigurationFault>& faults)
        : settings_(std::move(settings)), faults_(faults) {}

    [[nodiscard]] RequestText text(ObjectReader& reader, std::string_view name, const RestNames& names);
    [[nodiscard]] RestRequest request(ObjectReader& reader, const RestNames& names, std::string_view method);
    [[nodiscard]] std::optional<Path> path(ObjectReader& reader, std::string_view name);
    [[nodiscard]] std::vector<Path> paths(ObjectReader& reader, std::string_view name);
    // A member's dotted path, or {field: …} or {header: …}.
    [[nodiscard]] std::optional<RestLocation> location(ObjectReader& reader, std::string_view name, bool may_be_header);
    [[nodiscard]] std::optional<RestCondition> condition(ObjectReader& reader, std::string_view name);
    [[nodiscard]] std::vector<RestCondition> conditions(ObjectReader& reader, std::string_view name);
    [[nodiscard]] RestCondition read_condition(ObjectReader& reader);
    [[nodiscard]] RestTimeFormat time_format(ObjectReader& reader, std::string_view name);
    [[nodiscard]] std::vector<std::pair<std::string, RequestText>> texts(ObjectReader& reader, std::string_view name,
                                                                         const RestNames& names, bool headers);
    [[nodiscard]] std::optional<RequestJson> body(ObjectReader& reader, std::string_view name, const RestNames& names);
    [[nodiscard]] RestWritten written(ObjectReader& reader, std::string_view name);
    [[nodiscard]] std::vector<std::pair<Path, RequestText>> members(ObjectReader& reader, std::string_view name,
                                                                        const RestNames& names);

    [[nodiscard]] std::vector<ConfigurationFault>& faults() const noexcept { return faults_; }

private:
    void check_names(const std::vector<std::string>& used, const RestNames& names, const std::string& place);

    std::vector<std::string> settings_;
    std::vector<ConfigurationFault>& faults_;
};

} // namespace castiel_sync
