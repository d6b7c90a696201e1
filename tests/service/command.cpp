#include "command.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

namespace castiel_sync::service_test {
namespace {

std::string read_file(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<json::object> json_lines(const std::string& text) {
    std::vector<json::object> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        auto parsed = parse_json_object(line);
        REQUIRE_MESSAGE(parsed.has_value(), "not a JSON object: " << line);
        lines.push_back(std::move(*parsed));
    }
    return lines;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts)
        result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

} // namespace

std::vector<json::object> Outcome::lines() const { return json_lines(output); }

std::vector<json::object> Outcome::log() const { return json_lines(errors); }

Workplace::Workplace() {
    std::string name = (std::filesystem::temp_directory_path() / "castiel-sync-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
}

Workplace::~Workplace() { std::filesystem::remove_all(folder_); }

int Workplace::start(const std::vector<std::string>& arguments, int output) const {
    std::vector<std::string> words{CASTIEL_SYNC_BINARY};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> settings{"PATH=/usr/bin:/bin", "HOME=/", "USER=ada", "TZ=UTC"};
    for (const auto& [name, value] : variables)
        settings.push_back(name + "=" + value);
    const auto argument_pointers = pointers(words);
    const auto setting_pointers = pointers(settings);
    std::fflush(nullptr); // or the child writes it once more
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const bool ready = chdir(folder_.c_str()) == 0 && freopen(".input", "r", stdin) != nullptr &&
                           (output < 0 ? freopen(".output", "w", stdout) != nullptr : dup2(output, 1) == 1) &&
                           freopen(".errors", "w", stderr) != nullptr;
        if (ready) execve(argument_pointers[0], argument_pointers.data(), setting_pointers.data());
        _exit(127);
    }
    return child;
}

Outcome Workplace::finish(int child) const {
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    Outcome outcome;
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.errors = read_file(folder_ / ".errors");
    return outcome;
}

Outcome Workplace::run(const std::vector<std::string>& arguments, const std::string& input) const {
    write(".input", input);
    Outcome outcome = finish(start(arguments, -1));
    outcome.output = read_file(folder_ / ".output");
    return outcome;
}

Outcome Workplace::run_and_signal(const std::vector<std::string>& arguments, int signal) const {
    write(".input", "");
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    const int child = start(arguments, ends[1]);
    close(ends[1]);
    std::string output;
    std::array<char, 4096> part{};
    bool sent = false;
    for (ssize_t count = 0; (count = ::read(ends[0], part.data(), part.size())) > 0;) {
        output.append(part.data(), static_cast<std::size_t>(count));
        if (!sent && output.find('\n') != std::string::npos) sent = kill(child, signal) == 0;
    }
    close(ends[0]);
    Outcome outcome = finish(child);
    outcome.output = std::move(output);
    return outcome;
}

void Workplace::write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
}

std::string Workplace::read(const std::string& name) const { return read_file(folder_ / name); }

void Workplace::edit(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = read(name);
    const auto at = text.find(from);
    REQUIRE_MESSAGE(at != std::string::npos, from << " is not in " << text);
    REQUIRE(text.find(from, at + 1) == std::string::npos);
    write(name, text.replace(at, from.size(), to));
}

} // namespace castiel_sync::service_test
