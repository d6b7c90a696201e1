// What a description says, read and checked: plain values that the rest of the adapter goes by. docs/rest-adapter.md
// tells every member from its writer's side.
#pragma once

#include <castiel_sync/adapters/rest.hpp>

#include <adapters/rest/request_text.hpp>
#include <core/path.hpp>
#include <core/transform_time_format.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync {

// Where something is in an answer: a member of its body, or a header.
struct RestLocation {
    std::optional<Path> field;
    std::string header;

    [[nodiscard]] bool in_body() const { return field.has_value(); }
};

// A question about a JSON object; every part that is there must hold.
struct RestCondition {
    std::optional<Path> field;
    std::optional<json::value> equals;
    std::string contains;
    std::string starts_with;
    std::optional<double> above;
    std::optional<bool> present; // and not null
};

// What an answer means, whatever its status says.
enum class RestMeaning {
    success,
    retry,          // nothing was done; later it may go well
    unknown,        // a write: it can't be told whether it was done
    throttled,      // nothing was done; not so fast
    gone,           // the record is not there; of a listing or feed: its cursor is not good any more
    conflict,       // the record is not in the version that was named
    exists,         // a record with this key is there already
    invalid,        // the system does not take this record
    reauthenticate, // the credentials were not taken
    forbidden,
    stop,           // a person has to mend something
};

enum class RestAction { check, list, changes, position, get, get_many, find, create, update, remove, batch };

struct RestAnswerRule {
    std::vector<std::pair<unsigned, unsigned>> statuses; // first to last; empty: any
    std::vector<RestAction> actions;                     // empty: all
    std::optional<RestCondition> condition;              // on the body
    std::string body_contains;                           // of a body that need not be JSON
    RestMeaning means = RestMeaning::stop;
};

// A point in time as a system writes it.
struct RestTimeFormat {
    enum class Kind { iso, seconds, milliseconds, http_date, pattern };
    Kind kind = Kind::iso;
    TimeFormat pattern;
    std::string pattern_text;

    [[nodiscard]] std::optional<Timestamp> read(const json::value& value) const;
    [[nodiscard]] json::value write(Timestamp time) const;
};

struct RestRequest {
    std::string method = "GET";
    RequestText path;
    std::vector<std::pair<std::string, RequestText>> query;
    std::vector<std::pair<std::string, RequestText>> headers;
    std::optional<RequestJson> body;
    bool repeats_lists = false; // a list in the query is id=1&id=2 rather than id=1,2

    [[nodiscard]] bool uses(std::string_view variable) const;
};

struct RestPaging {
    enum class Kind { none, page, offset, cursor, link, next_url, keyset };
    Kind kind = Kind::none;
    std::int64_t first = 1;  // page
    RestLocation next;       // cursor, next_url
    std::optional<Path> key; // keyset, in the record
    bool inclusive = false;  // keyset: the page begins with the record named by {after}
};

// A row that tells of a deletion by itself, with no record in it.
struct RestDeletedRow {
    RestCondition when; // on the row
    Path id;            // in the row
};

// Rows that come in pages: a listing, or the pages of a feed.
struct RestRows {
    RestRequest request;
    std::optional<Path> records; // absent: the body is the list
    std::optional<Path> record;  // in a row; absent: the row is the record
    std::optional<Path> row_id;  // in a row, beside the record: for what can't be read
    std::optional<RestDeletedRow> deleted_row; // of a feed
    std::size_t page_size = 100;
    std::size_t largest_page = 100;
    RestPaging paging;
    bool short_page_is_last = false;
    std::optional<RestLocation> total;
    std::optional<RestCondition> more; // on the body
};

struct RestChanges {
    enum class By { timestamp, sequence };
    RestRows rows;
    By by = By::sequence;
    std::optional<RestLocation> next; // sequence: where the next page or run goes on
    // Sequence: what tells the position of now, and where in its answer.
    std::optional<RestRequest> position;
    RestLocation position_at;
    RestTimeFormat format;             // timestamp: of {since}
    std::chrono::seconds overlap{5};   // timestamp
};

struct RestFetchMany {
    RestRequest request;
    std::size_t most = 50;
    std::optional<Path> records;
    std::optional<Path> record;
    std::vector<RestCondition> missing; // rows that say of an id that it is not there
};

// Where a write's answer tells what became of the record.
struct RestWritten {
    bool has_record = false;
    std::optional<Path> record; // with has_record; absent: the body is the record
    RestLocation id;
    RestLocation version;
    bool id_from_location = false; // the last part of the Location header's path
};

struct RestWrite {
    RestRequest request;
    std::vector<std::pair<Path, RequestText>> set; // members put into the record before it is sent
    std::vector<Path> omit;                        // … and taken out of it
    RestWritten written;
    // Create.
    bool idempotent = false;
    bool id_is_key = false;
    // Update, remove: the version is asked for just before, from this header of a GET.
    std::string version_header;

    [[nodiscard]] bool is_conditional() const { return !version_header.empty() || uses("version"); }
    [[nodiscard]] bool uses(std::string_view variable) const;
};

struct RestBatch {
    RestRequest request;
    std::size_t most = 100;
    std::optional<RequestJson> remove_item; // what stands in the list for a removal
    std::optional<Path> results;            // one per item, in order
    RestWritten written;                    // in a result
    std::vector<std::pair<RestCondition, RestMeaning>> outcomes; // on a result; none holds: applied
};

struct RestFind {
    RestRequest request;
    std::optional<Path> records;
    std::optional<Path> record;
    std::chrono::milliseconds lag{0};
};

struct RestEntity {
    std::string name; // "*": any
    Path id;
    std::optional<Path> version;   // absent: what the record holds
    std::vector<Path> unversioned; // members that don't count for that
    std::optional<Path> modified_at;
    RestTimeFormat modified_at_format;
    std::optional<RestCondition> deleted;
    std::vector<RestCondition> ignored; // records that are none
    std::optional<RestRows> list;
    std::optional<RestChanges> changes;
    std::optional<RestRequest> get;
    std::optional<Path> get_record;
    std::optional<RestFetchMany> get_many;
    std::optional<RestFind> find;
    std::optional<RestWrite> create;
    std::optional<RestWrite> update;
    std::optional<RestWrite> remove;
    std::optional<RestBatch> batch;

    [[nodiscard]] AdapterCapabilities capabilities() const;
};

struct RestAuthentication {
    enum class Kind { none, header, query, basic, bearer, oauth2 };
    enum class Grant { client_credentials, refresh_token };
    Kind kind = Kind::none;
    std::string name; // of the header or query parameter
    RequestText value;
    RequestText user_name;
    RequestText password;
    // oauth2
    Grant grant = Grant::client_credentials;
    RequestText token_url;
    RequestText client_id;
    RequestText client_secret;
    std::string scope;
    bool client_in_body = false;
    bool rotates = true; // an answer may hold a new refresh token
    std::vector<std::pair<std::string, RequestText>> parameters;
};

struct RestRateLimit {
    std::string remaining_header;
    std::string reset_header;
    enum class Reset { seconds, epoch_seconds, epoch_milliseconds };
    Reset reset = Reset::seconds;
};

struct RestDescription {
    std::string name;
    std::string summary;
    json::object settings_schema;
    RequestText base_url;
    RestAuthentication authentication;
    std::vector<std::pair<std::string, RequestText>> headers;
    std::optional<RestRequest> check;
    std::chrono::milliseconds timeout{15'000};
    std::size_t max_answer_bytes = 16 * 1024 * 1024;
    std::size_t concurrency = 4;
    std::vector<RestAnswerRule> answers;
    std::optional<Path> message; // where a body says what went wrong
    RestRateLimit rate_limit;
    std::vector<RestEntity> entities;
    std::optional<HookDescription> hooks;

    // Of this name, or the one for any.
    [[nodiscard]] const RestEntity* find(std::string_view entity) const;
};

// The settings of an integration with the defaults of those that it leaves out.
[[nodiscard]] json::object with_defaults(const RestDescription& description, json::object settings);

} // namespace castiel_sync
