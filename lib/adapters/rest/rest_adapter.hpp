// The adapter that a description makes: pull, fetch and push as its requests.
#pragma once

#include <adapters/rest/cursor.hpp>
#include <adapters/rest/exchange.hpp>
#include <adapters/rest/paging.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

class RestAdapter final : public Adapter {
public:
    RestAdapter(std::shared_ptr<const RestDescription> description, std::string entity, RestExchange exchange);

    [[nodiscard]] AdapterDescription describe() const override;
    [[nodiscard]] AdapterCapabilities capabilities() const override;
    Async<Result<>> check() override;
    Async<Result<RecordPage>> pull(PullRequest request) override;
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override;
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override;

private:
    struct Writing; // rest_push.cpp

    [[nodiscard]] Result<const RestEntity*> entity_of(const std::string& name) const;
    // A call of the engine begins: its requests together have to end before its lease is in danger.
    void start_clock();
    [[nodiscard]] std::chrono::milliseconds time_left() const;
    Async<Result<RestReply>> send(RestAction action, HttpCall call);
    // A read whose answer says success and can be read; everything else is the Error that it means.
    Async<Result<RestReply>> ask(RestAction action, HttpCall call);

    Async<Result<>> begin(const RestEntity& entity, const std::string& name, RestCursor& cursor);
    Async<Result<RestPage>> read_rows(const RestEntity& entity, const std::string& name, const RestRows& rows,
                                      RestCursor& cursor, std::string& place);
    [[nodiscard]] Result<RecordPage> finish_page(const RestEntity& entity, const RestRows& rows, RestCursor cursor,
                                                 RestPage page, std::size_t most, const std::string& place);
    [[nodiscard]] Result<bool> go_on(const RestEntity& entity, const RestRows& rows, RestCursor& cursor,
                                     const RestPage& page, const std::string& place);

    Async<Result<>> fetch_ids(const RestEntity& entity, const std::string& name, std::vector<std::string> ids,
                              std::vector<FetchedRecord>& answers);
    Async<Result<>> fetch_many(const RestEntity& entity, const std::string& name, std::vector<std::string> ids,
                               std::vector<FetchedRecord>& answers);
    Async<Result<>> confirm_absence(const RestEntity& entity, const std::string& name,
                                    const std::vector<std::string>& ids, std::vector<std::size_t> left_out,
                                    std::vector<FetchedRecord>& answers);
    Async<Result<>> fetch_one_by_one(const RestEntity& entity, const std::string& name, std::vector<std::string> ids,
                                     std::vector<FetchedRecord>& answers);
    Async<Result<>> find_by_keys(const RestEntity& entity, const std::string& name, std::vector<std::string> keys,
                                 std::vector<FetchedRecord>& answers);
    Async<Result<FetchedRecord>> fetch_one(const RestEntity& entity, std::string name, std::string id,
                                           HttpHeaders* headers = nullptr);
    Async<Result<>> require_collection(const RestEntity& entity, const std::string& name);

    Async<Result<>> push_one_by_one(Writing& writing, std::vector<std::size_t> indices);
    Async<Result<>> push_batch(Writing& writing);
    Async<Result<PushOutcome>> create(Writing& writing, const PushItem& item);
    Async<Result<PushOutcome>> change(Writing& writing, const PushItem& item);
    // What the system would not do, because the record is not as it was expected: what is there?
    Async<Result<PushOutcome>> settle(Writing& writing, const PushItem& item, RestMeaning told, Error error);

    std::shared_ptr<const RestDescription> description_;
    std::string entity_;
    RestExchange exchange_;
    std::chrono::nanoseconds until_{}; // monotonic
    // A page of which the caller took a part, so that the rest need not be asked for again.
    std::string held_for_;
    std::optional<RestPage> held_;
};

} // namespace castiel_sync
