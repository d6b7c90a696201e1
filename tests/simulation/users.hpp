// The users of both systems: they create, edit and delete records at any moment, and every value they write can be
// told from every other.
#pragma once

#include "dice.hpp"
#include "ledger.hpp"

#include <castiel_sync/testing/simulated_system.hpp>

#include <array>
#include <string>

namespace simulation {

class Users {
public:
    Users(const Scenario& scenario, cs::testing::SimulatedSystem& source, cs::testing::SimulatedSystem& target,
          const Ledger& ledger);

    void populate();
    // One action of one user, somewhere.
    void act();
    // An edit of exactly this record, by somebody who happens to have it open.
    void meddle(Side side, std::size_t entity, const std::string& id);
    // Mends the rows that can't be read, or most of them.
    void mend();

private:
    void create();
    void edit(Side side, std::size_t entity, const std::string& id);
    void edit_both_alike(std::size_t entity);
    void change_field(json::object& fields, Side side, std::size_t entity, std::size_t field, const std::string& group,
                      const std::string& id);
    [[nodiscard]] json::value new_value(FieldKind kind, const std::string& group);
    [[nodiscard]] json::value changed_list(const std::optional<json::value>& list, const std::string& group);
    [[nodiscard]] json::object new_record(Side side, std::size_t entity, const std::string& group,
                                          const std::string& key);
    [[nodiscard]] cs::testing::SimulatedSystem& system(Side side) {
        return *systems_[side == Side::source ? 0 : 1];
    }
    [[nodiscard]] Side any_side() { return scenario_.users.edits_target && dice_.percent(45) ? Side::target : writer_; }

    const Scenario& scenario_;
    std::array<cs::testing::SimulatedSystem*, 2> systems_;
    const Ledger& ledger_;
    Dice dice_;
    Side writer_; // the side whose changes flow, or the source
    std::uint64_t writes_ = 0;
    std::uint64_t groups_ = 0;
};

} // namespace simulation
