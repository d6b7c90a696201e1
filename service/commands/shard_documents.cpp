#include "shard_documents.hpp"

#include "commands.hpp"

#include "output/text.hpp"

#include <castiel_sync/record.hpp>

#include <array>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <vector>

namespace castiel_sync::service {
namespace {

constexpr std::size_t max_line_bytes = 16 * 1024 * 1024;
constexpr std::size_t batch_shards = 500; // one commit

Error faulty(std::string message) { return Error(ErrorCode::invalid_record, std::move(message)); }

// Takes a text member out of the document; "" when it is not there.
Result<std::string> take_text(json::object& document, std::string_view name) {
    const auto found = document.find(name);
    if (found == document.end()) return std::string();
    if (!found->value().is_string()) return faulty(std::string(name) + " must be text");
    std::string text(found->value().get_string());
    document.erase(found);
    return text;
}

// A line of at most max_line_bytes; what is longer is read over and answered empty, with `too_long` set.
bool read_line(std::istream& input, std::string& line, bool& too_long) {
    line.clear();
    too_long = false;
    bool any = false;
    for (auto* buffer = input.rdbuf();;) {
        const int next = buffer->sbumpc();
        if (next == std::char_traits<char>::eof()) {
            input.setstate(any ? std::ios::eofbit : std::ios::eofbit | std::ios::failbit);
            return any;
        }
        any = true;
        if (next == '\n') return true;
        if (line.size() < max_line_bytes)
            line += static_cast<char>(next);
        else
            too_long = true;
    }
}

class Import {
public:
    Import(Session& session, LocalShards& shards, const std::string& type, std::string tenant)
        : session_(session), shards_(shards), type_(type), tenant_(std::move(tenant)) {}

    Async<ExitCode> run(std::istream& input, std::string name) {
        std::string line;
        bool too_long = false;
        while (!session_.stop_requested() && read_line(input, line, too_long)) {
            ++number_;
            if (line.find_first_not_of(" \t\r") == std::string::npos && !too_long) continue;
            Result<Shard> shard = too_long ? Result<Shard>(faulty("is longer than 16 MiB")) : read(line);
            if (!shard) {
                complain(name, shard.error());
                continue;
            }
            // A batch is one commit, which takes each shard once; the later line wins.
            if (batch_.size() == batch_shards || ids_.contains(shard->id)) co_await write(name);
            if (code_ == ExitCode::failed && stopped_) break;
            ids_.insert(shard->id);
            batch_.push_back(std::move(*shard));
        }
        if (!stopped_) co_await write(name);
        report();
        co_return code_;
    }

private:
    Result<Shard> read(const std::string& line) {
        auto document = parse_json_object(line);
        if (!document) return document.error();
        auto shard = read_shard(std::move(*document), type_, tenant_);
        if (shard && shard->id.empty())
            return faulty("has no id; give it a UUID, so that importing it twice changes nothing");
        return shard;
    }

    void complain(const std::string& name, const Error& error) {
        code_ = ExitCode::failed;
        ++bad_;
        session_.console().log(LogLevel::error, name + ":" + std::to_string(number_) + ": " + error.message,
                               {{"file", name}, {"line", number_}});
    }

    Async<void> write(std::string name) {
        if (batch_.empty()) co_return;
        const std::size_t count = batch_.size();
        std::vector<Shard> batch = std::move(batch_);
        batch_.clear();
        ids_.clear();
        auto written = co_await shards_.put_many(std::move(batch));
        if (written) {
            imported_ += count;
            co_return;
        }
        stopped_ = true;
        const Error error(written.error().code, name + ": the shards up to line " + std::to_string(number_) +
                                                    " could not be written: " + written.error().message);
        code_ = fail(session_, error);
    }

    void report() {
        if (session_.console().json())
            session_.console().print_json({{"imported", imported_}, {"bad", bad_}});
        else
            session_.console().tell("Imported " + counted(imported_, "shard") +
                                    (bad_ == 0 ? "." : ", refused " + counted(bad_, "line") + "."));
    }

    Session& session_;
    LocalShards& shards_;
    const std::string& type_;
    std::string tenant_;
    std::vector<Shard> batch_;
    std::set<std::string> ids_; // in the batch
    std::uint64_t number_ = 0;
    std::uint64_t imported_ = 0;
    std::uint64_t bad_ = 0;
    bool stopped_ = false;
    ExitCode code_ = ExitCode::done;
};

} // namespace

Result<Shard> read_shard(json::object document, const std::string& type, const std::string& tenant) {
    Shard shard;
    auto id = take_text(document, "id");
    if (!id) return id.error();
    auto shard_type = take_text(document, "shardTypeId");
    if (!shard_type) return shard_type.error();
    auto status = take_text(document, "status");
    if (!status) return status.error();
    auto of_tenant = take_text(document, "tenantId");
    if (!of_tenant) return of_tenant.error();
    if (id->size() > max_record_id_bytes)
        return faulty("id is longer than " + std::to_string(max_record_id_bytes) + " bytes");
    if (shard_type->empty()) *shard_type = type;
    if (shard_type->empty()) return faulty("has no shardTypeId; add it, or give --type");
    if (!type.empty() && *shard_type != type) return faulty("is of the type " + *shard_type + ", not " + type);
    if (!of_tenant->empty() && *of_tenant != tenant) return faulty("belongs to another tenant");
    if (!status->empty() && *status != "active")
        return faulty("has the status " + *status + "; only active shards can be written (`shards delete` deletes)");
    const auto data = document.find("structuredData");
    if (data == document.end() || !data->value().is_object()) return faulty("structuredData must be a JSON object");
    shard.structured_data = std::move(data->value().get_object());
    document.erase(data);
    for (const char* name : {"revision", "revisionNumber", "etag", "_etag", "createdAt", "updatedAt", "deletedAt"})
        document.erase(name);
    shard.id = std::move(*id);
    shard.shard_type_id = std::move(*shard_type);
    shard.other = std::move(document);
    return shard;
}

Result<Shard> read_shard_file(const std::string& file, const std::string& type, const std::string& id,
                              const std::string& tenant) {
    std::ifstream stream;
    if (file != "-") stream.open(file, std::ios::binary);
    if (file != "-" && !stream) return Error(ErrorCode::invalid_request, file + " can't be read; does the file exist?");
    std::istream& input = file == "-" ? std::cin : stream;
    std::string text(max_line_bytes + 1, '\0');
    input.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(input.gcount()));
    if (input.bad() || text.size() > max_line_bytes)
        return Error(ErrorCode::invalid_request, file + " can't be read as a document of at most 16 MiB");
    auto document = parse_json_object(text);
    if (!document) return Error(document.error().code, file + ": " + document.error().message);
    auto shard = read_shard(std::move(*document), type, tenant);
    if (!shard) return Error(shard.error().code, file + ": the document " + shard.error().message);
    if (!id.empty() && !shard->id.empty() && shard->id != id)
        return Error(ErrorCode::invalid_request, file + " holds the shard " + shard->id + ", not " + id);
    if (!id.empty()) shard->id = id;
    return shard;
}

Async<ExitCode> export_shards(Session& session, LocalShards& shards, ShardsExportArguments arguments) {
    std::ofstream file;
    if (!arguments.file.empty()) {
        file.open(arguments.file, std::ios::binary | std::ios::trunc);
        if (!file) {
            const Error error(ErrorCode::invalid_request, arguments.file + " can't be written");
            co_return fail(session, error);
        }
    }
    std::uint64_t count = 0;
    std::string continuation;
    do {
        auto page = co_await shards.list(arguments.type, batch_shards, continuation);
        if (!page) co_return fail(session, page.error());
        for (const Shard& shard : page->items) {
            if (arguments.file.empty())
                session.console().print_json(to_json_object(shard));
            else
                file << to_json(to_json_object(shard)) << '\n';
            ++count;
        }
        continuation = std::move(page->continuation);
    } while (!continuation.empty() && !session.stop_requested());
    if (arguments.file.empty()) co_return ExitCode::done;
    file.close();
    if (!file) {
        const Error error(ErrorCode::out_of_space,
                          arguments.file + " could not be written to its end; is the disk full?");
        co_return fail(session, error);
    }
    session.console().tell("Exported " + counted(count, "shard") + " to " + printable(arguments.file) + ".");
    co_return ExitCode::done;
}

Async<ExitCode> import_shards(Session& session, LocalShards& shards, ShardsImportArguments arguments) {
    auto tenant = session.tenant();
    if (!tenant) co_return fail(session, tenant.error());
    Import import(session, shards, arguments.type, std::move(*tenant));
    if (arguments.file.empty() || arguments.file == "-") co_return co_await import.run(std::cin, "standard input");
    std::ifstream file(arguments.file, std::ios::binary);
    if (!file) {
        const Error error(ErrorCode::invalid_request, arguments.file + " can't be read; does the file exist?");
        co_return fail(session, error);
    }
    co_return co_await import.run(file, arguments.file);
}

} // namespace castiel_sync::service
