// What must be refused, as bytes, with the status it is refused with. The limits are those of small_limits().
#pragma once

#include <net/http_request_reader.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

inline HttpRequestLimits small_limits() { return {.max_header_bytes = 1024, .max_headers = 20, .max_body_bytes = 64}; }

struct HostileInput {
    const char* what;
    unsigned status;
    std::string bytes;
};

inline std::vector<HostileInput> hostile_inputs() {
    using namespace std::string_literals;
    const std::string host = "Host: a\r\n";
    const std::string get = "GET / HTTP/1.1\r\n" + host;
    const std::string post = "POST / HTTP/1.1\r\n" + host;
    const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    // What a client behind the same proxy must never have answered as a request of its own.
    const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    std::string many;
    for (int number = 0; number < 21; ++number)
        many += "x:\r\n";
    return {
        {"two different lengths", 400, post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc" + smuggled},
        {"two equal lengths", 400, post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + smuggled},
        {"a list of lengths", 400, post + "Content-Length: 3, 3\r\n\r\nabc" + smuggled},
        {"a negative length", 400, post + "Content-Length: -1\r\n\r\n" + smuggled},
        {"a signed length", 400, post + "Content-Length: +3\r\n\r\nabc" + smuggled},
        {"a hexadecimal length", 400, post + "Content-Length: 0x3\r\n\r\nabc" + smuggled},
        {"an empty length", 400, post + "Content-Length:\r\n\r\n" + smuggled},
        {"a length with a space inside", 400, post + "Content-Length: 1 2\r\n\r\n" + smuggled},
        {"a length and chunks", 400,
         post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
        {"chunks and a length", 400,
         post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled},
        {"a length beyond 2^64", 400, post + "Content-Length: 18446744073709551617\r\n\r\n" + smuggled},
        {"a length of 2^64 - 1", 413, post + "Content-Length: 18446744073709551615\r\n\r\n" + smuggled},
        {"a length over the limit", 413, post + "Content-Length: 65\r\n\r\n" + smuggled},
        {"gzip", 501, post + "Transfer-Encoding: gzip\r\n\r\n" + smuggled},
        {"gzip in chunks", 501, post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled},
        {"chunks that are not last", 501, post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled},
        {"chunks twice", 501, post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + smuggled},
        {"chunks in two headers", 400,
         post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
        {"chunks with a vertical tab", 400, post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" + smuggled},
        {"xchunked", 501, post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled},
        {"chunks in 1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
        {"a space before the colon", 400, get + "Content-Length : 3\r\n\r\nabc" + smuggled},
        {"a tab before the colon", 400, get + "X\t: 3\r\n\r\n"},
        {"a folded header", 400, get + "X: a\r\n b\r\n\r\n"},
        {"a header folded by a tab", 400, get + "X: a\r\n\tb\r\n\r\n"},
        {"a space before the first header", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
        {"a header without colon", 400, get + "X\r\n\r\n"},
        {"a header without name", 400, get + ": x\r\n\r\n"},
        {"a header's name in Latin-1", 400, get + "\xe9: x\r\n\r\n"},
        {"a bare line feed after a header", 400, get + "X: a\nY: b\r\n\r\n"},
        {"bare line feeds only", 400, "GET / HTTP/1.1\nHost: a\n\n"},
        {"a bare line feed at the end of the head", 400, get + "\n"},
        {"a bare carriage return in a value", 400, get + "X: a\rY: b\r\n\r\n"},
        {"a carriage return before the line's end", 400, get + "X: a\r\r\n\r\n"},
        {"NUL in a value", 400, get + "X: a\0b\r\n\r\n"s},
        {"NUL in a name", 400, get + "X\0: a\r\n\r\n"s},
        {"an escape in a value", 400, get + "X: \x1b[2J\r\n\r\n"},
        {"DEL in a value", 400, get + "X: a\x7f\r\n\r\n"},
        {"no host", 400, "GET / HTTP/1.1\r\n\r\n"},
        {"two hosts", 400, get + "Host: b\r\n\r\n"},
        {"two equal hosts", 400, get + host + "\r\n"},
        {"two hosts in 1.0", 400, "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"},
        {"a host that is a list", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
        {"a host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
        {"a host with a user", 400, "GET / HTTP/1.1\r\nHost: b@a\r\n\r\n"},
        {"absolute form", 400, "GET http://a/ HTTP/1.1\r\n" + host + "\r\n"},
        {"asterisk form", 400, "OPTIONS * HTTP/1.1\r\n" + host + "\r\n"},
        {"authority form", 501, "CONNECT a:443 HTTP/1.1\r\n" + host + "\r\n"},
        {"an empty target", 400, "GET  HTTP/1.1\r\n" + host + "\r\n"},
        {"a fragment", 400, "GET /#x HTTP/1.1\r\n" + host + "\r\n"},
        {"a target in UTF-8", 400, "GET /\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n"},
        {"a tab in the target", 400, "GET /\tx HTTP/1.1\r\n" + host + "\r\n"},
        {"a space in the target", 400, "GET /a b HTTP/1.1\r\n" + host + "\r\n"},
        {"two spaces", 400, "GET  / HTTP/1.1\r\n" + host + "\r\n"},
        {"tabs for spaces", 400, "GET\t/\tHTTP/1.1\r\n" + host + "\r\n"},
        {"a space before the method", 400, " GET / HTTP/1.1\r\n" + host + "\r\n"},
        {"a space behind the version", 400, "GET / HTTP/1.1 \r\n" + host + "\r\n"},
        {"a method in brackets", 400, "(GET) / HTTP/1.1\r\n" + host + "\r\n"},
        {"no version", 400, "GET /\r\n" + host + "\r\n"},
        {"half a version", 400, "GET / HTTP/1\r\n" + host + "\r\n"},
        {"a letter of a version", 400, "GET / H\r\n"},
        {"a version in lower case", 400, "GET / http/1.1\r\n" + host + "\r\n"},
        {"a version with leading zero", 400, "GET / HTTP/1.01\r\n" + host + "\r\n"},
        {"a version that is no number", 400, "GET / HTTP/x.1\r\n" + host + "\r\n"},
        {"version 1.2", 505, "GET / HTTP/1.2\r\n" + host + "\r\n"},
        {"version 0.9", 505, "GET / HTTP/0.9\r\n" + host + "\r\n"},
        {"version 2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        {"two empty lines first", 400, "\r\n\r\n" + get + "\r\n"},
        {"an empty line that is bare first", 400, "\n" + get + "\r\n"},
        {"TLS", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s},
        {"TLS with a line feed", 400, "\x16\x03\x01\x02\x00\n\x00\x01\xfc\x03\x03"s},
        {"SSH", 400, "SSH-2.0-OpenSSH_9.2\r\n"},
        {"a response", 400, "HTTP/1.1 200 OK\r\n\r\n"},
        {"NUL first", 400, "\0"s},
        {"a line without end", 431, "GET /" + std::string(2000, 'x')},
        {"a long target", 431, "GET /" + std::string(2000, 'x') + " HTTP/1.1\r\n" + host + "\r\n"},
        {"a long header", 431, get + "X: " + std::string(2000, 'x') + "\r\n\r\n"},
        {"long headers", 431, get + "X: " + std::string(600, 'x') + "\r\nX: " + std::string(600, 'x') + "\r\n\r\n"},
        {"many headers", 431, get + many + "\r\n"},
        {"an unknown expectation", 417, post + "Expect: a-miracle\r\nContent-Length: 3\r\n\r\nabc" + smuggled},
        {"two expectations", 417, post + "Expect: 100-continue, more\r\nContent-Length: 3\r\n\r\n" + smuggled},
        {"a chunk without length", 400, chunked + "\r\nabc\r\n0\r\n\r\n" + smuggled},
        {"a chunk with a negative length", 400, chunked + "-3\r\nabc\r\n0\r\n\r\n" + smuggled},
        {"a chunk with 0x", 400, chunked + "0x3\r\nabc\r\n0\r\n\r\n" + smuggled},
        {"a chunk with a space behind its length", 400, chunked + "3 \r\nabc\r\n0\r\n\r\n" + smuggled},
        {"a chunk with a space before its length", 400, chunked + " 3\r\nabc\r\n0\r\n\r\n" + smuggled},
        {"a chunk with a bare line feed", 400, chunked + "3\nabc\r\n0\r\n\r\n" + smuggled},
        {"a chunk that is longer than it says", 400, chunked + "3\r\nabcd\r\n0\r\n\r\n" + smuggled},
        {"a chunk that ends with a bare line feed", 400, chunked + "3\r\nabc\n0\r\n\r\n" + smuggled},
        {"a chunk that ends with a bare carriage return", 400, chunked + "3\r\nabc\r0\r\n\r\n" + smuggled},
        {"a chunk with control characters in its extension", 400, chunked + "3;a=\x01\r\nabc\r\n0\r\n\r\n" + smuggled},
        {"a chunk with a carriage return in its extension", 400, chunked + "3;a\rb\r\nabc\r\n0\r\n\r\n" + smuggled},
        {"a chunk over the limit", 413, chunked + "41\r\n"},
        {"a chunk beyond 2^64", 400, chunked + "10000000000000001\r\n"},
        {"a chunk that almost wraps around", 413, chunked + "3\r\nabc\r\nffffffffffffffff\r\n"},
        {"chunks over the limit", 413, chunked + "40\r\n" + std::string(64, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n"},
        {"long extensions", 431,
         chunked + "1;" + std::string(600, 'x') + "\r\nx\r\n1;" + std::string(600, 'x') + "\r\n"},
        {"an endless extension", 431, chunked + "1;" + std::string(2000, 'x')},
        {"a long trailer", 431, chunked + "0\r\nX: " + std::string(2000, 'x') + "\r\n\r\n"},
        {"many trailers", 431, chunked + "0\r\n" + many + "\r\n"},
        {"a folded trailer", 400, chunked + "0\r\nX: a\r\n b\r\n\r\n" + smuggled},
        {"a trailer with a bare line feed", 400, chunked + "0\r\nX: a\n\r\n" + smuggled},
    };
}

} // namespace castiel_sync::testing
