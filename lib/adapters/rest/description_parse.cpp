// How a JSON value becomes a RestDescription.
#include <adapters/rest/description_checks.hpp>
#include <adapters/rest/description_reader.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace castiel_sync {
namespace {

const RestNames list_names{"entity", "limit", "page", "offset", "cursor", "after"};
const RestNames changes_names{"entity", "limit", "page", "offset", "cursor", "after", "since"};
const RestNames entity_names_only{"entity"};
const RestNames get_names{"entity", "id"};
const RestNames many_names{"entity", "ids"};
const RestNames find_names{"entity", "key"};
const RestNames create_names{"entity", "key", "record"};
const RestNames update_names{"entity", "key", "id", "version", "record", "changes", "mergePatch"};
const RestNames remove_names{"entity", "key", "id", "version"};
const RestNames batch_names{"entity", "items"};
const RestNames item_names{"entity", "key", "id", "version"};
const RestNames credential_names{"credentials."};
const RestNames no_names{};

constexpr std::array<Word<RestMeaning>, 11> meanings{{{"success", RestMeaning::success},
                                                      {"retry", RestMeaning::retry},
                                                      {"unknown", RestMeaning::unknown},
                                                      {"throttled", RestMeaning::throttled},
                                                      {"gone", RestMeaning::gone},
                                                      {"conflict", RestMeaning::conflict},
                                                      {"exists", RestMeaning::exists},
                                                      {"invalid", RestMeaning::invalid},
                                                      {"reauthenticate", RestMeaning::reauthenticate},
                                                      {"forbidden", RestMeaning::forbidden},
                                                      {"stop", RestMeaning::stop}}};
constexpr std::array<Word<RestAction>, 11> actions{{{"check", RestAction::check},
                                                    {"list", RestAction::list},
                                                    {"changes", RestAction::changes},
                                                    {"position", RestAction::position},
                                                    {"get", RestAction::get},
                                                    {"getMany", RestAction::get_many},
                                                    {"find", RestAction::find},
                                                    {"create", RestAction::create},
                                                    {"update", RestAction::update},
                                                    {"delete", RestAction::remove},
                                                    {"batch", RestAction::batch}}};

class Parser {
public:
    Parser(const json::object& document, std::vector<ConfigurationFault>& faults)
        : document_(document), faults_(faults), reader_(declared_settings(document), faults) {}

    RestDescription parse() {
        ObjectReader top(document_, "", faults_);
        RestDescription description;
        read_identity(top, description);
        description.base_url = reader_.text(top, "baseUrl", no_names);
        if (top.find("baseUrl") == nullptr)
            top.fault("baseUrl", "is missing, such as https://api.example.com/v1 or \"{settings.baseUrl}\"");
        description.headers = reader_.texts(top, "headers", no_names, true);
        description.authentication = authentication(top);
        if (const json::object* check = top.object("check")) {
            ObjectReader parts(*check, "check", faults_);
            description.check = reader_.request(parts, no_names, "GET");
            parts.refuse_unknown("a request");
        }
        description.timeout = std::chrono::seconds(top.integer("timeoutSeconds", 1, 25).value_or(15));
        description.max_answer_bytes =
            static_cast<std::size_t>(top.integer("maxAnswerMegabytes", 1, 256).value_or(16)) * 1024 * 1024;
        description.concurrency = static_cast<std::size_t>(top.integer("concurrency", 1, 64).value_or(4));
        read_answers(top, description);
        description.rate_limit = rate_limit(top);
        if (const json::object* webhook = top.object("webhook")) read_hooks(*webhook, description);
        read_entities(top, description);
        top.refuse_unknown("a description");
        check_description(description, faults_);
        return description;
    }

private:
    static std::vector<std::string> declared_settings(const json::object& document) {
        std::vector<std::string> names;
        const json::value* settings = document.if_contains("settings");
        if (settings != nullptr && settings->is_object())
            for (const auto& member : settings->get_object())
                names.emplace_back(member.key());
        return names;
    }

    void read_identity(ObjectReader& top, RestDescription& description) {
        description.name = top.text("name").value_or("");
        const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
        if (description.name.empty() || description.name.size() > 64 ||
            !std::all_of(description.name.begin(), description.name.end(), plain))
            top.fault("name", "must be 1 to 64 lower-case letters, digits and hyphens: what integrations write as "
                              "providerName");
        description.summary = top.text("summary").value_or("");
        if (description.summary.empty()) top.fault("summary", "is missing: one sentence about the system");
        json::object properties;
        json::array required;
        if (const json::object* settings = top.object("settings")) {
            ObjectReader members(*settings, "settings", faults_);
            for (const auto& member : *settings) {
                const json::object* schema = members.object(member.key());
                if (schema == nullptr) continue;
                properties.emplace(member.key(), *schema);
                if (!schema->contains("default")) required.emplace_back(member.key());
            }
        }
        description.settings_schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                                       {"type", "object"},
                                       {"properties", std::move(properties)},
                                       {"additionalProperties", false}};
        if (!required.empty()) description.settings_schema.emplace("required", std::move(required));
    }

    RestAuthentication authentication(ObjectReader& top) {
        RestAuthentication read;
        const json::object* object = top.object("authentication");
        if (object == nullptr) return read;
        using Kind = RestAuthentication::Kind;
        constexpr std::array<Word<Kind>, 6> kinds{{{"none", Kind::none},
                                                   {"header", Kind::header},
                                                   {"query", Kind::query},
                                                   {"basic", Kind::basic},
                                                   {"bearer", Kind::bearer},
                                                   {"oauth2", Kind::oauth2}}};
        ObjectReader parts(*object, "authentication", faults_);
        const auto kind = parts.word<Kind>("type", kinds);
        if (!kind && parts.find("type") == nullptr) parts.fault("type", "is missing");
        if (!kind) return read;
        read.kind = *kind;
        const auto secret = [&](std::string_view name, std::string_view otherwise) {
            RequestText text = reader_.text(parts, name, credential_names);
            if (parts.find(name) != nullptr) return text;
            return RequestText::parse(otherwise).value();
        };
        switch (read.kind) {
        case Kind::none:
            break;
        case Kind::header:
        case Kind::query:
            read.name = parts.text("name").value_or("");
            if (read.name.empty()) parts.fault("name", "is missing: of the header or parameter that holds the key");
            if (read.kind == Kind::header && !read.name.empty() &&
                read.name.find_first_of(" :\r\n") != std::string::npos)
                parts.fault("name", "is no header's name");
            read.value = secret("value", "{credentials.value}");
            break;
        case Kind::basic:
            read.user_name = secret("userName", "{credentials.username}");
            read.password = secret("password", "{credentials.password}");
            break;
        case Kind::bearer:
            read.value = secret("value", "{credentials.value}");
            break;
        case Kind::oauth2:
            read_oauth2(parts, read);
            break;
        }
        parts.refuse_unknown("this authentication");
        return read;
    }

    void read_oauth2(ObjectReader& parts, RestAuthentication& read) {
        using Grant = RestAuthentication::Grant;
        constexpr std::array<Word<Grant>, 2> grants{
            {{"clientCredentials", Grant::client_credentials}, {"refreshToken", Grant::refresh_token}}};
        const auto grant = parts.word<Grant>("grant", grants);
        if (!grant && parts.find("grant") == nullptr) parts.fault("grant", "is missing");
        read.grant = grant.value_or(Grant::client_credentials);
        read.token_url = reader_.text(parts, "tokenUrl", no_names);
        if (parts.find("tokenUrl") == nullptr) parts.fault("tokenUrl", "is missing: where tokens are asked for");
        read.client_id = RequestText::parse("{credentials.clientId}").value();
        read.client_secret = RequestText::parse("{credentials.clientSecret}").value();
        read.scope = parts.text("scope").value_or("");
        constexpr std::array<Word<bool>, 2> places{{{"header", false}, {"body", true}}};
        read.client_in_body = parts.word<bool>("clientAuthentication", places).value_or(false);
        if (read.grant == Grant::refresh_token) read.rotates = parts.boolean("rotates").value_or(true);
        read.parameters = reader_.texts(parts, "parameters", credential_names, false);
    }

    void read_answers(ObjectReader& top, RestDescription& description) {
        description.message = reader_.path(top, "errorMessage");
        const json::array* list = top.list("answers");
        if (list == nullptr) return;
        for (std::size_t index = 0; index < list->size(); ++index) {
            const std::string place = element_path("answers", index);
            const json::object* object = (*list)[index].if_object();
            if (object == nullptr) {
                faults_.emplace_back(place, "must say which answers it is about and what they mean");
                continue;
            }
            ObjectReader parts(*object, place, faults_);
            description.answers.push_back(answer_rule(parts));
            parts.refuse_unknown("a rule about answers");
        }
    }

    RestAnswerRule answer_rule(ObjectReader& parts) {
        RestAnswerRule rule;
        if (const json::value* status = parts.find("status")) {
            const auto add = [&](const json::value& value) {
                const auto range = status_range(value);
                if (range)
                    rule.statuses.push_back(*range);
                else
                    parts.fault("status", "must be a status such as 409, a class such as 5xx, or a list of them");
            };
            if (const auto* list = status->if_array())
                std::for_each(list->begin(), list->end(), add);
            else
                add(*status);
        }
        if (const json::array* list = parts.list("actions"))
            for (const json::value& value : *list) {
                const std::string_view name = value.is_string() ? std::string_view(value.get_string()) : "";
                const auto* found =
                    std::find_if(actions.begin(), actions.end(), [&](const auto& each) { return name == each.text; });
                if (found == actions.end())
                    parts.fault("actions", fmt::format("{} is none; there are list, changes, position, get, getMany, "
                                                       "find, create, update, delete, batch and check",
                                                       to_json(value)));
                else
                    rule.actions.push_back(found->value);
            }
        rule.condition = reader_.condition(parts, "when");
        rule.body_contains = parts.text("bodyContains").value_or("");
        const auto means = parts.word<RestMeaning>("means", meanings);
        if (!means && parts.find("means") == nullptr) parts.fault("means", "is missing");
        rule.means = means.value_or(RestMeaning::stop);
        if (rule.statuses.empty() && !rule.condition && rule.body_contains.empty())
            parts.fault_here("is about every answer; name a status, or ask about the body with when or bodyContains");
        return rule;
    }

    static std::optional<std::pair<unsigned, unsigned>> status_range(const json::value& value) {
        if (value.is_int64() && value.get_int64() >= 200 && value.get_int64() <= 599) {
            const auto status = static_cast<unsigned>(value.get_int64());
            return std::pair(status, status);
        }
        const auto* text = value.if_string();
        if (text == nullptr || text->size() != 3 || text->at(0) < '2' || text->at(0) > '5' ||
            std::string_view(*text).substr(1) != "xx")
            return std::nullopt;
        const auto first = static_cast<unsigned>(text->at(0) - '0') * 100;
        return std::pair(first, first + 99);
    }

    RestRateLimit rate_limit(ObjectReader& top) {
        RestRateLimit read;
        const json::object* object = top.object("rateLimit");
        if (object == nullptr) return read;
        using Reset = RestRateLimit::Reset;
        constexpr std::array<Word<Reset>, 3> resets{{{"seconds", Reset::seconds},
                                                     {"epochSeconds", Reset::epoch_seconds},
                                                     {"epochMilliseconds", Reset::epoch_milliseconds}}};
        ObjectReader parts(*object, "rateLimit", faults_);
        read.remaining_header = parts.text("remaining").value_or("");
        read.reset_header = parts.text("reset").value_or("");
        read.reset = parts.word<Reset>("resetFormat", resets).value_or(Reset::seconds);
        if (read.remaining_header.empty() != read.reset_header.empty())
            parts.fault_here("needs both headers: how many requests are left, and until when");
        parts.refuse_unknown("a rate limit");
        return read;
    }

    void read_hooks(const json::object& webhook, RestDescription& description) {
        using Scheme = HookDescription::Scheme;
        constexpr std::array<Word<Scheme>, 8> schemes{{{"standard", Scheme::standard},
                                                       {"github", Scheme::github},
                                                       {"stripe", Scheme::stripe},
                                                       {"hubspotV3", Scheme::hubspot_v3},
                                                       {"slack", Scheme::slack},
                                                       {"shopify", Scheme::shopify},
                                                       {"token", Scheme::token},
                                                       {"none", Scheme::none}}};
        ObjectReader parts(webhook, "webhook", faults_);
        HookDescription& hooks = description.hooks.emplace();
        const auto scheme = parts.word<Scheme>("scheme", schemes);
        if (!scheme && parts.find("scheme") == nullptr)
            parts.fault("scheme", "is missing: how inbound hooks are signed");
        hooks.scheme = scheme.value_or(Scheme::none);
        const bool token = scheme == Scheme::token;
        if (token && !parts.text("header")) parts.fault("header", "is missing: the one that holds the token");
        if (!token && parts.find("header") != nullptr) parts.fault("header", "is for the scheme token");
        hooks.header = parts.text("header").value_or("");
        (void)reader_.path(parts, "entity");
        (void)reader_.path(parts, "id");
        hooks.entity = parts.text("entity").value_or("");
        hooks.id = parts.text("id").value_or("");
        parts.refuse_unknown("a webhook");
        if (scheme != Scheme::none) return;
        // An integration has to say that it takes what anybody could have sent.
        json::object& settings = description.settings_schema["properties"].get_object();
        if (settings.contains(accept_unverified_hooks)) return;
        settings[accept_unverified_hooks] = {
            {"type", "boolean"},
            {"default", false},
            {"description", "Hooks are not signed. True: a hook from anybody starts a sync all the same."}};
    }

    void read_entities(ObjectReader& top, RestDescription& description) {
        const json::object* object = top.object("entities");
        if (object == nullptr || object->empty()) {
            if (object != nullptr || top.find("entities") == nullptr)
                top.fault("entities", "is missing: at least one, or \"*\" for any");
            return;
        }
        for (const auto& member : *object) {
            const std::string place = member_path("entities", member.key());
            if (!member.value().is_object()) {
                faults_.emplace_back(place, fmt::format("must be an object, is {}", describe_kind(member.value())));
                continue;
            }
            ObjectReader parts(member.value().get_object(), place, faults_);
            description.entities.push_back(entity(parts, member.key()));
            parts.refuse_unknown("an entity");
        }
    }

    RestEntity entity(ObjectReader& parts, std::string_view name) {
        RestEntity entity;
        entity.name = name;
        if (auto id = reader_.path(parts, "id"))
            entity.id = std::move(*id);
        else if (parts.find("id") == nullptr)
            parts.fault("id", "is missing: the member that names a record");
        read_version(parts, entity);
        if (const json::object* modified = parts.object("modifiedAt")) {
            ObjectReader members(*modified, parts.path("modifiedAt"), faults_);
            entity.modified_at = reader_.path(members, "field");
            if (!entity.modified_at && members.find("field") == nullptr) members.fault("field", "is missing");
            entity.modified_at_format = reader_.time_format(members, "format");
            members.refuse_unknown("modifiedAt");
        }
        entity.deleted = reader_.condition(parts, "deleted");
        entity.ignored = reader_.conditions(parts, "ignore");
        if (const json::object* list = parts.object("list")) {
            ObjectReader members(*list, parts.path("list"), faults_);
            entity.list = rows(members, list_names);
            members.refuse_unknown("a listing");
        }
        if (const json::object* changes = parts.object("changes")) {
            ObjectReader members(*changes, parts.path("changes"), faults_);
            entity.changes = read_changes(members);
            members.refuse_unknown("changes");
        }
        read_fetching(parts, entity);
        entity.create = write(parts, "create", create_names, "POST");
        entity.update = write(parts, "update", update_names, "PUT");
        entity.remove = write(parts, "delete", remove_names, "DELETE");
        entity.batch = batch(parts);
        if (const json::object* conformance = parts.object("conformance")) {
            ObjectReader members(*conformance, parts.path("conformance"), faults_);
            read_conformance(members);
        }
        return entity;
    }

    // Whoever runs the kit reads it from the document.
    static void read_conformance(ObjectReader& members) {
        (void)members.object("sample");
        (void)members.text("textField");
        (void)members.text("integerField");
        (void)members.boolean("keepsUnknownMembers");
        (void)members.object("deviations");
        members.refuse_unknown("conformance");
    }

    void read_version(ObjectReader& parts, RestEntity& entity) {
        const json::object* version = parts.object("version");
        if (version == nullptr) return;
        ObjectReader members(*version, parts.path("version"), faults_);
        entity.version = reader_.path(members, "field");
        entity.unversioned = reader_.paths(members, "ignore");
        if (entity.version && !entity.unversioned.empty())
            members.fault("ignore", "is for versions that are made of the record's content; remove it or field");
        if (members.find("field") == nullptr && members.find("ignore") == nullptr)
            members.fault_here("needs field, or ignore: the members that change by themselves");
        members.refuse_unknown("a version");
    }

    RestRows rows(ObjectReader& parts, const RestNames& names) {
        RestRows rows;
        rows.request = reader_.request(parts, names, "GET");
        rows.records = reader_.path(parts, "records");
        rows.record = reader_.path(parts, "record");
        rows.row_id = reader_.path(parts, "rowId");
        if (const json::object* size = parts.object("pageSize")) {
            ObjectReader members(*size, parts.path("pageSize"), faults_);
            const auto usual = members.integer("default", 1, 5000);
            const auto most = members.integer("most", 1, 5000);
            members.refuse_unknown("a page size");
            rows.page_size = static_cast<std::size_t>(usual.value_or(most.value_or(100)));
            rows.largest_page = static_cast<std::size_t>(most.value_or(static_cast<std::int64_t>(rows.page_size)));
            if (rows.page_size > rows.largest_page) members.fault("default", "must not be more than most");
        }
        rows.paging = paging(parts);
        rows.short_page_is_last = parts.boolean("shortPageIsLast").value_or(false);
        rows.total = reader_.location(parts, "total", true);
        rows.more = reader_.condition(parts, "more");
        return rows;
    }

    RestPaging paging(ObjectReader& parts) {
        RestPaging paging;
        const json::object* object = parts.object("paging");
        if (object == nullptr) return paging;
        using Kind = RestPaging::Kind;
        constexpr std::array<Word<Kind>, 7> kinds{{{"none", Kind::none},
                                                   {"page", Kind::page},
                                                   {"offset", Kind::offset},
                                                   {"cursor", Kind::cursor},
                                                   {"link", Kind::link},
                                                   {"nextUrl", Kind::next_url},
                                                   {"keyset", Kind::keyset}}};
        ObjectReader members(*object, parts.path("paging"), faults_);
        const auto kind = members.word<Kind>("type", kinds);
        if (!kind && members.find("type") == nullptr) members.fault("type", "is missing");
        paging.kind = kind.value_or(Kind::none);
        if (paging.kind == Kind::page) paging.first = members.integer("first", 0, 1).value_or(1);
        if (paging.kind == Kind::cursor || paging.kind == Kind::next_url) {
            paging.next = reader_.location(members, "next", true).value_or(RestLocation());
            if (members.find("next") == nullptr)
                members.fault("next", "is missing: where an answer tells of the next page");
        }
        if (paging.kind == Kind::keyset) {
            paging.key = reader_.path(members, "key");
            if (members.find("key") == nullptr) members.fault("key", "is missing: the member by which pages go on");
            paging.inclusive = members.boolean("inclusive").value_or(false);
        }
        members.refuse_unknown("this paging");
        return paging;
    }

    RestChanges read_changes(ObjectReader& parts) {
        RestChanges changes;
        changes.rows = rows(parts, changes_names);
        if (const json::object* row = parts.object("deletedRow")) {
            ObjectReader members(*row, parts.path("deletedRow"), faults_);
            RestDeletedRow& read = changes.rows.deleted_row.emplace();
            if (auto when = reader_.condition(members, "when")) read.when = std::move(*when);
            if (members.find("when") == nullptr)
                members.fault("when", "is missing: how such a row is told from others");
            if (auto id = reader_.path(members, "id")) read.id = std::move(*id);
            if (members.find("id") == nullptr) members.fault("id", "is missing: where the row names the record");
            members.refuse_unknown("a deleted row");
        }
        constexpr std::array<Word<RestChanges::By>, 2> kinds{
            {{"timestamp", RestChanges::By::timestamp}, {"sequence", RestChanges::By::sequence}}};
        const auto by = parts.word<RestChanges::By>("by", kinds);
        if (!by && parts.find("by") == nullptr) parts.fault("by", "is missing: timestamp or sequence");
        changes.by = by.value_or(RestChanges::By::sequence);
        if (changes.by == RestChanges::By::sequence) {
            changes.next = reader_.location(parts, "next", true);
            if (const json::object* position = parts.object("position")) {
                ObjectReader members(*position, parts.path("position"), faults_);
                changes.position = reader_.request(members, entity_names_only, "GET");
                changes.position_at = reader_.location(members, "at", true).value_or(RestLocation());
                if (members.find("at") == nullptr)
                    members.fault("at", "is missing: where the answer tells the position");
                members.refuse_unknown("a position");
            }
        } else {
            changes.format = reader_.time_format(parts, "format");
            changes.overlap = std::chrono::seconds(parts.integer("overlapSeconds", 0, 86'400).value_or(5));
        }
        return changes;
    }

    void read_fetching(ObjectReader& parts, RestEntity& entity) {
        if (const json::object* get = parts.object("get")) {
            ObjectReader members(*get, parts.path("get"), faults_);
            entity.get = reader_.request(members, get_names, "GET");
            entity.get_record = reader_.path(members, "record");
            members.refuse_unknown("get");
        }
        if (const json::object* many = parts.object("getMany")) {
            ObjectReader members(*many, parts.path("getMany"), faults_);
            RestFetchMany& read = entity.get_many.emplace();
            read.request = reader_.request(members, many_names, "GET");
            read.request.repeats_lists = members.boolean("repeatParameter").value_or(false);
            read.most = static_cast<std::size_t>(members.integer("most", 1, 1000).value_or(50));
            read.records = reader_.path(members, "records");
            read.record = reader_.path(members, "record");
            read.missing = reader_.conditions(members, "missing");
            members.refuse_unknown("getMany");
        }
        if (const json::object* find = parts.object("find")) {
            ObjectReader members(*find, parts.path("find"), faults_);
            RestFind& read = entity.find.emplace();
            read.request = reader_.request(members, find_names, "GET");
            read.records = reader_.path(members, "records");
            read.record = reader_.path(members, "record");
            read.lag = std::chrono::seconds(members.integer("lagSeconds", 0, 3600).value_or(0));
            members.refuse_unknown("find");
        }
    }

    std::optional<RestWrite> write(ObjectReader& parts, std::string_view name, const RestNames& names,
                                   std::string_view method) {
        const json::object* object = parts.object(name);
        if (object == nullptr) return std::nullopt;
        ObjectReader members(*object, parts.path(name), faults_);
        RestWrite write;
        write.request = reader_.request(members, names, method);
        if (name != "delete") {
            if (!write.request.body) write.request.body = RequestJson::parse("{record}").value();
            write.set = reader_.members(members, "set", item_names);
            write.omit = reader_.paths(members, "omit");
        }
        write.written = reader_.written(members, "answer");
        if (name == "create") {
            write.id_is_key = members.boolean("idIsKey").value_or(false);
            write.idempotent = members.boolean("idempotent").value_or(false);
        } else {
            write.version_header = members.text("versionHeader").value_or("");
        }
        members.refuse_unknown(name);
        return write;
    }

    std::optional<RestBatch> batch(ObjectReader& parts) {
        const json::object* object = parts.object("batch");
        if (object == nullptr) return std::nullopt;
        ObjectReader members(*object, parts.path("batch"), faults_);
        RestBatch batch;
        batch.request = reader_.request(members, batch_names, "POST");
        batch.most = static_cast<std::size_t>(members.integer("most", 1, 1000).value_or(100));
        batch.remove_item = reader_.body(members, "delete", item_names);
        batch.results = reader_.path(members, "results");
        batch.written = reader_.written(members, "answer");
        if (const json::array* list = members.list("outcomes"))
            for (std::size_t index = 0; index < list->size(); ++index) {
                const std::string place = element_path(members.path("outcomes"), index);
                const json::object* outcome = (*list)[index].if_object();
                if (outcome == nullptr) {
                    faults_.emplace_back(place, "must be a condition and what it means");
                    continue;
                }
                ObjectReader rule(*outcome, place, faults_);
                RestCondition condition = reader_.read_condition(rule);
                const auto means = rule.word<RestMeaning>("means", meanings);
                if (!means && rule.find("means") == nullptr) rule.fault("means", "is missing");
                rule.refuse_unknown("an outcome");
                batch.outcomes.emplace_back(std::move(condition), means.value_or(RestMeaning::stop));
            }
        members.refuse_unknown("a batch");
        return batch;
    }

    const json::object& document_;
    std::vector<ConfigurationFault>& faults_;
    RestReader reader_;
};

} // namespace

ParsedRestDescription parse_rest_description(const json::value& document) {
    ParsedRestDescription parsed;
    const json::object* object = document.if_object();
    if (object == nullptr) {
        parsed.faults.emplace_back("", fmt::format("a description is an object, this is {}", describe_kind(document)));
        return parsed;
    }
    RestDescription description = Parser(*object, parsed.faults).parse();
    std::stable_sort(parsed.faults.begin(), parsed.faults.end(),
                     [](const auto& left, const auto& right) { return left.path < right.path; });
    const bool usable = std::all_of(parsed.faults.begin(), parsed.faults.end(),
                                    [](const ConfigurationFault& fault) { return fault.notice; });
    if (usable) parsed.description = std::make_shared<const RestDescription>(std::move(description));
    return parsed;
}

} // namespace castiel_sync
