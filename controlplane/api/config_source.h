// SPDX-License-Identifier: Apache-2.0
// The configuration file of a cluster: pools and services, in the words of docs/configuration.md. hash_key is the
// cluster's own and [plane] each host's; a file may have them, and they mean nothing here. Pure.
#pragma once

#include <string>
#include <string_view>

#include "api_error.h"
#include "command.h"
#include "config.h"

namespace sluice::api {

// Every fault with its line and column in `text`.
[[nodiscard]] node::ApiResult<model::ReplaceAll> cluster_config(std::string_view text);

// The canonical text: cluster_config() of it gives the same pools and services again.
[[nodiscard]] std::string cluster_config_text(const Config& config);

}  // namespace sluice::api
