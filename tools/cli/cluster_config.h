// SPDX-License-Identifier: Apache-2.0
// The cluster's configuration, and files held against it.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "api_client.h"
#include "command_context.h"

namespace sluice::cli {

// POSTs the text of `file` as "config"; faults carry the file's name before their place.
[[nodiscard]] Outcome<boost::json::object> send_config(const Context& context, const std::string& file, ApiCall call,
                                                       boost::json::object body);
// Canonical TOML: pools and services.
[[nodiscard]] Outcome<std::string> cluster_config_text(const Context& context);

}  // namespace sluice::cli
