#include "transport_fixture.hpp"

#include <castiel_sync/http/wrappers.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;
using transport_test::call_to;

namespace {

struct Replay : transport_test::Fixture {
    std::shared_ptr<Secrets> secrets = std::make_shared<Secrets>();
    std::shared_ptr<HttpTransport> transport;

    void load(std::string_view text) {
        auto made = make_replaying_transport(text, secrets, "crm.jsonl");
        REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
        transport = *made;
    }
    Result<HttpAnswer> ask(HttpCall call) { return send(*transport, std::move(call)); }
    Result<HttpAnswer> get(std::string url) { return ask(call_to("GET", std::move(url))); }

    [[nodiscard]] std::string fault_of(std::string_view text) const {
        const auto made = make_replaying_transport(text, secrets, "crm.jsonl");
        if (made) return "none";
        CHECK(made.error().code == ErrorCode::invalid_configuration);
        return made.error().message;
    }
};

const std::string good = R"({"method":"GET","url":"https://crm.test/a","answer":{"status":200}})";

} // namespace

TEST_CASE_FIXTURE(Replay, "what was recorded is answered again") {
    std::string recording;
    const auto record = [&](HttpCall call, Result<HttpAnswer> answer) {
        const auto writer = [&](std::string line) { recording += line + "\n"; };
        const auto inner = transport_test::answering({std::move(answer)});
        (void)send(*make_recording_transport(inner, secrets, writer), std::move(call));
    };
    HttpAnswer found = json_answer(200, {{"name", "Ada"}});
    found.headers.add("Link", "<a>");
    found.headers.add("link", "<b>");
    Error error(ErrorCode::unavailable, "no connection");
    error.retry_after = 2s;
    const std::string bytes("\xff\0\x01", 3);
    record(call_to("GET", "https://crm.test/a?b=1"), found);
    record(call_to("GET", "https://crm.test/down"), error);
    record(call_to("POST", "https://crm.test/raw", bytes), text_answer(404, bytes));
    record(call_to("POST", "https://crm.test/raw", "text"), text_answer(422, "{broken"));
    load(recording);
    const auto read = get("https://crm.test/a?b=1");
    REQUIRE(read.has_value());
    CHECK(read->status == 200);
    CHECK(read->body == R"({"name":"Ada"})");
    CHECK(read->headers.count("Link") == 2);
    CHECK(*read->headers.find("Content-Type") == "application/json");
    CHECK(get("https://crm.test/down").error() == error);
    CHECK(ask(call_to("POST", "https://crm.test/raw", bytes))->body == bytes);
    CHECK(ask(call_to("POST", "https://crm.test/raw", "text"))->body == "{broken");
}

TEST_CASE_FIXTURE(Replay, "equal calls are answered in their order, the last one again and again") {
    load(R"({"method":"GET","url":"https://crm.test/a","answer":{"status":503}}
{"method":"GET","url":"https://crm.test/b","answer":{"status":404}}
{"method":"GET","url":"https://crm.test/a","error":{"code":"unavailable","message":"down"}}
{"method":"GET","url":"https://crm.test/a","answer":{"status":200}})");
    CHECK(get("https://crm.test/a")->status == 503);
    CHECK(get("https://crm.test/a").error().message == "down");
    CHECK(get("https://crm.test/b")->status == 404);
    for (int round = 0; round < 3; ++round)
        CHECK(get("https://crm.test/a")->status == 200);
    CHECK(get("https://crm.test/b")->status == 404);
}

TEST_CASE_FIXTURE(Replay, "JSON bodies are compared by value, others byte for byte") {
    load(R"({"method":"POST","url":"https://crm.test/a","body":{"x":1,"y":[2.0]},"answer":{"status":201}}
{"method":"POST","url":"https://crm.test/a","body":"{\"x\":2}","answer":{"status":202}}
{"method":"POST","url":"https://crm.test/a","body":"x=1","answer":{"status":203}}
{"method":"POST","url":"https://crm.test/a","body_base64":"/w==","answer":{"status":204}})");
    const auto post = [this](std::string body) { return ask(call_to("POST", "https://crm.test/a", std::move(body))); };
    CHECK(post(R"({ "y": [2], "x": 1.0 })")->status == 201);
    CHECK(post("{\"x\": 2}")->status == 202);
    CHECK(post("x=1")->status == 203);
    CHECK(post("\xff")->status == 204);
    CHECK(post("/w==").error().code == ErrorCode::invalid_request);
    CHECK(post("x=1 ").error().code == ErrorCode::invalid_request);
    CHECK(post(R"({"x":1,"y":[2.5]})").error().code == ErrorCode::invalid_request);
    CHECK(post("").error().code == ErrorCode::invalid_request);
}

TEST_CASE_FIXTURE(Replay, "other credentials than those recorded are fine, since both are masked") {
    load(R"({"method":"POST","url":"https://crm.test/[secret]/a?api_key=[secret]","body":{"user":"[secret]"},)"
         R"("answer":{"status":200}})");
    secrets->add("canary-1");
    CHECK(ask(call_to("POST", "https://crm.test/canary-1/a?api_key=any", R"({"user":"canary-1"})"))->status == 200);
    CHECK(ask(call_to("POST", "https://crm.test/canary-2/a?api_key=any", R"({"user":"canary-1"})")).has_error());
}

TEST_CASE_FIXTURE(Replay, "what was masked since it was sent as a secret is found again with another in its place") {
    load(R"({"method":"GET","url":"https://crm.test/tokens/[secret]","answer":{"status":200}})");
    HttpCall call = call_to("GET", "https://crm.test/tokens/canary-1");
    call.headers.add("Authorization", "Bearer canary-1");
    CHECK(ask(call)->status == 200);
}

TEST_CASE_FIXTURE(Replay, "a call that was not recorded is told with the nearest that was") {
    secrets->add("canary-1");
    load("\n" + good + R"(
{"method":"GET","url":"https://crm.test/contacts?page=1","answer":{"status":200}}
{"method":"POST","url":"https://crm.test/orders","body":{"x":1},"answer":{"status":200}})");
    const auto told = [this](HttpCall call) {
        const auto answer = ask(std::move(call));
        REQUIRE(answer.has_error());
        CHECK(answer.error().code == ErrorCode::invalid_request);
        return answer.error().message;
    };
    const std::string advice = "; record it, or write a line for it";
    CHECK(told(call_to("GET", "https://crm.test/contacts?page=2&key=k")) ==
          "crm.jsonl: nothing is recorded for GET https://crm.test/contacts; the nearest is line 3, "
          "GET https://crm.test/contacts, which has another query" +
              advice);
    CHECK(told(call_to("DELETE", "https://crm.test/contacts?page=1")) ==
          "crm.jsonl: nothing is recorded for DELETE https://crm.test/contacts; the nearest is line 3, "
          "GET https://crm.test/contacts, which has another method" +
              advice);
    CHECK(told(call_to("POST", "https://crm.test/orders", R"({"x":2})")) ==
          "crm.jsonl: nothing is recorded for POST https://crm.test/orders; the nearest is line 4, "
          "POST https://crm.test/orders, which has another body" +
              advice);
    CHECK(told(call_to("GET", "https://crm.test/ord/canary-1")) ==
          "crm.jsonl: nothing is recorded for GET https://crm.test/ord/[secret]; the nearest is line 4, "
          "POST https://crm.test/orders, which has another place" +
              advice);
    load("");
    CHECK(told(call_to("GET", "https://crm.test/a")) ==
          "crm.jsonl: nothing is recorded for GET https://crm.test/a" + advice);
}

TEST_CASE_FIXTURE(Replay, "editors leave byte order marks, CRLF and empty lines") {
    load("\xef\xbb\xbf" + good + "\r\n\r\n  \t\r\n");
    CHECK(get("https://crm.test/a")->status == 200);
}

TEST_CASE_FIXTURE(Replay, "every way to damage a line is told") {
    const auto line = [](std::string_view members) {
        return R"({"method":"GET","url":"https://crm.test/a",)" + std::string(members) + "}";
    };
    struct Damage {
        std::string text;
        std::string told;
    };
    const std::vector<Damage> damages{
        {"{", ""}, // the fault of the parser
        {"[]", ""},
        {"null", ""},
        {good + good, ""},
        {good.substr(0, good.size() - 1), ""},
        {"\xff" + good, ""},
        {R"({"url":"https://crm.test/a","answer":{"status":200}})", "method has to be there, and a string"},
        {R"({"method":"","url":"https://crm.test/a","answer":{"status":200}})", "method is not one"},
        {R"({"method":"G T","url":"https://crm.test/a","answer":{"status":200}})", "method is not one"},
        {R"({"method":"GET","answer":{"status":200}})", "url has to be there, and a string"},
        {R"({"method":"GET","url":7,"answer":{"status":200}})", "url has to be there, and a string"},
        {R"({"method":"GET","url":"https://crm.test/a"})", "there has to be either answer or error"},
        {line(R"("answer":{"status":200},"error":{"code":"unavailable","message":""})"),
         "there has to be either answer or error"},
        {line(R"("answer":[])"), "answer has to be an object"},
        {line(R"("error":"unavailable")"), "error has to be an object"},
        {line(R"("answer":{})"), "answer: status has to be an integer from 100 to 599"},
        {line(R"("answer":{"status":99})"), "answer: status has to be an integer from 100 to 599"},
        {line(R"("answer":{"status":600})"), "answer: status has to be an integer from 100 to 599"},
        {line(R"("answer":{"status":200.5})"), "answer: status has to be an integer from 100 to 599"},
        {line(R"("answer":{"status":"200"})"), "answer: status has to be an integer from 100 to 599"},
        {line(R"("answer":{"status":200,"statsu":1})"),
         "answer: member statsu is not known here; there are status, headers, body, body_base64"},
        {line(R"("answer":{"status":200},"note":"")"),
         "member note is not known here; there are method, url, headers, body, body_base64, answer, error"},
        {line(R"("error":{"code":"broken","message":""})"), "error: code broken is not one of this library's"},
        {line(R"("error":{"code":"unavailable"})"), "error: message has to be there, and a string"},
        {line(R"("error":{"code":"unavailable","message":"","retry_after_ms":-1})"),
         "error: retry_after_ms has to be an integer from 0 to 315360000000"},
        {line(R"("body":7,"answer":{"status":200})"),
         "body has to be an object, an array or a string (a body that is another JSON value: as a string)"},
        {line(R"("body":null,"answer":{"status":200})"),
         "body has to be an object, an array or a string (a body that is another JSON value: as a string)"},
        {line(R"("body":"","body_base64":"","answer":{"status":200})"), "body and body_base64 exclude each other"},
        {line(R"("answer":{"status":200,"body_base64":"Zg"})"),
         "answer: body_base64 is not base64, padded, with + and /"},
        {line(R"("answer":{"status":200,"body_base64":7})"), "answer: body_base64 is not base64, padded, with + and /"},
        {line(R"("headers":[],"answer":{"status":200})"), "headers has to be an object"},
        {line(R"("headers":{"A":1},"answer":{"status":200})"),
         "header A has to have a string, or an array of them, that can stand in a header"},
        {line(R"("headers":{"A":["x",1]},"answer":{"status":200})"),
         "header A has to have a string, or an array of them, that can stand in a header"},
        {line(R"("answer":{"status":200,"headers":{"A b":"x"}})"),
         "answer: header A b has to have a string, or an array of them, that can stand in a header"},
        {line(R"("answer":{"status":200,"headers":{"A":"x\ny"}})"),
         "answer: header A has to have a string, or an array of them, that can stand in a header"},
    };
    for (const Damage& damage : damages) {
        CAPTURE(damage.text);
        const std::string fault = fault_of(good + "\n" + damage.text + "\n" + good);
        CHECK(fault.starts_with("crm.jsonl:2: "));
        if (!damage.told.empty()) CHECK(fault == "crm.jsonl:2: " + damage.told);
    }
}

TEST_CASE_FIXTURE(Replay, "all lines with faults are told at once, up to a bound") {
    const std::string bad = R"({"method":"GET","url":"https://crm.test/a"})";
    CHECK(fault_of(bad + "\n" + good + "\n" + bad) ==
          "crm.jsonl:1: there has to be either answer or error; crm.jsonl:3: there has to be either answer or error");
    std::string many;
    for (int count = 0; count < 25; ++count)
        many += bad + "\n";
    CHECK(fault_of(many).find("crm.jsonl:20: ") != std::string::npos);
    CHECK(fault_of(many).find("crm.jsonl:21: ") == std::string::npos);
    CHECK(fault_of(many).ends_with("; and 5 more"));
}

TEST_CASE_FIXTURE(Replay, "a recording that is cut or changed anywhere is loaded or refused, nothing else") {
    const std::string whole = R"({"method":"POST","url":"https://crm.test/a","headers":{"A":["b","c"]},"body":{"x":1},)"
                              R"("answer":{"status":200,"headers":{"D":"e"},"body_base64":"/w=="}})";
    REQUIRE(fault_of(whole) == "none");
    for (std::size_t length = 1; length < whole.size(); ++length)
        CHECK(fault_of(whole.substr(0, length)).starts_with("crm.jsonl:1: "));
    for (std::size_t place = 0; place < whole.size(); ++place)
        for (const char other : {'\0', '"', '{', '7', '\xff', '\n'}) {
            std::string changed = whole;
            changed[place] = other;
            const std::string fault = fault_of(changed);
            CHECK((fault == "none" || fault.starts_with("crm.jsonl:")));
        }
}
