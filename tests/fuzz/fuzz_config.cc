// SPDX-License-Identifier: Apache-2.0
// The configuration parser against any bytes: a valid Config that survives printing, or an error with a place.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config.h"

namespace {

// Not assert: the check must hold in every build type.
void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const sluice::ConfigOutcome outcome = sluice::parse_config(text, "fuzz.toml");
  require(outcome.ok() == outcome.errors.empty());
  for (const sluice::Diagnostic& error : outcome.errors) {
    require(error.line >= 1 && error.column >= 1 && !error.message.empty());
    require(error.message.find('\n') == std::string::npos);
  }
  if (outcome.ok()) {
    const sluice::ConfigOutcome again = sluice::parse_config(sluice::print_config(*outcome.config), "printed.toml");
    require(again.ok() && *again.config == *outcome.config);
  }
  return 0;
}
