// SPDX-License-Identifier: Apache-2.0
#include "errno_error.h"

#include <cerrno>
#include <system_error>

namespace sluice {

Error errno_error(const std::string& what, int number) {
  const ErrorCode code = number == EPERM || number == EACCES ? ErrorCode::permission : ErrorCode::io;
  return make_error(code, what + ": " + std::generic_category().message(number));
}

}  // namespace sluice
