// The same random commits and queries on every store, against a model that is too simple to be wrong.
#include "stores/store_fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

using Comparison = Condition::Comparison;
using Key = std::pair<std::string, std::string>; // partition, id

const std::string kind = "conformance_item";
const std::vector<std::string> fields{"category", "rank", "label", "note"};

// A store under test, and the etags it gave out.
struct Subject {
    std::string name;
    std::unique_ptr<StoreHarness> harness;
    Store* store = nullptr;
    std::map<Key, std::string> etags;     // of the last write, also of documents that are gone
    std::map<Key, std::string> old_etags; // of the write before
};

struct Model {
    std::map<Key, Document> documents;
    Timestamp now;

    [[nodiscard]] const Document* find(const Key& key) const {
        const auto found = documents.find(key);
        if (found == documents.end()) return nullptr;
        return found->second.expires_at && *found->second.expires_at <= now ? nullptr : &found->second;
    }
};

enum class EtagChoice { current, old, invented };

struct PlannedWrite {
    Write write;
    EtagChoice etag = EtagChoice::current;
};

class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }
    bool one_in(std::size_t n) { return below(n) == 0; }

    IndexValue value() {
        switch (below(5)) {
        case 0: return std::monostate();
        case 1: return std::string();
        case 2: return std::string(1, static_cast<char>('a' + below(3)));
        default: return static_cast<std::int64_t>(below(5)) - 1;
        }
    }

    Query query() {
        Query query;
        for (std::size_t i = below(3); i > 0; --i) query.conditions.push_back(condition());
        for (std::size_t i = below(3); i > 0; --i) query.order.push_back({fields[below(fields.size())], one_in(2)});
        query.limit = 1 + below(one_in(4) ? 100 : 4);
        return query;
    }

private:
    Condition condition() {
        const std::string& field = fields[below(fields.size())];
        const auto how = static_cast<Comparison>(below(6));
        if (how == Comparison::any_of) {
            std::vector<IndexValue> choices;
            for (std::size_t i = 1 + below(4); i > 0; --i) choices.push_back(value());
            return Condition(field, choices);
        }
        IndexValue operand = value();
        if (how != Comparison::equal && std::holds_alternative<std::monostate>(operand)) operand = 1;
        return Condition(field, how, operand);
    }

    std::mt19937_64 engine_;
};

int number_of(const std::string& field) {
    return static_cast<int>(std::find(fields.begin(), fields.end(), field) - fields.begin());
}

bool holds(const Condition& condition, const IndexValue& value) {
    const auto& values = condition.values;
    const bool same_type = value.index() == values[0].index();
    switch (condition.comparison) {
    case Comparison::equal: return value == values[0];
    case Comparison::any_of: return std::find(values.begin(), values.end(), value) != values.end();
    case Comparison::less: return same_type && value < values[0];
    case Comparison::less_or_equal: return same_type && value <= values[0];
    case Comparison::greater: return same_type && value > values[0];
    case Comparison::greater_or_equal: return same_type && value >= values[0];
    }
    return false;
}

// The bodies (each written once) of what a query finds, in order.
std::vector<std::string> expected_bodies(const Model& model, const std::string& partition, const Query& query) {
    std::vector<Document> found;
    for (const auto& [key, document] : model.documents) {
        if (key.first != partition || model.find(key) == nullptr) continue;
        if (std::all_of(query.conditions.begin(), query.conditions.end(), [&](const Condition& condition) {
                return holds(condition, document.index[number_of(condition.field)]);
            }))
            found.push_back(document);
    }
    std::sort(found.begin(), found.end(), [&](const Document& left, const Document& right) {
        for (const Order& by : query.order) {
            const IndexValue& l = left.index[number_of(by.field)];
            const IndexValue& r = right.index[number_of(by.field)];
            if (l != r) return by.descending ? l > r : l < r;
        }
        return left.id < right.id;
    });
    std::vector<std::string> bodies;
    for (const Document& document : found) bodies.push_back(document.body);
    return bodies;
}

Async<std::vector<std::string>> seen_bodies(Store& store, std::string partition, Query query) {
    std::vector<std::string> bodies;
    do {
        auto answered = co_await store.query(partition, kind, query);
        DocumentPage page = require_value(std::move(answered), "query");
        for (Document& document : page.documents) bodies.push_back(std::move(document.body));
        query.continuation = std::move(page.continuation);
    } while (!query.continuation.empty());
    co_return bodies;
}

Async<std::vector<std::string>> scanned_bodies(Store& store, Query query) {
    std::vector<std::string> bodies;
    do {
        auto answered = co_await store.scan(kind, query);
        ScanPage page = require_value(std::move(answered), "scan");
        for (ScannedDocument& scanned : page.documents) bodies.push_back(std::move(scanned.document.body));
        query.continuation = std::move(page.continuation);
    } while (!query.continuation.empty());
    std::sort(bodies.begin(), bodies.end());
    co_return bodies;
}

class Simulation {
public:
    explicit Simulation(std::uint64_t seed) : dice_(seed) {
        add("memory", std::make_unique<MemoryHarness>());
        add("sqlite", std::make_unique<SqliteHarness>(loop_.get_executor()));
        for (const int commits : {0, 3, 15})
            add("overlay over " + std::to_string(commits), std::make_unique<OverlayHarness>(commits));
        model_.now = subjects_[0].harness->now();
    }

    void run_steps(int steps) {
        for (int step = 0; step < steps; ++step) {
            CAPTURE(step);
            if (dice_.one_in(3)) check_query();
            else commit();
            if (dice_.one_in(20)) check_scan();
            if (dice_.one_in(10)) advance();
        }
    }

private:
    void add(std::string name, std::unique_ptr<StoreHarness> harness) {
        Subject subject;
        subject.name = std::move(name);
        subject.harness = std::move(harness);
        subject.store = run(loop_, subject.harness->fresh());
        subjects_.push_back(std::move(subject));
    }

    std::string partition() { return dice_.one_in(4) ? "b" : "a"; }

    PlannedWrite plan_write(const std::string& id) {
        PlannedWrite planned;
        Document document;
        document.kind = kind;
        document.id = id;
        for (std::size_t i = 0; i < fields.size(); ++i) document.index.push_back(dice_.value());
        document.body = "{\"write\":" + std::to_string(++writes_) + "}";
        if (dice_.one_in(5)) document.expires_at = model_.now + std::chrono::milliseconds(dice_.below(50));
        switch (dice_.below(6)) {
        case 0: planned.write = insert(document); break;
        case 1: planned.write = replace(document); break;
        case 2: planned.write = castiel_sync::remove(kind, id); break;
        case 3:
            planned.write = castiel_sync::remove(kind, id);
            planned.write.precondition = Write::Precondition::etag;
            break;
        default: planned.write = put(document); break;
        }
        planned.etag = static_cast<EtagChoice>(dice_.one_in(3) ? 1 + dice_.below(2) : 0);
        return planned;
    }

    [[nodiscard]] bool is_met(const Key& key, const PlannedWrite& planned) const {
        const Document* current = model_.find(key);
        switch (planned.write.precondition) {
        case Write::Precondition::none: return true;
        case Write::Precondition::absent: return current == nullptr;
        case Write::Precondition::etag: return current != nullptr && planned.etag == EtagChoice::current;
        }
        return false;
    }

    void commit() {
        const std::string where = partition();
        std::map<std::string, PlannedWrite> batch;
        for (std::size_t i = 1 + dice_.below(3); i > 0; --i) {
            const std::string id(1, static_cast<char>('A' + dice_.below(12)));
            batch.emplace(id, plan_write(id));
        }
        const bool succeeds = std::all_of(batch.begin(), batch.end(), [&](const auto& entry) {
            return is_met({where, entry.first}, entry.second);
        });
        for (Subject& subject : subjects_) commit_to(subject, where, batch, succeeds);
        if (!succeeds) return;
        for (const auto& [id, planned] : batch) {
            if (planned.write.action == Write::Action::put) model_.documents[{where, id}] = planned.write.document;
            else model_.documents.erase({where, id});
        }
    }

    void commit_to(Subject& subject, const std::string& where, const std::map<std::string, PlannedWrite>& batch,
                   bool succeeds) {
        CAPTURE(subject.name);
        std::vector<Write> writes;
        for (const auto& [id, planned] : batch) {
            writes.push_back(planned.write);
            const Key key{where, id};
            std::string& etag = writes.back().document.etag;
            etag = planned.etag == EtagChoice::current ? subject.etags[key] : subject.old_etags[key];
            if (etag.empty() || planned.etag == EtagChoice::invented) etag = "invented";
        }
        const auto committed = run(loop_, subject.store->commit(where, writes));
        REQUIRE(committed.has_value() == succeeds);
        if (!succeeds) {
            REQUIRE(committed.error().code == ErrorCode::stale);
            return;
        }
        std::size_t position = 0;
        for (const auto& [id, planned] : batch) {
            const std::string& etag = committed->etags[position++];
            REQUIRE(etag.empty() == (planned.write.action == Write::Action::remove));
            if (etag.empty()) continue;
            std::string& last = subject.etags[{where, id}];
            REQUIRE(etag != last);
            subject.old_etags[{where, id}] = std::exchange(last, etag);
        }
    }

    void check_query() {
        const std::string where = partition();
        const Query query = dice_.query();
        const auto expected = expected_bodies(model_, where, query);
        for (Subject& subject : subjects_) {
            CAPTURE(subject.name);
            REQUIRE(run(loop_, seen_bodies(*subject.store, where, query)) == expected);
        }
    }

    void check_scan() {
        Query query = dice_.query();
        query.order.clear();
        auto expected = expected_bodies(model_, "a", query);
        for (const std::string& body : expected_bodies(model_, "b", query)) expected.push_back(body);
        std::sort(expected.begin(), expected.end());
        for (Subject& subject : subjects_) {
            CAPTURE(subject.name);
            REQUIRE(run(loop_, scanned_bodies(*subject.store, query)) == expected);
        }
    }

    void advance() {
        const std::chrono::milliseconds step(dice_.below(20));
        model_.now += step;
        for (Subject& subject : subjects_) subject.harness->advance(step);
    }

    boost::asio::io_context loop_;
    Dice dice_;
    Model model_;
    std::vector<Subject> subjects_;
    int writes_ = 0;
};

} // namespace

TEST_CASE("memory, SQLite and overlays answer as a simple model does") {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        CAPTURE(seed);
        Simulation(seed).run_steps(300);
    }
}
