// SPDX-License-Identifier: Apache-2.0
// Writing the outer header, by form, against copying a ready-made one; and the whole packet path in user space.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <vector>

#include "bench_image.h"
#include "image_layout.h"
#include "image_memory.h"
#include "image_reader.h"
#include "sluice_pipeline.h"
#include "wrong_result.h"

namespace sluice::bench {
namespace {

constexpr std::uint32_t frame_bytes = 128;
constexpr std::uint32_t headroom_bytes = 256;
constexpr std::uint32_t header_bytes = 64;

// A frame with room before it that is as new before every turn: the same bytes at the same place.
class FrameRoom {
 public:
  explicit FrameRoom(const std::vector<std::uint8_t>& frame) : frame_(frame), room_(headroom_bytes + frame.size()) {
    std::copy(frame.begin(), frame.end(), room_.begin() + headroom_bytes);
    renew();
  }
  void renew() {
    std::memcpy(room_.data() + headroom_bytes, frame_.data(), header_bytes);
    current.head = room_.data();
    current.data = room_.data() + headroom_bytes;
    current.end = room_.data() + room_.size();
  }
  sluice_frame current{};

 private:
  std::vector<std::uint8_t> frame_;
  std::vector<std::uint8_t> room_;
};

struct Form {
  std::uint8_t encapsulation;
  PacketKind packet;
  std::uint32_t chain;  // previous owners
};

bool is_v6(const Form& form) {
  return form.packet == PacketKind::tcp6_ack;
}

sluice_backend backend_of(const Form& form) {
  ModelOptions options;
  options.backends_per_pool = 4;
  options.encapsulation = form.encapsulation;
  sluice_backend backend = encode_backend(bench_model(options).backends.front());
  const NextHop hop = *bench_next_hop({});
  std::memcpy(&backend.mac_low, hop.destination_mac.data(), 6);
  std::memcpy(reinterpret_cast<std::uint8_t*>(&backend.mac_low) + 6, hop.source_mac.data(), 2);
  std::memcpy(&backend.mac_high, hop.source_mac.data() + 2, 4);
  return backend;
}

// A road as it stands before sluice_encapsulate.
sluice_road road_of(const Form& form, const sluice_backend& backend, const sluice_frame& frame) {
  sluice_road road{};
  road.backend = &backend;
  road.flow_hash = 0x0123456789abcdefULL;
  sluice_parse_ethernet(&frame, &road.packet, SLUICE_FULL);
  if (is_v6(form))
    sluice_parse_ipv6(&frame, &road.packet, SLUICE_FULL);
  else
    sluice_parse_ipv4(&frame, &road.packet, SLUICE_FULL);
  road.chain = {form.chain, 7, 11, 12, 13};
  return road;
}

std::uint32_t outer_bytes(const Form& form) {
  std::uint32_t bytes = sluice_outer_bytes(form.encapsulation) + sluice_chain_bytes(form.chain);
  if (form.chain != 0 && !sluice_encap_is_gue(form.encapsulation)) bytes += SLUICE_UDP_BYTES + 4;
  return bytes;
}

// The inner packet is there but for its TTL, behind a header of the right length whose IPv4 checksum is right.
bool is_right(const Form& form, const sluice_frame& frame, const std::vector<std::uint8_t>& original) {
  const std::uint32_t outer = outer_bytes(form);
  if (frame.end - frame.data != static_cast<std::ptrdiff_t>(original.size() + outer)) return false;
  const std::uint32_t l3 = form.packet == PacketKind::vlan_tcp4_ack ? 18 : 14;
  std::vector<std::uint8_t> inner(original.begin() + l3, original.end());
  sluice_decrement_ttl(inner.data(), is_v6(form));
  if (std::memcmp(frame.data + l3 + outer, inner.data(), inner.size()) != 0) return false;
  if (outer == 0 || sluice_encap_is_outer_v6(form.encapsulation)) return true;
  return sluice_fold(sluice_sum_inline(&frame, l3, SLUICE_IPV4_BYTES)) == 0xffff &&
         sluice_load16_be(frame.data + l3 + 2) == original.size() - l3 + outer;
}

void encapsulate(benchmark::State& state, Form form) {
  const auto original = bench_frame(form.packet, frame_bytes);
  FrameRoom room(original);
  const sluice_backend backend = backend_of(form);
  sluice_road road = road_of(form, backend, room.current);
  if (sluice_encapsulate(&room.current, &road, is_v6(form)) != SLUICE_REASON_forwarded ||
      !is_right(form, room.current, original))
    wrong_result("wrong outer header");
  for (auto _ : state) {
    room.renew();
    benchmark::DoNotOptimize(road);
    benchmark::DoNotOptimize(sluice_encapsulate(&room.current, &road, is_v6(form)));
    benchmark::ClobberMemory();
  }
}

// What the others' figures contain besides: renewing the frame, and a copy of 34 ready-made bytes before it.
void ready_made(benchmark::State& state) {
  FrameRoom room(bench_frame(PacketKind::tcp4_ack, frame_bytes));
  std::array<std::uint8_t, 34> header{};
  for (auto _ : state) {
    room.renew();
    benchmark::DoNotOptimize(header);
    benchmark::DoNotOptimize(sluice_grow_head(&room.current, 20));
    std::memcpy(room.current.data, header.data(), header.size());
    benchmark::ClobberMemory();
  }
}

// From frame to frame: parse, service, slot, backend, outer header, counters. One hot flow.
void whole_path(benchmark::State& state, bool track) {
  ModelOptions options;
  options.track = track;
  if (track) options.flows_per_worker = 1024;
  const ForwardingModel model = bench_model(options);
  const ImageMemory memory(image_sizes_for(model, {}));
  ImageWriter writer(memory.tables(), {}, [] {});
  if (!writer.publish(model, bench_next_hop, 0)) wrong_result("no image");
  sluice_tables tables = memory.tables();
  if (track) {
    FrameRoom syn(bench_frame(PacketKind::tcp4_syn, frame_bytes));
    sluice_process(&syn.current, &tables, 0, 1);
  }
  FrameRoom room(bench_frame(PacketKind::tcp4_ack, frame_bytes));
  for (auto _ : state) {
    room.renew();
    benchmark::DoNotOptimize(sluice_process(&room.current, &tables, 0, 1));
    benchmark::ClobberMemory();
  }
  const ImageTotals totals = read_totals(tables);
  const auto turns = static_cast<std::uint64_t>(state.iterations());
  if (totals.reasons[SLUICE_REASON_forwarded] != turns + (track ? 1 : 0) || totals.flow_hits != (track ? turns : 0))
    wrong_result("not every packet was forwarded the way it should");
}

BENCHMARK(ready_made);
BENCHMARK_CAPTURE(encapsulate, ipip_4_in_4, Form{SLUICE_ENCAP_IPIP_V4, PacketKind::tcp4_ack, 0});
BENCHMARK_CAPTURE(encapsulate, ipip_6_in_4, Form{SLUICE_ENCAP_IPIP_V4, PacketKind::tcp6_ack, 0});
BENCHMARK_CAPTURE(encapsulate, ipip_4_in_6, Form{SLUICE_ENCAP_IPIP_V6, PacketKind::tcp4_ack, 0});
BENCHMARK_CAPTURE(encapsulate, ipip_6_in_6, Form{SLUICE_ENCAP_IPIP_V6, PacketKind::tcp6_ack, 0});
BENCHMARK_CAPTURE(encapsulate, ipip_vlan, Form{SLUICE_ENCAP_IPIP_V4, PacketKind::vlan_tcp4_ack, 0});
BENCHMARK_CAPTURE(encapsulate, gue_4_in_4, Form{SLUICE_ENCAP_GUE_V4, PacketKind::tcp4_ack, 0});
BENCHMARK_CAPTURE(encapsulate, gue_6_in_6, Form{SLUICE_ENCAP_GUE_V6, PacketKind::tcp6_ack, 0});
BENCHMARK_CAPTURE(encapsulate, gue_chain_of_3, Form{SLUICE_ENCAP_GUE_V4, PacketKind::tcp4_ack, 3});
BENCHMARK_CAPTURE(encapsulate, l2, Form{SLUICE_ENCAP_L2, PacketKind::tcp4_ack, 0});
BENCHMARK_CAPTURE(whole_path, tcp4_stateless, false);
BENCHMARK_CAPTURE(whole_path, tcp4_tracked, true);

}  // namespace
}  // namespace sluice::bench

BENCHMARK_MAIN();
