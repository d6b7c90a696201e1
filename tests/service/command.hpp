// Runs castiel-sync as a user does, in a folder of its own.
#pragma once

#include <castiel_sync/json.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace castiel_sync::service_test {

struct Outcome {
    int exit_code = -1;
    std::string output;
    std::string errors;

    // Every line of the output, each of which must be a JSON object.
    [[nodiscard]] std::vector<json::object> lines() const;
    // The same of standard error.
    [[nodiscard]] std::vector<json::object> log() const;
};

class Workplace {
public:
    Workplace();
    ~Workplace();
    Workplace(const Workplace&) = delete;
    Workplace& operator=(const Workplace&) = delete;

    // `input` is standard input. The environment is empty but for PATH, HOME, TZ and `variables`.
    Outcome run(const std::vector<std::string>& arguments, const std::string& input = "") const;

    void write(const std::string& name, const std::string& text) const;
    [[nodiscard]] std::string read(const std::string& name) const;
    // Replaces the one occurrence of `from`.
    void edit(const std::string& name, const std::string& from, const std::string& to) const;
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

    std::map<std::string, std::string> variables;

private:
    std::filesystem::path folder_;
};

} // namespace castiel_sync::service_test
