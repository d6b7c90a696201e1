// Stored documents: any bytes give a value or `corrupted`, and a value is written so that it reads as the same.
#include "fuzzing.hpp"

#include <adapters/shard_document.hpp>
#include <engine/documents.hpp>

#include <array>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;

namespace {

Document write(const JournalEntry& entry, const Document& read) {
    const auto* link_id = std::get_if<std::string>(&read.index.at(0)); // an entry is found by it, and does not hold it
    return to_document(entry, link_id == nullptr ? std::string() : *link_id);
}
Document write(const Budget& budget, const Document& document) {
    return to_document(budget, document.expires_at.value_or(Timestamp()));
}
Document write(const StoredShard& shard, const Document&) { return to_document(shard, "tenant"); }
template <class T>
Document write(const T& value, const Document&) {
    return to_document(value);
}

template <class T>
Result<T> read(const Document& document) {
    return from_document<T>(document);
}
template <>
Result<StoredShard> read(const Document& document) {
    return read_shard_document(document);
}
template <>
Result<ShardSequence> read(const Document& document) {
    return read_sequence_document(document);
}

template <class T>
void check(Document document) {
    const auto value = read<T>(document);
    if (!value) {
        require(value.error().code == ErrorCode::corrupted, "what does not read back is corrupted",
                value.error().message);
        require(value.error().message.find(document.id) != std::string::npos, "a fault names the document",
                value.error().message);
        return require_readable(to_json(json::value(value.error().message)));
    }
    const Document written = write(*value, document);
    require(written.id == document.id, "a document is written under the id it was read from", document.body);
    require(written.index.size() == document.index.size(), "a document keeps its index", document.body);
    const auto again = read<T>(written);
    require(again.has_value(), "what was written can be read", again ? "" : again.error().message + written.body);
    if constexpr (std::is_same_v<T, Link>) {
        const auto head = from_document<LinkHead>(written);
        require(head && head->ordinal == again->ordinal && head->state == again->state &&
                    head->source_version == again->source_version && head->target_version == again->target_version &&
                    head->evaluated_under == again->evaluated_under,
                "a link's head tells what the link tells", written.body);
    }
    const Document twice = write(*again, written);
    require(twice.kind == written.kind && twice.id == written.id && twice.index == written.index &&
                twice.body == written.body && twice.expires_at == written.expires_at,
            "what was written reads as the same", written.body + "\n" + twice.body);
}

struct Kind {
    std::string_view name;
    void (*check)(Document document);
};

constexpr std::array kinds{
    Kind{"link", check<Link>},
    Kind{"candidate", check<Candidate>},
    Kind{"deletion", check<HeldDeletion>},
    Kind{"intent", check<Intent>},
    Kind{"stream", check<StreamDocument>},
    Kind{"task", check<TaskDocument>},
    Kind{"cancellation", check<Cancellation>},
    Kind{"schedule", check<Schedule>},
    Kind{"budget", check<Budget>},
    Kind{"slot", check<Slot>},
    Kind{"execution", check<Execution>},
    Kind{"conflict", check<Conflict>},
    Kind{"parked", check<ParkedRecord>},
    Kind{"journal", check<JournalEntry>},
    Kind{"outbox", check<Event>},
    Kind{shard_kind, check<StoredShard>},
    Kind{shard_sequence_kind, check<ShardSequence>},
};

std::size_t index_fields(std::string_view kind) {
    for (const KindDeclaration& declared : engine_kinds())
        if (declared.kind == kind) return declared.fields.size();
    return 0;
}

IndexValue draw_index_value(FuzzedDataProvider& input) {
    switch (input.ConsumeIntegralInRange(0, 5)) {
    case 0: return std::monostate();
    case 1: return input.ConsumeIntegral<std::int64_t>();
    case 2: return input.ConsumeIntegralInRange<std::int64_t>(0, 3);
    case 3: return std::string(input.PickValueInArray({"open", "resolved", "ignored", "running", "pending"}));
    default: return std::string(1, input.ConsumeIntegralInRange('a', 'c'));
    }
}

} // namespace

// KIND, ID, index values from the end; the rest is the body. A store answers as many index values as are declared.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    const Kind& kind = input.PickValueInArray(kinds);
    Document document;
    document.kind = kind.name;
    document.etag = "7";
    document.id = input.PickValueInArray({"a", "b", "sequence", "a-s-b", "a-t-b"});
    for (std::size_t left = index_fields(kind.name); left > 0; --left)
        document.index.push_back(draw_index_value(input));
    document.body = input.ConsumeRemainingBytesAsString();
    kind.check(std::move(document));
    return 0;
}
