#include <castiel_sync/store.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;

namespace {

Document document() {
    Document made;
    made.kind = "link";
    made.id = "a";
    made.etag = "7";
    return made;
}

} // namespace

TEST_CASE("the name of a write says its precondition") {
    CHECK(put(document()).precondition == Write::Precondition::none);
    CHECK(insert(document()).precondition == Write::Precondition::absent);
    CHECK(replace(document()).precondition == Write::Precondition::etag);
    CHECK(replace(document()).document.etag == "7");
    CHECK(replace(document()).action == Write::Action::put);
}

TEST_CASE("a removal without etag takes what there is, one with etag only that") {
    const Write any = remove("link", "a");
    CHECK(any.action == Write::Action::remove);
    CHECK(any.precondition == Write::Precondition::none);
    const Write that = remove("link", "a", "7");
    CHECK(that.precondition == Write::Precondition::etag);
    CHECK(that.document.kind == "link");
    CHECK(that.document.id == "a");
    CHECK(that.document.etag == "7");
}

TEST_CASE("a condition over a list of values means any of them") {
    const Condition one("state", Condition::Comparison::less, std::int64_t{3});
    CHECK(one.values == std::vector<IndexValue>{std::int64_t{3}});
    const Condition several("state", {IndexValue("open"), IndexValue("resolved")});
    CHECK(several.comparison == Condition::Comparison::any_of);
    CHECK(several.values.size() == 2);
}
