// SPDX-License-Identifier: Apache-2.0
#include "vip_buffers.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>

#include "image_layout.h"
#include "sluice_encap.h"

namespace sluice {
namespace {

// Lines of a services buffer per key: an eighth full, cuckoo placement practically always succeeds and nine keys in ten
// sit in their first choice.
constexpr std::uint32_t vips_lines_per_key = 8;
// 16 KiB a buffer; also what makes two keys sharing both choices unlikely in small tables (see place_vips).
constexpr std::uint32_t vips_lines_min = 256;

// Keys of the services buffer: services, and what is known of each VIP without ports.
struct AddressKey {
  IpAddress address;
  std::uint8_t protocol = 0;
  friend auto operator<=>(const AddressKey&, const AddressKey&) = default;
};

std::uint8_t icmp_of(const IpAddress& address) {
  return address.is_v4() ? SLUICE_PROTO_ICMP : SLUICE_PROTO_ICMPV6;
}

std::set<AddressKey> address_keys_of(const SharedVector<ForwardingService>& services) {
  std::set<AddressKey> keys;
  for (const ForwardingService& service : services) {
    keys.insert({service.key.address, service.key.protocol});
    keys.insert({service.key.address, icmp_of(service.key.address)});
  }
  return keys;
}

std::uint32_t lines_for_keys(std::size_t keys) {
  return std::bit_ceil(std::max(static_cast<std::uint32_t>(keys) * vips_lines_per_key, vips_lines_min));
}

std::uint32_t flags_of(const ForwardingService& service) {
  std::uint32_t flags = 0;
  // A service hashed without ports cannot tell its connections apart, so it has nothing to remember.
  if (service.track && !service.fragments) flags |= SLUICE_VIP_TRACK;
  if (service.fragments) flags |= SLUICE_VIP_FRAGMENTS;
  if (service.unreachable) flags |= SLUICE_VIP_UNREACHABLE;
  return flags;
}

sluice_vip filled(sluice_vip vip, const PoolPlace& place) {
  if (place.chain) vip.flags |= SLUICE_VIP_CHAIN;
  if (!place.slots_line) {
    vip.flags |= SLUICE_VIP_EMPTY;
    return vip;
  }
  vip.slots_line = *place.slots_line;
  vip.slots_count = place.slots_count;
  vip.past_line = place.past_line;
  vip.past_count = place.past_count;
  vip.past_shift = place.past_shift;
  vip.members_line = place.members_line;
  vip.members_count = place.members_count;
  return vip;
}

}  // namespace

std::uint32_t VipBuffers::lines_for(const SharedVector<ForwardingService>& services) {
  return lines_for_keys(services.size() + address_keys_of(services).size());
}

std::vector<VipBuffers::Draft> VipBuffers::drafts_of(const VipsWanted& wanted) {
  std::vector<Draft> drafts;
  std::map<AddressKey, Draft> addresses;
  for (std::size_t i = 0; i < wanted.services.size(); ++i) {
    const ForwardingService& service = wanted.services[i];
    const ServiceKey& key = service.key;
    Draft draft{encode_vip_key(key.address, key.protocol, key.port.value(), true), service.pool};
    draft.vip.service = wanted.counters[i];
    draft.vip.flags = flags_of(service);
    drafts.push_back(draft);
    const auto [echo, is_new_echo] = addresses.try_emplace({key.address, icmp_of(key.address)});
    if (is_new_echo) {
      echo->second.vip = encode_vip_key(key.address, icmp_of(key.address), 0, false);
      echo->second.vip.service = wanted.counters[i];
    }
    const auto [portless, is_new] = addresses.try_emplace({key.address, key.protocol});
    if (is_new) {
      portless->second.vip = encode_vip_key(key.address, key.protocol, 0, false);
      portless->second.vip.service = wanted.counters[i];
    }
    if (service.fragments && !portless->second.pool) {
      portless->second.vip.service = wanted.counters[i];
      portless->second.vip.flags = SLUICE_VIP_FRAGMENTS;
      portless->second.pool = service.pool;
    }
  }
  for (const auto& [key, draft] : addresses) drafts.push_back(draft);
  return drafts;
}

std::shared_ptr<const VipBuffers::Layout> VipBuffers::known_layout(const VipsWanted& wanted) const {
  for (const Buffer& buffer : buffers_) {
    if (!buffer.layout) continue;
    const Layout& layout = *buffer.layout;
    if (layout.services.is_same(wanted.services) && layout.counters.is_same(wanted.counters) &&
        std::memcmp(&layout.key, &wanted.key, sizeof layout.key) == 0)
      return buffer.layout;
  }
  return nullptr;
}

Result<std::uint32_t> VipBuffers::fill(std::uint32_t parity, const VipsWanted& wanted) {
  const std::shared_ptr<const Layout> layout = known_layout(wanted);
  Buffer& buffer = buffers_.at(parity);
  if (!layout || buffer.layout != layout) {
    if (const Status laid_out = lay_out(parity, wanted, layout); !laid_out) return laid_out.error();
    return buffer.layout->lines_count;
  }
  sluice_vip* const lines = &vips_[parity * (vips_.size() / 2)];
  for (std::size_t i = 0; i < layout->drafts.size(); ++i) {
    const Draft& draft = layout->drafts[i];
    if (!draft.pool || buffer.pools.at(*draft.pool) == wanted.pools.at(*draft.pool)) continue;
    sluice_vip& line = lines[layout->lines[i]];
    const std::uint32_t chained = line.chained;
    line = filled(draft.vip, wanted.pools[*draft.pool]);
    line.chained = chained;
  }
  buffer.pools = wanted.pools;
  return layout->lines_count;
}

Status VipBuffers::lay_out(std::uint32_t parity, const VipsWanted& wanted, std::shared_ptr<const Layout> layout) {
  Buffer& buffer = buffers_.at(parity);
  buffer = Buffer{};
  std::shared_ptr<Layout> made;
  if (!layout) {
    made = std::make_shared<Layout>();
    made->services = wanted.services;
    made->counters = wanted.counters;
    made->key = wanted.key;
    made->drafts = drafts_of(wanted);
    made->lines_count = lines_for_keys(made->drafts.size());
    layout = made;
  }
  if (layout->lines_count > vips_.size() / 2)
    return make_error(ErrorCode::out_of_capacity, "the image's vips array is full");
  std::vector<sluice_vip> vips;
  vips.reserve(layout->drafts.size());
  for (const Draft& draft : layout->drafts)
    vips.push_back(draft.pool ? filled(draft.vip, wanted.pools.at(*draft.pool)) : draft.vip);
  const std::span<sluice_vip> lines = vips_.subspan(parity * (vips_.size() / 2), layout->lines_count);
  if (!place_vips(vips, wanted.key, lines))
    return make_error(ErrorCode::conflict, "the services cannot be placed under this hash_key; choose another one");
  if (made) made->lines = placed_lines(vips, wanted.key, lines);
  buffer.layout = std::move(layout);
  buffer.pools = wanted.pools;
  return {};
}

}  // namespace sluice
