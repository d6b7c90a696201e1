#include <adapters/shard_document.hpp>
#include <core/json_members.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace castiel_sync {
namespace {

// More days than this only come from a clock that jumps; two of them become one then.
constexpr std::size_t max_deletion_days = 128;

constexpr std::array<std::string_view, 9> own_members{"id",       "tenantId",       "shardTypeId", "structuredData",
                                                      "status",   "revisionNumber", "createdAt",   "updatedAt",
                                                      "deletedAt"};

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

std::int64_t day_of(Timestamp time) { return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count(); }

Error corrupted(std::string_view what, std::string_view name, std::string_view why) {
    return Error(
        ErrorCode::corrupted,
        fmt::format("the stored {} {} does not read back ({}); restore the store from a backup", what, name, why));
}

// Takes members out of a document; the first one that is missing or of the wrong kind is the fault.
class Members {
public:
    explicit Members(json::object& object) : object_(object) {}

    std::string text(std::string_view name) {
        json::value value = take(name);
        if (const auto* string = value.if_string()) return std::string(string->data(), string->size());
        fail(name);
        return {};
    }
    std::uint64_t number(std::string_view name) { return number(take(name), name); }
    std::uint64_t number(const json::value& value, std::string_view name) {
        if (const auto* small = value.if_int64(); small != nullptr && *small >= 0)
            return static_cast<std::uint64_t>(*small);
        if (const auto* large = value.if_uint64()) return *large;
        fail(name);
        return 0;
    }
    Timestamp time(std::string_view name) {
        const auto parsed = parse_timestamp(text(name));
        if (!parsed) fail(name);
        return parsed.value_or(Timestamp{});
    }
    json::object object(std::string_view name) {
        json::value value = take(name);
        if (auto* inner = value.if_object()) return std::move(*inner);
        fail(name);
        return {};
    }
    json::array array(std::string_view name) {
        json::value value = take(name);
        if (auto* inner = value.if_array()) return std::move(*inner);
        fail(name);
        return {};
    }
    void fail(std::string_view name) {
        if (fault_.empty()) fault_ = name;
    }
    [[nodiscard]] const std::string& fault() const { return fault_; }

private:
    json::value take(std::string_view name) {
        const auto member = object_.find(view(name));
        if (member == object_.end()) return nullptr;
        json::value value = std::move(member->value());
        object_.stable_erase(member); // what is left keeps its order
        return value;
    }

    json::object& object_;
    std::string fault_;
};

template <class Show>
void show_shard(Show& show, const Shard& shard, std::optional<std::string_view> tenant_id) {
    show("id", shard.id);
    show("tenantId", tenant_id);
    show("shardTypeId", shard.shard_type_id);
    show("structuredData", shard.structured_data);
    show("status", shard.status);
    show("revisionNumber", shard.revision);
    show("createdAt", shard.created_at);
    show("updatedAt", shard.updated_at);
    if (shard.status == deleted_status) show("deletedAt", shard.updated_at);
    for (const auto& member : shard.other)
        if (std::find(own_members.begin(), own_members.end(), std::string_view(member.key())) == own_members.end())
            show(member.key(), member.value());
}

} // namespace

json::object to_json_object(const Shard& shard) {
    json::object object;
    object.reserve(own_members.size() + shard.other.size());
    ObjectMembers members(object);
    show_shard(members, shard, std::nullopt);
    return object;
}

void append_json(std::string& out, const Shard& shard) {
    TextMembers members(out);
    show_shard(members, shard, std::nullopt);
    members.finish();
}

Document to_document(const StoredShard& stored, std::string_view tenant_id) {
    const Shard& shard = stored.shard;
    Document document;
    document.kind = shard_kind;
    document.id = shard.id;
    document.etag = shard.etag;
    document.index.emplace_back(shard.shard_type_id);
    document.index.emplace_back(static_cast<std::int64_t>(stored.sequence));
    document.index.emplace_back(shard.status);
    document.body = written_text([&](std::string& text) {
        TextMembers members(text);
        show_shard(members, shard, tenant_id);
        members.finish();
    });
    if (stored.deleted()) document.expires_at = shard.updated_at + tombstone_retention + tombstone_slack;
    return document;
}

Result<StoredShard> read_shard_document(const Document& document) {
    auto parsed = parse_json_object(document.body, JsonLimits{JsonLimits().max_depth + 1, document.body.size()});
    if (!parsed) return corrupted("shard", document.id, parsed.error().message);
    Members members(*parsed);
    StoredShard stored;
    Shard& shard = stored.shard;
    shard.id = members.text("id");
    shard.shard_type_id = members.text("shardTypeId");
    shard.structured_data = members.object("structuredData");
    shard.status = members.text("status");
    shard.revision = members.number("revisionNumber");
    shard.created_at = members.time("createdAt");
    shard.updated_at = members.time("updatedAt");
    if (members.text("tenantId").empty()) members.fail("tenantId");
    if (shard.id != document.id) members.fail("id");
    const auto* sequence = document.index.size() == 3 ? std::get_if<std::int64_t>(&document.index[1]) : nullptr;
    if (sequence == nullptr || *sequence <= 0) members.fail("sequence");
    if (!members.fault().empty()) return corrupted("shard", document.id, members.fault());
    stored.sequence = static_cast<std::uint64_t>(*sequence);
    parsed->stable_erase("deletedAt");
    shard.etag = document.etag;
    shard.other = std::move(*parsed);
    return Result<StoredShard>(std::move(stored));
}

std::uint64_t ShardSequence::latest_of(std::string_view shard_type_id) const {
    if (const auto known = latest.find(shard_type_id); known != latest.end()) return known->second;
    return living.contains(shard_type_id) ? last : 0; // written before this was kept
}

void ShardSequence::note_deletion(std::uint64_t sequence, Timestamp now) {
    const std::int64_t day = day_of(now);
    const auto same = std::find_if(deletions.begin(), deletions.end(), [&](const auto& one) { return one.day == day; });
    if (same != deletions.end())
        same->sequence = sequence;
    else
        deletions.push_back({day, sequence});
    if (deletions.size() <= max_deletion_days) return;
    // The earlier day and the later number: a cursor may expire too soon, never too late.
    deletions[1] = {std::min(deletions[0].day, deletions[1].day),
                    std::max(deletions[0].sequence, deletions[1].sequence)};
    deletions.erase(deletions.begin());
}

std::uint64_t ShardSequence::horizon_at(Timestamp now) const {
    const std::int64_t oldest = day_of(now) - tombstone_retention.count();
    std::uint64_t reached = horizon;
    for (const Deletions& one : deletions)
        if (one.day <= oldest) reached = std::max(reached, one.sequence);
    return reached;
}

void ShardSequence::forget_old_days(Timestamp now) {
    const std::int64_t oldest = day_of(now) - tombstone_retention.count();
    horizon = horizon_at(now);
    std::erase_if(deletions, [&](const Deletions& one) { return one.day <= oldest; });
}

Document to_document(const ShardSequence& sequence) {
    json::object body;
    body.emplace("epoch", view(sequence.epoch));
    body.emplace("last", sequence.last);
    body.emplace("horizon", sequence.horizon);
    json::array deletions;
    for (const auto& one : sequence.deletions)
        deletions.push_back(json::array{one.day, one.sequence});
    body.emplace("deletions", std::move(deletions));
    json::object living;
    for (const auto& [type, count] : sequence.living)
        living.emplace(view(type), count);
    body.emplace("living", std::move(living));
    json::object latest;
    for (const auto& [type, number] : sequence.latest)
        latest.emplace(view(type), number);
    body.emplace("latest", std::move(latest));
    Document document;
    document.kind = shard_sequence_kind;
    document.id = shard_sequence_id;
    document.etag = sequence.etag;
    document.body = to_json(body);
    return document;
}

Result<ShardSequence> read_sequence_document(const Document& document) {
    auto parsed = parse_json_object(document.body);
    if (!parsed) return corrupted("change sequence of the local shards,", document.id, parsed.error().message);
    Members members(*parsed);
    ShardSequence sequence;
    sequence.epoch = members.text("epoch");
    sequence.last = members.number("last");
    sequence.horizon = members.number("horizon");
    for (const json::value& entry : members.array("deletions")) {
        const auto* pair = entry.if_array();
        if (pair == nullptr || pair->size() != 2 || !pair->front().is_int64()) {
            members.fail("deletions");
            break;
        }
        sequence.deletions.push_back({pair->front().get_int64(), members.number(pair->back(), "deletions")});
    }
    for (const auto& member : members.object("living"))
        sequence.living.emplace(member.key(), members.number(member.value(), "living"));
    if (parsed->contains("latest"))
        for (const auto& member : members.object("latest"))
            sequence.latest.emplace(member.key(), members.number(member.value(), "latest"));
    if (document.id != shard_sequence_id) members.fail("id");
    if (!members.fault().empty())
        return corrupted("change sequence of the local shards,", document.id, members.fault());
    sequence.etag = document.etag;
    return Result<ShardSequence>(std::move(sequence));
}

Result<> check_shard_name(std::string_view text, std::string_view what) {
    std::string_view fault;
    if (text.empty()) fault = "is missing";
    if (text.size() > max_record_id_bytes) fault = "has more than 512 bytes";
    if (text.find('\0') != std::string_view::npos) fault = "holds the character U+0000";
    if (!is_utf8(text)) fault = "is not valid UTF-8";
    if (fault.empty()) return {};
    return Error(ErrorCode::invalid_request, fmt::format("the {} {}; give one of 1 to 512 bytes", what, fault));
}

} // namespace castiel_sync
