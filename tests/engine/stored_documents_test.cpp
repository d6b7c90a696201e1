// What a store answers is judged before it is believed.
#include <adapters/shard_document.hpp>
#include <engine/documents.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;

namespace {

template <class T>
std::string fault_of(const Document& document) {
    const auto value = from_document<T>(document);
    if (value) return "";
    CHECK(value.error().code == ErrorCode::corrupted);
    return value.error().message;
}

Link some_link() {
    Link link;
    link.link_id = "s1-7";
    link.stream_id = "s1";
    link.source_id = "a";
    link.target_id = "b";
    link.ordinal = 7;
    return link;
}

} // namespace

TEST_CASE("a stored document with an index value that is missing or of another type is corrupted") {
    Document document = to_document(some_link());
    REQUIRE(from_document<Link>(document).has_value());
    document.index[2] = std::int64_t{5};
    CHECK(fault_of<Link>(document) == "stored link \"s1-7\": index value 2 is missing or malformed");
    document.index[2] = IndexValue();
    CHECK(fault_of<Link>(document) == "stored link \"s1-7\": index value 2 is missing or malformed");
    document.index.resize(2);
    CHECK(fault_of<Link>(document) == "stored link \"s1-7\": index value 2 is missing or malformed");
}

TEST_CASE("the head of a link is read without what follows, whatever its versions look like") {
    Link link = some_link();
    link.state = Link::State::detached;
    link.source_version = R"(a":{"b":[,\)";
    link.target_version = R"("base":{)";
    link.evaluated_under = "f1";
    for (const bool compared : {false, true}) {
        if (compared) link.base = json::object{{"name", R"(x":{)"}};
        if (compared) link.flips["base"] = json::array{1, "x", "y"};
        Document document = to_document(link);
        const auto head = from_document<LinkHead>(document);
        REQUIRE(head.has_value());
        CHECK(head->link_id == link.link_id);
        CHECK(head->id(Side::source) == "a");
        CHECK(head->id(Side::target) == "b");
        CHECK(head->ordinal == 7);
        CHECK(head->state == Link::State::detached);
        CHECK(head->version(Side::source) == link.source_version);
        CHECK(head->version(Side::target) == link.target_version);
        CHECK(head->evaluated_under == "f1");
        document.id = "s1-8";
        CHECK(fault_of<LinkHead>(document) == "stored link \"s1-8\": it holds what belongs under \"s1-7\"");
    }
}

TEST_CASE("a stored document that belongs under another id is corrupted") {
    Document numbered = to_document(some_link());
    numbered.id = "s1-8";
    CHECK(fault_of<Link>(numbered) == "stored link \"s1-8\": it holds what belongs under \"s1-7\"");

    Candidate candidate;
    candidate.stream_id = "s1";
    candidate.record_id = "a";
    Document document = to_document(candidate);
    REQUIRE(from_document<Candidate>(document).has_value());
    document.id = "s1-s-b";
    CHECK(fault_of<Candidate>(document) ==
          "stored candidate \"s1-s-b\": it holds what belongs under \"s1-s-a\"");

    Execution execution;
    execution.execution_id = "e1";
    document = to_document(execution);
    REQUIRE(from_document<Execution>(document).has_value());
    document.id = "e2";
    CHECK(fault_of<Execution>(document) == "stored execution \"e2\": it holds what belongs under \"e1\"");
}

TEST_CASE("a tenant has one change sequence, under one id") {
    Document document = to_document(ShardSequence());
    REQUIRE(read_sequence_document(document).has_value());
    document.id = "other";
    REQUIRE(read_sequence_document(document).has_error());
    CHECK(read_sequence_document(document).error().code == ErrorCode::corrupted);
}

TEST_CASE("members of a shard that nothing here reads keep their order") {
    StoredShard stored;
    stored.sequence = 1;
    stored.shard.id = "s1";
    stored.shard.status = "deleted";
    stored.shard.other = {{"z", 1}, {"a", 2}, {"m", 3}};
    const auto read = read_shard_document(to_document(stored, "tenant"));
    REQUIRE(read.has_value());
    CHECK(to_json(read->shard.other) == R"({"z":1,"a":2,"m":3})");
}

TEST_CASE("a checkpoint that does not speak of both sides is corrupted") {
    StreamDocument stream;
    stream.stream_id = "s1";
    stream.checkpoints[0].emplace();
    Document document = to_document(stream);
    REQUIRE(from_document<StreamDocument>(document).has_value());
    const auto sides = document.body.find(R"("candidates":[0,0])");
    REQUIRE(sides != std::string::npos);
    document.body.replace(sides, 18, R"("candidates":[0])");
    CHECK(fault_of<StreamDocument>(document) ==
          "stored stream \"s1\": member \"candidates\" is missing or malformed");
}
