// The command line as plain values, one struct per command.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace castiel_sync::service {

struct CommonArguments {
    std::string program; // as it was called
    std::vector<std::string> config_files;
    std::string tenant; // empty: not given
    bool json = false;
    bool quiet = false;
};

// What run and preview have in common.
struct SyncArguments {
    std::string integration; // id, unique beginning of it, or name; empty: all
    std::string entity;
    std::string direction;
};

struct RunArguments {
    SyncArguments sync;
    bool once = false;
};

struct PreviewArguments {
    SyncArguments sync;
    bool all = false; // show what would be skipped, too
};

struct CheckArguments {
    bool integrity = false; // reads the whole store
};
struct ServeArguments {};
struct VersionArguments {};

struct ShardsListArguments {
    std::string type;
    std::size_t limit = 50;
};

struct ShardsGetArguments {
    std::string type;
    std::string id;
};

struct ShardsPutArguments {
    std::string type;
    std::string id;                       // empty: from the document, or a new one
    std::string file;                     // a shard document; "-": standard input; empty: change with `assignments`
    std::vector<std::string> assignments; // path=value
};

struct ShardsDeleteArguments {
    std::string type;
    std::string id;
};

struct ShardsExportArguments {
    std::string type;
    std::string file; // empty: standard output
};

struct ShardsImportArguments {
    std::string type; // for lines without shardTypeId
    std::string file; // empty or "-": standard input
};

struct ListArguments {
    std::string integration;
    std::string entity;
    std::string state;
    std::size_t limit = 50;
};

struct ExecutionsListArguments : ListArguments {};
struct ConflictsListArguments : ListArguments {};
struct ParkedListArguments : ListArguments {};
struct LatchesListArguments {};
struct StreamsListArguments {};

struct ExecutionsShowArguments {
    std::string id;
};

struct ConflictsShowArguments {
    std::string id;
};

struct ConflictsResolveArguments {
    std::string id;
    bool source = false;
    bool target = false;
    bool separate = false;
    std::vector<std::string> values; // field=value
    std::vector<std::string> link;   // source id, target id
    std::string note;
    std::string actor;
};

struct ConflictsIgnoreArguments {
    std::string id;
    std::string actor;
};

struct ParkedRetryArguments {
    std::vector<std::string> ids;
    std::vector<std::string> values; // path=value
};

struct ParkedDiscardArguments {
    std::vector<std::string> ids;
};

struct LatchesDecideArguments {
    std::string id;
    std::string actor;
    bool approve = false;
};

struct StreamsSetArguments {
    enum class Action { pause, resume, reset };
    std::string id; // or the entity's name, where only one stream has it
    Action action = Action::pause;
};

struct HistoryArguments {
    std::string record; // <entity>/<id>, or the id alone with `entity`
    std::string entity;
    std::size_t limit = 50;
};

struct AdaptersListArguments {};

struct AdaptersShowArguments {
    std::string name;
    bool description = false; // its YAML text
};

struct AdaptersValidateArguments {
    std::vector<std::string> files;
};

// A system that is spoken to without an integration.
struct AdapterArguments {
    std::string adapter;               // a file, or the name of one that is known
    std::string entity;
    std::vector<std::string> settings; // name=value
    std::string credentials;           // a reference, as credentialSecretName
};

struct AdaptersTryArguments {
    AdapterArguments with;
    std::size_t limit = 20;
    std::string record; // a file; empty: none
    std::string replay;
};

struct AdaptersConformArguments {
    AdapterArguments with;
    bool erase = false; // the entity's records may go
    std::string record;
    std::string replay;
};

// What is said of an endpoint; what is not stays as it is.
struct WebhookSettingsArguments {
    std::string url;
    std::vector<std::string> events;
    std::optional<std::string> description;
    std::optional<bool> thin;
    std::optional<std::size_t> max_in_flight;
    std::optional<std::size_t> rate_per_minute; // 0: no limit
    std::vector<std::string> headers;           // Name: value
    bool no_headers = false;
};

struct WebhooksListArguments {
    std::string integration;
};

struct WebhooksShowArguments {
    std::string id;
};

struct WebhooksCreateArguments {
    std::string integration;
    WebhookSettingsArguments settings;
};

struct WebhooksUpdateArguments {
    std::string id;
    WebhookSettingsArguments settings;
};

struct WebhooksSwitchArguments {
    std::string id;
    bool active = false;
};

struct WebhooksDeleteArguments {
    std::string id;
};

struct WebhooksRotateSecretArguments {
    std::string id;
};

struct WebhooksTestArguments {
    std::string id;
};

struct WebhooksDeliveriesArguments {
    std::string id;
    std::string state; // empty: any
    std::size_t limit = 50;
};

struct WebhooksDeliveryArguments {
    std::string id;
    std::string delivery;
};

struct WebhooksRedeliverArguments {
    std::string id;
    std::vector<std::string> deliveries;
};

struct WebhooksRecoverArguments {
    std::string id;
    std::string since;
    std::string until;
    bool all = false; // what was delivered, too
    bool dry_run = false;
};

using Command =
    std::variant<VersionArguments, ServeArguments, RunArguments, PreviewArguments, CheckArguments, ShardsListArguments,
                 ShardsGetArguments, ShardsPutArguments, ShardsDeleteArguments, ShardsExportArguments,
                 ShardsImportArguments, ExecutionsListArguments, ExecutionsShowArguments, ConflictsListArguments,
                 ConflictsShowArguments, ConflictsResolveArguments, ConflictsIgnoreArguments, ParkedListArguments,
                 ParkedRetryArguments, ParkedDiscardArguments, LatchesListArguments, LatchesDecideArguments,
                 StreamsListArguments, StreamsSetArguments, HistoryArguments, AdaptersListArguments,
                 AdaptersShowArguments, AdaptersValidateArguments, AdaptersTryArguments, AdaptersConformArguments,
                 WebhooksListArguments, WebhooksShowArguments, WebhooksCreateArguments, WebhooksUpdateArguments,
                 WebhooksSwitchArguments, WebhooksDeleteArguments, WebhooksRotateSecretArguments, WebhooksTestArguments,
                 WebhooksDeliveriesArguments, WebhooksDeliveryArguments, WebhooksRedeliverArguments,
                 WebhooksRecoverArguments>;

struct Invocation {
    CommonArguments common;
    Command command;
};

// Either an invocation, or a text to print and an exit code: help (0) or what was wrong with the arguments (2).
struct ParsedArguments {
    bool valid = false;
    Invocation invocation;
    std::string text;
    int exit_code = 0;
};

[[nodiscard]] ParsedArguments parse_arguments(int count, const char* const* arguments);

} // namespace castiel_sync::service
