#include <castiel_sync/http/egress.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace castiel_sync;

namespace {

HttpUrl parsed(const std::string& text) {
    INFO(text);
    const Result<HttpUrl> url = parse_http_url(text);
    REQUIRE(url.has_value());
    return *url;
}

} // namespace

TEST_CASE("the parts of a URL") {
    const HttpUrl plain = parsed("http://api.example.com");
    CHECK_FALSE(plain.secure);
    CHECK(plain.host == "api.example.com");
    CHECK(plain.port == 80);
    CHECK(plain.target == "/");
    const HttpUrl full = parsed("HTTPS://API.Example.com:8443/A/b;c?D=e%2F&f=[x]|y");
    CHECK(full.secure);
    CHECK(full.host == "api.example.com");
    CHECK(full.port == 8443);
    CHECK(full.target == "/A/b;c?D=e%2F&f=[x]|y");
    CHECK(parsed("https://a?b=c").target == "/?b=c");
    CHECK(parsed("https://a/?b=http://c/d?e").target == "/?b=http://c/d?e");
    CHECK(parsed("https://my_service-1.internal").host == "my_service-1.internal");
    CHECK(parsed("https://xn--bcher-kva.example").host == "xn--bcher-kva.example");
    CHECK(parsed("https://1and1.3com").host == "1and1.3com");
}

TEST_CASE("hosts that are addresses are written in one way") {
    CHECK(parsed("https://10.0.0.255").host == "10.0.0.255");
    CHECK(parsed("https://[2001:DB8:0:0::1]:444/").host == "2001:db8::1");
    CHECK(parsed("https://[::FFFF:7f00:1]").host == "::ffff:127.0.0.1");
    CHECK(parsed("https://[::ffff:127.0.0.1]").host == "::ffff:127.0.0.1");
}

TEST_CASE("the authority leaves out the scheme's own port") {
    CHECK(parsed("https://a").authority() == "a");
    CHECK(parsed("https://a:443").authority() == "a");
    CHECK(parsed("http://a:443").authority() == "a:443");
    CHECK(parsed("http://a:80").authority() == "a");
    CHECK(parsed("https://[::1]:8443").authority() == "[::1]:8443");
    CHECK(parsed("https://[::1]").authority() == "[::1]");
}

TEST_CASE("whatever somebody could read otherwise is refused") {
    const std::vector<std::string> hostile{
        "",
        "a.example",
        "//a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:a.example",
        "https:/a.example",
        "https:///a.example",
        "https:\\\\a.example",
        " https://a.example",
        "https://a.example ",
        "https://",
        "https:///path",
        "https://?query",
        "https://:443/",
        // user names, in all the places where they were hidden before
        "https://user@a.example/",
        "https://user:password@a.example/",
        "https://@a.example/",
        "https://a.example:80@b.example/",
        "https://a.example&@b.example/",
        "https://a.example%40b.example/",
        // fragments, backslashes, control characters, what is not ASCII
        "https://a.example/#fragment",
        "https://a.example#@b.example/",
        "https://a.example\\@b.example/",
        "https://a.example/\\b",
        "https://a.example/a b",
        "https://a.example/\tb",
        "https://a.example/\r\nX: y",
        std::string("https://a.example/\0b", 20),
        "https://a.example/\x7f",
        "https://a.example/ü",
        "https://bücher.example/",
        // IPv4 otherwise than in four decimal numbers
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0x7f.0.0.0x1/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://127.0.0.01/",
        "https://127.0.0.0x1/",
        "https://127.0.0.256/",
        "https://127.0.0.1.1/",
        "https://127.0.0.1./",
        "https://127.0.0./",
        "https://127..0.1/",
        "https://１２７.0.0.1/", // full-width digits
        "https://①②⑦.0.0.1/",    // circled digits
        "https://127。0。0。1/", // ideographic full stops
        "https://localhost%2e/",
        "https://%31%32%37.0.0.1/",
        "https://a.0x/",
        "https://example.0/",
        // names that are no names
        "https://a.example./",
        "https://.a.example/",
        "https://a..example/",
        "https://-a.example/",
        "https://a-.example/",
        "https://a_b!.example/",
        "https://*.example/",
        "https://a,b/",
        "https://a|b/",
        "https://" + std::string(64, 'a') + ".example/",
        "https://" + std::string(127, 'a') + "." + std::string(127, 'a') + "/",
        // IPv6
        "https://::1/",
        "https://[::1/",
        "https://::1]/",
        "https://[]/",
        "https://[::1]x/",
        "https://[::1]:/",
        "https://[::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[127.0.0.1]/",
        "https://[a.example]/",
        "https://[::ffff:0x7f.0.0.1]/",
        "https://[v1.x]/",
        "https://[1:2:3:4:5:6:7:8:9]/",
        // ports
        "https://a:/",
        "https://a:0/",
        "https://a:080/",
        "https://a:65536/",
        "https://a:99999999999999999999/",
        "https://a:-1/",
        "https://a:+1/",
        "https://a:1:2/",
        "https://a:8o/",
        // percent signs that escape nothing
        "https://a/%",
        "https://a/%2",
        "https://a/%zz",
        "https://a/?b=100%",
    };
    for (const std::string& text : hostile) {
        INFO(text);
        const Result<HttpUrl> url = parse_http_url(text);
        CHECK(!url.has_value());
        if (!url) CHECK(url.error().code == ErrorCode::invalid_request);
    }
}

TEST_CASE("a refusal does not repeat what the URL holds") {
    const Result<HttpUrl> url = parse_http_url("https://user:secret@a.example/?token=secret");
    REQUIRE(!url.has_value());
    CHECK(url.error().message.find("secret") == std::string::npos);
}

TEST_CASE("a URL may be long, but not without end") {
    CHECK(parse_http_url("https://a/?" + std::string(30'000, 'x')).has_value());
    CHECK(!parse_http_url("https://a/?" + std::string(33'000, 'x')).has_value());
}
