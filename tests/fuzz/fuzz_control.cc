// SPDX-License-Identifier: Apache-2.0
// The control socket's requests against any bytes: a request within its bounds, or an error of one line.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control_request.h"

namespace {

// Not assert: the check must hold in every build type.
void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const sluice::Result<sluice::ControlRequest> request = sluice::parse_control_request(line);
  if (request) {
    require(request->op <= sluice::ControlOp::detach);
    require(request->pool.size() <= 128 && request->source.size() <= 128 && request->destination.size() <= 128);
    require(request->op != sluice::ControlOp::explain || (!request->source.empty() && !request->protocol.empty()));
    return 0;
  }
  const std::string answer = sluice::refusal(request.error());
  require(answer.find('\n') == std::string::npos);
  const boost::json::value parsed = boost::json::parse(answer);
  require(!parsed.at("ok").as_bool() && parsed.at("exit_code").as_int64() == 2);
  return 0;
}
