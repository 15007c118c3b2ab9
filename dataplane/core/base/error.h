// SPDX-License-Identifier: Apache-2.0
// Errors as values, and the two kinds of assertion, for every layer below controlplane/io.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class ErrorCode : std::uint8_t {
  invalid_argument,  // the caller's input is wrong; retrying the same call fails the same way
  not_found,         // a name that does not exist
  conflict,          // the input contradicts itself or the present state
  out_of_capacity,   // a fixed-size table is full
  unsupported,       // the kernel, driver or build cannot do this
  permission,        // the process lacks a privilege
  io,                // the operating system refused; context holds errno's text
  internal,          // our own bug, reported rather than aborted on
};

// What went wrong, as one line an operator can act on: what, why, what next. No trailing newline or full stop.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string context;
};

template <typename T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

inline Error make_error(ErrorCode code, std::string context) {
  return Error{code, std::move(context)};
}

// Found by argument-dependent lookup: result<>::value() on an error throws this. Only main programs may let it pass.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.context);
}

[[noreturn]] void invariant_failed(const char* expression, const char* file, int line);

}  // namespace sluice

// For what only our own bug can cause, off the packet path. Stays on in release builds: stopping is safer than carrying
// on with a state nobody reasoned about, and the programs of the plane keep forwarding without this process.
#define SLUICE_INVARIANT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::sluice::invariant_failed(#expression, __FILE__, __LINE__))
