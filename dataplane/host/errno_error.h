// SPDX-License-Identifier: Apache-2.0
// What the operating system refused, as an Error.
#pragma once

#include <string>

#include "error.h"

namespace sluice {

// `what`: what was tried, "cannot open /x". The errno's text is appended.
[[nodiscard]] Error errno_error(const std::string& what, int number);

}  // namespace sluice
