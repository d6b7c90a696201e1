#include "transport_fixture.hpp"

#include <castiel_sync/http/wrappers.hpp>

#include <core/hexadecimal.hpp>
#include <core/json_text.hpp>
#include <core/base64.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <stdexcept>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;
using transport_test::answering;
using transport_test::call_to;

namespace {

struct Recording : transport_test::Fixture {
    std::shared_ptr<Secrets> secrets = std::make_shared<Secrets>();
    std::vector<std::string> lines;

    Result<HttpAnswer> record(HttpCall call, Result<HttpAnswer> answer) {
        const auto writer = [this](std::string line) { lines.push_back(std::move(line)); };
        return send(*make_recording_transport(answering({std::move(answer)}), secrets, writer), std::move(call));
    }
    // The line that such a call leaves.
    json::object line_of(HttpCall call, Result<HttpAnswer> answer) {
        lines.clear();
        (void)record(std::move(call), std::move(answer));
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].find('\n') == std::string::npos);
        const auto line = parse_json_object(lines[0]);
        REQUIRE(line.has_value());
        return *line;
    }
};

Async<void> send_quietly(HttpTransport& transport, HttpCall call) { (void)co_await transport.send(std::move(call)); }

json::object parsed(const char* text) { return parse_json_object(text).value(); }

} // namespace

TEST_CASE_FIXTURE(Recording, "a call and its answer are one line, with JSON as JSON") {
    HttpCall call = call_to("POST", "https://crm.test/contacts?dry=1", "{ \"name\":\n\"Ada\" }");
    call.headers.add("Accept", "application/json");
    HttpAnswer answer = json_answer(201, {{"id", 7}});
    answer.headers.add("Link", "<a>; rel=\"next\"");
    answer.headers.add("link", "<b>; rel=\"last\"");
    CHECK(line_of(call, answer) == parsed(R"json({
        "method": "POST", "url": "https://crm.test/contacts?dry=1", "headers": {"Accept": "application/json"},
        "body": {"name": "Ada"},
        "answer": {"status": 201, "headers": {"Content-Type": "application/json",
                   "Link": ["<a>; rel=\"next\"", "<b>; rel=\"last\""]}, "body": {"id": 7}}})json"));
}

TEST_CASE_FIXTURE(Recording, "what is passed on is untouched") {
    secrets->add("token-77");
    HttpAnswer answer = json_answer(200, {{"access_token", "token-77"}});
    answer.headers.add("Set-Cookie", "session=token-77");
    const auto passed = record(call_to("GET", "https://crm.test/token-77"), answer);
    REQUIRE(passed.has_value());
    CHECK(passed->body == answer.body);
    CHECK(passed->headers == answer.headers);
    CHECK(lines[0].find("token-77") == std::string::npos);
}

TEST_CASE_FIXTURE(Recording, "an error is recorded with its code, and when to come again") {
    secrets->add("token-77");
    Error error(ErrorCode::unavailable, "no connection for token-77");
    error.retry_after = 1500ms;
    CHECK(line_of(call_to("GET", "https://crm.test/a"), error) == parsed(R"json({
        "method": "GET", "url": "https://crm.test/a",
        "error": {"code": "unavailable", "message": "no connection for [secret]", "retry_after_ms": 1500}})json"));
}

TEST_CASE_FIXTURE(Recording, "bodies that are not JSON are texts, or base64") {
    const auto body_of = [this](std::string body) {
        json::object line = line_of(call_to("GET", "https://crm.test/a"), text_answer(200, std::move(body)));
        json::object answer = line["answer"].as_object();
        answer.erase("headers");
        answer.erase("status");
        return answer;
    };
    CHECK(body_of("<html>\n") == json::object{{"body", "<html>\n"}});
    CHECK(body_of("{\"cut\": ") == json::object{{"body", "{\"cut\": "}});
    CHECK(body_of("\"text\"") == json::object{{"body", "\"text\""}});
    CHECK(body_of("12345678901234567890123") == json::object{{"body", "12345678901234567890123"}});
    CHECK(body_of("{\"a\":1,\"a\":2}") == json::object{{"body", "{\"a\":1,\"a\":2}"}});
    CHECK(body_of(std::string("\xff\0a", 3)) == json::object{{"body_base64", "/wBh"}});
    CHECK(body_of("") == json::object());
}

TEST_CASE_FIXTURE(Recording, "headers are masked by their names, others by what they hold") {
    secrets->add("token-77");
    HttpCall call = call_to("GET", "https://crm.test/a");
    for (const char* name :
         {"Authorization", "proxy-authorization", "COOKIE", "X-Api-Key", "Api-Key", "apikey", "X-Auth-Token",
          "X-Shopify-Access-Token", "X-Amz-Security-Token", "Ocp-Apim-Subscription-Key", "X-Hub-Signature-256",
          "X-Client-Secret", "X-Session-Id", "X-Auth-Email"})
        call.headers.add(name, "anything");
    for (const char* name : {"Accept", "If-Match", "Idempotency-Key", "Retry-After", "X-Request-Id"})
        call.headers.add(name, "v token-77");
    HttpAnswer answer = text_answer(200, "");
    answer.headers.add("Set-Cookie", "a=b");
    json::object line = line_of(call, answer);
    std::size_t masked = 0, scrubbed = 0;
    for (const auto& header : line["headers"].as_object()) {
        masked += header.value() == json::value("[secret]");
        scrubbed += header.value() == json::value("v [secret]");
    }
    CHECK(masked == 14);
    CHECK(scrubbed == 5);
    CHECK(line["answer"].at("headers").at("Set-Cookie") == "[secret]");
}

TEST_CASE_FIXTURE(Recording, "tokens that nobody knew before are masked by the names they come under") {
    HttpCall call = call_to("POST", "https://crm.test/token?api_key=k-1234&page=2&Token=t-1234&x",
                            "grant_type=password&password=p-1234&client-secret=c-1234");
    call.headers.add("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    const json::value body{{"access_token", "a-1234"},
                           {"refreshToken", "r-1234"},
                           {"expires_in", 3600},
                           {"nested", {json::object{{"id_token", "i-1234"}}}},
                           {"token_type", "Bearer"}};
    HttpAnswer answer = json_answer(200, body);
    answer.headers.add("Location", "https://crm.test/welcome?page=1&access_token=a-1234");
    json::object line = line_of(call, answer);
    CHECK(line["answer"].at("headers").at("Location") == "https://crm.test/welcome?page=1&access_token=[secret]");
    CHECK(line["url"] == "https://crm.test/token?api_key=[secret]&page=2&Token=[secret]&x");
    CHECK(line["body"] == "grant_type=password&password=[secret]&client-secret=[secret]");
    CHECK(
        to_json(line["answer"].at("body")) ==
        R"({"access_token":"[secret]","refreshToken":"[secret]","expires_in":3600,"nested":[{"id_token":"[secret]"}],)"
        R"("token_type":"Bearer"})");
}

TEST_CASE_FIXTURE(Recording, "secrets that were added between two calls are gone from the second") {
    CHECK(line_of(call_to("GET", "https://crm.test/later-token"), Error(ErrorCode::unavailable, "x"))["url"] ==
          "https://crm.test/later-token");
    secrets->add("later-token");
    CHECK(line_of(call_to("GET", "https://crm.test/later-token"), Error(ErrorCode::unavailable, "x"))["url"] ==
          "https://crm.test/[secret]");
}

TEST_CASE_FIXTURE(Recording, "what is sent as a secret is gone wherever it comes again, though nobody told of it") {
    struct Sent {
        const char* header;
        const char* value;
        std::string secret;
    };
    for (const Sent& sent : {Sent{"Authorization", "Bearer kana/ry-1", "kana/ry-1"},
                             Sent{"authorization", "Basic a2FuYTpyeS0y", "a2FuYTpyeS0y"},
                             Sent{"X-Api-Key", "kanary-3", "kanary-3"}}) {
        CAPTURE(sent.secret);
        HttpCall call = call_to("GET", "https://crm.test/a");
        call.headers.add(sent.header, sent.value);
        std::string digits;
        for (const char byte : sent.secret)
            append_hexadecimal(digits, static_cast<unsigned char>(byte), 2);
        const std::string percent = fmt::format("%{:02x}{}", sent.secret.front(), sent.secret.substr(1));
        const json::value body{{"yours", sent.secret},
                               {"base64", to_base64("you:" + sent.secret)},
                               {"hexadecimal", digits},
                               {"percent", "https://crm.test/?k=" + percent}};
        HttpCall later = call_to("POST", "https://crm.test/" + sent.secret, "k=" + sent.secret);
        std::vector<std::string> recorded{to_json(line_of(call, json_answer(200, body))),
                                          to_json(line_of(later, Error(ErrorCode::unavailable, "at " + percent)))};
        for (const std::string& line : recorded)
            for (const std::string& form : {sent.secret, to_base64("you:" + sent.secret), digits, percent})
                CHECK(line.find(form) == std::string::npos);
        CHECK(recorded.back().find("https://crm.test/[secret]") != std::string::npos);
    }
}

TEST_CASE_FIXTURE(Recording, "words that are sent under the name of a secret stay where else they stand") {
    HttpCall call = call_to("GET", "https://crm.test/session");
    call.headers.add("X-Session-Kind", "session"); // seven bytes
    CHECK(line_of(call, json_answer(200, {{"kind", "session"}}))["url"] == "https://crm.test/session");
}

TEST_CASE_FIXTURE(Recording, "a token is gone from what is recorded while the call that sends it is under way") {
    const auto writer = [this](std::string line) { lines.push_back(std::move(line)); };
    const auto slow = answering({json_answer(200, {{"yours", "kanary-1"}})});
    slow->set_latency(clock, 2s);
    const auto transport = make_recording_transport(slow, secrets, writer);
    HttpCall call = call_to("GET", "https://crm.test/slow");
    call.headers.add("Authorization", "Bearer kanary-1");
    loop.spawn(send_quietly(*transport, call));
    loop.run_for(1s);
    slow->set_latency(clock, 0s);
    (void)send(*transport, call_to("GET", "https://crm.test/quick"));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("kanary-1") == std::string::npos);
    loop.run_until_idle();
}

TEST_CASE_FIXTURE(Recording, "a secret of digits is gone where it is sent as a number") {
    secrets->add("90210777");
    const json::value body{{"account", 90210777}, {"other", 1}, {"90210777", "90210777"}};
    CHECK(to_json(line_of(call_to("GET", "https://crm.test/a"), json_answer(200, body))["answer"].at("body")) ==
          R"({"account":"[secret]","other":1,"[secret]":"[secret]"})");
}

TEST_CASE("no secret reaches the recording, wherever it stands and however it is written (I23)") {
    const std::string canary = "Kana\"ry/7 \xc3\xa9+";
    const std::string percent = "Kana%22ry%2F7%20%C3%A9%2B";
    const std::string form = "Kana%22ry%2f7+%c3%a9%2b";
    const std::string compound = to_base64("user:" + canary);
    Recording world;
    world.secrets->add(canary);
    for (const std::string& written : {canary, percent, form, compound, to_base64(canary)}) {
        HttpCall call = call_to("POST", "https://crm.test/" + written + "?q=" + written);
        call.headers.add("X-One", "v=" + written);
        HttpAnswer answer = text_answer(200, written);
        answer.headers.add("X-Two", written + ";");
        for (const std::string& body : {written, to_json(json::value{written, json::object{{written, written}}}),
                                        "\xff\xfe" + written, "a=" + written + "&b"}) {
            CAPTURE(body);
            call.body = answer.body = body;
            world.lines.clear();
            (void)world.record(call, answer);
            (void)world.record(call, Error(ErrorCode::unavailable, "at " + written));
            for (const std::string& line : world.lines) {
                CHECK(is_utf8(line));
                std::string searched = line;
                // What stands in base64 is searched, too.
                const std::string mark = "\"body_base64\":\"";
                for (std::size_t at = 0; (at = line.find(mark, at)) != std::string::npos;) {
                    at += mark.size();
                    searched += from_base64(line.substr(at, line.find('"', at) - at)).value();
                }
                std::string escaped = to_json(json::value(canary));
                escaped = escaped.substr(1, escaped.size() - 2);
                for (const std::string& form_of_it : {canary, escaped, percent, form, compound, to_base64(canary)})
                    CHECK(searched.find(form_of_it) == std::string::npos);
            }
        }
    }
}

TEST_CASE("any bytes make one line of JSON") {
    CHECK(rc::check([](const std::string& url, const std::string& value, const std::string& body) {
        Recording world;
        HttpCall call = call_to("GET", url, body);
        call.headers.add("X-Any", value);
        HttpAnswer answer = text_answer(200, body);
        answer.headers.add("X-Any", value);
        (void)world.record(call, answer);
        RC_ASSERT(world.lines.size() == 1u);
        RC_ASSERT(world.lines[0].find('\n') == std::string::npos);
        RC_ASSERT(parse_json_object(world.lines[0]).has_value());
    }));
}
