// Every command, by its arguments. A command prints its answer, and tells by its exit code how it went.
#pragma once

#include "arguments.hpp"
#include "output/console.hpp"
#include "session.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync::service {

Async<ExitCode> execute(Session& session, ServeArguments arguments);
Async<ExitCode> execute(Session& session, RunArguments arguments);
Async<ExitCode> execute(Session& session, PreviewArguments arguments);
Async<ExitCode> execute(Session& session, CheckArguments arguments);
Async<ExitCode> execute(Session& session, ShardsListArguments arguments);
Async<ExitCode> execute(Session& session, ShardsGetArguments arguments);
Async<ExitCode> execute(Session& session, ShardsPutArguments arguments);
Async<ExitCode> execute(Session& session, ShardsDeleteArguments arguments);
Async<ExitCode> execute(Session& session, ShardsExportArguments arguments);
Async<ExitCode> execute(Session& session, ShardsImportArguments arguments);
Async<ExitCode> execute(Session& session, ExecutionsListArguments arguments);
Async<ExitCode> execute(Session& session, ExecutionsShowArguments arguments);
Async<ExitCode> execute(Session& session, ConflictsListArguments arguments);
Async<ExitCode> execute(Session& session, ConflictsShowArguments arguments);
Async<ExitCode> execute(Session& session, ConflictsResolveArguments arguments);
Async<ExitCode> execute(Session& session, ConflictsIgnoreArguments arguments);
Async<ExitCode> execute(Session& session, ParkedListArguments arguments);
Async<ExitCode> execute(Session& session, ParkedRetryArguments arguments);
Async<ExitCode> execute(Session& session, ParkedDiscardArguments arguments);
Async<ExitCode> execute(Session& session, LatchesListArguments arguments);
Async<ExitCode> execute(Session& session, LatchesDecideArguments arguments);
Async<ExitCode> execute(Session& session, StreamsListArguments arguments);
Async<ExitCode> execute(Session& session, StreamsSetArguments arguments);
Async<ExitCode> execute(Session& session, HistoryArguments arguments);
Async<ExitCode> execute(Session& session, AdaptersListArguments arguments);
Async<ExitCode> execute(Session& session, AdaptersShowArguments arguments);
Async<ExitCode> execute(Session& session, AdaptersValidateArguments arguments);
Async<ExitCode> execute(Session& session, AdaptersTryArguments arguments);
Async<ExitCode> execute(Session& session, AdaptersConformArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksListArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksShowArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksCreateArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksUpdateArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksSwitchArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksDeleteArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksRotateSecretArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksTestArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksDeliveriesArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksDeliveryArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksRedeliverArguments arguments);
Async<ExitCode> execute(Session& session, WebhooksRecoverArguments arguments);

// What an exit code makes of an error: a faulty request is the caller's (2), a latch holds the stream (4).
[[nodiscard]] ExitCode exit_code_of(const Error& error);
// Logs it, and answers its exit code.
ExitCode fail(Session& session, const Error& error);
// The graver of two: failed before latched before waiting before done.
[[nodiscard]] ExitCode graver(ExitCode left, ExitCode right);

// "phone=+43 1 5550101" → its two halves; the value is JSON, or else text.
[[nodiscard]] Result<std::pair<std::string, json::value>> parse_assignment(std::string_view text);
[[nodiscard]] Result<json::object> parse_assignments(const std::vector<std::string>& texts);

// Sets a value by dotted path, making the objects on the way; numbers index arrays where there is one.
[[nodiscard]] Result<> assign(json::object& object, std::string_view path, json::value value);

// Ids are long; people type their beginnings.
inline constexpr std::size_t least_prefix = 4;
[[nodiscard]] std::string short_id(std::string_view id);

// The id among `candidates` that is `typed`, or the only one that begins with it. `noun`: "conflict".
[[nodiscard]] Result<std::string> choose_id(const std::vector<std::string>& candidates, const std::string& typed,
                                            std::string_view noun);

} // namespace castiel_sync::service
