#include <castiel_sync/store.hpp>

#include <utility>

namespace castiel_sync {
namespace {

Write make_put(Document document, Write::Precondition precondition) {
    Write write;
    write.action = Write::Action::put;
    write.precondition = precondition;
    write.document = std::move(document);
    return write;
}

} // namespace

Condition::Condition(std::string name, Comparison how, IndexValue value) : field(std::move(name)), comparison(how) {
    values.push_back(std::move(value));
}

Condition::Condition(std::string name, std::vector<IndexValue> choices)
    : field(std::move(name)), comparison(Comparison::any_of), values(std::move(choices)) {}

Write put(Document document) { return make_put(std::move(document), Write::Precondition::none); }
Write insert(Document document) { return make_put(std::move(document), Write::Precondition::absent); }
Write replace(Document document) { return make_put(std::move(document), Write::Precondition::etag); }

Write remove(std::string kind, std::string id, std::string etag) {
    Write write;
    write.action = Write::Action::remove;
    write.precondition = etag.empty() ? Write::Precondition::none : Write::Precondition::etag;
    write.document.kind = std::move(kind);
    write.document.id = std::move(id);
    write.document.etag = std::move(etag);
    return write;
}

} // namespace castiel_sync
