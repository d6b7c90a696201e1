#include <castiel_sync/secret_provider.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <vector>

using namespace castiel_sync;

namespace {

const std::string reference = "secret://file/crm";

class SecretFolder {
public:
    SecretFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "castiel-secrets-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
        secrets = make_file_secrets(path.string(), loop.executor());
    }
    SecretFolder(const SecretFolder&) = delete;
    SecretFolder& operator=(const SecretFolder&) = delete;
    ~SecretFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }

    void write(std::string_view content, const std::string& name = "crm") const {
        std::ofstream out(path / name, std::ios::binary | std::ios::trunc);
        out << content;
        REQUIRE(out.flush().good());
    }
    [[nodiscard]] std::string read(const std::string& name = "crm") const {
        std::ifstream in(path / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    [[nodiscard]] struct stat status(const std::string& name = "crm") const {
        struct stat found {};
        REQUIRE(::stat((path / name).c_str(), &found) == 0);
        return found;
    }
    Result<json::object> find(const std::string& of = reference) { return loop.run(secrets->find("", of)); }
    Result<> replace(json::object expected, json::object secret, const std::string& of = reference) {
        return loop.run(secrets->replace("", of, std::move(expected), std::move(secret)));
    }

    std::filesystem::path path;
    testing::SimLoop loop;
    std::shared_ptr<SecretProvider> secrets;
};

ErrorCode code_of(const auto& result) {
    REQUIRE(result.has_error());
    return result.error().code;
}

} // namespace

TEST_CASE("a file holds a JSON object, or text without its last line break") {
    SecretFolder folder;
    folder.write("{\n  \"clientId\": \"c\",\n  \"refreshToken\": \"r\"\n}\n");
    CHECK(folder.find().value() == json::object{{"clientId", "c"}, {"refreshToken", "r"}});
    folder.write("key\n");
    CHECK(folder.find().value() == json::object{{"value", "key"}});
    folder.write("key\r\n");
    CHECK(folder.find().value() == json::object{{"value", "key"}});
    folder.write("two\nlines\n\n");
    CHECK(folder.find().value() == json::object{{"value", "two\nlines\n"}});
}

TEST_CASE("a file that is not there, or empty, is told by its path") {
    SecretFolder folder;
    folder.write("\n", "empty");
    for (const std::string name : {"crm", "empty"}) {
        const auto found = folder.find("secret://file/" + name);
        CHECK(code_of(found) == ErrorCode::unauthenticated);
        CHECK(found.error().message.find((folder.path / name).string()) != std::string::npos);
    }
}

TEST_CASE("a folder that is not there is no missing secret") {
    SecretFolder folder;
    std::filesystem::remove_all(folder.path);
    CHECK(code_of(folder.find()) == ErrorCode::invalid_configuration);
    CHECK(code_of(folder.replace({}, {{"value", "new"}})) == ErrorCode::invalid_configuration);
}

TEST_CASE("without a folder every call says which key to set") {
    testing::SimLoop loop;
    const auto secrets = make_file_secrets("", loop.executor());
    const auto found = loop.run(secrets->find("", reference));
    CHECK(code_of(found) == ErrorCode::invalid_configuration);
    CHECK(found.error().message.find("set secrets.path") != std::string::npos);
    CHECK_FALSE(secrets->can_replace(reference));
}

TEST_CASE("what is no secret's file is refused") {
    SecretFolder folder;
    std::filesystem::create_directory(folder.path / "crm");
    CHECK(code_of(folder.find()) == ErrorCode::invalid_configuration);
    REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
    CHECK(code_of(folder.find("secret://file/pipe")) == ErrorCode::invalid_configuration);
    folder.write(std::string(256 * 1024 + 1, 'x'), "long");
    CHECK(code_of(folder.find("secret://file/long")) == ErrorCode::invalid_configuration);
}

TEST_CASE("a file that may not be read is forbidden") {
    SecretFolder folder;
    folder.write("canary");
    REQUIRE(::chmod((folder.path / "crm").c_str(), 0) == 0);
    if (::geteuid() == 0) return; // who may read everything
    CHECK(code_of(folder.find()) == ErrorCode::forbidden);
}

TEST_CASE("no name leads out of the folder, or to a hidden file") {
    SecretFolder folder;
    std::filesystem::create_directory(folder.path / "inner");
    folder.write("outside");
    folder.write("hidden", ".hidden");
    const auto inner = make_file_secrets((folder.path / "inner").string(), folder.loop.executor());
    for (const std::string name : {"../crm", "..", ".", "/etc/passwd", "../.hidden"}) {
        CAPTURE(name);
        CHECK(code_of(folder.loop.run(inner->find("", "secret://file/" + name))) == ErrorCode::invalid_configuration);
    }
    CHECK(code_of(folder.find("secret://file/.hidden")) == ErrorCode::invalid_configuration);
    CHECK_FALSE(folder.secrets->can_replace("secret://file/.hidden"));
}

TEST_CASE("a replacement is a new file with the mode of the one before") {
    SecretFolder folder;
    folder.write("old\n");
    REQUIRE(::chmod((folder.path / "crm").c_str(), 0640) == 0);
    const auto before = folder.status();
    REQUIRE(folder.replace({{"value", "old"}}, {{"token", "new"}}).has_value());
    CHECK(folder.read() == "{\"token\":\"new\"}\n");
    CHECK(folder.status().st_ino != before.st_ino);
    CHECK((folder.status().st_mode & 07777U) == 0640U);
}

TEST_CASE("a new secret is this user's alone") {
    SecretFolder folder;
    const mode_t mask = ::umask(0);
    const auto replaced = folder.replace({}, {{"token", "new"}});
    ::umask(mask);
    REQUIRE(replaced.has_value());
    CHECK((folder.status().st_mode & 07777U) == 0600U);
    CHECK(folder.find().value() == json::object{{"token", "new"}});
}

TEST_CASE("nothing but secrets is left in the folder") {
    SecretFolder folder;
    folder.write("canary", ".castiel-sync-" + std::to_string(::getpid()) + ".tmp"); // by a process that was killed
    REQUIRE(folder.replace({}, {{"token", "new"}}).has_value());
    CHECK(code_of(folder.replace({}, {{"token", "newer"}})) == ErrorCode::stale);
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path))
        if (entry.path().filename() != ".castiel-sync.lock") names.push_back(entry.path().filename().string());
    CHECK(names == std::vector<std::string>{"crm"});
}

TEST_CASE("a secret that somebody else has changed is not replaced") {
    SecretFolder folder;
    folder.write("theirs");
    CHECK(code_of(folder.replace({{"value", "old"}}, {{"value", "mine"}})) == ErrorCode::stale);
    CHECK(code_of(folder.replace({}, {{"value", "mine"}})) == ErrorCode::stale);
    CHECK(folder.read() == "theirs");
}

TEST_CASE("a secret is expected by value, and may replace itself") {
    SecretFolder folder;
    folder.write(R"({"b": 1.0, "a": "x"})");
    const json::object same{{"a", "x"}, {"b", 1}};
    CHECK(folder.replace(same, same).has_value());
    CHECK(folder.find().value() == same);
}

TEST_CASE("a link is read, and never replaced") {
    SecretFolder folder;
    folder.write("old", "target");
    std::filesystem::create_symlink("target", folder.path / "crm");
    CHECK(folder.find().value() == json::object{{"value", "old"}});
    CHECK(code_of(folder.replace({{"value", "old"}}, {{"value", "new"}})) == ErrorCode::unsupported);
    CHECK(folder.read("target") == "old");
}

TEST_CASE("of two who replace the same secret at once, one is stale") {
    SecretFolder folder;
    folder.write("0");
    boost::asio::thread_pool threads(2);
    boost::asio::thread_pool callers(1);
    const auto one = make_file_secrets(folder.path.string(), threads.get_executor());
    const auto other = make_file_secrets(folder.path.string(), threads.get_executor());
    for (int round = 0; round < 50; ++round) {
        const json::object expected = folder.find().value();
        std::vector<std::future<Result<>>> answers;
        for (const auto& [secrets, name] : {std::pair(one, "one"), std::pair(other, "other")}) {
            json::object mine{{"value", name + std::to_string(round)}};
            answers.push_back(boost::asio::co_spawn(callers, secrets->replace("", reference, expected, std::move(mine)),
                                                    boost::asio::use_future));
        }
        int replaced = 0;
        int stale = 0;
        for (auto& answer : answers) {
            const Result<> got = answer.get();
            replaced += got.has_value() ? 1 : 0;
            stale += got.has_error() && got.error().code == ErrorCode::stale ? 1 : 0;
        }
        CHECK(replaced == 1);
        CHECK(stale == 1);
    }
    threads.join();
    callers.join();
}

TEST_CASE("no error holds anything of a secret") {
    SecretFolder folder;
    const std::string canary = "canary-7f3a";
    folder.write("{\"token\": \"" + canary + "\", ");
    std::vector<std::string> messages;
    messages.push_back(folder.find().error().message);
    messages.push_back(folder.replace({{"value", canary}}, {{"value", canary}}).error().message);
    folder.write(canary + "\n");
    messages.push_back(folder.replace({{"value", canary + "2"}}, {{"value", canary}}).error().message);
    std::filesystem::remove(folder.path / "crm");
    messages.push_back(folder.replace({{"value", canary}}, {{"value", canary}}).error().message);
    for (const std::string& message : messages)
        CHECK(message.find(canary) == std::string::npos);
}
