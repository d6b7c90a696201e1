// A table for each transform: what it gives, what its inverse writes, what it refuses.
#include "support.hpp"

#include <core/transform.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

TransformPointer transform(std::string_view step) {
    TransformStep parsed;
    parsed.options = object(step);
    parsed.name = parsed.options.at("name").get_string();
    parsed.options.erase("name");
    std::vector<ConfigurationFault> faults;
    auto made = make_transform(parsed, "transform", faults);
    INFO(describe(faults));
    REQUIRE(made != nullptr);
    return made;
}

std::string shown(const Result<json::value>& result) { return result ? to_json(*result) : "refused"; }

struct Row {
    std::string_view external;
    std::string_view shard;   // of to_shard(external)
    std::string_view written; // of to_external(shard)
};

void check_table(std::string_view step, std::initializer_list<Row> rows,
                 std::initializer_list<std::string_view> refused_externals,
                 std::initializer_list<std::string_view> refused_shards) {
    const auto made = transform(step);
    for (const Row& row : rows) {
        CAPTURE(row.external);
        CHECK(shown(made->to_shard(value(row.external))) == row.shard);
        CHECK(shown(made->to_external(value(row.shard))) == row.written);
    }
    for (const std::string_view refused : refused_externals) {
        CAPTURE(refused);
        const auto result = made->to_shard(value(refused));
        CHECK(shown(result) == "refused");
        if (!result) CHECK(result.error().code == ErrorCode::invalid_record);
    }
    for (const std::string_view refused : refused_shards) {
        CAPTURE(refused);
        CHECK(shown(made->to_external(value(refused))) == "refused");
    }
    CHECK(shown(made->to_shard(value("null"))) == "null");
    CHECK(shown(made->to_external(value("null"))) == "null");
}

} // namespace

TEST_CASE("trim takes white space of any script from the ends") {
    check_table(R"({"name": "trim"})",
                {{R"("  a b\t\n")", R"("a b")", R"("a b")"},
                 {R"("\u00a0\u3000a\u2003\ufeff")", R"("a")", R"("a")"},
                 {R"("")", R"("")", R"("")"},
                 {R"(" \u00a0 ")", R"("")", R"("")"},
                 {R"("é ")", R"("é")", R"("é")"},
                 {R"([" a", null, "b "])", R"(["a",null,"b"])", R"(["a",null,"b"])"}},
                {"1", "true", R"({"a": 1})", R"([1])", R"([[" a"]])"}, {"1", R"([1])"});
}

TEST_CASE("lowercase and uppercase change letters of every script, one for one") {
    check_table(R"({"name": "lowercase"})",
                {{R"("Ada@EXAMPLE.com")", R"("ada@example.com")", R"("ada@example.com")"},
                 {R"("ÄÖÜ ÇŞ ΑΒΓ ДЖ")", R"("äöü çş αβγ дж")", R"("äöü çş αβγ дж")"},
                 {R"("1 ß 東京 😀")", R"("1 ß 東京 😀")", R"("1 ß 東京 😀")"}},
                {"1", "false", "{}"}, {"1"});
    check_table(R"({"name": "uppercase"})",
                {{R"("de-äöü")", R"("DE-ÄÖÜ")", R"("DE-ÄÖÜ")"},
                 {R"("straße ÿ ж")", R"("STRAßE Ÿ Ж")", R"("STRAßE Ÿ Ж")"},
                 {R"(["a", "b"])", R"(["A","B"])", R"(["A","B"])"}},
                {"1"}, {"1"});
}

TEST_CASE("collapse_spaces and blank_to_null") {
    check_table(R"({"name": "collapse_spaces"})", {{R"("  Ada \t  King ")", R"("Ada King")", R"("Ada King")"}}, {"1"},
                {"1"});
    check_table(R"({"name": "blank_to_null"})",
                {{R"("")", "null", "null"}, {R"(" \t")", "null", "null"}, {R"(" a ")", R"(" a ")", R"(" a ")"}}, {"1"},
                {"1"});
}

TEST_CASE("number_to_string writes every digit, and nothing but them") {
    check_table(R"({"name": "number_to_string"})",
                {{"9223372036854775807", R"("9223372036854775807")", "9223372036854775807"},
                 {"18446744073709551615", R"("18446744073709551615")", "18446744073709551615"},
                 {"-9223372036854775808", R"("-9223372036854775808")", "-9223372036854775808"},
                 {"0.1", R"("0.1")", "0.1"},
                 {"1.0", R"("1")", "1"},
                 {"-0.0", R"("0")", "0"},
                 {"1e20", R"("100000000000000000000")", "1e+20"},
                 {"1e300", R"("1e300")", "1e+300"},
                 {"0.000001", R"("0.000001")", "1e-06"},
                 {"1.5e-9", R"("1.5e-9")", "1.5e-09"},
                 {"123456.789", R"("123456.789")", "123456.789"},
                 {"5e-324", R"("5e-324")", "5e-324"}},
                {R"("1")", "true", "{}"}, {"1", R"("one")", R"("")", R"("12345678901234567890123")"});
    check_table(R"({"name": "number_to_string", "decimals": 2, "decimalSeparator": ","})",
                {{"12.5", R"("12,50")", "12.5"}, {"-3", R"("-3,00")", "-3"}, {"0", R"("0,00")", "0"}},
                {"0.125", "1e-9"}, {R"("1.50")"});
}

TEST_CASE("string_to_number refuses text that no number carries exactly") {
    check_table(R"({"name": "string_to_number"})",
                {{R"("42")", "42", R"("42")"},
                 {R"("-7")", "-7", R"("-7")"},
                 {R"("+7")", "7", R"("7")"},
                 {R"("007")", "7", R"("7")"},
                 {R"("0.1")", "0.1", R"("0.1")"},
                 {R"("1.50")", "1.5", R"("1.5")"},
                 {R"("1e3")", "1000", R"("1000")"},
                 {R"("9007199254740993")", "9007199254740993", R"("9007199254740993")"},
                 {R"("18446744073709551615")", "18446744073709551615", R"("18446744073709551615")"}},
                {R"("")", R"(" 1")", R"("1 ")", R"("1,5")", R"("1.")", R"(".5")", R"("0x10")", R"("1e")", R"("1e999")",
                 R"("NaN")", R"("Infinity")", R"("--1")", R"("9007199254740993.5")", R"("0.1000000000000000055511151")",
                 R"("18446744073709551617")", "1", "true", R"("١")"},
                {R"("1")", "false"});
}

TEST_CASE("string_to_number reads the marks of a country and writes the decimals it is told") {
    check_table(R"({"name": "string_to_number", "decimalSeparator": ",", "groupSeparator": ".", "decimals": 2})",
                {{R"("1.234.567,89")", "1234567.89", R"("1234567,89")"},
                 {R"("1234,5")", "1234.5", R"("1234,50")"},
                 {R"("-0,00")", "0", R"("0,00")"}},
                {R"("1.23,4")", R"("1234.567,8")", R"("1..234")", R"(".123")", R"("1.234.56")", R"("1,2,3")"},
                {"0.125"});
    check_table(R"({"name": "string_to_number", "groupSeparator": " "})", {{R"("1 234.5")", "1234.5", R"("1234.5")"}},
                {R"("1 23")"}, {});
}

TEST_CASE("round goes by the decimal digits, half away from zero") {
    check_table(R"({"name": "round", "decimals": 2})",
                {{"1.005", "1.01", "1.01"},
                 {"-1.005", "-1.01", "-1.01"},
                 {"2.675", "2.68", "2.68"},
                 {"1.004999", "1", "1"},
                 {"9.995", "10", "10"},
                 {"0.005", "0.01", "0.01"},
                 {"0.0049", "0", "0"},
                 {"1e-300", "0", "0"},
                 {"12.3", "12.3", "12.3"},
                 {"9007199254740993", "9007199254740993", "9007199254740993"},
                 {"1e300", "1e+300", "1e+300"}},
                {R"("1.005")", "true"}, {R"("1")"});
    check_table(R"({"name": "round"})", {{"0.5", "1", "1"}, {"-2.5", "-3", "-3"}, {"999.5", "1000", "1000"}}, {}, {});
}

TEST_CASE("booleans and their texts") {
    check_table(R"({"name": "boolean_to_string"})", {{"true", R"("true")", "true"}, {"false", R"("false")", "false"}},
                {R"("true")", "1"}, {R"("TRUE")", "true", R"("")"});
    check_table(R"({"name": "string_to_boolean", "true": ["yes", "y", "1"], "false": "no"})",
                {{R"("yes")", "true", R"("yes")"}, {R"("1")", "true", R"("yes")"}, {R"("no")", "false", R"("no")"}},
                {R"("Yes")", R"("")", "true", "1"}, {R"("yes")", "1"});
}

TEST_CASE("split and join, each the other's inverse") {
    check_table(R"({"name": "split", "separator": ";"})",
                {{R"("a;b")", R"(["a","b"])", R"("a;b")"},
                 {R"("a")", R"(["a"])", R"("a")"},
                 {R"("")", "[]", R"("")"},
                 {R"(";a;")", R"(["","a",""])", R"(";a;")"}},
                {"1", R"(["a"])"}, {R"(["a;b"])", R"([""])", R"([1])", R"("a")", R"([null])"});
    check_table(R"({"name": "join"})", {{R"(["a","b"])", R"("a,b")", R"(["a","b"])"}, {"[]", R"("")", "[]"}},
                {R"(["a,b"])", R"([""])", R"([1])", R"("a")", R"([["a"]])"}, {"1", R"(["a"])"});
    check_table(R"({"name": "join", "separator": "aa"})", {}, {R"(["xa","ay"])"}, {});
}

TEST_CASE("a lossy join takes elements that hold the separator, and has no inverse") {
    const auto join = transform(R"({"name": "join", "separator": ", ", "lossy": true})");
    CHECK(shown(join->to_shard(value(R"(["a, b", "c"])"))) == R"("a, b, c")");
    CHECK_FALSE(join->traits().two_way);
}

TEST_CASE("a template writes its fields, and is absent or null when all of them are") {
    const auto filled = [](std::string_view text, std::string_view record) {
        const auto parsed = TextTemplate::parse(text);
        REQUIRE(parsed.has_value());
        const auto result = parsed->fill(object(record));
        if (!result) return std::string("refused");
        return *result ? to_json(**result) : "absent";
    };
    CHECK(filled("{name.first} {name.last}", R"({"name": {"first": "Ada", "last": "King"}})") == R"("Ada King")");
    CHECK(filled("{a}-{b}", R"({"a": 12345678901234567, "b": 0.1})") == R"("12345678901234567-0.1")");
    CHECK(filled("{a}/{b}", R"({"a": true})") == R"("true/")");
    CHECK(filled("{{{a}}}", R"({"a": 1})") == R"("{1}")");
    CHECK(filled("{a} {b}", R"({"a": null})") == "null");
    CHECK(filled("{a} {b}", R"({"c": 1})") == "absent");
    CHECK(filled("{a}", R"({"a": [1]})") == "refused");
    for (const std::string_view wrong : {"", "no field", "{", "}", "{a", "{}", "{a..b}", "{a} }"})
        CHECK_FALSE_MESSAGE(TextTemplate::parse(wrong).has_value(), wrong);
}

TEST_CASE("wrong options are told one by one") {
    const auto faults_of = [](std::string_view name, std::string_view options) {
        TransformStep step;
        step.name = name;
        step.options = object(options);
        std::vector<ConfigurationFault> faults;
        CHECK(make_transform(step, "t", faults) == nullptr);
        return faults;
    };
    CHECK(tells(faults_of("lower", "{}"), "t", "use one of: trim, lowercase, uppercase"));
    CHECK(tells(faults_of("trim", R"({"side": "left"})"), "t.side", "not a key of transform trim"));
    CHECK(tells(faults_of("round", R"({"decimals": 99})"), "t.decimals", "from 0 to 15"));
    CHECK(tells(faults_of("round", R"({"decimal": 2})"), "t.decimal", "did you mean 'decimals'"));
    CHECK(tells(faults_of("string_to_number", R"({"groupSeparator": "."})"), "t.groupSeparator", "differ"));
    CHECK(tells(faults_of("string_to_number", R"({"decimalSeparator": ";"})"), "t.decimalSeparator", "'.' or ','"));
    CHECK(tells(faults_of("string_to_boolean", R"({"true": 1})"), "t.true", "quotation marks"));
    CHECK(tells(faults_of("string_to_boolean", R"({"true": ["a", "b"], "false": "b"})"), "t.false", "both"));
    CHECK(tells(faults_of("boolean_to_string", R"({"true": "x", "false": "x"})"), "t.false", "both"));
    CHECK(tells(faults_of("split", R"({"separator": ""})"), "t.separator", "bytes"));
    CHECK(tells(faults_of("date_time", R"({"zone": "Mars/Olympus"})"), "t.zone", "no time zone 'Mars/Olympus'"));
    CHECK(tells(faults_of("date_time", R"({"format": "%d.%m.%Y %H:%M"})"), "t.zone", "is missing"));
    CHECK(tells(faults_of("date_time", R"({"format": "%d.%m.%Y", "zone": "UTC"})"), "t.format", "transform 'date'"));
    CHECK(tells(faults_of("date_time", R"({"format": "unix", "zone": "UTC"})"), "t.zone", "UTC"));
    CHECK(tells(faults_of("date", R"({"format": "%d.%m.%y"})"), "t.format", "unknown specifier"));
    CHECK(tells(faults_of("date", R"({"format": "%d.%m.%Y %d"})"), "t.format", "twice"));
    CHECK(tells(faults_of("date", R"({"format": "%m.%Y"})"), "t.format", "a year, one month and a day"));
    CHECK(tells(faults_of("date", R"({"format": "%F %T"})"), "t.format", "date_time"));
    CHECK(tells(faults_of("date_time", R"({"format": "%F %I:%M", "zone": "UTC"})"), "t.format", "%I with %p"));
}
