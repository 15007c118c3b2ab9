// SPDX-License-Identifier: Apache-2.0
// From one image to a larger one: what was counted and remembered is there too. In ordinary memory.
#include "image_carry.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "image_memory.h"
#include "image_reader.h"
#include "image_writer.h"
#include "sluice_flows.h"

namespace sluice {
namespace {

constexpr std::uint32_t workers = 3;  // two CPUs, and what is carried

ForwardingModel model_of(std::vector<std::string> backends, std::uint32_t flows = 64) {
  ForwardingModel model;
  model.hash_secret = {1, 2, 3};
  model.flows_per_worker = flows;
  ForwardingPool pool;
  pool.name = "web";
  for (std::uint32_t i = 0; i < backends.size(); ++i) {
    ForwardingBackend backend;
    backend.key = {IpAddress::parse(backends[i]).value(), SLUICE_ENCAP_IPIP_V4, 0};
    backend.source = IpAddress::parse("10.0.0.1").value();
    backend.inner_mtu = 1480;
    model.backends.push_back(backend);
    pool.members.push_back(i);
  }
  for (std::uint32_t slot = 0; slot < 13; ++slot)
    pool.slots.push_back(static_cast<std::uint16_t>(slot % backends.size()));
  model.pools.push_back(pool);
  ForwardingService service;
  service.name = "web";
  service.key = {IpAddress::parse("203.0.113.10").value(), 6, PortHost(80)};
  service.track = true;
  model.services.push_back(service);
  return model;
}

struct Image {
  explicit Image(const ForwardingModel& model)
      : memory(image_sizes_for(model, {workers})), writer(memory.tables(), {workers}, [] {}) {
    EXPECT_TRUE(writer.publish(model, {}, 1));
  }
  ImageMemory memory;
  ImageWriter writer;

  std::uint32_t line_of(const std::string& address) const {
    return writer.find_backend({IpAddress::parse(address).value(), SLUICE_ENCAP_IPIP_V4, 0})->value();
  }
  sluice_u64& entry(std::uint32_t line, std::size_t place) const { return memory.tables().flows[line].entry[place]; }
  // What worker `worker` counts, from a start of `base`.
  void count(std::uint32_t worker, std::uint64_t base) const {
    const sluice_tables& tables = memory.tables();
    const sluice_generation& generation = tables.control->generations[tables.control->active.generation & 1];
    sluice_line* lines = tables.counters + worker * generation.counters_stride;
    reinterpret_cast<sluice_worker_head*>(lines)->rx_packets = base;
    reinterpret_cast<sluice_reason_counters*>(lines + SLUICE_COUNTERS_REASONS)->packets[SLUICE_REASON_forwarded] = base;
    reinterpret_cast<sluice_traffic_counters*>(lines + SLUICE_COUNTERS_SERVICES)->traffic[0] = {base, 2 * base, 3, 4};
    const std::uint32_t index = line_of("10.1.0.2");
    reinterpret_cast<sluice_traffic_counters*>(lines + generation.counters_backends + index / SLUICE_TRAFFIC_PER_LINE)
        ->traffic[index % SLUICE_TRAFFIC_PER_LINE] = {base, base, base, 0};
  }
};

TEST(ImageCarry, CountersAddUpOverGenerationsOfArrays) {
  const ForwardingModel small = model_of({"10.1.0.1", "10.1.0.2"});
  // Another order: every backend has another line.
  const ForwardingModel large = model_of({"10.1.0.9", "10.1.0.2", "10.1.0.1"});
  const Image first(small);
  first.count(0, 100);
  first.count(1, 1000);
  const Image second(large);
  second.count(0, 7);
  ImageCarry carry(first.writer, second.writer, large);
  carry.copy_counters();
  carry.copy_counters();  // a process that died in between does it again
  EXPECT_EQ(read_totals(second.memory.tables()).rx_packets, 1107U);
  EXPECT_EQ(read_totals(second.memory.tables()).reasons[SLUICE_REASON_forwarded], 1107U);
  EXPECT_EQ(read_service(second.memory.tables(), 0), (TrafficTotals{1107, 2214, 9, 12}));
  EXPECT_EQ(read_backend(second.memory.tables(), BackendIndex(second.line_of("10.1.0.2"))).packets, 1107U);
  EXPECT_EQ(read_backend(second.memory.tables(), BackendIndex(second.line_of("10.1.0.9"))).packets, 0U);
  // And once more: what had been carried is carried on.
  const Image third(large);
  ImageCarry(second.writer, third.writer, large).copy_counters();
  EXPECT_EQ(read_totals(third.memory.tables()).rx_packets, 1107U);
}

TEST(ImageCarry, FlowsFollowTheirBackend) {
  const ForwardingModel small = model_of({"10.1.0.1", "10.1.0.2", "10.1.0.3"});
  const ForwardingModel large = model_of({"10.1.0.9", "10.1.0.2", "10.1.0.1"});  // 10.1.0.3 has left
  const Image first(small);
  const Image second(large);
  const std::uint32_t lines = workers * 64 / SLUICE_FLOWS_PER_LINE;
  first.entry(0, 3) = sluice_flow_entry(0xabcd, first.line_of("10.1.0.1"), 77);
  first.entry(lines - 1, 7) = sluice_flow_entry(0xffffffff, first.line_of("10.1.0.2"), 4095);
  first.entry(5, 0) = sluice_flow_entry(0x1, first.line_of("10.1.0.3"), 1);
  ImageCarry carry(first.writer, second.writer, large);
  EXPECT_EQ(carry.copy_flows(), 2U);
  EXPECT_EQ(second.entry(0, 3), sluice_flow_entry(0xabcd, second.line_of("10.1.0.1"), 77));
  EXPECT_EQ(second.entry(lines - 1, 7), sluice_flow_entry(0xffffffff, second.line_of("10.1.0.2"), 4095));
  EXPECT_EQ(second.entry(5, 0), 0U);
  // Entered while the switch went on: taken over, unless the new program has entered something there.
  first.entry(1, 1) = sluice_flow_entry(0x11, first.line_of("10.1.0.1"), 5);
  first.entry(1, 2) = sluice_flow_entry(0x12, first.line_of("10.1.0.1"), 5);
  const sluice_u64 newer = sluice_flow_entry(0x99, second.line_of("10.1.0.9"), 6);
  second.entry(1, 2) = newer;
  EXPECT_EQ(carry.copy_late_flows(), 1U);
  EXPECT_EQ(second.entry(1, 1), sluice_flow_entry(0x11, second.line_of("10.1.0.1"), 5));
  EXPECT_EQ(second.entry(1, 2), newer);
}

TEST(ImageCarry, FlowsOfAnotherShapeOrKeyStay) {
  const ForwardingModel small = model_of({"10.1.0.1"});
  const Image first(small);
  first.entry(0, 0) = sluice_flow_entry(0xabcd, first.line_of("10.1.0.1"), 77);
  const ForwardingModel wider = model_of({"10.1.0.1"}, 128);
  const Image second(wider);
  EXPECT_EQ(ImageCarry(first.writer, second.writer, wider).copy_flows(), 0U);
  ForwardingModel rekeyed = small;
  rekeyed.hash_secret = {9};
  const Image third(rekeyed);
  EXPECT_EQ(ImageCarry(first.writer, third.writer, rekeyed).copy_flows(), 0U);
}

}  // namespace
}  // namespace sluice
