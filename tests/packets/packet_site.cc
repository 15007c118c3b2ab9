// SPDX-License-Identifier: Apache-2.0
#include "packet_site.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

#include "config.h"
#include "sluice_limits.h"
#include "static_model.h"

namespace sluice {
namespace {

constexpr std::string_view second_chance_mark = "#! second-chance ";
constexpr std::uint32_t first_id = 0xb0000001;
// UDP and GUE headers, and the longest chain behind them.
constexpr std::uint32_t chained_bytes = 8 + 4 + SLUICE_GUE_CHAIN_BYTES_MAX;

std::optional<PreviousOwners> previous_owners(std::uint32_t slot, std::uint32_t owner, std::uint32_t members) {
  if (slot % 3 == 0 || members < 2) return std::nullopt;
  PreviousOwners previous{SlotIndex(slot), {}};
  previous.members.fill(SLUICE_MEMBER_NONE);
  const std::uint32_t count = std::min(1 + slot / 4 % 3, members - 1);
  for (std::uint32_t i = 0; i < count; ++i)
    previous.members[i] = static_cast<std::uint16_t>((owner + 1 + (slot + i) % (members - 1)) % members);
  return previous;
}

void give_second_chance(ForwardingModel& model, const PoolConfig& config, ForwardingPool& pool) {
  pool.chain = true;
  const auto members = static_cast<std::uint32_t>(pool.members.size());
  for (std::uint32_t member = 0; member < members; ++member) {
    ForwardingBackend& backend = model.backends.edit()[pool.members[member]];
    backend.id = first_id + member;
    if (config.encapsulation == Encapsulation::l2) continue;
    const std::uint32_t address_bytes = backend.key.address.is_v4() ? 20 : 40;
    backend.inner_mtu = static_cast<std::uint16_t>(config.mtu - address_bytes - chained_bytes);
  }
  for (std::uint32_t slot = 0; slot < pool.slots.size(); ++slot)
    if (const auto previous = previous_owners(slot, pool.slots[slot], members)) pool.past.push_back(*previous);
}

}  // namespace

std::optional<NextHop> PacketSite::next_hop_of(const ForwardingBackend& backend) const {
  const std::string& name = member_names.at(backend.key);
  if (name.find("silent") != std::string::npos) return std::nullopt;
  NextHop hop;
  const auto& address = backend.key.address.bytes();
  const std::size_t last = backend.key.address.is_v4() ? 0 : 12;
  hop.destination_mac = {0x02, 0xbe, address[last], address[last + 1], address[last + 2], address[last + 3]};
  hop.source_mac = {0x02, 0x0a, 0, 0, 0, 1};
  if (const std::size_t mark = name.rfind("-if"); mark != std::string::npos)
    std::from_chars(name.data() + mark + 3, name.data() + name.size(), hop.interface);
  return hop;
}

Result<PacketSite> read_packet_site(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return make_error(ErrorCode::io, "cannot read " + path);
  const ConfigOutcome outcome = parse_config(text.str(), path);
  if (!outcome.ok()) return make_error(ErrorCode::invalid_argument, errors_text(outcome));
  auto model = forwarding_model_of(*outcome.config);
  if (!model) return model.error();
  PacketSite site{std::move(*model), {}};
  for (const ForwardingPool& pool : site.model.pools)
    for (std::size_t member = 0; member < pool.members.size(); ++member)
      site.member_names.emplace(site.model.backends[pool.members[member]].key, pool.member_names[member]);
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with(second_chance_mark)) continue;
    const std::string name = line.substr(second_chance_mark.size());
    for (std::size_t i = 0; i < site.model.pools.size(); ++i)
      if (site.model.pools[i].name == name)
        give_second_chance(site.model, outcome.config->pools[i], site.model.pools[i]);
  }
  return site;
}

}  // namespace sluice
