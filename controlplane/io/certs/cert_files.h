// SPDX-License-Identifier: Apache-2.0
// Keys and certificates as files: keys mode 0600, each file all of it or nothing, no key ever lost by accident.
#pragma once

#include <string>
#include <string_view>

#include "error.h"

namespace sluice::io {

enum class FileKind { secret, open };   // mode 0600, 0644
enum class Existing { keep, replace };  // keep: conflict if the file is there

// Written beside, synchronised and renamed; on disk when this returns.
[[nodiscard]] Status write_file_whole(const std::string& path, std::string_view bytes, FileKind kind,
                                      Existing existing);
// At most 1 MiB: no key or certificate is longer.
[[nodiscard]] Result<std::string> read_small_file(const std::string& path);
// As read_small_file; permission: others than its owner may read it.
[[nodiscard]] Result<std::string> read_secret_file(const std::string& path);

}  // namespace sluice::io
