// SPDX-License-Identifier: Apache-2.0
// What every command gets: the global options, where to print, and how it fails.
#pragma once

#include <boost/json.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "exit_code.h"

namespace sluice::cli {

enum class OutputFormat { table, wide, json };

// How the cluster's API is reached.
struct ApiAccess {
  std::string address = "/run/sluice/api.sock";  // or HOST:PORT
  bool is_given = false;                         // by --address or SLUICE_API
  // PEM files, of HOST:PORT only.
  std::string certificate;
  std::string key;
  std::string authority;
};

struct Context {
  OutputFormat output = OutputFormat::table;
  std::string socket = "/run/sluice/plane.sock";
  bool is_socket_given = false;  // then the plane is asked, and not the cluster
  ApiAccess api;
  std::chrono::milliseconds timeout{5000};
  bool color_out = false;
  bool color_err = false;

  [[nodiscard]] bool json() const { return output == OutputFormat::json; }
  [[nodiscard]] bool wide() const { return output == OutputFormat::wide; }
};

// What, why, where, what next, on one line. `details` are printed before it, each a line of its own without a prefix:
// the diagnostics of a file, which carry their place.
struct Failure {
  ExitCode code = ExitCode::failed;
  std::string message;
  std::vector<std::string> details;
};

template <typename T>
using Outcome = boost::system::result<T, Failure>;

[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location& location);

Failure failure_of(const Error& error);

// Prints to stderr and gives the code to exit with.
ExitCode report(const Context& context, const Failure& failure);

enum class Color { none, red, green, yellow, cyan, bold, faint };
std::string colored(bool enabled, Color color, std::string_view text);

// Standard output, with its errors: a full disk or closed pipe must not look like success.
void print(std::string_view text);
void print_json(const boost::json::value& value);
// False if anything printed so far did not reach its destination.
bool flush_output();

}  // namespace sluice::cli
