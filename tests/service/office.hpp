// A small office: three contacts, synced once between a CRM file and the shards.
#pragma once

#include "command.hpp"

#include <doctest/doctest.h>

namespace castiel_sync::service_test {

inline constexpr const char* office_configuration = R"(
integrations:
  - id: 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01
    tenantId: 7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001
    providerName: jsonl
    settings: { path: ./crm }
    syncConfig:
      rails: { maxDeletes: 1 }
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          matchKeys: [email]
          fieldMappings:
            - { externalField: mail, shardField: email }
            - { externalField: name, shardField: name }
            - { externalField: age, shardField: age, transform: string_to_number }
)";

class Office {
public:
    Office() {
        workplace.write("config/local.yaml", office_configuration);
        workplace.write(crm, R"({"id":1,"mail":"ada@x.example","name":"Ada","age":"36"})"
                             "\n"
                             R"({"id":2,"mail":"bob@x.example","name":"Bob","age":"40"})"
                             "\n"
                             R"({"id":3,"mail":"eve@x.example","name":"Eve","age":"29"})"
                             "\n");
        REQUIRE(run() == 0);
        for (const auto& shard : command({"shards", "list", "--type", "contact"}).lines())
            shards[std::string(shard.at("structuredData").at("name").as_string())] = shard.at("id").as_string();
        REQUIRE(shards.size() == 3);
    }

    Outcome command(std::vector<std::string> arguments) const {
        arguments.emplace_back("--json");
        return workplace.run(arguments);
    }

    int run() const { return command({"run"}).exit_code; }

    void set_shard(const std::string& name, const std::string& assignment) const {
        REQUIRE(command({"shards", "put", "--type", "contact", shards.at(name), "--set", assignment}).exit_code == 0);
    }

    // Both sides give Ada another name.
    std::string make_conflict() const {
        workplace.edit(crm, R"("name":"Ada")", R"("name":"Ada L.")");
        set_shard("Ada", "name=Ada King");
        CHECK(run() == 3);
        return only_id({"conflicts", "list"}, "conflictId");
    }

    std::string only_id(const std::vector<std::string>& list, const char* member) const {
        const auto lines = command(list).lines();
        REQUIRE(lines.size() == 1);
        return std::string(lines[0].at(member).as_string());
    }

    std::string name_of(const std::string& shard) const {
        const auto outcome = command({"shards", "get", "--type", "contact", shards.at(shard)});
        REQUIRE(outcome.exit_code == 0);
        return std::string(outcome.lines().at(0).at("structuredData").at("name").as_string());
    }

    const std::string crm = "crm/contacts.jsonl";
    Workplace workplace;
    std::map<std::string, std::string> shards; // ids by name
};

} // namespace castiel_sync::service_test
