// SPDX-License-Identifier: Apache-2.0
// What sluice-bench report reads and writes.
#pragma once

#include <string>
#include <vector>

#include "report_values.h"

namespace sluice::bench {

// Reads every file or none. An error's context begins with the file: "FILE: what, why, what is allowed".
[[nodiscard]] Result<std::vector<NamedResult>> read_result_files(const std::vector<std::string>& paths);

// The whole page or nothing: it is written beside its place and then renamed. Refuses a place that holds something else
// than a file, or one of `sources`.
[[nodiscard]] Status write_page(const std::string& path, const std::string& page,
                                const std::vector<std::string>& sources);

}  // namespace sluice::bench
