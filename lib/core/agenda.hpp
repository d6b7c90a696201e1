// Which task runs next: the tasks of all tenants that one process knows of, when each may run, and whose turn it is.
// Tenants take turns, so that one with five thousand tasks delays nobody else by more than one of them. Pure.
#pragma once

#include <castiel_sync/time.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace castiel_sync {

class Agenda {
public:
    // At most so many of one tenant are given out at once; others of it would find no free slot.
    explicit Agenda(std::size_t most_of_a_tenant) : most_of_a_tenant_(most_of_a_tenant) {}

    struct Item {
        std::string tenant_id;
        std::string task_id;
    };

    // The task may run from `due` on; replaces an earlier entry. While it is given out only the last such wish counts,
    // from its return on.
    void add(const Item& item, Timestamp due);
    // The same, for a look at what the store holds: leaves a task alone that is here already.
    void add_if_new(const Item& item, Timestamp due);

    // The longest due task of the tenant whose turn it is.
    [[nodiscard]] std::optional<Item> take(Timestamp now);
    // It has been run. Where nobody asked for another run meanwhile it is forgotten.
    void give_back(const Item& item);

    // When `take` will answer a task, should nothing else happen. None: not before something is added or given back.
    [[nodiscard]] std::optional<Timestamp> next_due() const;
    [[nodiscard]] std::size_t given_out() const { return given_out_; }
    [[nodiscard]] std::size_t size() const;

private:
    struct Tenant {
        std::set<std::pair<Timestamp, std::string>> queue; // by due time, then by id: ids are in the order of creation
        std::map<std::string, Timestamp> due;              // of each queued task
        std::map<std::string, std::optional<Timestamp>> running; // and when to run each again
    };
    static void enqueue(Tenant& tenant, const std::string& task_id, Timestamp due);
    [[nodiscard]] bool may_give(const Tenant& tenant) const {
        return !tenant.queue.empty() && tenant.running.size() < most_of_a_tenant_;
    }

    std::size_t most_of_a_tenant_;
    std::size_t given_out_ = 0;
    std::map<std::string, Tenant> tenants_;
    std::string last_; // the tenant that was served last
};

} // namespace castiel_sync
