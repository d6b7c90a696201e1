#include "arguments.hpp"

#include <CLI/CLI.hpp>

#include <pwd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>

namespace castiel_sync::service {
namespace {

constexpr const char* exit_codes =
    "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 done but conflicts or parked records wait,\n"
    "4 a safety rail holds a stream.";
constexpr const char* common_options = "The common options (castiel-sync --help) may stand here too.";

std::string default_actor() {
    if (const char* user = std::getenv("USER"); user != nullptr && *user != '\0') return user;
    const passwd* account = getpwuid(geteuid());
    return account == nullptr ? "operator" : account->pw_name;
}

class Parser {
public:
    Parser() : app_("Keeps records of other systems and Castiel's shards equal, in both directions.", "castiel-sync") {
        app_.require_subcommand(0, 1);
        app_.fallthrough();
        app_.footer(exit_codes);
        auto& common = invocation_.common;
        app_.add_option("--config", common.config_files,
                        "A configuration file (YAML); may be given several times, later wins")
            ->allow_extra_args(false)
            ->type_name("FILE");
        app_.add_option("--tenant", common.tenant, "The tenant; needed where the configuration does not tell")
            ->type_name("UUID");
        app_.add_flag("--json", common.json,
                      "One JSON object per line on standard output, the log as JSON on standard error");
        app_.add_flag("--quiet", common.quiet, "No progress, no summary, only errors in the log");
        add_sync_commands();
        add_shards();
        add_executions();
        add_conflicts();
        add_parked();
        add_latches();
        add_streams();
        add_adapters();
        add_webhooks();
        add_deliveries();
        add_others();
    }

    ParsedArguments parse(int count, const char* const* arguments) {
        ParsedArguments parsed;
        try {
            app_.parse(count, arguments);
            const CLI::App* at = &app_;
            while (!at->get_subcommands().empty())
                at = at->get_subcommands().front();
            // Groups of options are nameless subcommands.
            if (!at->get_subcommands([](const CLI::App* each) { return !each->get_name().empty(); }).empty()) {
                parsed.exit_code = 2;
                parsed.text = at->help();
                return parsed;
            }
            parsed.valid = true;
            parsed.invocation = std::move(invocation_);
            parsed.invocation.common.program = count > 0 ? arguments[0] : "castiel-sync";
        } catch (const CLI::ParseError& error) {
            std::ostringstream out;
            std::ostringstream err;
            parsed.exit_code = app_.exit(error, out, err) == 0 ? 0 : 2;
            parsed.text = parsed.exit_code == 0 ? out.str() : err.str();
        }
        return parsed;
    }

private:
    // A command whose arguments are of type T; chosen when it is given.
    template <class T>
    CLI::App* add(CLI::App& parent, const std::string& name, const std::string& description,
                  std::shared_ptr<T> values) {
        CLI::App* command = parent.add_subcommand(name, description);
        command->footer(common_options);
        command->callback([this, values] { invocation_.command = *values; });
        return command;
    }

    CLI::App* group(const std::string& name, const std::string& description) {
        CLI::App* parent = app_.add_subcommand(name, description);
        parent->require_subcommand(0, 1);
        parent->footer(common_options);
        return parent;
    }

    static void add_sync_options(CLI::App& command, SyncArguments& sync) {
        command
            .add_option("--integration", sync.integration,
                        "Only this one: its id, the beginning of its id, or its name")
            ->type_name("ID");
        command.add_option("--entity", sync.entity, "Only this external entity")->type_name("NAME");
        command
            .add_option("--direction", sync.direction,
                        "inbound, outbound or bidirectional; may only narrow what is configured")
            ->check(CLI::IsMember({"inbound", "outbound", "bidirectional"}))
            ->type_name("D");
    }

    static void add_list_options(CLI::App& command, ListArguments& list, const char* states) {
        command.add_option("--integration", list.integration, "Only of this integration")->type_name("ID");
        command.add_option("--entity", list.entity, "Only of this external entity")->type_name("NAME");
        if (states != nullptr) command.add_option("--state", list.state, states)->type_name("STATE");
        add_limit(command, list.limit);
    }

    static void add_limit(CLI::App& command, std::size_t& limit) {
        command.add_option("--limit", limit, "At most this many (default 50)")
            ->check(CLI::Range(1, 1'000'000))
            ->type_name("N");
    }

    void add_sync_commands() {
        add(app_, "serve", "The service: HTTP API and schedules, until SIGTERM or SIGINT",
            std::make_shared<ServeArguments>());
        auto run = std::make_shared<RunArguments>();
        CLI::App* command = add(app_, "run", "Sync now in this process, until nothing more is pending", run);
        add_sync_options(*command, run->sync);
        command->add_flag("--once", run->once, "One execution per stream, even when more is pending");

        auto preview = std::make_shared<PreviewArguments>();
        command = add(app_, "preview", "What run would do, record by record; writes nothing", preview);
        add_sync_options(*command, preview->sync);
        command->add_flag("--all", preview->all, "Show the records with nothing to do, too (--json always does)");

        auto check = std::make_shared<CheckArguments>();
        add(app_, "check", "Validate the configuration, open the store, reach every adapter", check)
            ->add_flag("--integrity", check->integrity, "Read the whole store for damage, which may take a while");
    }

    void add_shards() {
        CLI::App* shards = group("shards", "The local shards");
        const auto type_option = [](CLI::App* command, std::string& type) {
            return command->add_option("--type", type, "The shard type")->type_name("T");
        };

        auto list = std::make_shared<ShardsListArguments>();
        CLI::App* command = add(*shards, "list", "List shards of a type", list);
        type_option(command, list->type)->required();
        add_limit(*command, list->limit);

        auto get = std::make_shared<ShardsGetArguments>();
        command = add(*shards, "get", "Show one shard as JSON", get);
        type_option(command, get->type)->required();
        command->add_option("ID", get->id, "The shard's id")->required();

        auto put = std::make_shared<ShardsPutArguments>();
        command = add(*shards, "put", "Create or change one shard", put);
        type_option(command, put->type);
        command->add_option("ID", put->id, "The shard's id; without it a new shard is made");
        auto* file =
            command->add_option("--file", put->file, "A JSON file with the whole shard document; - for standard input")
                ->type_name("FILE");
        command
            ->add_option("--set", put->assignments,
                         "Change one field of structuredData, by dotted path; VALUE is JSON, or else text")
            ->type_name("PATH=VALUE")
            ->allow_extra_args(false)
            ->excludes(file);

        auto remove = std::make_shared<ShardsDeleteArguments>();
        command = add(*shards, "delete", "Delete one shard; a tombstone stays, and the next run sees it", remove);
        type_option(command, remove->type)->required();
        command->add_option("ID", remove->id, "The shard's id")->required();

        auto exported = std::make_shared<ShardsExportArguments>();
        command = add(*shards, "export", "Write all shards of a type as JSON Lines", exported);
        type_option(command, exported->type)->required();
        command->add_option("FILE", exported->file, "Where to; standard output when missing");

        auto imported = std::make_shared<ShardsImportArguments>();
        command = add(*shards, "import", "Read shard documents as JSON Lines, creating or replacing by id", imported);
        type_option(command, imported->type)->description("The shard type of lines that have no shardTypeId");
        command->add_option("FILE", imported->file, "Where from; standard input when missing or -");
    }

    void add_executions() {
        CLI::App* executions = group("executions", "What ran");
        auto list = std::make_shared<ExecutionsListArguments>();
        add_list_options(*add(*executions, "list", "List executions, newest first", list), *list,
                         "pending, running, completed, failed or cancelled");
        auto show = std::make_shared<ExecutionsShowArguments>();
        add(*executions, "show", "Show one execution", show)
            ->add_option("ID", show->id, "Its id, or the beginning of it")
            ->required();
    }

    void add_conflicts() {
        CLI::App* conflicts = group("conflicts", "What both sides changed and no rule could decide");
        auto list = std::make_shared<ConflictsListArguments>();
        list->state = "open";
        add_list_options(*add(*conflicts, "list", "List conflicts", list), *list,
                         "open (the default), auto_resolved, resolved, superseded, ignored or all");

        auto show = std::make_shared<ConflictsShowArguments>();
        add(*conflicts, "show", "Show one conflict, both sides beside each other", show)
            ->add_option("ID", show->id, "Its id, or the beginning of it")
            ->required();

        auto resolve = std::make_shared<ConflictsResolveArguments>();
        resolve->actor = default_actor();
        CLI::App* command = add(*conflicts, "resolve", "Decide: the choice is written to both sides", resolve);
        command->add_option("ID", resolve->id, "Its id, or the beginning of it")->required();
        auto* choice = command->add_option_group("choice", "Exactly one of");
        choice->add_flag("--source", resolve->source, "Take the external system's values (or its deletion)");
        choice->add_flag("--target", resolve->target, "Take the shard's values (or its deletion)");
        choice
            ->add_option("--value", resolve->values,
                         "Take this value for this field, for every field that is open; VALUE is JSON, or else text")
            ->type_name("FIELD=VALUE")
            ->allow_extra_args(false);
        choice->add_option("--link", resolve->link, "ambiguous_match: these two are the same record")
            ->type_name("SOURCE TARGET")
            ->expected(2);
        choice->add_flag("--separate", resolve->separate, "ambiguous_match: they are different records");
        choice->require_option(1);
        command->add_option("--note", resolve->note, "Why; kept with the conflict")->type_name("TEXT");
        command->add_option("--actor", resolve->actor, "Who decides (default: $USER)")->type_name("NAME");

        auto ignore = std::make_shared<ConflictsIgnoreArguments>();
        ignore->actor = default_actor();
        command = add(*conflicts, "ignore", "Set it aside until a side changes again", ignore);
        command->add_option("ID", ignore->id, "Its id, or the beginning of it")->required();
        command->add_option("--actor", ignore->actor, "Who decides (default: $USER)")->type_name("NAME");
    }

    void add_parked() {
        CLI::App* parked = group("parked", "Records that could not be synced");
        auto list = std::make_shared<ParkedListArguments>();
        add_list_options(*add(*parked, "list", "List parked records", list), *list, nullptr);

        auto retry = std::make_shared<ParkedRetryArguments>();
        CLI::App* command = add(*parked, "retry", "Read the record anew and sync it", retry);
        command->add_option("ID", retry->ids, "Ids, or the beginnings of them")->required();
        command
            ->add_option("--value", retry->values,
                         "Write this to the record on its own side first, by dotted path; VALUE is JSON, or else text")
            ->type_name("PATH=VALUE")
            ->allow_extra_args(false);

        auto discard = std::make_shared<ParkedDiscardArguments>();
        add(*parked, "discard", "Set records aside until they change on their side", discard)
            ->add_option("ID", discard->ids, "Ids, or the beginnings of them")
            ->required();
    }

    void add_latches() {
        CLI::App* latches = group("latches", "Safety rails that tripped and hold a stream");
        add(*latches, "list", "List latches", std::make_shared<LatchesListArguments>());
        for (const bool approve : {true, false}) {
            auto decide = std::make_shared<LatchesDecideArguments>();
            decide->approve = approve;
            decide->actor = default_actor();
            CLI::App* command = add(*latches, approve ? "approve" : "reject",
                                    approve ? "Let the next run do what was held back"
                                            : "Keep the surviving records; held deletions are dropped",
                                    decide);
            command->add_option("ID", decide->id, "Its id, or the beginning of it")->required();
            command->add_option("--actor", decide->actor, "Who decides (default: $USER)")->type_name("NAME");
        }
    }

    void add_streams() {
        CLI::App* streams = group("streams", "One stream per integration and entity");
        add(*streams, "list", "List streams with their counts", std::make_shared<StreamsListArguments>());
        const auto add_action = [&](const char* name, const char* description, StreamsSetArguments::Action action) {
            auto set = std::make_shared<StreamsSetArguments>();
            set->action = action;
            add(*streams, name, description, set)
                ->add_option("ID", set->id, "Its id, the beginning of it, or its entity's name")
                ->required();
        };
        add_action("pause", "Let no run touch it", StreamsSetArguments::Action::pause);
        add_action("resume", "Let runs touch it again", StreamsSetArguments::Action::resume);
        add_action("reset", "Read both sides from the beginning next time; links stay",
                   StreamsSetArguments::Action::reset);
    }

    static void add_adapter_options(CLI::App& command, AdapterArguments& with) {
        command.add_option("ADAPTER", with.adapter, "A description (YAML file), or the name of an adapter")->required();
        command.add_option("--entity", with.entity, "The entity")->type_name("NAME")->required();
        command.add_option("--set", with.settings, "A setting; VALUE is JSON, or else text")
            ->type_name("NAME=VALUE")
            ->allow_extra_args(false);
        command.add_option("--credentials", with.credentials, "The secret to use, as in credentialSecretName")
            ->type_name("SECRET");
    }

    static void add_recording_options(CLI::App& command, std::string& record, std::string& replay) {
        auto* recorded = command.add_option("--record", record, "Write requests and answers there, without secrets")
                             ->type_name("FILE");
        command.add_option("--replay", replay, "Take the answers from there, and send nothing")
            ->type_name("FILE")
            ->excludes(recorded);
    }

    void add_adapters() {
        CLI::App* adapters = group("adapters", "The systems that can be synced with, and descriptions of them");
        add(*adapters, "list", "List the adapters", std::make_shared<AdaptersListArguments>());
        auto show = std::make_shared<AdaptersShowArguments>();
        CLI::App* command = add(*adapters, "show", "Show an adapter: its settings, and what it can promise", show);
        command->add_option("NAME", show->name, "Its name")->required();
        command->add_flag("--description", show->description, "Its description as it was written (YAML)");

        auto validate = std::make_shared<AdaptersValidateArguments>();
        command = add(*adapters, "validate", "Check descriptions; every fault is told with its line", validate);
        command->add_option("FILE", validate->files, "Descriptions (YAML)")->required();

        auto trial = std::make_shared<AdaptersTryArguments>();
        command = add(*adapters, "try", "Read a page from a system, and show requests and records", trial);
        add_adapter_options(*command, trial->with);
        command->add_option("--limit", trial->limit, "At most so many records (default 20)")
            ->check(CLI::Range(1, 1000))
            ->type_name("N");
        add_recording_options(*command, trial->record, trial->replay);

        auto conform = std::make_shared<AdaptersConformArguments>();
        command = add(*adapters, "conform", "Try on a live system whether the adapter keeps what it promises", conform);
        add_adapter_options(*command, conform->with);
        command->add_flag("--erase", conform->erase, "The entity's records may be deleted; the trial needs that");
        add_recording_options(*command, conform->record, conform->replay);
    }

    CLI::App& add_webhook_id(CLI::App& command, std::string& id) {
        command.add_option("ID", id, "The webhook's id, or the beginning of it")->required();
        return command;
    }

    static void add_webhook_settings(CLI::App& command, WebhookSettingsArguments& settings, bool create) {
        command.add_option("--url", settings.url, "Where events are sent")->type_name("URL")->required(create);
        command
            .add_option("--event", settings.events,
                        "A type of events; a * at the end takes all that begin so. May be given several times")
            ->type_name("TYPE")
            ->allow_extra_args(false)
            ->required(create);
        // Not by add_flag, which would say no where nothing is said.
        command.add_flag_function(
            "--thin,!--no-thin", [&settings](std::int64_t count) { settings.thin = count > 0; },
            "Send ids, counts and short texts only; or whole events");
        command.add_option("--description", settings.description, "For people")->type_name("TEXT");
        command.add_option("--max-in-flight", settings.max_in_flight, "Requests at once, 1 to 100")->type_name("N");
        command.add_option("--rate-per-minute", settings.rate_per_minute, "Attempts begun in a minute; 0 for no limit")
            ->type_name("N");
        auto* headers = command
                            .add_option("--header", settings.headers,
                                        create ? "Sent along; may be given several times"
                                               : "Sent along, instead of those before; the value [hidden] keeps one")
                            ->type_name("'NAME: VALUE'")
                            ->allow_extra_args(false);
        if (!create) command.add_flag("--no-headers", settings.no_headers, "Send none of them")->excludes(headers);
    }

    void add_webhooks() {
        webhooks_ = group("webhooks", "Endpoints that are told of events, and deliveries to them");
        auto list = std::make_shared<WebhooksListArguments>();
        add(*webhooks_, "list", "List the endpoints", list)
            ->add_option("--integration", list->integration, "Only of this integration")
            ->type_name("ID");
        auto show = std::make_shared<WebhooksShowArguments>();
        add_webhook_id(*add(*webhooks_, "show", "Show one endpoint", show), show->id);

        auto create = std::make_shared<WebhooksCreateArguments>();
        CLI::App* command = add(*webhooks_, "create", "Make an endpoint, and print its secret, once", create);
        command
            ->add_option("--integration", create->integration,
                         "Whose events: its id, the beginning of its id, or its name")
            ->type_name("ID")
            ->required();
        add_webhook_settings(*command, create->settings, true);
        auto update = std::make_shared<WebhooksUpdateArguments>();
        command = add(*webhooks_, "update", "Change what is given, and leave the rest", update);
        add_webhook_settings(add_webhook_id(*command, update->id), update->settings, false);

        for (const bool active : {true, false}) {
            auto set = std::make_shared<WebhooksSwitchArguments>();
            set->active = active;
            add_webhook_id(*add(*webhooks_, active ? "enable" : "disable",
                                active ? "Send events to it" : "Send no events to it; what waits is cancelled", set),
                           set->id);
        }
        auto remove = std::make_shared<WebhooksDeleteArguments>();
        add_webhook_id(*add(*webhooks_, "delete", "Delete it; what waits is cancelled", remove), remove->id);
        auto rotate = std::make_shared<WebhooksRotateSecretArguments>();
        add_webhook_id(*add(*webhooks_, "rotate-secret",
                            "Make a new secret, and print it, once; the one before signs along for 24 hours", rotate),
                       rotate->id);
    }

    void add_deliveries() {
        auto test = std::make_shared<WebhooksTestArguments>();
        add_webhook_id(*add(*webhooks_, "test", "Send it an event of the type integration.webhook.test", test),
                       test->id);
        auto list = std::make_shared<WebhooksDeliveriesArguments>();
        CLI::App* command = add(*webhooks_, "deliveries", "List the deliveries to an endpoint, newest first", list);
        add_webhook_id(*command, list->id);
        const std::string states = "waiting, sending, delivered, exhausted, cancelled or discarded";
        command->add_option("--state", list->state, states)
            ->check(CLI::IsMember({"waiting", "sending", "delivered", "exhausted", "cancelled", "discarded"}))
            ->type_name("STATE");
        add_limit(*command, list->limit);

        auto show = std::make_shared<WebhooksDeliveryArguments>();
        command = add(*webhooks_, "delivery", "Show one delivery with its attempts", show);
        add_webhook_id(*command, show->id);
        command->add_option("DELIVERY", show->delivery, "Its id, or the beginning of it")->required();

        auto again = std::make_shared<WebhooksRedeliverArguments>();
        command = add(*webhooks_, "redeliver", "Send deliveries again, whatever became of them", again);
        add_webhook_id(*command, again->id);
        command->add_option("DELIVERY", again->deliveries, "Ids, or the beginnings of them")->required();

        auto recover = std::make_shared<WebhooksRecoverArguments>();
        command = add(*webhooks_, "recover", "Send what an endpoint missed", recover);
        add_webhook_id(*command, recover->id);
        command->add_option("--since", recover->since, "From when on, such as 2026-11-23T04:00:20Z")
            ->type_name("TIME")
            ->required();
        command->add_option("--until", recover->until, "Until when (default: now)")->type_name("TIME");
        command->add_flag("--all", recover->all, "What was delivered, too");
        command->add_flag("--dry-run", recover->dry_run, "Only count");
    }

    void add_others() {
        auto history = std::make_shared<HistoryArguments>();
        CLI::App* command = add(app_, "history", "Who changed a record, what, when and why; newest first", history);
        command
            ->add_option("RECORD", history->record,
                         "<entity>/<id>, or the id alone with --entity; a source id or a shard id")
            ->required();
        command->add_option("--entity", history->entity, "The external entity")->type_name("NAME");
        add_limit(*command, history->limit);

        add(app_, "version", "Print the version", std::make_shared<VersionArguments>());
    }

    CLI::App app_;
    CLI::App* webhooks_ = nullptr;
    Invocation invocation_;
};

} // namespace

ParsedArguments parse_arguments(int count, const char* const* arguments) { return Parser().parse(count, arguments); }

} // namespace castiel_sync::service
