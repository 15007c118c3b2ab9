// SPDX-License-Identifier: Apache-2.0
#include "config_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "config_findings.h"
#include "suggest.h"

namespace sluice {
namespace {

using namespace config_detail;

bool is_name_character(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > config_limits::name_length_max) return false;
  return text[0] != '.' && text[0] != '-' && std::all_of(text.begin(), text.end(), is_name_character);
}

bool is_v4_mapped(const IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // RFC 4291 2.5.5.2
  return !address.is_v4() && std::equal(prefix.begin(), prefix.end(), address.bytes().begin());
}

bool is_link_local(const IpAddress& address) {
  return !address.is_v4() && address.bytes()[0] == 0xfe && (address.bytes()[1] & 0xc0U) == 0x80;
}

// Why an address cannot stand for one host (or service); empty if it can.
std::string_view host_fault(const IpAddress& address) {
  if (address.is_unspecified()) return "is the unspecified address";
  if (address.is_multicast()) return "is a multicast address";
  if (address == IpAddress::from_v4_bytes({255, 255, 255, 255})) return "is the broadcast address";
  if (address.is_loopback()) return "is a loopback address, which never leaves a host";
  if (is_v4_mapped(address)) return "is an IPv4 address inside an IPv6 one; write the IPv4 address itself";
  if (is_link_local(address)) return "is link-local: it names a host only together with an interface";
  return {};
}

// Line 0: the value stands in no file.
constexpr Place no_place{0, 0};

template <typename T>
Field<T> placed(T value) {
  return {std::move(value), no_place};
}

// Single values first, then as a file's content to the checks across tables.
class ValueCheck {
 public:
  void add(const PoolConfig& pool) {
    PlacedPool made;
    made.place = no_place;
    made.context = fmt::format("pool {}", in_quotes(pool.name));
    error(made.context, name_fault(pool.name));
    error(made.context, slots_fault(pool.slots_count));
    if (pool.gue_port.value() == 0) error(made.context, "gue_port 0 is out of range; allowed: 1 to 65535");
    if (pool.mtu < config_limits::mtu_v4_min || pool.mtu > config_limits::mtu_max) {
      error(made.context, fmt::format("mtu {} is out of range; allowed: {} to {} (from 1280 if a backend is IPv6)",
                                      pool.mtu, config_limits::mtu_v4_min, config_limits::mtu_max));
    }
    if (pool.members.size() > config_limits::members_max) {
      error(made.context,
            fmt::format("{} backends are too many; allowed: {} in one pool (a slot names its backend in 15 bits)",
                        pool.members.size(), config_limits::members_max));
    }
    made.name = placed(pool.name);
    made.encapsulation = placed(pool.encapsulation);
    made.gue_port = placed(pool.gue_port.value());
    made.slots_count = placed(pool.slots_count);
    made.mtu = placed(pool.mtu);
    for (const MemberConfig& member : pool.members) made.members.push_back(placed_member(made.context, member));
    config_.pools.push_back(std::move(made));
  }

  void add(const ServiceToCheck& service) {
    const ServiceConfig& config = *service.config;
    PlacedService made;
    made.place = no_place;
    made.context = fmt::format("service {}", in_quotes(config.name));
    error(made.context, name_fault(config.name));
    if (const std::string fault = address_fault(config.address, AddressKind::service); !fault.empty())
      error(made.context, "address " + fault);
    made.name = placed(config.name);
    made.address = placed(config.address);
    made.port = placed(config.port.value());
    made.protocol = placed(config.protocol);
    made.pool = placed(std::string(service.pool));
    made.track = placed(config.track);
    made.fragments = placed(config.fragments);
    made.unreachable = placed(config.unreachable);
    config_.services.push_back(std::move(made));
  }

  std::vector<std::string> faults() {
    config_.plane.faulty = true;  // nothing is known of a balancer's own addresses
    check_across(config_, findings_);
    std::vector<std::string> texts;
    for (Diagnostic& fault : findings_.take_errors()) texts.push_back(std::move(fault.message));
    return texts;
  }

 private:
  void error(const std::string& context, const std::string& fault) {
    if (!fault.empty()) findings_.error(no_place, fmt::format("{}: {}", context, fault));
  }

  PlacedMember placed_member(const std::string& pool_context, const MemberConfig& member) {
    PlacedMember made;
    made.place = no_place;
    made.context = fmt::format("{}, backend {}", pool_context, in_quotes(member.name));
    error(made.context, name_fault(member.name));
    if (const std::string fault = address_fault(member.address, AddressKind::backend); !fault.empty())
      error(made.context, "address " + fault);
    made.name = placed(member.name);
    made.address = placed(member.address);
    made.weight = placed(member.weight);
    return made;
  }

  PlacedConfig config_;
  Findings findings_;
};

}  // namespace

std::string name_fault(std::string_view name) {
  if (is_name(name)) return {};
  return fmt::format(
      "name {} is not usable in commands; allowed: 1 to {} letters, digits, '-', '_' and '.', the first "
      "a letter, a digit or '_'",
      in_quotes(name), config_limits::name_length_max);
}

std::string address_fault(const IpAddress& address, AddressKind kind) {
  const std::string_view reason = host_fault(address);
  if (reason.empty()) return {};
  const std::string_view allowed = kind == AddressKind::backend   ? "the unicast address of one backend host"
                                   : kind == AddressKind::service ? "a unicast address that clients connect to"
                                                                  : "a unicast address of this balancer";
  return fmt::format("{} {}; allowed: {}", address.to_string(), reason, allowed);
}

std::string slots_fault(std::int64_t slots_count) {
  const auto& allowed = config_limits::slots_allowed;
  if (std::find(allowed.begin(), allowed.end(), slots_count) != allowed.end()) return {};
  return fmt::format("slots {} is not a table size; allowed: {} (primes, as the Maglev fill needs)", slots_count,
                     slots_text);
}

std::vector<std::string> faults_of(std::span<const PoolConfig* const> pools, std::span<const ServiceToCheck> services) {
  ValueCheck check;
  for (const PoolConfig* pool : pools) check.add(*pool);
  for (const ServiceToCheck& service : services) check.add(service);
  return check.faults();
}

}  // namespace sluice
