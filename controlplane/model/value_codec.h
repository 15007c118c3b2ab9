// SPDX-License-Identifier: Apache-2.0
// The model's values as bytes, for commands and snapshots. One encoding per value; a getter that meets anything else
// makes the reader fail. Internal to controlplane/model.
#pragma once

#include <optional>
#include <string>

#include "byte_codec.h"
#include "model_types.h"
#include "sha256.h"

namespace sluice::model {

// u8 4 or 6, then as many bytes as the family has.
void put_address(ByteWriter& out, const IpAddress& address);
[[nodiscard]] IpAddress get_address(ByteReader& in);
void put_pool(ByteWriter& out, const PoolConfig& pool);
[[nodiscard]] PoolConfig get_pool(ByteReader& in);
void put_member(ByteWriter& out, const MemberConfig& member);
[[nodiscard]] MemberConfig get_member(ByteReader& in);
void put_service(ByteWriter& out, const ServiceRecord& service);
[[nodiscard]] ServiceRecord get_service(ByteReader& in);
void put_balancer(ByteWriter& out, const BalancerRecord& balancer);
[[nodiscard]] BalancerRecord get_balancer(ByteReader& in);
void put_policy(ByteWriter& out, const Policy& policy);
[[nodiscard]] Policy get_policy(ByteReader& in);
void put_author(ByteWriter& out, const Author& author);
[[nodiscard]] Author get_author(ByteReader& in);
void put_outcome(ByteWriter& out, const Outcome& outcome);
[[nodiscard]] Outcome get_outcome(ByteReader& in);

[[nodiscard]] std::string get_string(ByteReader& in);

template <std::size_t N>
void put_bytes(ByteWriter& out, const std::array<std::uint8_t, N>& bytes) {
  for (const std::uint8_t byte : bytes) out.put(byte);
}
template <std::size_t N>
[[nodiscard]] std::array<std::uint8_t, N> get_bytes(ByteReader& in) {
  std::array<std::uint8_t, N> bytes{};
  for (std::uint8_t& byte : bytes) byte = in.get<std::uint8_t>();
  return bytes;
}

// A flag, then the value if there is one.
template <std::unsigned_integral T>
void put_optional(ByteWriter& out, const std::optional<T>& value) {
  out.put_flag(value.has_value());
  if (value) out.put(*value);
}
template <std::unsigned_integral T>
[[nodiscard]] std::optional<T> get_optional(ByteReader& in) {
  if (!in.get_flag()) return std::nullopt;
  return in.get<T>();
}

// An enum of u8 values 0 (or `first`) to `last` without gaps.
template <typename Enum>
[[nodiscard]] Enum get_enum(ByteReader& in, Enum first, Enum last) {
  const auto value = in.get<std::uint8_t>();
  if (value >= static_cast<std::uint8_t>(first) && value <= static_cast<std::uint8_t>(last))
    return static_cast<Enum>(value);
  in.fail();
  return first;
}

}  // namespace sluice::model
