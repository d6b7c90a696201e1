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

    // The same, but sends `signal` as soon as the first line of output is there.
    Outcome run_and_signal(const std::vector<std::string>& arguments, int signal) const;

    void write(const std::string& name, const std::string& text) const;
    [[nodiscard]] std::string read(const std::string& name) const;
    // Replaces the one occurrence of `from`.
    void edit(const std::string& name, const std::string& from, const std::string& to) const;
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

    std::map<std::string, std::string> variables;

private:
    // Starts the binary; its output goes to the descriptor `output`, or to a file when that is negative.
    int start(const std::vector<std::string>& arguments, int output) const;
    Outcome finish(int child) const;

    std::filesystem::path folder_;
};

} // namespace castiel_sync::service_test
