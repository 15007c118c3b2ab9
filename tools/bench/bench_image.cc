// SPDX-License-Identifier: Apache-2.0
#include "bench_image.h"

#include <algorithm>
#include <string>

#include "maglev.h"
#include "sluice_encap.h"

namespace sluice::bench {
namespace {

constexpr std::uint16_t path_mtu = 1500;

// The services' first address, low byte free; documentation prefixes (RFC 5737, RFC 3849).
constexpr std::array<std::uint8_t, 4> service_v4 = {203, 0, 113, 0};
constexpr std::array<std::uint8_t, 16> service_v6 = {0x20, 0x01, 0x0d, 0xb8, 0, 1};

ForwardingBackend backend_of(const ModelOptions& options, std::uint32_t number) {
  ForwardingBackend backend;
  const bool outer_v6 = sluice_encap_is_outer_v6(options.encapsulation) != 0;
  const auto high = static_cast<std::uint8_t>(number >> 8);
  const auto low = static_cast<std::uint8_t>(number);
  const auto top = static_cast<std::uint8_t>(1 + (number >> 16));
  backend.key.address = outer_v6 ? IpAddress::from_v6_bytes({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, top, high, low})
                                 : IpAddress::from_v4_bytes({10, top, high, low});
  backend.source = outer_v6 ? IpAddress::from_v6_bytes({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
                            : IpAddress::from_v4_bytes({10, 0, 0, 1});
  backend.key.encapsulation = options.encapsulation;
  if (sluice_encap_is_gue(options.encapsulation)) backend.key.gue_port = SLUICE_GUE_PORT;
  backend.inner_mtu = static_cast<std::uint16_t>(path_mtu - sluice_outer_bytes(options.encapsulation));
  backend.id = number + 1;
  return backend;
}

ForwardingPool pool_of(const ModelOptions& options, std::uint32_t pool_number) {
  ForwardingPool pool;
  pool.name = "pool" + std::to_string(pool_number);
  pool.chain = options.chain;
  std::vector<SlotMember> members;
  for (std::uint32_t i = 0; i < options.backends_per_pool; ++i) {
    const std::uint32_t number = pool_number * options.backends_per_pool + i;
    pool.members.push_back(number);
    members.push_back({"backend" + std::to_string(number), 100});
  }
  pool.slots = maglev_fill(members, options.slots_count).value().owners;
  if (!options.chain) return pool;
  for (std::uint32_t slot = 0; slot < options.slots_count; ++slot) {
    PreviousOwners owners{SlotIndex(slot), {}};
    for (std::uint32_t k = 0; k < owners.members.size(); ++k)
      owners.members[k] = static_cast<std::uint16_t>((pool.slots[slot] + k + 1) % options.backends_per_pool);
    pool.past.push_back(owners);
  }
  return pool;
}

void put16(std::uint8_t* p, std::uint16_t value) {
  sluice_store16_be(p, value);
}

void write_ipv4(std::uint8_t* p, std::uint8_t protocol, std::uint32_t bytes, const std::array<std::uint8_t, 4>& to) {
  const std::array<std::uint8_t, 4> from = {198, 51, 100, 0};
  p[0] = 0x45;
  put16(p + 2, static_cast<std::uint16_t>(bytes));
  p[8] = 64;
  p[9] = protocol;
  std::copy(from.begin(), from.end(), p + 12);
  std::copy(to.begin(), to.end(), p + 16);
  std::uint32_t sum = 0;
  for (int i = 0; i < 20; i += 2) sum += sluice_load16(p + i);
  sluice_store16(p + 10, static_cast<std::uint16_t>(~sluice_fold(sum)));
}

void write_ipv6(std::uint8_t* p, std::uint8_t next, std::uint32_t bytes) {
  p[0] = 0x60;
  put16(p + 4, static_cast<std::uint16_t>(bytes - 40));
  p[6] = next;
  p[7] = 64;
  const std::array<std::uint8_t, 16> from = {0x20, 0x01, 0x0d, 0xb8, 0, 2};
  std::copy(from.begin(), from.end(), p + 8);
  std::copy(service_v6.begin(), service_v6.end(), p + 24);
}

}  // namespace

ForwardingModel bench_model(const ModelOptions& options) {
  ForwardingModel model;
  for (std::size_t i = 0; i < model.hash_secret.size(); ++i) model.hash_secret[i] = static_cast<std::uint8_t>(i);
  model.flows_per_worker = options.flows_per_worker;
  model.inserts_per_tick = UINT32_MAX;  // a benchmark of insertion must not time the bypass
  model.icmp_per_tick = 1000;
  for (std::uint32_t i = 0; i < options.services; ++i) {
    for (std::uint32_t k = 0; k < options.backends_per_pool; ++k)
      model.backends.push_back(backend_of(options, i * options.backends_per_pool + k));
    model.pools.push_back(pool_of(options, i));
    ForwardingService service;
    service.name = "service" + std::to_string(i);
    auto v4 = service_v4;
    auto v6 = service_v6;
    v4[3] = v6[15] = static_cast<std::uint8_t>(i);
    service.key = {options.is_v6 ? IpAddress::from_v6_bytes(v6) : IpAddress::from_v4_bytes(v4), options.protocol,
                   PortHost(80)};
    service.pool = i;
    service.track = options.track;
    model.services.push_back(service);
  }
  return model;
}

std::optional<NextHop> bench_next_hop(const ForwardingBackend&) {
  return NextHop{{2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 1}, 0};
}

std::vector<std::uint8_t> bench_frame(PacketKind kind, std::uint32_t length) {
  std::vector<std::uint8_t> frame(length, 0);
  const bool is_v6 = kind == PacketKind::tcp6_ack;
  const bool is_vlan = kind == PacketKind::vlan_tcp4_ack;
  const std::uint8_t protocol = kind == PacketKind::udp4 ? SLUICE_PROTO_UDP : SLUICE_PROTO_TCP;
  const std::uint32_t l3_offset = is_vlan ? 18 : 14;
  const std::array<std::uint8_t, 12> macs = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3};
  std::copy(macs.begin(), macs.end(), frame.begin());
  if (is_vlan) {
    put16(&frame[12], SLUICE_ETHERTYPE_8021Q);
    put16(&frame[14], 100);
  }
  put16(&frame[l3_offset - 2], is_v6 ? SLUICE_ETHERTYPE_IPV6 : SLUICE_ETHERTYPE_IPV4);
  std::uint8_t* l3 = &frame[l3_offset];
  auto destination = service_v4;
  if (kind == PacketKind::tcp4_not_vip) destination = {192, 0, 2, 0};
  if (is_v6)
    write_ipv6(l3, protocol, length - l3_offset);
  else
    write_ipv4(l3, protocol, length - l3_offset, destination);
  std::uint8_t* l4 = l3 + (is_v6 ? 40 : 20);
  put16(l4 + 2, 80);
  if (protocol == SLUICE_PROTO_UDP) {
    put16(l4 + 4, static_cast<std::uint16_t>(length - l3_offset - 20));
  } else {
    l4[12] = 0x50;
    l4[13] = kind == PacketKind::tcp4_syn ? SLUICE_TCP_SYN : SLUICE_TCP_ACK;
  }
  return frame;
}

}  // namespace sluice::bench
