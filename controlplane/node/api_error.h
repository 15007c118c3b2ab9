// SPDX-License-Identifier: Apache-2.0
// Why the cluster did not do what an operator asked for: the answers that a program can tell apart. The HTTP status and
// the exit code of the command line follow from the code alone (docs/api.md).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "error.h"

namespace sluice::node {

enum class ApiCode : std::uint8_t {
  invalid,      // the request itself is wrong
  forbidden,    // the role does not allow it
  not_found,    // a name that does not exist
  conflict,     // the state has moved on from what the caller saw, or the name is taken
  guard,        // refused for safety; `force` overrides
  no_leader,    // no quorum, or the leader cannot be reached: nothing was written
  timeout,      // not known to be done within the deadline; the same request id may be sent again
  overloaded,   // a bound of this server is reached; try again later
  unsupported,  // this node or this cluster's feature level cannot
  internal,     // our own bug
};

// "no_leader": the word of the JSON.
[[nodiscard]] std::string_view to_text(ApiCode code);

// One fault of a configuration text that was sent in; line and column count from 1.
struct TextFault {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string message;
  friend bool operator==(const TextFault&, const TextFault&) = default;
};

struct ApiError {
  ApiCode code = ApiCode::internal;
  std::string message;  // one line: what and why, no trailing full stop
  std::string hint;     // one line: what next; may be empty
  // conflict by revision: both values.
  std::optional<std::uint64_t> base_revision;  // what the caller saw
  std::optional<std::uint64_t> revision;       // what is; of a timeout: what was written, if that is known
  std::vector<TextFault> faults;
};

template <typename T>
using ApiResult = boost::system::result<T, ApiError>;
using ApiStatus = ApiResult<void>;

// Found by argument-dependent lookup: value() on an error is our own bug.
[[noreturn]] void throw_exception_from_error(const ApiError& error, const boost::source_location& location);

inline ApiError api_error(ApiCode code, std::string message, std::string hint = {}) {
  return ApiError{code, std::move(message), std::move(hint), std::nullopt, std::nullopt, {}};
}

[[nodiscard]] ApiError api_error_of(const Error& error);

}  // namespace sluice::node
