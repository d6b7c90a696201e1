// What contradicts itself in a description is told at its place, before anything runs.
#include "rest_documents.hpp"

#include <algorithm>

using namespace castiel_sync;
using namespace rest_test;

namespace {

struct Contradiction {
    const char* member; // what is changed in everything()
    const char* value;  // "": taken out
    const char* place;  // where that is told
    const char* words;  // what is told
};

#define CONTACTS "entities.contacts"

constexpr Contradiction contradictions[] = {
    // Names and places of the whole.
    {"name", R"("My CRM")", "name", "lower-case"},
    {"name", "", "name", "lower-case"},
    {"summary", "", "summary", "is missing"},
    {"baseUrl", "", "baseUrl", "is missing"},
    {"baseUrl", R"("https://{settings.realm}.test")", "baseUrl", "settings declares no realm"},
    {"baseUrl", R"("https://{credentials.host}")", "baseUrl", "has no value here"},
    {"settings.account", R"("text")", "settings.account", "must be an object"},
    {"entities", "{}", "entities", "at least one"},
    {"entities", "[]", "entities", "must be an object"},
    {"entities.contacts", "7", "entities.contacts", "must be an object"},
    {"entities.*", R"({"id": "id", "list": {"path": "/"}, "get": {"path": "/{id}"}})", "check", "is missing"},
    {"timeoutSeconds", "26", "timeoutSeconds", "from 1 to 25"},
    {"concurrency", "0", "concurrency", "from 1 to 64"},
    // Misspelt and unknown keys.
    {"base_url", R"("x")", "base_url", "did you mean 'baseUrl'"},
    {"entities.contacts.lists", "{}", "entities.contacts.lists", "did you mean 'list'"},
    {CONTACTS ".list.pagesize", "{}", CONTACTS ".list.pagesize", "did you mean 'pageSize'"},
    {CONTACTS ".list.paging.key", R"("id")", CONTACTS ".list.paging.key", "is not a key of this paging"},
    {CONTACTS ".create.versionHeader", R"("ETag")", CONTACTS ".create.versionHeader", "is not a key of create"},
    {CONTACTS ".update.idempotent", "true", CONTACTS ".update.idempotent", "is not a key of update"},
    {CONTACTS ".deleted.equal", "1", CONTACTS ".deleted.equal", "did you mean 'equals'"},
    {CONTACTS ".colour", "1", CONTACTS ".colour", "is not a key of an entity"},
    // Requests.
    {CONTACTS ".list.path", R"("contacts")", CONTACTS ".list.path", "begin with a slash"},
    {CONTACTS ".list.path", R"("/contacts?a=1")", CONTACTS ".list.path", "parameters stand under query"},
    {CONTACTS ".list.path", R"("/contacts/{id}")", CONTACTS ".list.path", "has no value here"},
    {CONTACTS ".list.path", R"("/contacts/{")", CONTACTS ".list.path", "a brace is not closed"},
    {CONTACTS ".list.path", "", CONTACTS ".list.path", "is missing"},
    {CONTACTS ".list.method", R"("FETCH")", CONTACTS ".list.method", "must be GET"},
    {CONTACTS ".list.query.since", R"("{since}")", CONTACTS ".list.query.since", "has no value here"},
    {CONTACTS ".get.query.a", R"("{settings.acount}")", CONTACTS ".get.query.a", "settings declares no acount"},
    {CONTACTS ".create.body", R"({"id": ["{id}"]})", CONTACTS ".create.body", "has no value here"},
    {CONTACTS ".create.body", R"({"id": "{record"})", CONTACTS ".create.body", "a brace is not closed"},
    {CONTACTS ".create.set", R"({"a..b": "1"})", CONTACTS ".create.set", ""},
    {CONTACTS ".create.omit", "[7]", CONTACTS ".create.omit", "names of members only"},
    {"headers", R"({"Host": "x"})", "headers.Host", "the transport's own"},
    {"headers", R"({"content-length": "1"})", "headers.content-length", "the transport's own"},
    {CONTACTS ".get.headers", R"({"Transfer-Encoding": "x"})", CONTACTS ".get.headers.Transfer-Encoding",
     "the transport's own"},
    {"headers", R"({"X Y": "1"})", "headers.X Y", "is no header's name"},
    {"headers", R"({"X": "a\nb"})", "headers.X", "no header may have"},
    // Credentials.
    {"authentication.type", R"("digest")", "authentication.type", ""},
    {"authentication.name", "", "authentication.name", "is missing"},
    {"authentication.name", R"("X Key")", "authentication.name", "is no header's name"},
    {"authentication.value", R"("{settings.account}")", "authentication.value", "has no value here"},
    // Paging.
    {CONTACTS ".list.query.offset", "", CONTACTS ".list.paging", "use {offset}"},
    {CONTACTS ".list.paging", R"({"type": "page"})", CONTACTS ".list.paging", "use {page}"},
    {CONTACTS ".list.paging", R"({"type": "cursor", "next": "next"})", CONTACTS ".list.paging", "use {cursor}"},
    {CONTACTS ".list.paging", R"({"type": "keyset", "key": "id"})", CONTACTS ".list.paging", "use {after}"},
    {CONTACTS ".list.paging", R"({"type": "none"})", CONTACTS ".list", "uses {offset}"},
    {CONTACTS ".list.paging", R"({"type": "cursor"})", CONTACTS ".list.paging.next", "is missing"},
    {CONTACTS ".list.paging", R"({"type": "nextUrl"})", CONTACTS ".list.paging.next", "is missing"},
    {CONTACTS ".list.paging", R"({"type": "keyset"})", CONTACTS ".list.paging.key", "is missing"},
    {CONTACTS ".list.paging", "{}", CONTACTS ".list.paging.type", "is missing"},
    {CONTACTS ".list.paging", R"({"type": "pages"})", CONTACTS ".list.paging.type", ""},
    {CONTACTS ".list.paging", R"({"type": "page", "first": 2})", CONTACTS ".list.paging.first", "from 0 to 1"},
    {CONTACTS ".list.pageSize", R"({"default": 50, "most": 10})", CONTACTS ".list.pageSize.default",
     "not be more than most"},
    {CONTACTS ".list.total", R"({"field": "a", "header": "B"})", CONTACTS ".list.total", "one of field and header"},
    {CONTACTS ".list.more", R"({"field": "a"})", CONTACTS ".list.more", "needs one of equals"},
    {CONTACTS ".list.more", R"({"equals": 1})", CONTACTS ".list.more.field", "is missing"},
    // The feed.
    {CONTACTS ".changes.query.since", "", CONTACTS ".changes", "use {since}"},
    {CONTACTS ".changes.next", "", CONTACTS ".changes.next", "is missing"},
    {CONTACTS ".changes.position", "", CONTACTS ".changes.position", "is missing"},
    {CONTACTS ".changes.position", R"({"path": "/now"})", CONTACTS ".changes.position.at", "is missing"},
    {CONTACTS ".list", "", CONTACTS ".changes.position", "is not needed without list"},
    {CONTACTS ".changes.by", "", CONTACTS ".changes.by", "is missing"},
    {CONTACTS ".changes.paging", R"({"type": "link"})", CONTACTS ".changes.paging", "not for a feed by sequence"},
    {CONTACTS ".changes", R"({"by": "timestamp", "path": "/c"})", CONTACTS ".changes", "use {since}"},
    {CONTACTS ".changes", R"({"by": "timestamp", "path": "/c", "query": {"s": "{since}"}, "next": "n"})",
     CONTACTS ".changes.next", "is not a key of changes"},
    {CONTACTS ".changes", R"({"by": "timestamp", "path": "/c", "query": {"s": "{since}"}, "format": "%Q"})",
     CONTACTS ".changes.format", "must be iso8601"},
    // Records.
    {CONTACTS ".id", "", CONTACTS ".id", "is missing"},
    {CONTACTS ".id", R"("a..b")", CONTACTS ".id", ""},
    {CONTACTS ".version", R"({"field": "rev", "ignore": ["a"]})", CONTACTS ".version.ignore", "remove it or field"},
    {CONTACTS ".version", "{}", CONTACTS ".version", "needs field, or ignore"},
    {CONTACTS ".modifiedAt", "{}", CONTACTS ".modifiedAt.field", "is missing"},
    {CONTACTS ".ignore", "[7]", CONTACTS ".ignore[0]", "must be a condition"},
    // Reading single records.
    {CONTACTS ".get.path", R"("/contacts")", CONTACTS ".get", "use {id}"},
    {CONTACTS ".getMany.query", "{}", CONTACTS ".getMany", "use {ids}"},
    {CONTACTS ".find.query", "{}", CONTACTS ".find", "use {key}"},
    // Writing.
    {CONTACTS ".create.answer", "", CONTACTS ".create.answer", "must tell the id"},
    {CONTACTS ".create.set", R"({"rev": "{version}"})", CONTACTS ".create", "a new record has none"},
    {CONTACTS ".update.path", R"("/contacts")", CONTACTS ".update", "use {id}"},
    {CONTACTS ".delete.path", R"("/contacts")", CONTACTS ".delete", "use {id}"},
    {CONTACTS ".version", "", CONTACTS ".update", "made of the record's content"},
    {CONTACTS ".version", "", CONTACTS ".delete", "made of the record's content"},
    {CONTACTS ".update", R"({"path": "/{id}", "versionHeader": "ETag"})", CONTACTS ".update.versionHeader",
     "is read and never sent"},
    {CONTACTS ".get", "", CONTACTS ".update.versionHeader", "is read by get"}, // with the change below
    // What answers mean.
    {"answers", R"([{"means": "retry"}])", "answers[0]", "is about every answer"},
    {"answers", R"([{"status": 409}])", "answers[0].means", "is missing"},
    {"answers", R"([{"status": 99, "means": "retry"}])", "answers[0].status", "a class such as 5xx"},
    {"answers", R"([{"status": "6xx", "means": "retry"}])", "answers[0].status", "a class such as 5xx"},
    {"answers", R"([{"status": 409, "means": "maybe"}])", "answers[0].means", ""},
    {"answers", R"([{"status": 409, "actions": ["pull"], "means": "retry"}])", "answers[0].actions", "\"pull\" is none"},
    {"answers", R"([7])", "answers[0]", "must say which answers"},
    {"rateLimit", R"({"remaining": "X-Left"})", "rateLimit", "needs both headers"},
    {"webhook", R"({"scheme": "github", "header": "X"})", "webhook.header", "is for the scheme token"},
};

bool tells(const std::vector<ConfigurationFault>& faults, std::string_view place, std::string_view words) {
    return std::any_of(faults.begin(), faults.end(), [&](const ConfigurationFault& fault) {
        return !fault.notice && fault.path == place && fault.message.find(words) != std::string::npos;
    });
}

json::value with_batch(std::string_view set_for_create, std::string_view set_for_update, std::string_view removal) {
    json::value document = with(everything(), CONTACTS ".create.set", set_for_create);
    document = with(document, CONTACTS ".update.set", set_for_update);
    const std::string batch = R"({"path": "/batch", "body": {"items": "{items}"}, "answer": {"record": true}, "delete": )" +
                              std::string(removal) + "}";
    return with(document, CONTACTS ".batch", batch);
}

} // namespace

TEST_CASE("a description without contradictions has no faults") {
    const auto parsed = parse_rest_description(everything());
    CHECK_MESSAGE(parsed.faults.empty(), told(parsed.faults));
    CHECK(parsed.description != nullptr);
    CHECK_MESSAGE(parse_rest_description(contacts()).faults.empty(), told(parse_rest_description(contacts()).faults));
}

TEST_CASE("every contradiction is told at its place") {
    for (const Contradiction& each : contradictions) {
        CAPTURE(std::string(each.member));
        CAPTURE(std::string(each.value));
        json::value document = with(everything(), each.member, each.value);
        if (std::string_view(each.place).ends_with("update.versionHeader"))
            document = with(document, CONTACTS ".update.versionHeader", "\"ETag\"");
        if (std::string_view(each.words).starts_with("is read and never"))
            document = with(document, CONTACTS ".update.headers", "{}");
        const auto parsed = parse_rest_description(document);
        CHECK_MESSAGE(tells(parsed.faults, each.place, each.words), told(parsed.faults));
        CHECK(parsed.description == nullptr);
    }
}

TEST_CASE("what can't be read at all is told") {
    json::value document = with(contacts(), CONTACTS ".list", "");
    CHECK(tells(parse_rest_description(document).faults, "entities.contacts", "can't be read"));
    document = with(contacts(), CONTACTS ".get", "");
    CHECK(tells(parse_rest_description(document).faults, "entities.contacts", "needs get or getMany"));
    CHECK(tells(parse_rest_description(json::array{}).faults, "", "a description is an object"));
}

TEST_CASE("a feed by timestamp needs a listing and the time of each record") {
    const json::value feed = with(everything(), CONTACTS ".changes",
                                  R"({"by": "timestamp", "path": "/c", "query": {"s": "{since}"}, "records": "data"})");
    CHECK_MESSAGE(parse_rest_description(feed).faults.empty(), told(parse_rest_description(feed).faults));
    CHECK(tells(parse_rest_description(with(feed, CONTACTS ".modifiedAt", "")).faults, CONTACTS ".modifiedAt",
                "is missing"));
    CHECK(tells(parse_rest_description(with(feed, CONTACTS ".list", "")).faults, CONTACTS ".list", "is missing"));
}

TEST_CASE("no overlap is a notice, which hinders nothing") {
    const auto parsed = parse_rest_description(
        with(everything(), CONTACTS ".changes",
             R"({"by": "timestamp", "path": "/c", "query": {"s": "{since}"}, "overlapSeconds": 0})"));
    CHECK(parsed.description != nullptr);
    REQUIRE(parsed.faults.size() == 1);
    CHECK(parsed.faults[0].notice);
    CHECK(parsed.faults[0].path == CONTACTS ".changes.overlapSeconds");
}

TEST_CASE("pages by number beside changes are a notice: what they miss no later run meets") {
    const auto notices = [](const json::value& document) {
        const auto parsed = parse_rest_description(document);
        CHECK_MESSAGE(parsed.description, told(parsed.faults));
        std::vector<std::string> places;
        for (const ConfigurationFault& fault : parsed.faults)
            places.push_back(fault.path);
        return places;
    };
    const char* list = R"({"path": "/c", "query": {"p": "{page}"}, "paging": {"type": "page"}})";
    const char* changes = R"({"by": "timestamp", "path": "/c", "query": {"s": "{since}", "p": "{page}"},
                              "paging": {"type": "page"}})";
    CHECK(notices(with(everything(), CONTACTS ".list", list)) ==
          std::vector<std::string>{CONTACTS ".list.paging.type"});
    CHECK(notices(with(everything(), CONTACTS ".changes", changes)) ==
          std::vector<std::string>{CONTACTS ".changes.paging.type"});
    // Of a listing alone the next one meets it.
    CHECK(notices(contacts()).empty());
}

TEST_CASE("an inclusive keyset needs pages of two rows") {
    const json::value document =
        with(everything(), CONTACTS ".list",
             R"({"path": "/c", "query": {"from": "{after}"}, "pageSize": {"most": 1},
                 "paging": {"type": "keyset", "key": "id", "inclusive": true}})");
    CHECK(tells(parse_rest_description(document).faults, CONTACTS ".list.pageSize", "must allow two rows"));
}

TEST_CASE("a short page says nothing unless the request states how long a page is") {
    json::value document = with(everything(), CONTACTS ".list.shortPageIsLast", "true");
    CHECK(parse_rest_description(document).faults.empty());
    document = with(document, CONTACTS ".list.query.limit", "");
    CHECK(tells(parse_rest_description(document).faults, CONTACTS ".list.shortPageIsLast", "use {limit}"));
}

TEST_CASE("a batch keeps what single writes promise, or is refused") {
    const char* removal = R"({"id": "{id}", "rev": "{version}", "gone": true})";
    const char* key = R"({"key": "{key}"})";
    const char* version = R"({"rev": "{version}"})";
    CHECK_MESSAGE(parse_rest_description(with_batch(key, version, removal)).faults.empty(),
                  told(parse_rest_description(with_batch(key, version, removal)).faults));
    // In a batch there is neither a header nor a path for each record.
    CHECK(tells(parse_rest_description(with_batch("{}", version, removal)).faults, CONTACTS ".create.set", "{key}"));
    CHECK(tells(parse_rest_description(with_batch(key, "{}", removal)).faults, CONTACTS ".update.set", "{version}"));
    CHECK(tells(parse_rest_description(with_batch(key, version, R"({"id": "{id}", "gone": true})")).faults,
                CONTACTS ".batch.delete", "{version}"));
    CHECK(tells(parse_rest_description(with_batch(key, version, R"({"rev": "{version}"})")).faults,
                CONTACTS ".batch.delete", "{id}"));
    CHECK(tells(parse_rest_description(with(with_batch(key, version, removal), CONTACTS ".batch.body", "{}")).faults,
                CONTACTS ".batch", "use {items}"));
    CHECK(tells(parse_rest_description(with(with_batch(key, version, removal), CONTACTS ".batch.answer", "")).faults,
                CONTACTS ".batch.answer", "must tell the id"));
}

TEST_CASE("find is of use only where create leaves the key in the record") {
    const json::value document = with(everything(), CONTACTS ".create.set", "");
    CHECK(tells(parse_rest_description(document).faults, CONTACTS ".find", "create does not put into the record"));
}

TEST_CASE("a create that is said to be repeatable sends its key") {
    const json::value document = with(with(everything(), CONTACTS ".create.set", ""), CONTACTS ".create.headers", "");
    CHECK(tells(parse_rest_description(document).faults, CONTACTS ".create", "never sends it: use {key}"));
}
