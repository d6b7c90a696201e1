#include <core/agenda.hpp>

#include <algorithm>

namespace castiel_sync {

void Agenda::enqueue(Tenant& tenant, const std::string& task_id, Timestamp due) {
    const auto [known, fresh] = tenant.due.try_emplace(task_id, due);
    if (!fresh) {
        tenant.queue.erase({known->second, task_id});
        known->second = due;
    }
    tenant.queue.emplace(due, task_id);
}

void Agenda::add(const Item& item, Timestamp due) {
    Tenant& tenant = tenants_[item.tenant_id];
    const auto running = tenant.running.find(item.task_id);
    if (running != tenant.running.end())
        running->second = due;
    else
        enqueue(tenant, item.task_id, due);
}

void Agenda::add_if_new(const Item& item, Timestamp due) {
    const auto tenant = tenants_.find(item.tenant_id);
    if (tenant != tenants_.end() &&
        (tenant->second.due.contains(item.task_id) || tenant->second.running.contains(item.task_id)))
        return;
    add(item, due);
}

std::optional<Agenda::Item> Agenda::take(Timestamp now) {
    if (tenants_.empty()) return std::nullopt;
    auto tenant = tenants_.upper_bound(last_);
    for (std::size_t i = 0; i < tenants_.size(); ++i, ++tenant) {
        if (tenant == tenants_.end()) tenant = tenants_.begin();
        Tenant& candidate = tenant->second;
        if (!may_give(candidate) || candidate.queue.begin()->first > now) continue;
        Item item{tenant->first, candidate.queue.begin()->second};
        candidate.queue.erase(candidate.queue.begin());
        candidate.due.erase(item.task_id);
        candidate.running.emplace(item.task_id, std::nullopt);
        ++given_out_;
        last_ = item.tenant_id;
        return item;
    }
    return std::nullopt;
}

void Agenda::give_back(const Item& item) {
    const auto tenant = tenants_.find(item.tenant_id);
    if (tenant == tenants_.end()) return;
    const auto running = tenant->second.running.find(item.task_id);
    if (running == tenant->second.running.end()) return;
    const auto again = running->second;
    tenant->second.running.erase(running);
    --given_out_;
    if (again) enqueue(tenant->second, item.task_id, *again);
    else if (tenant->second.running.empty() && tenant->second.queue.empty()) tenants_.erase(tenant);
}

std::optional<Timestamp> Agenda::next_due() const {
    std::optional<Timestamp> next;
    for (const auto& [id, tenant] : tenants_)
        if (may_give(tenant)) next = next ? std::min(*next, tenant.queue.begin()->first) : tenant.queue.begin()->first;
    return next;
}

std::size_t Agenda::size() const {
    std::size_t sum = 0;
    for (const auto& [id, tenant] : tenants_)
        sum += tenant.queue.size() + tenant.running.size();
    return sum;
}

} // namespace castiel_sync
