// SPDX-License-Identifier: Apache-2.0
// The whole packet path against any frames. An input is one byte that picks the site, then packets: a byte with the
// head room (2 bits) and the ticks since the packet before (6 bits), two bytes of length, the frame. Every frame lies
// in memory of its own that ends where it ends. Flow table and counters start empty with each input, so that one input
// is the whole story of a finding.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "image_memory.h"
#include "image_reader.h"
#include "packet_site.h"
#include "sluice_pipeline.h"

namespace {

using Bytes = std::span<const std::uint8_t>;

// Not assert: the check must hold in every build type.
void require(bool condition, int line = __builtin_LINE()) {
  if (condition) return;
  std::fprintf(stderr, "fuzz_frame.cc:%d does not hold\n", line);
  std::abort();
}

template <typename Value>
Value wanted(sluice::Result<Value> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().context.c_str());
    std::abort();
  }
  return std::move(*result);
}

// Small enough to be zeroed for every input, with room for collisions.
constexpr std::uint32_t flows_per_worker = 64;
// What XDP gives a driver, none, and too little for the longest outer header.
constexpr std::size_t headrooms[] = {256, 0, 20, SLUICE_OUTER_BYTES_MAX - 1};

struct Site {
  std::unique_ptr<sluice::ImageMemory> memory;
  sluice_tables tables;

  explicit Site(const char* name) {
    sluice::PacketSite site =
        wanted(sluice::read_packet_site(std::string(SLUICE_PACKET_CONFIGS) + "/" + name + ".toml"));
    if (site.model.flows_per_worker != 0) site.model.flows_per_worker = flows_per_worker;
    memory = std::make_unique<sluice::ImageMemory>(sluice::image_sizes_for(site.model, {}));
    sluice::ImageWriter writer(memory->tables(), {}, [] {});
    const auto next_hop_of = [&site](const sluice::ForwardingBackend& backend) { return site.next_hop_of(backend); };
    wanted(writer.publish(site.model, next_hop_of, 1));
    tables = memory->tables();
  }

  void forget() const {
    std::fill_n(tables.flows, tables.flows_lines, sluice_flows{});
    std::fill_n(tables.counters, tables.counters_lines, sluice_line{});
  }
};

struct Packet {
  Bytes bytes;  // as it came
  std::size_t l3 = 0;
  std::unique_ptr<std::uint8_t[]> memory;
  sluice_frame frame{};

  Packet(Bytes input, std::size_t headroom)
      : bytes(input), memory(std::make_unique<std::uint8_t[]>(headroom + input.size())) {
    std::uint8_t* start = memory.get() + headroom;
    if (!input.empty()) std::memcpy(start, input.data(), input.size());
    frame = {start, start + input.size(), memory.get()};
    sluice_packet parsed{};
    sluice_parse_ethernet(&frame, &parsed, SLUICE_FULL);
    l3 = parsed.l3_offset;
  }
  [[nodiscard]] Bytes output() const { return {frame.data, frame.end}; }
};

std::uint32_t word16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at] << 8U | bytes[at + 1]);
}

bool is_ipv6(Bytes bytes, std::size_t l3) {
  return bytes[l3] >> 4U == 6;
}

// RFC 1071, over an IPv4 header without options.
void require_ipv4_checksum(Bytes header) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < 20; at += 2) sum += word16(header, at);
  while (sum >> 16U != 0) sum = (sum & 0xffff) + (sum >> 16U);
  require(sum == 0xffff);
}

// The header at l3 says exactly what is there: `bytes` from its start on.
void require_ip_length(Bytes frame, std::size_t l3, std::size_t bytes) {
  require(frame.size() >= l3 + bytes);
  if (is_ipv6(frame, l3)) {
    require(word16(frame, l3 + 4) + 40 == bytes);
    return;
  }
  require(frame[l3] >> 4U == 4 && word16(frame, l3 + 2) == bytes);
}

std::size_t ip_length(Bytes frame, std::size_t l3) {
  return is_ipv6(frame, l3) ? word16(frame, l3 + 4) + 40 : word16(frame, l3 + 2);
}

// The inner packet is the one that came, but for its TTL, lower by one, and the checksum over it.
void check_inner(const Packet& packet, Bytes output, std::size_t grown) {
  const bool is_v6 = is_ipv6(packet.bytes, packet.l3);
  const std::size_t ttl = packet.l3 + (is_v6 ? 7 : 8);
  require(output[ttl + grown] + 1 == packet.bytes[ttl]);
  for (std::size_t at = packet.l3; at < packet.bytes.size(); ++at) {
    const bool in_checksum = !is_v6 && (at == packet.l3 + 10 || at == packet.l3 + 11);
    require(at == ttl || in_checksum || output[at + grown] == packet.bytes[at]);
  }
}

void check_forwarded(const Packet& packet) {
  const Bytes output = packet.output();
  require(packet.bytes.size() >= packet.l3 + 20 && output.size() >= packet.bytes.size());
  const std::size_t grown = output.size() - packet.bytes.size();
  require(grown <= SLUICE_OUTER_BYTES_MAX);
  check_inner(packet, output, grown);
  require(std::equal(&packet.bytes[12], &packet.bytes[packet.l3 - 2], &output[12]));  // tags
  if (grown == 0) return;
  require_ip_length(output, packet.l3, grown + ip_length(packet.bytes, packet.l3));
  if (!is_ipv6(output, packet.l3)) require_ipv4_checksum(output.subspan(packet.l3));
}

// Sent back to where the frame came from, whole, and no larger than what may be quoted.
void check_reply(const Packet& packet) {
  const Bytes output = packet.output();
  require(output.size() >= packet.l3 + 20);
  require(output.size() <= std::max<std::size_t>(packet.bytes.size(), packet.l3 + 40 + 8 + SLUICE_ICMP_QUOTE_MAX));
  require(std::equal(&packet.bytes[6], &packet.bytes[12], &output[0]));
  if (is_ipv6(output, packet.l3)) {
    require(std::equal(&packet.bytes[packet.l3 + 8], &packet.bytes[packet.l3 + 24], &output[packet.l3 + 24]));
    return;
  }
  require(std::equal(&packet.bytes[packet.l3 + 12], &packet.bytes[packet.l3 + 16], &output[packet.l3 + 16]));
  require_ipv4_checksum(output.subspan(packet.l3));
}

void check(const Packet& packet, sluice_reason reason, std::size_t headroom) {
  require(packet.frame.data >= packet.memory.get() && packet.frame.data <= packet.frame.end);
  require(packet.frame.end <= packet.memory.get() + headroom + packet.bytes.size());
  // internal is a contradiction within the image, and what follows no_headroom's neighbours is a backend's to say.
  require(reason >= 0 && reason < SLUICE_REASON_internal);
  if (sluice_class_of(reason) == SLUICE_CLASS_KERNEL)
    require(std::equal(packet.bytes.begin(), packet.bytes.end(), packet.output().begin(), packet.output().end()));
  if (reason == SLUICE_REASON_forwarded || reason == SLUICE_REASON_forwarded_icmp_error)
    check_forwarded(packet);
  else if (sluice_class_of(reason) == SLUICE_CLASS_TX)
    check_reply(packet);
}

struct Sums {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

Sums run_packets(const Site& site, Bytes input) {
  Sums sums;
  sluice_tables tables = site.tables;
  std::uint32_t now = 1;
  while (input.size() >= 3) {
    const std::size_t headroom = headrooms[input[0] & 3U];
    now += input[0] >> 2U;
    const std::size_t size = std::min<std::size_t>(word16(input, 1), input.size() - 3);
    Packet packet(input.subspan(3, size), headroom);
    input = input.subspan(3 + size);
    const sluice_verdict verdict = sluice_process(&packet.frame, &tables, 0, now);
    check(packet, verdict.reason, headroom);
    sums.packets += 1;
    sums.bytes += size;
  }
  return sums;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Site sites[] = {Site("main"), Site("chain"), Site("tracked"), Site("limited")};
  if (size == 0) return 0;
  const Site& site = sites[data[0] % std::size(sites)];
  site.forget();
  const Sums sums = run_packets(site, Bytes(data, size).subspan(1));
  const sluice::ImageTotals totals = sluice::read_totals(site.tables);
  require(totals.rx_packets == sums.packets && totals.rx_bytes == sums.bytes);
  require(std::accumulate(totals.reasons.begin(), totals.reasons.end(), std::uint64_t{0}) == sums.packets);
  return 0;
}
