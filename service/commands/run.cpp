// run: engine.run for each integration, again for the streams that say hasMore, and what came of it.
#include "commands.hpp"

#include "output/progress.hpp"
#include "output/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

namespace castiel_sync::service {
namespace {

using namespace std::chrono_literals;

// A dead process's lease ends by itself; whoever still holds the stream this much later is alive and at work.
constexpr std::chrono::seconds patience = 30s;

// An adapter that promises more and never gives it must not keep a run going.
constexpr std::size_t most_idle = 5;

// One row of the summary: a stream, over all its executions of this run.
struct StreamResult {
    Execution last;
    SyncCounters counters;
    std::size_t executions = 0;
};

void add(SyncCounters& sum, const SyncCounters& counters) {
    sum.processed += counters.processed;
    sum.created += counters.created;
    sum.updated += counters.updated;
    sum.deleted += counters.deleted;
    sum.skipped += counters.skipped;
    sum.failed += counters.failed;
    sum.conflicts += counters.conflicts;
}

bool is_latched(const Execution& execution) { return execution.error && execution.error->code == ErrorCode::latched; }

class Runner {
public:
    Runner(Session& session, const RunArguments& arguments)
        : session_(session), arguments_(arguments), longest_wait_(session.configuration().lease + patience) {}

    Async<ExitCode> run(std::vector<Integration> integrations) {
        for (const Integration& integration : integrations) {
            if (!integration.sync.sync_enabled && arguments_.sync.integration.empty()) {
                session_.console().log(LogLevel::warning, "skipped " + integration.id + ": its syncEnabled is false");
                continue;
            }
            co_await run_integration(integration);
            if (session_.stop_requested()) break;
            co_await look_at_what_waits(integration);
        }
        summarize();
        co_return code_;
    }

private:
    SyncRequest request_for(const Integration& integration, std::string entity) const {
        SyncRequest request;
        request.tenant_id = integration.tenant_id;
        request.integration_id = integration.id;
        request.direction = parse_direction(arguments_.sync.direction);
        request.entity = std::move(entity);
        return request;
    }

    Async<void> run_integration(const Integration& integration) {
        SyncRequest request = request_for(integration, arguments_.sync.entity);
        auto first = co_await session_.engine().run(std::move(request));
        if (!first) {
            code_ = graver(code_, fail(session_, first.error()));
            co_return;
        }
        // Parents stand first. A stream whose parents went on after its own first execution looks again: what it
        // parked for want of them may fit now.
        bool parent_went_on = false;
        for (Execution& execution : *first) {
            const bool more = co_await finish_stream(integration, std::move(execution), parent_went_on);
            parent_went_on = parent_went_on || more;
        }
    }

    // Goes on until nothing more is pending. Answers whether that took another execution.
    Async<bool> finish_stream(const Integration& integration, Execution execution, bool again) {
        bool went_on = false;
        std::size_t idle = 0;
        std::chrono::seconds waited{0};
        std::chrono::seconds pause{1};
        for (;;) {
            SyncRequest request = request_for(integration, execution.entity_type);
            const bool stopped = session_.stop_requested();
            if (execution.status == SyncStatus::pending && waited < longest_wait_ && !stopped) {
                co_await wait_for_stream(execution, waited, pause);
            } else {
                take(execution);
                idle = execution.counters == SyncCounters() ? idle + 1 : 0;
                const bool more = execution.has_more || again;
                if (arguments_.once || execution.status != SyncStatus::completed || !more || stopped) break;
                if (idle == most_idle) {
                    give_up(execution);
                    break;
                }
                request.resume = execution.has_more;
                again = false;
                went_on = true;
            }
            auto next = co_await session_.engine().run(std::move(request));
            if (!next) {
                code_ = graver(code_, fail(session_, next.error()));
                break;
            }
            if (next->empty()) break;
            execution = std::move(next->front());
        }
        co_return went_on;
    }

    void give_up(const Execution& execution) {
        code_ = ExitCode::failed;
        session_.console().log(LogLevel::error,
                               fmt::format("{}: {} executions in a row did nothing and said that more is pending; run "
                                           "`streams reset {}` and run again",
                                           execution.entity_type, most_idle, execution.entity_type));
    }

    Async<void> wait_for_stream(const Execution& execution, std::chrono::seconds& waited, std::chrono::seconds& pause) {
        if (waited == 0s)
            session_.console().log(LogLevel::warning,
                                   fmt::format("{} is being synced by another process; waiting, at most {} s",
                                               execution.entity_type, longest_wait_.count()));
        co_await session_.runtime().clock->sleep_for(pause);
        waited += pause;
        pause = std::min(pause * 2, std::chrono::seconds(10));
    }

    void take(const Execution& execution) {
        Console& console = session_.console();
        if (console.json()) console.print_json(to_json_object(execution));
        auto result = std::ranges::find(results_, execution.stream_id,
                                        [](const StreamResult& each) { return each.last.stream_id; });
        if (result == results_.end()) result = results_.insert(results_.end(), StreamResult());
        result->last = execution;
        ++result->executions;
        add(result->counters, execution.counters);
        judge(execution);
    }

    void judge(const Execution& execution) {
        Console& console = session_.console();
        const json::object fields{{"executionId", execution.execution_id}, {"entityType", execution.entity_type}};
        if (is_latched(execution)) {
            code_ = graver(code_, ExitCode::latched);
            console.log(LogLevel::warning, execution.error->message, fields);
        } else if (execution.status == SyncStatus::pending) {
            code_ = ExitCode::failed;
            console.log(LogLevel::error,
                        execution.entity_type + " is still being synced by another process; run again later", fields);
        } else if (execution.status != SyncStatus::completed) {
            code_ = ExitCode::failed;
            console.log(LogLevel::error, execution.error ? execution.error->message : "the execution was stopped",
                        fields);
        }
    }

    Async<void> look_at_what_waits(const Integration& integration) {
        auto streams = co_await session_.engine().list_streams(integration.tenant_id);
        if (!streams) {
            code_ = graver(code_, fail(session_, streams.error()));
            co_return;
        }
        for (StreamSummary& stream : *streams) {
            const bool ran = std::ranges::any_of(
                results_, [&](const StreamResult& each) { return each.last.stream_id == stream.stream_id; });
            if (!ran) continue;
            conflicts_ += stream.open_conflicts;
            if (stream.parked != 0) co_await count_parked(integration, stream.entity_type);
            if (stream.latch) latches_.push_back(std::move(*stream.latch));
        }
        if (conflicts_ != 0 || parked_ != 0) code_ = graver(code_, ExitCode::waiting);
        if (!latches_.empty()) code_ = graver(code_, ExitCode::latched);
    }

    // Those that a person discarded wait for their record to change, not for a person.
    Async<void> count_parked(const Integration& integration, std::string entity) {
        ListRequest request;
        request.tenant_id = integration.tenant_id;
        request.integration_id = integration.id;
        request.entity = std::move(entity);
        request.limit = 500;
        do {
            ListRequest next = request;
            auto page = co_await session_.engine().list_parked(std::move(next));
            if (!page) {
                code_ = graver(code_, fail(session_, page.error()));
                co_return;
            }
            for (const ParkedRecord& each : page->items)
                if (!each.discarded) ++parked_;
            request.cursor = std::move(page->next_cursor);
        } while (!request.cursor.empty());
    }

    void summarize() {
        Console& console = session_.console();
        Table table({"entity", "direction", "records", "created", "updated", "deleted", "unchanged", "parked",
                     "conflicts", "status"});
        for (const std::size_t column : {2, 3, 4, 5, 6, 7, 8})
            table.align_right(column);
        for (const StreamResult& each : results_) {
            const SyncCounters& sum = each.counters;
            std::string status(to_string(each.last.status));
            if (each.last.has_more) status += ", more is pending";
            table.add({each.last.entity_type, std::string(to_string(each.last.direction)),
                       fmt::to_string(sum.processed), fmt::to_string(sum.created), fmt::to_string(sum.updated),
                       fmt::to_string(sum.deleted), fmt::to_string(sum.skipped), fmt::to_string(sum.failed),
                       fmt::to_string(sum.conflicts), status});
        }
        if (console.json() || console.quiet()) return;
        if (!table.empty()) console.print(table.text());
        if (conflicts_ != 0)
            console.print_line(counted(conflicts_, "conflict") + (conflicts_ == 1 ? " waits: " : " wait: ") +
                               session_.hint("conflicts list"));
        if (parked_ != 0)
            console.print_line(counted(parked_, "parked record") + (parked_ == 1 ? " waits: " : " wait: ") +
                               session_.hint("parked list"));
        for (const Latch& latch : latches_)
            console.print_line(fmt::format("{} is held: {}: {}", latch.entity_type, printable(latch.reason),
                                           session_.hint("latches approve|reject " + short_id(latch.latch_id))));
    }

    Session& session_;
    const RunArguments& arguments_;
    std::chrono::seconds longest_wait_; // for a stream that another process holds
    std::vector<StreamResult> results_;
    std::uint64_t conflicts_ = 0; // that wait, of the streams that ran
    std::uint64_t parked_ = 0;
    std::vector<Latch> latches_;
    ExitCode code_ = ExitCode::done;
};

} // namespace

Async<ExitCode> execute(Session& session, RunArguments arguments) {
    auto integrations = session.integrations(arguments.sync.integration, arguments.sync.entity);
    if (!integrations) co_return fail(session, integrations.error());
    if (auto opened = session.open_store(Session::Missing::create); !opened) co_return fail(session, opened.error());
    ProgressObserver progress(session.console());
    session.observe(&progress);
    Runner runner(session, arguments);
    const ExitCode code = co_await runner.run(std::move(*integrations));
    session.observe(nullptr);
    co_return code;
}

} // namespace castiel_sync::service
