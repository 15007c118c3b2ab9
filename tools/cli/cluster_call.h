// SPDX-License-Identifier: Apache-2.0
// What the cluster's commands share: asking, showing again and again, writing and saying what came of it.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster_commands.h"
#include "text_table.h"

namespace sluice::cli {

// "/v1/pools/web%2Fa" of {"pools", "web/a"}.
std::string api_path(std::initializer_list<std::string_view> segments);

// GET, and print the answer as JSON or by `show`; with --watch every two seconds, until it is interrupted or fails.
// `show` gives the exit code.
using Show = std::function<ExitCode(const boost::json::object& answer)>;
ExitCode show_api(const Context& context, const ReadOptions& options, const std::string& path, const Show& show);

// A column of a list; wide ones show with -o wide only.
struct ListColumn {
  Column column;
  std::function<std::string(const boost::json::object& row)> text;
  enum class When { always, wide } when = When::always;
};
ListColumn text_column(std::string header, std::string key, ListColumn::When when = ListColumn::When::always);
ListColumn number_column(std::string header, std::string key, ListColumn::When when = ListColumn::When::always);
ListColumn flag_column(std::string header, std::string key, ListColumn::When when = ListColumn::When::always);
// `nothing`: what an empty list says.
ExitCode print_list(const Context& context, const boost::json::array& rows, const std::vector<ListColumn>& columns,
                    std::string_view nothing);

// What `force` would have to override, a line each.
void print_guards(const Context& context, const boost::json::object& answer);

struct ApiWrite {
  std::string method;
  std::string path;
  boost::json::object body;
  std::string done;  // "backend web/b1 added": what to say first; empty: the receipt says enough
  std::string file;  // whose text is in the body: faults in it carry its name
};
// Sends it once, under an id of its own, and prints the receipt.
ExitCode write_api(const Context& context, const WriteOptions& options, ApiWrite write);

}  // namespace sluice::cli
