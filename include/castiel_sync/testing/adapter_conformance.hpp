// What every adapter has to do, as cases that know no test framework. The author writes a harness (a factory and, where
// the adapter itself can't do it, a few hooks) and runs the kit on it:
//
//     class CrmHarness final : public AdapterHarness { … };
//     CrmHarness harness(loop, fake_crm);
//     auto findings = loop.run(run_conformance<AdapterHarness>(harness, adapter_conformance_cases(), deviations));
//     CHECK_MESSAGE(conforms(findings), describe(findings));
//
// Which cases apply follows from capabilities(). A case that the adapter knowingly does not pass is stated as a
// Deviation with its reason, which shows in the report.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/testing/conformance.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

// Speaks to a system that the kit may fill and empty at will. Threading: as the adapter's.
class AdapterHarness {
public:
    virtual ~AdapterHarness() = default;
    AdapterHarness(const AdapterHarness&) = delete;
    AdapterHarness& operator=(const AdapterHarness&) = delete;

    // The runtime that the adapters were made with; the kit sleeps on its clock.
    [[nodiscard]] virtual Runtime runtime() const = 0;
    // A new instance on the same system, as another process would make it.
    [[nodiscard]] virtual std::unique_ptr<Adapter> make_adapter() const = 0;
    // Leaves entity() without records. Called before each case.
    virtual Async<Result<>> reset() = 0;

    // The entity that the cases work on.
    [[nodiscard]] virtual std::string entity() const { return "contacts"; }
    // One that the system does not have. Empty: whatever one names exists.
    [[nodiscard]] virtual std::string unknown_entity() const { return "no_such_entity"; }
    // Fields of a record that the system accepts, without id; different for different numbers.
    [[nodiscard]] virtual json::object sample(std::size_t number) const;
    // Dotted paths of a field that takes any text, and of one that takes any integer. Empty: there is none.
    [[nodiscard]] virtual std::string text_field() const { return "name"; }
    [[nodiscard]] virtual std::string integer_field() const { return "amount"; }
    // The system keeps members that it does not know.
    [[nodiscard]] virtual bool keeps_unknown_members() const { return true; }

    // What somebody else does to the system, behind the adapter's back. By default another instance of the adapter
    // does it; an adapter that can't write overrides these, and can_edit.
    [[nodiscard]] virtual bool can_edit() const;
    virtual Async<Result<std::vector<std::string>>> seed(std::vector<json::object> records); // answers their ids
    virtual Async<Result<>> edit(std::string id, json::object fields); // the whole record, id included where it has one
    virtual Async<Result<>> erase(std::string id);

    // For run_conformance: a member of AdapterCapabilities, or "edits", "unknown_entity", "text", "integers",
    // "unknown_members".
    [[nodiscard]] bool has(std::string_view capability) const;

    // For the cases: an idempotency key that no other case and no other run has used, since a system may remember the
    // keys of records that are gone; the same for the same name within a case.
    [[nodiscard]] std::string key(std::string_view name) const { return case_ + " " + std::string(name); }
    void begin_case();

protected:
    AdapterHarness() = default;

private:
    std::string case_;
};

[[nodiscard]] std::span<const ConformanceCase<AdapterHarness>> adapter_conformance_cases();

} // namespace castiel_sync::testing
