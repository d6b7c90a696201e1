#include <adapters/rest/description_checks.hpp>

#include <core/mapping_reader.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace castiel_sync {
namespace {

class Checker {
public:
    Checker(const RestEntity& entity, std::vector<ConfigurationFault>& faults)
        : entity_(entity), place_(member_path("entities", entity.name)), faults_(faults) {}

    void check() {
        if (!entity_.list && !entity_.changes) fault("", "can't be read: describe list, changes or both");
        if (!entity_.get && !entity_.get_many)
            fault("", "needs get or getMany: the engine reads a record again before it decides about it, and to "
                      "confirm a deletion");
        if (entity_.list) check_rows(*entity_.list, "list");
        if (entity_.changes) check_changes(*entity_.changes);
        if (entity_.get && !entity_.get->uses("id")) fault("get", "does not say which record: use {id}");
        if (entity_.get_many && !entity_.get_many->request.uses("ids"))
            fault("getMany", "does not say which records: use {ids}");
        if (entity_.get_many && !entity_.get && entity_.get_many->missing.empty())
            fault("getMany.missing",
                  "is missing: what a row looks like that says of an id that there is no such record. "
                  "Without it, or get to ask again, an answer that leaves a record out would count as "
                  "its deletion");
        if (entity_.find && !entity_.find->request.uses("key"))
            fault("find", "does not say what is looked for: use {key}");
        if (entity_.create) check_create(*entity_.create);
        if (entity_.update) check_update(*entity_.update);
        if (entity_.remove) check_write(*entity_.remove, "delete");
        if (entity_.batch) check_batch(*entity_.batch);
        if (entity_.find && entity_.create && !keeps_key(*entity_.create))
            fault("find",
                  "looks for a key that create does not put into the record: write a member under create.set that "
                  "is {key} and nothing else, so that what is found can be told from other records");
    }

private:
    static bool keeps_key(const RestWrite& create) {
        return std::any_of(create.set.begin(), create.set.end(),
                           [](const auto& member) { return member.second.written() == "{key}"; });
    }

    void fault(std::string_view below, std::string message) {
        faults_.emplace_back(below.empty() ? place_ : member_path(place_, below), std::move(message));
    }

    void check_rows(const RestRows& rows, std::string_view name) {
        using Kind = RestPaging::Kind;
        const auto need = [&](std::string_view variable) {
            if (!rows.request.uses(variable))
                fault(member_path(name, "paging"),
                      fmt::format("pages that the request does not ask for: use {{{}}} in it", variable));
        };
        const auto only = [&](std::string_view variable, Kind kind) {
            if (rows.paging.kind != kind && rows.request.uses(variable))
                fault(name, fmt::format("uses {{{}}}, which this paging does not have", variable));
        };
        if (rows.paging.kind == Kind::page) need("page");
        if (rows.paging.kind == Kind::offset) need("offset");
        if (rows.paging.kind == Kind::cursor) need("cursor");
        if (rows.paging.kind == Kind::keyset) need("after");
        only("page", Kind::page);
        only("offset", Kind::offset);
        only("cursor", Kind::cursor);
        only("after", Kind::keyset);
        if (rows.paging.kind == Kind::keyset && rows.paging.inclusive && rows.largest_page < 2)
            fault(member_path(name, "pageSize"),
                  "must allow two rows: the first of a page is the last of the one before");
        const bool counted = rows.paging.kind == Kind::page || rows.paging.kind == Kind::offset;
        if (counted && rows.short_page_is_last && !rows.request.uses("limit"))
            fault(member_path(name, "shortPageIsLast"), "needs a page size that the request states: use {limit}");
    }

    void notice(std::string_view below, std::string message) {
        faults_.emplace_back(member_path(place_, below), std::move(message), true);
    }

    // Pages by number can't overlap, and what a feed has passed is not asked for again.
    void check_moving_rows(const RestRows& rows, std::string_view name) {
        if (rows.paging.kind != RestPaging::Kind::page) return;
        notice(member_path(name, "paging.type"),
               "is page beside changes: a row that moves to a page that was read already is missed until the entity is "
               "read from its beginning again; where the system takes an offset, a cursor or a key, use that");
    }

    void check_changes(const RestChanges& changes) {
        check_rows(changes.rows, "changes");
        check_moving_rows(changes.rows, "changes");
        if (entity_.list) check_moving_rows(*entity_.list, "list");
        if (!changes.rows.request.uses("since"))
            fault("changes", "does not say since when: use {since}");
        if (changes.by == RestChanges::By::sequence) {
            if (!changes.next) fault("changes.next", "is missing: where an answer tells how the feed goes on");
            if (changes.rows.paging.kind != RestPaging::Kind::none)
                fault("changes.paging", "is not for a feed by sequence, whose pages go on by next");
            if (entity_.list && !changes.position)
                fault("changes.position", "is missing: the feed goes on from where it stood when the listing began; "
                                          "describe the request that tells, or leave list out where the feed tells "
                                          "everything from its beginning");
            if (!entity_.list && changes.position)
                fault("changes.position", "is not needed without list; remove it");
        } else {
            if (!entity_.modified_at)
                fault("modifiedAt", "is missing: a feed by timestamp goes on from the latest time that it has met");
            if (!entity_.list)
                fault("list", "is missing: a feed by timestamp begins with a listing");
            if (changes.overlap.count() == 0)
                notice("changes.overlapSeconds", "is 0: a change that becomes visible after a later one is missed");
        }
    }

    void check_create(const RestWrite& create) {
        const bool names_key = create.uses("key");
        if ((create.idempotent || create.id_is_key) && !names_key)
            fault("create", "promises to make one record for one key and never sends it: use {key}");
        const bool tells = create.id_is_key || create.written.has_record || create.written.id.in_body() ||
                           !create.written.id.header.empty() || create.written.id_from_location;
        if (!tells && !entity_.batch)
            fault("create.answer", "must tell the id of the new record: record, id or idFromLocation");
        if (create.uses("version")) fault("create", "uses {version}, and a new record has none");
    }

    void check_write(const RestWrite& write, std::string_view name) {
        if (!write.request.uses("id")) fault(name, "does not say which record: use {id}");
        if (write.uses("version") && !entity_.version && write.version_header.empty())
            fault(name, "sends {version}, and the version is made of the record's content, which the system does not "
                        "know; name its field under version, or the header that tells it under versionHeader");
        if (!write.version_header.empty() && !write.uses("version"))
            fault(member_path(name, "versionHeader"), "is read and never sent: use {version}, as in If-Match");
        if (!write.version_header.empty() && !entity_.get)
            fault(member_path(name, "versionHeader"), "is read by get, which is not described");
    }

    void check_update(const RestWrite& update) { check_write(update, "update"); }

    void check_batch(const RestBatch& batch) {
        if (!batch.request.uses("items")) fault("batch", "does not say what is written: use {items} in its body");
        if (entity_.remove && !batch.remove_item) notice("batch", "has no delete, so that deletions go one by one");
        check_batch_promises(batch);
        const bool tells = batch.written.has_record || batch.written.id.in_body() ||
                           (entity_.create && entity_.create->id_is_key);
        if (entity_.create && !tells) fault("batch.answer", "must tell the id of a new record");
    }

    // In a batch a record has neither a path nor headers of its own.
    void check_batch_promises(const RestBatch& batch) {
        const auto sets = [](const RestWrite& write, std::string_view variable) {
            return std::any_of(write.set.begin(), write.set.end(),
                               [&](const auto& member) { return member.second.uses(variable); });
        };
        const auto removes_by = [&](std::string_view variable) {
            const std::vector<std::string> names = batch.remove_item->names();
            return std::find(names.begin(), names.end(), variable) != names.end();
        };
        const auto& create = entity_.create;
        const bool by_key = create && (create->idempotent || create->id_is_key || entity_.find);
        if (by_key && !sets(*create, "key"))
            fault("create.set", "must put {key} into the record: a batch sends nothing else of it");
        const auto in_batch = [](const std::optional<RestWrite>& write) {
            return write && write->uses("version") && write->version_header.empty();
        };
        if (in_batch(entity_.update) && !sets(*entity_.update, "version"))
            fault("update.set", "must put {version} into the record: a batch sends nothing else of it");
        if (!batch.remove_item) return;
        if (!removes_by("id")) fault("batch.delete", "does not say which record: use {id}");
        if (in_batch(entity_.remove) && !removes_by("version"))
            fault("batch.delete", "must hold {version}, as delete does");
    }

    const RestEntity& entity_;
    std::string place_;
    std::vector<ConfigurationFault>& faults_;
};

} // namespace

void check_description(const RestDescription& description, std::vector<ConfigurationFault>& faults) {
    for (const RestEntity& entity : description.entities)
        Checker(entity, faults).check();
    const bool any = description.find("*") != nullptr;
    if (any && !description.check)
        faults.emplace_back("check", "is missing: with entities of any name nothing else tells whether the system "
                                     "can be reached");
}

} // namespace castiel_sync
