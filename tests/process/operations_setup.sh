# What stands in the folder before the commands of docs/operations.md are run there.
mkdir -p config crm
cat > config/local.yaml <<'YAML'
integrations:
  - id: 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01
    tenantId: 7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001
    name: CRM
    providerName: jsonl
    settings: { path: ./crm }
    syncConfig:
      syncDirection: bidirectional
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          matchKeys: [email]
          fieldMappings:
            - { externalField: mail, shardField: email, required: true }
            - { externalField: name, shardField: name }
YAML
for number in $(seq 20); do
  echo "{\"id\":$number,\"mail\":\"person$number@example.org\",\"name\":\"Person $number\"}"
done > crm/contacts.jsonl
castiel-sync run --quiet
