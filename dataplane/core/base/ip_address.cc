// SPDX-License-Identifier: Apache-2.0
#include "ip_address.h"

#include <arpa/inet.h>  // inet_pton, inet_ntop: text to bytes and back, no I/O

#include <algorithm>
#include <cstring>

namespace sluice {

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  IpAddress address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes_.data()) == 1) return address;
  address.family_ = IpFamily::v6;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes_.data()) == 1) return address;
  return make_error(ErrorCode::invalid_argument, "\"" + copy + "\" is not an IPv4 or IPv6 address");
}

IpAddress IpAddress::from_v4_bytes(const std::array<std::uint8_t, 4>& bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::from_v6_bytes(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress address;
  address.family_ = IpFamily::v6;
  address.bytes_ = bytes;
  return address;
}

std::array<std::uint32_t, 4> IpAddress::words() const {
  std::array<std::uint32_t, 4> words{};
  std::memcpy(words.data(), bytes_.data(), bytes_.size());
  return words;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (bytes_[0] >> 4U) == 0xe : bytes_[0] == 0xff;  // RFC 5771; RFC 4291 section 2.7
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;  // RFC 1122 section 3.2.1.3
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  const char* written = inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  SLUICE_INVARIANT(written != nullptr);
  return text;
}

}  // namespace sluice
