// Values that weak plumbing breaks: they come back as they were sent.
#include <testing/adapter_conformance_cases.hpp>

#include <core/path.hpp>

#include <cstdint>
#include <limits>
#include <utility>

namespace castiel_sync::testing {
namespace {

using Status = PushOutcome::Status;

struct NamedValue {
    std::string name;
    json::value value;
};

void require_at(const Path& path, const json::object& fields, const json::value& expected, const std::string& what) {
    const json::value* found = path.find(fields);
    json::object seen;
    json::object wanted;
    if (found != nullptr) seen.emplace("value", *found);
    wanted.emplace("value", expected);
    require_members(seen, wanted, what);
}

// Each value is created and updated to, so that both ways of writing are tried.
Async<Finding> survive(AdapterHarness& harness, std::string field, std::vector<NamedValue> values) {
    const std::unique_ptr<Adapter> adapter = co_await start(harness);
    const Path path = require_value(Path::parse(field), "the name of the field");
    for (std::size_t i = 0; i < values.size(); ++i) {
        json::object fields = harness.sample(i);
        const json::value& first = values[i].value;
        const json::value& second = values[(i + 1) % values.size()].value;
        require_value(path.set(fields, first), "a sample with the field");
        const std::string key = "key " + std::to_string(i);
        const PushOutcome created =
            co_await push_one(harness, *adapter, create_item(std::move(fields), harness.key(key)), Status::applied);
        const Record record = co_await fetch_present(harness, *adapter, created.id);
        require_at(path, record.fields, first, values[i].name + " survives a create");

        json::object changed = record.fields;
        require_value(path.set(changed, second), "a record with the field");
        co_await push_one(harness, *adapter, update_item(record, std::move(changed)), Status::applied);
        const Record updated = co_await fetch_present(harness, *adapter, created.id);
        require_at(path, updated.fields, second, values[(i + 1) % values.size()].name + " survives an update");
    }
    co_return passed();
}

Async<Finding> odd_text(AdapterHarness& harness) {
    std::vector<NamedValue> values;
    values.push_back({"an empty text", ""});
    values.push_back({"an emoji made of several code points", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"});
    values.push_back({"right-to-left text", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x80\x8f(1)"});
    values.push_back({"quotes and backslashes", "\"\\\" \\\\ \\n '` {}[],:"});
    values.push_back({"line breaks and tabs", "a\nb\r\nc\td\xe2\x80\xa8"
                                              "e"});
    values.push_back({"U+0000 and other controls", json::string(json::string_view("a\0b\x01\x1f\x7f", 6))});
    values.push_back({"white space at both ends", "  x \xc2\xa0"});
    values.push_back({"a byte order mark", "\xef\xbb\xbfx"});
    values.push_back({"a character beyond the basic plane", "\xf4\x8f\xbf\xbf"});
    values.push_back({"text that looks like another type", "null"});
    auto finding = co_await survive(harness, harness.text_field(), std::move(values));
    co_return finding;
}

Async<Finding> long_text(AdapterHarness& harness) {
    std::vector<NamedValue> values;
    values.push_back({"a text of 1 MiB", json::string(1024 * 1024, 'x')});
    values.push_back({"a short text", "short"});
    auto finding = co_await survive(harness, harness.text_field(), std::move(values));
    co_return finding;
}

Async<Finding> large_integers(AdapterHarness& harness) {
    std::vector<NamedValue> values;
    values.push_back({"2^53 + 1", std::int64_t{9007199254740993}});
    values.push_back({"the lowest 64-bit integer", std::numeric_limits<std::int64_t>::min()});
    values.push_back({"the highest 64-bit integer", std::numeric_limits<std::int64_t>::max()});
    values.push_back({"zero", 0});
    auto finding = co_await survive(harness, harness.integer_field(), std::move(values));
    co_return finding;
}

} // namespace

const std::vector<AdapterCase>& adapter_value_cases() {
    static const std::vector<AdapterCase> cases{
        {"odd text survives", "text", odd_text},
        {"a text of 1 MiB survives", "text", long_text},
        {"integers beyond 2^53 survive", "integers", large_integers},
    };
    return cases;
}

} // namespace castiel_sync::testing
