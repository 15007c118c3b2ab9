// SPDX-License-Identifier: Apache-2.0
#include "endpoint.h"

#include <fmt/format.h>

#include <charconv>

#include "suggest.h"

namespace sluice {
namespace {

Error malformed(std::string_view text, std::string_view reason) {
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("{} is not ADDRESS:PORT: {}; allowed: 203.0.113.10:443 or [2001:db8::10]:443, with "
                                "/tcp or /udp after it",
                                in_quotes(text), reason));
}

std::optional<PortHost> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return PortHost(port);
}

std::string host_text(const IpAddress& address) {
  return address.is_v4() ? address.to_string() : '[' + address.to_string() + ']';
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  std::string_view rest = text;
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    const std::string_view protocol = rest.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") {
      return malformed(text, fmt::format("protocol {} is unknown", in_quotes(protocol)));
    }
    endpoint.protocol = protocol == "tcp" ? Protocol::tcp : Protocol::udp;
    rest = rest.substr(0, slash);
  }
  const std::size_t colon = rest.rfind(':');
  const bool bracketed = rest.starts_with('[');
  if (bracketed ? rest.find("]:") == std::string_view::npos : colon == std::string_view::npos) {
    return malformed(text, "the port is missing");
  }
  if (!bracketed && rest.find(':') != colon) return malformed(text, "an IPv6 address needs brackets");
  const std::string_view host = bracketed ? rest.substr(1, rest.find(']') - 1) : rest.substr(0, colon);
  const std::string_view port = bracketed ? rest.substr(rest.find(']') + 2) : rest.substr(colon + 1);
  const Result<IpAddress> address = IpAddress::parse(host);
  if (!address) return malformed(text, address.error().context);
  if (bracketed == address->is_v4()) return malformed(text, "brackets are for IPv6");
  const auto number = parse_port(port);
  if (!number) return malformed(text, fmt::format("port {} is not 0 to 65535", in_quotes(port)));
  endpoint.address = address.value();
  endpoint.port = *number;
  return endpoint;
}

std::string to_text(const IpAddress& address, PortHost port) {
  return host_text(address) + fmt::format(":{}", port.value());
}

std::string service_address_text(const IpAddress& address, PortHost port, Protocol protocol) {
  const std::string number = port.value() == 0 ? "*" : std::to_string(port.value());
  return fmt::format("{}:{}/{}", host_text(address), number, to_text(protocol));
}

}  // namespace sluice
