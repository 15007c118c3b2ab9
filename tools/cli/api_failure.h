// SPDX-License-Identifier: Apache-2.0
// What an answer of the API means for the command line. Pure.
#pragma once

#include <string>
#include <string_view>

#include "command_context.h"

namespace sluice::cli {

// The exit code and text of {"error":{...}}; `status` of the answer if it is not one.
[[nodiscard]] Failure api_failure(unsigned status, std::string_view body);

// Everything but letters, digits and -._~ as %XX.
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace sluice::cli
