// Contract: openapi.yaml as the one place that knows which requests there are and what they may hold. Routes, the types
// and bounds of parameters, and the schemas of bodies all come from its text.
//
// Threading. Const calls may overlap; a Contract is only read after it was made.
// Order.     match, then authenticate (X-Tenant-ID among it), then parse. What comes before authentication tells
// nothing
//            that openapi.yaml does not tell everybody.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync::service {

inline constexpr std::size_t max_request_body_bytes = 1024 * 1024;
inline constexpr std::size_t max_request_path_bytes = 8192;
inline constexpr std::size_t max_request_faults = 50; // as many as an answer tells

struct Operation {
    std::string id;     // operationId
    std::string method; // GET
    std::string path;   // /api/v1/sync/tasks/{id}
    bool needs_authentication = true;
    bool takes_body = false;
    bool takes_bytes = false; // as body: of any media type, and nobody parses them before the handler
    std::size_t index = 0; // in Contract::operations
};

struct RequestFault {
    std::string place; // path.id, query.limit, header.Idempotency-Key, body.filters[0].operator
    std::string message;
};

// Why a request is refused before anything is done.
struct Rejection {
    unsigned status = 400; // 400, 404, 405, 413, 415
    std::vector<RequestFault> faults;
    std::string allow; // 405: the value of the header Allow
};

template <class T>
using Checked = boost::system::result<T, Rejection>;

struct Match {
    const Operation* operation = nullptr;
    std::vector<std::pair<std::string_view, std::string>> path_values; // by name, decoded
};

struct Header {
    std::string_view name;
    std::string_view value;
};

// Values by name, each of the type that its schema tells; an absent one with a default has it.
class Parameters {
public:
    [[nodiscard]] const json::value* find(std::string_view name) const;
    [[nodiscard]] std::string_view text(std::string_view name) const; // "" when absent
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const;

private:
    friend class Contract;
    std::vector<std::pair<std::string_view, json::value>> values_; // names are the contract's
};

struct ParsedRequest {
    Parameters parameters;
    std::optional<json::value> body; // nullopt: there is none, and there need not be one
};

class Contract {
public:
    // `text`: an OpenAPI 3.1 document. invalid_configuration when it holds what would not be checked: a keyword that
    // the validator does not know, a parameter of a kind that is not read here, a reference that leads nowhere.
    [[nodiscard]] static Result<Contract> read(const std::string& text);
    ~Contract();
    Contract(Contract&&) noexcept;
    Contract& operator=(Contract&&) noexcept;

    [[nodiscard]] const std::vector<Operation>& operations() const noexcept;

    // `path` is as it was sent, without the query. HEAD is answered by GET.
    [[nodiscard]] Checked<Match> match(std::string_view method, std::string_view path) const;

    // All faults at once. `query` is as it was sent, without the question mark.
    [[nodiscard]] Checked<Parameters> parse_parameters(const Match& match, std::string_view query,
                                                       std::span<const Header> headers) const;

    // nullopt: there is no body, and there need not be one; or it is bytes.
    [[nodiscard]] Checked<std::optional<json::value>>
    parse_body(const Operation& operation, std::span<const Header> headers, std::string_view body) const;

    // Both, with the faults of both. A bad parameter makes it 400, whatever the body's refusal is.
    [[nodiscard]] Checked<ParsedRequest> parse(const Match& match, std::string_view query,
                                               std::span<const Header> headers, std::string_view body) const;

private:
    struct State;
    explicit Contract(std::unique_ptr<const State> state);
    std::unique_ptr<const State> state_;
};

} // namespace castiel_sync::service
