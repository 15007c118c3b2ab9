// SPDX-License-Identifier: Apache-2.0
// `203.0.113.10:443`, `[2001:db8::10]:443`, with `/tcp` or `/udp` after it: how people write one end of a flow.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config.h"

namespace sluice {

struct Endpoint {
  IpAddress address;
  PortHost port;
  std::optional<Protocol> protocol;
};

[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

std::string to_text(const IpAddress& address, PortHost port);
// With the protocol; port 0 as `*`, for it stands for every port.
std::string service_address_text(const IpAddress& address, PortHost port, Protocol protocol);

}  // namespace sluice
