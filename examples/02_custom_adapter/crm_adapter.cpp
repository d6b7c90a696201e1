#include "crm_adapter.hpp"

#include <algorithm>
#include <utility>

using namespace castiel_sync;

namespace {

// A cursor is ours alone: the engine stores it and gives it back. This one says after which id to go on; the prefix
// tells our cursors from anything else.
const std::string cursor_prefix = "after:";

Error unknown_entity(const std::string& entity) {
    return {ErrorCode::invalid_configuration, "the CRM has no entity \"" + entity + "\"; it has contacts"};
}

std::string version_of(const Crm::Contact& contact) { return std::to_string(contact.revision); }

Record to_record(const std::string& id, const Crm::Contact& contact) {
    Record record;
    record.id = id;
    record.fields = contact.fields; // everything, mapped or not
    record.version = version_of(contact);
    return record;
}

PushOutcome applied(const std::string& id, const Crm::Contact& contact) {
    PushOutcome outcome;
    outcome.status = PushOutcome::Status::applied;
    outcome.id = id;
    outcome.version = version_of(contact);
    return outcome;
}

PushOutcome refused(PushOutcome::Status status, ErrorCode code, std::string message) {
    PushOutcome outcome;
    outcome.status = status;
    outcome.error = Error(code, std::move(message));
    return outcome;
}

PushOutcome edited_meanwhile(const std::string& id) {
    return refused(PushOutcome::Status::stale, ErrorCode::stale, "contact " + id + " was edited meanwhile");
}

} // namespace

AdapterDescription crm_description() {
    AdapterDescription description;
    description.name = "example-crm";
    description.summary = "Contacts of the example CRM, which lives in memory";
    description.settings_schema = {{"type", "object"}, {"additionalProperties", false}};
    return description;
}

AdapterDescription CrmAdapter::describe() const { return crm_description(); }

AdapterCapabilities CrmAdapter::capabilities() const {
    AdapterCapabilities can; // everything else stays false: the CRM has no change feed, so each run lists it
    can.writable = true;
    can.conditional_writes = true;
    can.conditional_deletes = true;
    can.idempotent_creates = true;
    can.max_page_records = 100;
    return can;
}

Async<Result<>> CrmAdapter::check() { co_return Result<>(); }

Async<Result<RecordPage>> CrmAdapter::pull(PullRequest request) {
    if (request.entity != "contacts") co_return unknown_entity(request.entity);
    if (!request.cursor.empty() && !request.cursor.starts_with(cursor_prefix))
        co_return Error(ErrorCode::cursor_expired, "the CRM adapter did not write this cursor");
    std::string after = request.cursor.empty() ? "" : request.cursor.substr(cursor_prefix.size());
    const std::size_t most = std::min(request.max_records, capabilities().max_page_records);

    RecordPage page;
    page.listing = true;
    page.total = crm_.contacts.size();
    // By id, not by place: an insertion or deletion between two pages then moves nothing past the reader.
    auto next = crm_.contacts.upper_bound(after);
    for (; next != crm_.contacts.end() && page.records.size() < most; ++next) {
        page.records.push_back(to_record(next->first, next->second));
        after = next->first;
    }
    page.has_more = next != crm_.contacts.end();
    page.next = cursor_prefix + after;
    co_return page;
}

Async<Result<std::vector<FetchedRecord>>> CrmAdapter::fetch(FetchRequest request) {
    if (request.entity != "contacts") co_return unknown_entity(request.entity);
    std::vector<FetchedRecord> answers;
    for (const std::string& id : request.ids) {
        FetchedRecord answer;
        const auto found = crm_.contacts.find(id);
        // Absent means: certainly not there. Had the CRM failed to answer, this would stay `unknown`, with an error.
        answer.presence = found == crm_.contacts.end() ? FetchedRecord::Presence::absent
                                                       : FetchedRecord::Presence::present;
        if (found != crm_.contacts.end()) answer.record = to_record(id, found->second);
        answers.push_back(std::move(answer));
    }
    co_return answers;
}

Async<Result<std::vector<PushOutcome>>> CrmAdapter::push(PushRequest request) {
    if (request.entity != "contacts") co_return unknown_entity(request.entity);
    std::vector<PushOutcome> outcomes; // one per item, in order; an item that fails does not hinder the others
    for (const PushItem& item : request.items) {
        switch (item.action) {
        case PushItem::Action::create: outcomes.push_back(create(item)); break;
        case PushItem::Action::update: outcomes.push_back(update(item)); break;
        case PushItem::Action::remove: outcomes.push_back(remove(item)); break;
        }
    }
    co_return outcomes;
}

PushOutcome CrmAdapter::create(const PushItem& item) {
    const auto known = crm_.created_by_key.find(item.idempotency_key);
    if (known != crm_.created_by_key.end()) { // a repetition: the first answer got lost on its way
        const auto found = crm_.contacts.find(known->second);
        PushOutcome outcome = applied(known->second, found == crm_.contacts.end() ? Crm::Contact() : found->second);
        // What it holds now, for somebody may have edited it since.
        if (found != crm_.contacts.end()) outcome.fields = found->second.fields;
        return outcome;
    }
    const std::uint64_t revision = ++crm_.last_revision;
    const std::string id = "contact-" + std::to_string(revision);
    crm_.created_by_key[item.idempotency_key] = id;
    return applied(id, crm_.contacts[id] = {item.fields, revision});
}

PushOutcome CrmAdapter::update(const PushItem& item) {
    const auto found = crm_.contacts.find(item.id);
    if (found == crm_.contacts.end())
        return refused(PushOutcome::Status::absent, ErrorCode::not_found, "the CRM has no contact " + item.id);
    if (!item.expected_version.empty() && item.expected_version != version_of(found->second))
        return edited_meanwhile(item.id);
    found->second = {item.fields, ++crm_.last_revision};
    return applied(item.id, found->second);
}

PushOutcome CrmAdapter::remove(const PushItem& item) {
    const auto found = crm_.contacts.find(item.id);
    if (found != crm_.contacts.end()) {
        if (!item.expected_version.empty() && item.expected_version != version_of(found->second))
            return edited_meanwhile(item.id);
        crm_.contacts.erase(found);
    }
    PushOutcome outcome; // a contact that is gone already is what was asked for
    outcome.status = PushOutcome::Status::applied;
    return outcome;
}
