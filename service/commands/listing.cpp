#include "listing.hpp"

namespace castiel_sync::service {

Result<std::string> open_for_tenant(Session& session) {
    auto tenant = session.tenant();
    if (!tenant) return tenant.error();
    if (auto opened = session.open_store(Session::Missing::refuse); !opened) return opened.error();
    return tenant;
}

Result<std::string> integration_id(Session& session, const std::string& wanted) {
    constexpr std::size_t uuid_length = 36;
    // What an integration left behind outlives its configuration.
    if (wanted.empty() || wanted.size() == uuid_length) return wanted;
    auto found = session.integrations(wanted);
    if (!found) return found.error();
    return found->front().id;
}

void print_table(Session& session, const Table& table, std::string_view when_empty, bool more) {
    if (table.empty()) return session.console().tell(when_empty);
    session.console().print(table.text());
    if (more) session.console().tell("There are more; see --limit.");
}

} // namespace castiel_sync::service
