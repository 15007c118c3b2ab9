// SPDX-License-Identifier: Apache-2.0
#include "value_codec.h"

#include <algorithm>

namespace sluice::model {
namespace {

// Bytes of the shortest encodings, which bound how many of them can follow.
constexpr std::size_t member_bytes_min = 4 + 5 + 2;

void put_protocol(ByteWriter& out, Protocol protocol) {
  out.put(static_cast<std::uint8_t>(protocol));
}

Protocol get_protocol(ByteReader& in) {
  const auto value = in.get<std::uint8_t>();
  if (value == static_cast<std::uint8_t>(Protocol::udp)) return Protocol::udp;
  if (value != static_cast<std::uint8_t>(Protocol::tcp)) in.fail();
  return Protocol::tcp;
}

}  // namespace

std::string get_string(ByteReader& in) {
  return std::string(in.get_text());
}

void put_address(ByteWriter& out, const IpAddress& address) {
  out.put(static_cast<std::uint8_t>(address.family()));
  const std::size_t count = address.is_v4() ? 4 : 16;
  for (std::size_t i = 0; i < count; ++i) out.put(address.bytes()[i]);
}

IpAddress get_address(ByteReader& in) {
  const auto family = in.get<std::uint8_t>();
  if (family == static_cast<std::uint8_t>(IpFamily::v4)) return IpAddress::from_v4_bytes(get_bytes<4>(in));
  if (family == static_cast<std::uint8_t>(IpFamily::v6)) return IpAddress::from_v6_bytes(get_bytes<16>(in));
  in.fail();
  return {};
}

void put_member(ByteWriter& out, const MemberConfig& member) {
  out.put_text(member.name);
  put_address(out, member.address);
  out.put(member.weight);
}

MemberConfig get_member(ByteReader& in) {
  MemberConfig member;
  member.name = get_string(in);
  member.address = get_address(in);
  member.weight = in.get<std::uint16_t>();
  return member;
}

void put_pool(ByteWriter& out, const PoolConfig& pool) {
  out.put_text(pool.name);
  out.put(static_cast<std::uint8_t>(pool.encapsulation));
  out.put(pool.gue_port);
  out.put(pool.slots_count);
  out.put(pool.mtu);
  out.put(static_cast<std::uint32_t>(pool.members.size()));
  for (const MemberConfig& member : pool.members) put_member(out, member);
}

PoolConfig get_pool(ByteReader& in) {
  PoolConfig pool;
  pool.name = get_string(in);
  pool.encapsulation = get_enum(in, Encapsulation::ipip, Encapsulation::l2);
  pool.gue_port = in.get<PortHost>();
  pool.slots_count = in.get<std::uint32_t>();
  pool.mtu = in.get<std::uint16_t>();
  const std::uint32_t count = in.get_count(member_bytes_min);
  pool.members.reserve(count);
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) pool.members.push_back(get_member(in));
  return pool;
}

void put_service(ByteWriter& out, const ServiceRecord& service) {
  out.put_text(service.config.name);
  put_address(out, service.config.address);
  out.put(service.config.port);
  put_protocol(out, service.config.protocol);
  out.put_text(service.pool);
  out.put_flag(service.config.track);
  out.put_flag(service.config.fragments);
  out.put_flag(service.config.unreachable);
}

ServiceRecord get_service(ByteReader& in) {
  ServiceRecord service;
  service.config.name = get_string(in);
  service.config.address = get_address(in);
  service.config.port = in.get<PortHost>();
  service.config.protocol = get_protocol(in);
  service.pool = get_string(in);
  service.config.track = in.get_flag();
  service.config.fragments = in.get_flag();
  service.config.unreachable = in.get_flag();
  return service;
}

void put_balancer(ByteWriter& out, const BalancerRecord& balancer) {
  out.put_text(balancer.name);
  out.put(balancer.node_id);
  out.put_text(balancer.api_address);
  out.put(balancer.feature_level);
}

BalancerRecord get_balancer(ByteReader& in) {
  BalancerRecord balancer;
  balancer.name = get_string(in);
  balancer.node_id = in.get<std::uint64_t>();
  balancer.api_address = get_string(in);
  balancer.feature_level = in.get<std::uint16_t>();
  return balancer;
}

void put_policy(ByteWriter& out, const Policy& policy) {
  out.put(policy.deletions_percent_max);
  out.put(policy.batch_ms);
  out.put(policy.lease_ms);
}

Policy get_policy(ByteReader& in) {
  Policy policy;
  policy.deletions_percent_max = in.get<std::uint8_t>();
  policy.batch_ms = in.get<std::uint32_t>();
  policy.lease_ms = in.get<std::uint32_t>();
  return policy;
}

void put_author(ByteWriter& out, const Author& author) {
  out.put_text(author.name);
  out.put_text(author.role);
  out.put_text(author.origin);
}

Author get_author(ByteReader& in) {
  Author author;
  author.name = get_string(in);
  author.role = get_string(in);
  author.origin = get_string(in);
  return author;
}

void put_outcome(ByteWriter& out, const Outcome& outcome) {
  out.put(static_cast<std::uint8_t>(outcome.code));
  out.put(outcome.index);
  out.put(outcome.revision);
  out.put(outcome.generation);
  out.put_text(outcome.message);
  out.put_text(outcome.hint);
  put_optional(out, outcome.base_revision);
}

Outcome get_outcome(ByteReader& in) {
  Outcome outcome;
  outcome.code = get_enum(in, OutcomeCode::accepted, OutcomeCode::malformed);
  outcome.index = in.get<std::uint64_t>();
  outcome.revision = in.get<std::uint64_t>();
  outcome.generation = in.get<std::uint64_t>();
  outcome.message = get_string(in);
  outcome.hint = get_string(in);
  outcome.base_revision = get_optional<std::uint64_t>(in);
  return outcome;
}

}  // namespace sluice::model
