// SPDX-License-Identifier: Apache-2.0
#include "packet_plane.h"

#include <algorithm>
#include <cstring>

#include "sluice_flows.h"

namespace sluice {
namespace {

template <typename Line>
void clear(Line* lines, std::uint32_t count) {
  std::memset(static_cast<void*>(lines), 0, std::size_t{count} * sizeof(Line));
}

}  // namespace

ImageSizes sizes_for_all(const std::vector<PacketSite>& sites, std::uint32_t workers) {
  ImageSizes all;
  for (const PacketSite& site : sites) {
    const ImageSizes one = image_sizes_for(site.model, ImageOptions{workers});
    all.vips = std::max(all.vips, one.vips);
    // Room for two whole generations: the variants of a site change all of its pools at once.
    all.slots = std::max(all.slots, 2 * one.slots);
    all.past = std::max(all.past, 2 * one.past);
    all.members = std::max(all.members, 2 * one.members);
    all.backends = std::max(all.backends, 2 * one.backends);
    all.flows = std::max(all.flows, one.flows);
    all.counters = std::max(all.counters, 2 * one.counters);
  }
  return all;
}

void PacketPlane::attach(const sluice_tables& tables, std::uint32_t workers, std::uint32_t worker) {
  tables_ = tables;
  options_.workers = workers;
  worker_ = worker;
  reset();
}

void PacketPlane::reset() {
  writer_.reset();
  clear(tables_.control, 1);
  clear(tables_.vips, tables_.vips_lines);
  clear(tables_.slots, tables_.slots_lines);
  clear(tables_.past, tables_.past_lines);
  clear(tables_.members, tables_.members_lines);
  clear(tables_.backends, tables_.backends_lines);
  clear(tables_.flows, tables_.flows_lines);
  clear(tables_.counters, tables_.counters_lines);
  // Frames are run by the thread that publishes: no reader is ever under way.
  writer_.emplace(tables_, options_, [] {});
}

Status PacketPlane::publish(const PacketSite& site) {
  const auto next_hop_of = [&site](const ForwardingBackend& backend) { return site.next_hop_of(backend); };
  if (auto published = writer_->publish(site.model, next_hop_of, 1); !published) return published.error();
  return {};
}

const sluice_generation& PacketPlane::generation() const {
  return tables_.control->generations[tables_.control->active.generation & 1];
}

std::span<const sluice_line> PacketPlane::counters() const {
  const std::uint32_t stride = generation().counters_stride;
  return {tables_.counters + worker_ * stride, stride};
}

std::span<sluice_flows> PacketPlane::flow_lines() const {
  const std::uint32_t lines = generation().flows_mask + 1;
  if (lines * (worker_ + 1) > tables_.flows_lines) return {};
  return {tables_.flows + worker_ * lines, lines};
}

std::vector<std::uint64_t> PacketPlane::flows() const {
  std::vector<std::uint64_t> aged;
  for (const sluice_flows& line : flow_lines()) {
    for (const std::uint64_t entry : line.entry) {
      const std::uint64_t age = entry == 0 ? 0 : sluice_flow_age(entry, flow_clock());
      aged.push_back((entry & ~std::uint64_t{SLUICE_FLOW_TIME_MASK}) | age);
    }
  }
  return aged;
}

}  // namespace sluice
