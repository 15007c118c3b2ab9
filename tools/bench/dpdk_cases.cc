// SPDX-License-Identifier: Apache-2.0
#include "dpdk_cases.h"

#include <algorithm>

namespace sluice::bench {
namespace {

constexpr std::uint32_t kilo = 1U << 10;
constexpr std::uint32_t mega = 1U << 20;

const std::vector<std::pair<std::string, std::uint32_t>> flow_counts = {
    {"1k", kilo}, {"64k", 64 * kilo}, {"1m", mega}, {"8m", 8 * mega}};

void add_floors(std::vector<DpdkCase>& cases) {
  cases.push_back({.name = "io", .group = "floor", .loop = LoopKind::io});
  cases.push_back({.name = "macswap", .group = "floor", .loop = LoopKind::macswap});
  cases.push_back({.name = "5tswap", .group = "floor", .loop = LoopKind::five_tuple_swap});
  cases.push_back({.name = "parse_blind_encap", .group = "floor", .loop = LoopKind::parse_blind_encap});
}

void add_flows(std::vector<DpdkCase>& cases) {
  for (const auto& [text, flows] : flow_counts)
    cases.push_back({.name = "tcp4_stateless_" + text, .group = "flows", .flows = flows});
  for (const auto& [text, flows] : flow_counts)
    cases.push_back({.name = "tcp4_tracked_" + text, .group = "flows", .flows = flows, .track = true});
}

void add_prefetch(std::vector<DpdkCase>& cases) {
  const std::vector<std::pair<std::string, BurstForm>> forms = {{"noprefetch", BurstForm::one_by_one},
                                                                {"staged_unfetched", BurstForm::unfetched}};
  for (const auto& [text, form] : forms) {
    for (const std::size_t count : {0U, 2U})
      cases.push_back({.name = "tcp4_tracked_" + flow_counts[count].first + "_" + text,
                       .group = "prefetch",
                       .form = form,
                       .flows = flow_counts[count].second,
                       .track = true});
  }
  for (const std::size_t count : {0U, 1U, 2U})
    cases.push_back({.name = "tcp4_rte_hash_" + flow_counts[count].first,
                     .group = "rte_hash",
                     .loop = LoopKind::rte_hash_bulk,
                     .flows = flow_counts[count].second});
}

void add_kinds(std::vector<DpdkCase>& cases) {
  const auto kind = [&cases](const char* name, PacketKind packet, std::uint8_t encapsulation, std::uint32_t bytes) {
    cases.push_back({.name = name,
                     .group = "kinds",
                     .packet = packet,
                     .flows = mega,
                     .encapsulation = encapsulation,
                     .frame_bytes = bytes});
  };
  kind("tcp6_stateless_1m", PacketKind::tcp6_ack, SLUICE_ENCAP_IPIP_V6, 84);
  kind("tcp6_in_4_stateless_1m", PacketKind::tcp6_ack, SLUICE_ENCAP_IPIP_V4, 84);
  kind("gue_stateless_1m", PacketKind::tcp4_ack, SLUICE_ENCAP_GUE_V4, 64);
  kind("gue6_stateless_1m", PacketKind::tcp6_ack, SLUICE_ENCAP_GUE_V6, 84);
  kind("udp4_stateless_1m", PacketKind::udp4, SLUICE_ENCAP_IPIP_V4, 64);
  kind("vlan_stateless_1m", PacketKind::vlan_tcp4_ack, SLUICE_ENCAP_IPIP_V4, 68);
  kind("not_vip", PacketKind::tcp4_not_vip, SLUICE_ENCAP_IPIP_V4, 64);
}

void add_sizes(std::vector<DpdkCase>& cases) {
  // 64 backends a pool, so that 256 pools are the size of a site and not of a continent.
  for (const std::uint32_t services : {1U, 16U, 256U})
    cases.push_back({.name = "tcp4_stateless_1m_" + std::to_string(services) + "vips",
                     .group = "vips",
                     .flows = mega,
                     .services = services,
                     .backends = 64});
  for (const std::uint32_t backends : {10U, 100U, 1000U, 4000U})
    cases.push_back({.name = "tcp4_stateless_1m_" + std::to_string(backends) + "backends",
                     .group = "backends",
                     .flows = mega,
                     .backends = backends});
  for (const std::uint32_t bytes : {64U, 256U, 576U, 1024U, 1480U})
    cases.push_back({.name = "tcp4_stateless_1m_" + std::to_string(bytes) + "b",
                     .group = "frame",
                     .flows = mega,
                     .frame_bytes = bytes});
  cases.push_back({.name = "tcp4_stateless_1m_cold", .group = "frame", .flows = mega, .cold = true});
  cases.push_back(
      {.name = "parse_blind_encap_cold", .group = "frame", .loop = LoopKind::parse_blind_encap, .cold = true});
}

void add_workers(std::vector<DpdkCase>& cases) {
  for (const std::uint32_t workers : {1U, 2U}) {
    const std::string suffix = "_1m_" + std::to_string(workers) + (workers == 1 ? "worker" : "workers");
    cases.push_back({.name = "tcp4_stateless" + suffix, .group = "workers", .flows = mega, .workers = workers});
    cases.push_back(
        {.name = "tcp4_tracked" + suffix, .group = "workers", .flows = mega, .track = true, .workers = workers});
  }
}

}  // namespace

std::vector<DpdkCase> dpdk_cases(std::uint32_t flows_max) {
  std::vector<DpdkCase> cases;
  add_floors(cases);
  add_flows(cases);
  add_prefetch(cases);
  add_kinds(cases);
  add_sizes(cases);
  add_workers(cases);
  for (DpdkCase& one : cases) one.flows = std::min(one.flows, flows_max);
  return cases;
}

}  // namespace sluice::bench
