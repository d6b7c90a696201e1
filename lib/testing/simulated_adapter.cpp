// What a SimulatedSystem answers through its adapter.
#include <castiel_sync/testing/simulated_system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace castiel_sync::testing {

class SimulatedAdapter final : public Adapter {
public:
    SimulatedAdapter(SimulatedSystem& system, std::string actor, std::shared_ptr<RequestBudget> budget)
        : system_(system), actor_(std::move(actor)), budget_(std::move(budget)) {}

    [[nodiscard]] AdapterDescription describe() const override { return system_.describe(); }
    [[nodiscard]] AdapterCapabilities capabilities() const override { return system_.options().capabilities; }
    Async<Result<>> check() override { co_return Result<>(); }
    Async<Result<RecordPage>> pull(PullRequest request) override {
        if (auto taken = co_await take(); !taken) co_return taken.error();
        co_return system_.pull(actor_, request);
    }
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        if (auto taken = co_await take(); !taken) co_return taken.error();
        co_return system_.fetch(actor_, request);
    }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        if (auto taken = co_await take(); !taken) co_return taken.error();
        co_return system_.push(actor_, request);
    }

private:
    // A call is one request here.
    Async<Result<>> take() {
        if (budget_) {
            auto taken = co_await budget_->take();
            if (!taken) co_return taken;
        }
        if (system_.on_request_) system_.on_request_(actor_);
        co_return Result<>();
    }

    SimulatedSystem& system_;
    std::string actor_;
    std::shared_ptr<RequestBudget> budget_;
};

namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return number;
}

// "<name>:feed:<position>:" or "<name>:list:<position at its start>:<last id>"
struct Cursor {
    bool listing = false;
    std::uint64_t position = 0;
    std::string last_id;
};

std::optional<Cursor> parse_cursor(std::string_view text, std::string_view name) {
    if (!text.starts_with(name)) return std::nullopt;
    text.remove_prefix(name.size());
    Cursor cursor;
    if (text.starts_with(":list:"))
        cursor.listing = true;
    else if (!text.starts_with(":feed:"))
        return std::nullopt;
    text.remove_prefix(6);
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto position = parse_number(text.substr(0, colon));
    if (!position) return std::nullopt;
    cursor.position = *position;
    cursor.last_id = text.substr(colon + 1);
    return cursor;
}

PushOutcome outcome_of(PushOutcome::Status status, ErrorCode code, std::string message) {
    PushOutcome outcome;
    outcome.status = status;
    outcome.error = Error(code, std::move(message));
    return outcome;
}

} // namespace

std::unique_ptr<Adapter> SimulatedSystem::connect(std::string actor, std::shared_ptr<RequestBudget> budget) {
    return std::make_unique<SimulatedAdapter>(*this, std::move(actor), std::move(budget));
}

AdapterFactory SimulatedSystem::factory(std::string actor) {
    return [this, actor = std::move(actor)](const AdapterContext& context) -> Result<std::unique_ptr<Adapter>> {
        return connect(actor, context.budget);
    };
}

std::optional<std::uint64_t> SimulatedSystem::position_of_cursor(std::string_view cursor) const {
    const auto parsed = parse_cursor(cursor, options_.name);
    if (!parsed || parsed->listing) return std::nullopt;
    return parsed->position;
}

std::string SimulatedSystem::cursor_at(std::uint64_t position) const {
    return fmt::format("{}:feed:{}:", options_.name, position);
}

Record SimulatedSystem::to_record(const std::string& id, const Row& row) const {
    Record record;
    record.id = id;
    record.integer_id = options_.integer_ids;
    record.deleted = row.deleted;
    if (!row.deleted) record.fields = row.fields;
    record.version = fmt::format("v{}", row.position);
    record.modified_at = row.modified_at;
    return record;
}

void SimulatedSystem::saw_read(const std::string& actor, const std::string& entity, const std::string& id) const {
    if (on_read_) on_read_(actor, entity, id);
}

void SimulatedSystem::add_row(RecordPage& page, const std::string& actor, const std::string& entity,
                              const std::string& id, const Row& row) const {
    saw_read(actor, entity, id);
    if (!row.broken) return page.records.push_back(to_record(id, row));
    RecordFault fault;
    fault.id = id;
    fault.place = fmt::format("{}:{}:{}", options_.name, entity, row.position);
    fault.error = Error(ErrorCode::invalid_record, fault.place + ": the row is not a record");
    fault.payload = "{\"id\":" + id + ",…";
    page.faults.push_back(std::move(fault));
}

Result<RecordPage> SimulatedSystem::pull(const std::string& actor, const PullRequest& request) {
    if (request.max_records == 0 || request.max_records > options_.capabilities.max_page_records)
        return Error(ErrorCode::invalid_request,
                     fmt::format("{}: max_records {} is not within 1 and {}", options_.name, request.max_records,
                                 options_.capabilities.max_page_records));
    const bool lists = !options_.capabilities.change_feed;
    if (request.cursor.empty()) {
        if (lists || options_.begins_with_listing) return list(actor, request, position_, "");
        return feed(actor, request, 0);
    }
    const auto cursor = parse_cursor(request.cursor, options_.name);
    if (!cursor || (lists && !cursor->listing))
        return Error(ErrorCode::cursor_expired, fmt::format("{}: not a cursor of mine", options_.name));
    if (cursor->listing) return list(actor, request, cursor->position, cursor->last_id);
    return feed(actor, request, cursor->position);
}

RecordPage SimulatedSystem::list(const std::string& actor, const PullRequest& request, std::uint64_t started,
                                 const std::string& after) const {
    RecordPage page;
    page.listing = true;
    std::string last = after;
    if (const auto entity = entities_.find(request.entity); entity != entities_.end()) {
        std::uint64_t total = 0;
        for (const auto& [id, row] : entity->second.rows) total += row.deleted ? 0 : 1;
        page.total = total;
        for (auto row = entity->second.rows.upper_bound(after); row != entity->second.rows.end(); ++row) {
            if (row->second.deleted) continue;
            if (page.records.size() + page.faults.size() == request.max_records) {
                page.has_more = true;
                break;
            }
            add_row(page, actor, request.entity, row->first, row->second);
            last = row->first;
        }
    }
    page.next = page.has_more || !options_.capabilities.change_feed
                    ? fmt::format("{}:list:{}:{}", options_.name, started, last)
                    : cursor_at(started);
    return page;
}

RecordPage SimulatedSystem::feed(const std::string& actor, const PullRequest& request, std::uint64_t after) const {
    RecordPage page;
    std::uint64_t last = after;
    if (const auto entity = entities_.find(request.entity); entity != entities_.end()) {
        const auto& changes = entity->second.changes;
        for (auto change = changes.upper_bound(after); change != changes.end(); ++change) {
            if (page.records.size() + page.faults.size() == request.max_records) {
                page.has_more = true;
                break;
            }
            add_row(page, actor, request.entity, change->second, entity->second.rows.at(change->second));
            last = change->first;
        }
    }
    if (!page.has_more) last = std::max(last, position_);
    page.next = cursor_at(last);
    return page;
}

Result<std::vector<FetchedRecord>> SimulatedSystem::fetch(const std::string& actor, const FetchRequest& request) {
    if (request.ids.size() + request.idempotency_keys.size() > options_.capabilities.max_fetch_records)
        return Error(ErrorCode::invalid_request, options_.name + ": more than max_fetch_records in one fetch");
    if (!request.idempotency_keys.empty() && !options_.capabilities.finds_by_idempotency_key)
        return Error(ErrorCode::unsupported, options_.name + ": does not find by idempotency key");
    const auto entity = entities_.find(request.entity);
    const auto look_up = [&](const std::string& id) {
        FetchedRecord fetched;
        fetched.presence = FetchedRecord::Presence::absent;
        if (entity == entities_.end()) return fetched;
        const auto row = entity->second.rows.find(id);
        if (row == entity->second.rows.end() || row->second.deleted) return fetched;
        if (row->second.broken) {
            fetched.presence = FetchedRecord::Presence::unknown;
            fetched.error = Error(ErrorCode::invalid_record, options_.name + ": record " + id + " can't be read");
            return fetched;
        }
        fetched.presence = FetchedRecord::Presence::present;
        fetched.record = to_record(id, row->second);
        return fetched;
    };
    std::vector<FetchedRecord> answers;
    for (const std::string& id : request.ids) {
        saw_read(actor, request.entity, id);
        answers.push_back(look_up(id));
    }
    for (const std::string& key : request.idempotency_keys) {
        FetchedRecord absent;
        absent.presence = FetchedRecord::Presence::absent;
        const Creation* creation = nullptr;
        if (entity != entities_.end())
            if (const auto found = entity->second.creations.find(key); found != entity->second.creations.end())
                creation = &found->second;
        const bool visible = creation && creation->at + options_.capabilities.read_lag <= loop_.now();
        if (visible) saw_read(actor, request.entity, creation->id);
        answers.push_back(visible ? look_up(creation->id) : std::move(absent));
    }
    return answers;
}

Result<std::vector<PushOutcome>> SimulatedSystem::push(const std::string& actor, const PushRequest& request) {
    if (!options_.capabilities.writable) return Error(ErrorCode::unsupported, options_.name + ": can't be written");
    if (request.items.size() > options_.capabilities.max_push_records)
        return Error(ErrorCode::invalid_request, options_.name + ": more than max_push_records in one push");
    const auto read_to = options_.tells_positions ? position_of_cursor(request.cursor) : std::nullopt;
    const auto& changes = entities_[request.entity].changes;
    const bool alone = read_to && changes.upper_bound(*read_to) == changes.end();
    std::vector<PushOutcome> outcomes;
    for (const PushItem& item : request.items) switch (item.action) {
        case PushItem::Action::create: outcomes.push_back(push_create(actor, request.entity, item)); break;
        case PushItem::Action::update: outcomes.push_back(push_update(actor, request.entity, item)); break;
        case PushItem::Action::remove: outcomes.push_back(push_remove(actor, request.entity, item)); break;
        }
    if (alone && !outcomes.empty()) outcomes.back().cursor = cursor_at(position_);
    return outcomes;
}

PushOutcome SimulatedSystem::applied(const std::string& id, const Row& row) const {
    PushOutcome outcome;
    outcome.status = PushOutcome::Status::applied;
    outcome.id = id;
    outcome.integer_id = options_.integer_ids;
    if (!options_.hides_versions) outcome.version = fmt::format("v{}", row.position);
    outcome.modified_at = row.modified_at;
    if (options_.tells_stored_fields) outcome.fields = row.fields;
    return outcome;
}

PushOutcome SimulatedSystem::push_create(const std::string& actor, const std::string& entity, const PushItem& item) {
    Entity& rows = entities_[entity];
    if (options_.capabilities.idempotent_creates)
        if (const auto known = rows.creations.find(item.idempotency_key); known != rows.creations.end())
            return known->second.outcome;
    if (options_.refuses)
        if (auto reason = options_.refuses(item.fields))
            return outcome_of(PushOutcome::Status::rejected, ErrorCode::invalid_record, std::move(*reason));
    const std::uint64_t number = rows.next_id++;
    std::string id = options_.integer_ids ? fmt::format("{}", number) : fmt::format("{}-{:05}", options_.name, number);
    change(entity, id, SystemWrite::Kind::create, item.fields, actor, item.idempotency_key);
    PushOutcome outcome = applied(id, rows.rows.at(id));
    rows.creations.insert_or_assign(item.idempotency_key, Creation{std::move(id), outcome, loop_.now()});
    return outcome;
}

PushOutcome SimulatedSystem::push_update(const std::string& actor, const std::string& entity, const PushItem& item) {
    if (!find(entity, item.id))
        return outcome_of(PushOutcome::Status::absent, ErrorCode::not_found, options_.name + ": no record " + item.id);
    const Row& row = entities_[entity].rows.at(item.id);
    if (options_.capabilities.conditional_writes && !item.expected_version.empty() &&
        item.expected_version != fmt::format("v{}", row.position))
        return outcome_of(PushOutcome::Status::stale, ErrorCode::stale,
                          options_.name + ": " + item.id + " has moved on");
    if (options_.refuses)
        if (auto reason = options_.refuses(item.fields))
            return outcome_of(PushOutcome::Status::rejected, ErrorCode::invalid_record, std::move(*reason));
    change(entity, item.id, SystemWrite::Kind::update, item.fields, actor, item.idempotency_key);
    return applied(item.id, row);
}

PushOutcome SimulatedSystem::push_remove(const std::string& actor, const std::string& entity, const PushItem& item) {
    PushOutcome outcome;
    outcome.status = PushOutcome::Status::applied;
    outcome.id = item.id;
    if (!find(entity, item.id)) return outcome;
    const Row& row = entities_[entity].rows.at(item.id);
    if (options_.capabilities.conditional_deletes && !item.expected_version.empty() &&
        item.expected_version != fmt::format("v{}", row.position))
        return outcome_of(PushOutcome::Status::stale, ErrorCode::stale,
                          options_.name + ": " + item.id + " has moved on");
    change(entity, item.id, SystemWrite::Kind::remove, {}, actor, item.idempotency_key);
    return outcome;
}

} // namespace castiel_sync::testing
