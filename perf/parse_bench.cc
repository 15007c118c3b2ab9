// SPDX-License-Identifier: Apache-2.0
// Frame -> addresses, ports, lengths: the packet path's parser on its common road and on its full one, by kind of
// frame.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "bench_image.h"
#include "sluice_packet.h"
#include "wrong_result.h"

namespace sluice::bench {
namespace {

using Frame = std::vector<std::uint8_t>;
constexpr std::uint32_t frame_bytes = 128;

sluice_shape parse(const Frame& bytes, sluice_packet& packet, sluice_depth depth) {
  sluice_frame frame{};
  frame.data = frame.head = const_cast<std::uint8_t*>(bytes.data());  // the parser only reads
  frame.end = frame.data + bytes.size();
  const sluice_u16 ethertype = sluice_parse_ethernet(&frame, &packet, depth);
  if (ethertype == SLUICE_ETHERTYPE_IPV4) return sluice_parse_ipv4(&frame, &packet, depth);
  if (ethertype == SLUICE_ETHERTYPE_IPV6) return sluice_parse_ipv6(&frame, &packet, depth);
  return SLUICE_SHAPE_KERNEL;
}

// Two destination option headers and an atomic fragment header before TCP.
Frame with_extensions(Frame frame) {
  constexpr std::size_t next_header = 14 + 6;
  std::vector<std::uint8_t> chain(24, 0);
  chain[0] = SLUICE_EXT_DESTINATION;
  chain[8] = SLUICE_EXT_FRAGMENT;
  chain[16] = SLUICE_PROTO_TCP;
  frame[next_header] = SLUICE_EXT_DESTINATION;
  frame.insert(frame.begin() + 14 + 40, chain.begin(), chain.end());
  const std::size_t payload = frame.size() - 14 - 40;
  frame[14 + 4] = static_cast<std::uint8_t>(payload >> 8);
  frame[14 + 5] = static_cast<std::uint8_t>(payload);
  return frame;
}

Frame with_options(Frame frame) {
  frame.insert(frame.begin() + 14 + 20, 8, std::uint8_t{1});  // no-operation
  frame[14] = 0x47;
  frame[14 + 3] = static_cast<std::uint8_t>(frame.size() - 14);
  return frame;
}

void run(benchmark::State& state, Frame frame, sluice_depth depth) {
  sluice_packet guard{};
  if (parse(frame, guard, depth) != SLUICE_SHAPE_FLOW || guard.destination_port != 80 || guard.fault != 0)
    wrong_result("not parsed as a flow to port 80");
  for (auto _ : state) {
    sluice_packet packet{};
    // Another flow each time, so that nothing is known beforehand.
    benchmark::DoNotOptimize(frame.data());
    benchmark::ClobberMemory();
    benchmark::DoNotOptimize(parse(frame, packet, depth));
    benchmark::DoNotOptimize(packet);
  }
}

BENCHMARK_CAPTURE(run, tcp4_common, bench_frame(PacketKind::tcp4_ack, frame_bytes), SLUICE_COMMON);
BENCHMARK_CAPTURE(run, tcp4_full, bench_frame(PacketKind::tcp4_ack, frame_bytes), SLUICE_FULL);
BENCHMARK_CAPTURE(run, tcp4_options_full, with_options(bench_frame(PacketKind::tcp4_ack, frame_bytes)), SLUICE_FULL);
BENCHMARK_CAPTURE(run, udp4_common, bench_frame(PacketKind::udp4, frame_bytes), SLUICE_COMMON);
BENCHMARK_CAPTURE(run, vlan_tcp4_tagged, bench_frame(PacketKind::vlan_tcp4_ack, frame_bytes), SLUICE_TAGGED);
BENCHMARK_CAPTURE(run, tcp6_common, bench_frame(PacketKind::tcp6_ack, frame_bytes), SLUICE_COMMON);
BENCHMARK_CAPTURE(run, tcp6_full, bench_frame(PacketKind::tcp6_ack, frame_bytes), SLUICE_FULL);
BENCHMARK_CAPTURE(run, tcp6_three_extensions_full, with_extensions(bench_frame(PacketKind::tcp6_ack, frame_bytes)),
                  SLUICE_FULL);

}  // namespace
}  // namespace sluice::bench

BENCHMARK_MAIN();
