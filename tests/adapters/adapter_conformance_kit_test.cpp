// The kit catches adapters that break a promise. Each of these does so in one way, over an adapter that keeps all.
#include "adapter_harnesses.hpp"

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

class Honest : public Adapter {
public:
    explicit Honest(std::unique_ptr<Adapter> inner) : inner_(std::move(inner)) {}

    [[nodiscard]] AdapterDescription describe() const override { return inner_->describe(); }
    [[nodiscard]] AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
    Async<Result<>> check() override { return inner_->check(); }
    Async<Result<RecordPage>> pull(PullRequest request) override { return inner_->pull(std::move(request)); }
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        return inner_->fetch(std::move(request));
    }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        return inner_->push(std::move(request));
    }

protected:
    std::unique_ptr<Adapter> inner_;
};

class DropsOneRecord final : public Honest {
public:
    using Honest::Honest;
    Async<Result<RecordPage>> pull(PullRequest request) override {
        const bool later = !request.cursor.empty();
        auto page = co_await inner_->pull(std::move(request));
        if (later && page && !page->records.empty()) page->records.pop_back();
        co_return page;
    }
};

class NeverEnds final : public Honest {
public:
    using Honest::Honest;
    Async<Result<RecordPage>> pull(PullRequest request) override {
        auto page = co_await inner_->pull(std::move(request));
        if (page) page->has_more = true;
        co_return page;
    }
};

class TurnsErrorsIntoEmptyPages final : public Honest {
public:
    using Honest::Honest;
    Async<Result<RecordPage>> pull(PullRequest request) override {
        auto page = co_await inner_->pull(std::move(request));
        if (page) co_return page;
        RecordPage empty;
        empty.next = "x";
        empty.listing = true;
        co_return empty;
    }
};

class CursorsDieWithTheInstance final : public Honest {
public:
    using Honest::Honest;
    Async<Result<RecordPage>> pull(PullRequest request) override {
        const auto known = cursors_.find(request.cursor);
        request.cursor = known == cursors_.end() ? std::string() : known->second;
        auto page = co_await inner_->pull(std::move(request));
        if (page) {
            const std::string name = "cursor " + std::to_string(cursors_.size());
            const auto same = std::find_if(cursors_.begin(), cursors_.end(),
                                           [&](const auto& one) { return one.second == page->next; });
            if (same == cursors_.end()) cursors_.emplace(name, page->next);
            page->next = same == cursors_.end() ? name : same->first;
        }
        co_return page;
    }

private:
    std::map<std::string, std::string> cursors_;
};

class OverwritesBlindly final : public Honest {
public:
    using Honest::Honest;
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        for (PushItem& item : request.items)
            item.expected_version.clear();
        return inner_->push(std::move(request));
    }
};

class CreatesAgain final : public Honest {
public:
    using Honest::Honest;
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        static int number = 0;
        for (PushItem& item : request.items)
            item.idempotency_key += std::to_string(++number);
        return inner_->push(std::move(request));
    }
};

class DropsUnknownMembers final : public Honest {
public:
    using Honest::Honest;
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        for (PushItem& item : request.items)
            item.fields.erase("kitUnknownMember");
        return inner_->push(std::move(request));
    }
};

class RoundsIntegers final : public Honest {
public:
    using Honest::Honest;
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        for (PushItem& item : request.items)
            if (auto* amount = item.fields.if_contains("amount"); amount != nullptr && amount->is_int64())
                *amount = static_cast<double>(amount->get_int64());
        return inner_->push(std::move(request));
    }
};

class CutsTextAtNul final : public Honest {
public:
    using Honest::Honest;
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        for (PushItem& item : request.items)
            if (auto* name = item.fields.if_contains("name"); name != nullptr && name->is_string())
                *name = json::string(name->get_string().c_str());
        return inner_->push(std::move(request));
    }
};

class AnswersOutOfOrder final : public Honest {
public:
    using Honest::Honest;
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        auto answers = co_await inner_->fetch(std::move(request));
        if (answers) std::reverse(answers->begin(), answers->end());
        co_return answers;
    }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        auto outcomes = co_await inner_->push(std::move(request));
        if (outcomes) std::reverse(outcomes->begin(), outcomes->end());
        co_return outcomes;
    }
};

class StandsStill final : public Honest {
public:
    using Honest::Honest;
    Async<Result<RecordPage>> pull(PullRequest request) override {
        auto page = co_await inner_->pull(std::move(request));
        if (page)
            for (Record& record : page->records)
                record.version = "1";
        co_return page;
    }
};

class ForgetsDeletions final : public Honest {
public:
    using Honest::Honest;
    Async<Result<RecordPage>> pull(PullRequest request) override {
        auto page = co_await inner_->pull(std::move(request));
        if (page) std::erase_if(page->records, [](const Record& record) { return record.deleted; });
        co_return page;
    }
};

template <class Broken>
std::unique_ptr<Adapter> wrapped(std::unique_ptr<Adapter> adapter) {
    return std::make_unique<Broken>(std::move(adapter));
}

// Runs the one case, which must fail and say why; the honest adapter passes it in the conformance test.
template <class Harness, class Broken>
void check_caught(const std::string& case_name) {
    CAPTURE(case_name);
    const auto all = adapter_conformance_cases();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == case_name; });
    REQUIRE(found != all.end());
    SimLoop loop;
    Harness harness(loop, wrapped<Broken>);
    const auto findings = loop.run(run_conformance<AdapterHarness>(harness, std::span(&*found, 1)));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].status == Finding::Status::failed);
    CHECK_FALSE(findings[0].detail.empty());
}

} // namespace

TEST_CASE("the kit catches an adapter that loses, repeats or makes up records") {
    check_caught<JsonlHarness, DropsOneRecord>("paging ends and meets every record once");
    check_caught<JsonlHarness, NeverEnds>("paging ends and meets every record once");
    check_caught<JsonlHarness, TurnsErrorsIntoEmptyPages>("an unknown entity is an error");
    check_caught<JsonlHarness, CursorsDieWithTheInstance>("cursors survive a lost page and a new instance");
    check_caught<JsonlHarness, StandsStill>("versions change with the content and only then");
    check_caught<LocalShardsHarness, DropsOneRecord>("a feed answers only what changed");
    check_caught<LocalShardsHarness, ForgetsDeletions>("a feed reports deletions");
}

TEST_CASE("the kit catches an adapter that overwrites, duplicates or changes what it is given") {
    check_caught<JsonlHarness, OverwritesBlindly>("a stale update is refused");
    check_caught<JsonlHarness, OverwritesBlindly>("a stale removal is refused");
    check_caught<LocalShardsHarness, CreatesAgain>("a create repeated with its key makes one record");
    check_caught<JsonlHarness, CreatesAgain>("a record is found by its idempotency key");
    check_caught<JsonlHarness, DropsUnknownMembers>("members that nobody maps survive an update");
    check_caught<JsonlHarness, RoundsIntegers>("integers beyond 2^53 survive");
    check_caught<JsonlHarness, CutsTextAtNul>("odd text survives");
    check_caught<JsonlHarness, AnswersOutOfOrder>("fetch answers in order, present and absent");
    check_caught<JsonlHarness, AnswersOutOfOrder>("one outcome per item, in order, and none hinders another");
}

TEST_CASE("a deviation is not run, and its reason stands in the report") {
    SimLoop loop;
    JsonlHarness harness(loop, wrapped<RoundsIntegers>);
    std::vector<Deviation> deviations;
    deviations.emplace_back("integers beyond 2^53 survive", "the far side counts in doubles");
    const auto findings = loop.run(run_conformance<AdapterHarness>(harness, adapter_conformance_cases(), deviations));
    CHECK(conforms(findings));
    CHECK(describe(findings).find("the far side counts in doubles") != std::string::npos);
}
