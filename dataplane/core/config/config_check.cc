// SPDX-License-Identifier: Apache-2.0
// What one table cannot tell about itself.
#include <fmt/format.h>

#include <map>
#include <set>
#include <string_view>
#include <tuple>

#include "config_findings.h"
#include "suggest.h"

namespace sluice::config_detail {
namespace {

// Outer headers: IPv4 20, IPv6 40, UDP 8 with GUE 4.
std::uint32_t outer_bytes(Encapsulation encapsulation, IpFamily outer) {
  if (encapsulation == Encapsulation::l2) return 0;
  return (outer == IpFamily::v4 ? 20U : 40U) + (encapsulation == Encapsulation::gue ? 12U : 0U);
}

int number(IpFamily family) {
  return family == IpFamily::v4 ? 4 : 6;
}

// " (line 5)", or nothing for what stands in no file.
std::string at_line(Place place) {
  return place.line == 0 ? std::string() : fmt::format(" (line {})", place.line);
}

// `203.0.113.10:80/tcp`, `[2001:db8::1]:80/tcp`
std::string service_text(const IpAddress& address, std::uint16_t port, Protocol protocol) {
  const std::string host = address.is_v4() ? address.to_string() : '[' + address.to_string() + ']';
  return fmt::format("{}:{}/{}", host, port, to_text(protocol));
}

class Check {
 public:
  Check(const PlacedConfig& config, Findings& findings) : config_(config), findings_(findings) {}

  void run() {
    index_services();
    for (const PlacedPool& pool : config_.pools) check_pool(pool);
    for (const PlacedService& service : config_.services) check_service(service);
    check_sources();
    for (const PlacedPool& pool : config_.pools) warn_about(pool);
    if (backends_.size() > config_limits::backends_max) {
      findings_.error(backend_over_, fmt::format("{} different backends are too many; allowed: {} (a flow names its "
                                                 "backend in 20 bits)",
                                                 backends_.size(), config_limits::backends_max));
    }
  }

 private:
  using ServiceKey = std::tuple<IpAddress, std::uint16_t, Protocol>;
  using BackendKey = std::tuple<IpAddress, Encapsulation, std::uint16_t>;
  struct Path {
    std::uint16_t mtu;
    Place place;
    const PlacedPool* pool;
  };

  void error(Place place, const std::string& context, std::string_view message) {
    findings_.error(place, fmt::format("{}: {}", context, message));
  }

  void index_services() {
    for (const PlacedService& service : config_.services) {
      if (service.address.value) vips_.emplace(*service.address.value, &service);
    }
  }

  template <typename Names>
  void check_name(Names& names, const Field<std::string>& name, const std::string& context) {
    if (!name.value) return;
    const auto [found, is_new] = names.emplace(*name.value, name.place);
    if (!is_new) {
      error(name.place, context,
            fmt::format("name {} is already taken{}; allowed: a different name for each", in_quotes(*name.value),
                        at_line(found->second)));
    }
  }

  void check_pool(const PlacedPool& pool) {
    check_name(pool_names_, pool.name, pool.context);
    if (pool.name.value) pools_.emplace(*pool.name.value, &pool);
    std::map<std::string_view, Place> names;
    std::map<IpAddress, Place> addresses;
    std::size_t with_weight = 0;
    bool mtu_reported = false;
    for (const PlacedMember& member : pool.members) {
      check_name(names, member.name, member.context);
      if (!member.weight.value || *member.weight.value > 0) ++with_weight;
      if (!member.address.value) continue;
      const auto [found, is_new] = addresses.emplace(*member.address.value, member.address.place);
      if (!is_new) {
        error(member.address.place, member.context,
              fmt::format("address {} is already in this pool{}; allowed: each backend once, with the sum of the "
                          "weights",
                          member.address.value->to_string(), at_line(found->second)));
      }
      check_member(pool, member, mtu_reported);
    }
    if (pool.slots_count.value && with_weight > *pool.slots_count.value) {
      error(pool.slots_count.place, pool.context,
            fmt::format("{} backends with a weight do not fit {} slots: some would get none; allowed: slots = 65537 or "
                        "more",
                        with_weight, *pool.slots_count.value));
    }
  }

  void check_member(const PlacedPool& pool, const PlacedMember& member, bool& mtu_reported) {
    const IpAddress& address = *member.address.value;
    if (const auto vip = vips_.find(address); vip != vips_.end()) {
      error(member.address.place, member.context,
            fmt::format("address {} is also the address of {}{}: its packets would come back to the balancer; "
                        "allowed: an address of the backend's own",
                        address.to_string(), vip->second->context, at_line(vip->second->address.place)));
    }
    if (pool.mtu.value && !address.is_v4() && *pool.mtu.value < config_limits::mtu_v6_min && !mtu_reported) {
      mtu_reported = true;
      error(pool.mtu.place, pool.context,
            fmt::format("mtu {} is below IPv6's minimum, and {} is reached over IPv6; allowed: {} to {}",
                        *pool.mtu.value, in_quotes(member.name.value.value_or(address.to_string())),
                        config_limits::mtu_v6_min, config_limits::mtu_max));
    }
    if (!pool.encapsulation.value || !pool.gue_port.value) return;
    const Encapsulation encapsulation = *pool.encapsulation.value;
    const std::uint16_t port = encapsulation == Encapsulation::gue ? *pool.gue_port.value : std::uint16_t{0};
    if (encapsulation != Encapsulation::l2) needs_source_.emplace(address.family(), &member);
    if (!pool.mtu.value) return;
    const auto [found, is_new] =
        backends_.emplace(BackendKey{address, encapsulation, port}, Path{*pool.mtu.value, pool.mtu.place, &pool});
    if (is_new && backends_.size() == config_limits::backends_max + 1) backend_over_ = member.place;
    if (!is_new && found->second.mtu != *pool.mtu.value && found->second.pool != &pool) {
      error(pool.mtu.place, pool.context,
            fmt::format("mtu {} contradicts mtu {} of {}, which has backend {} too; allowed: one value for one path",
                        *pool.mtu.value, found->second.mtu, found->second.pool->context, address.to_string()));
    }
  }

  void check_service(const PlacedService& service) {
    check_name(service_names_, service.name, service.context);
    check_service_key(service);
    if (!service.pool.value) return;
    const auto found = pools_.find(*service.pool.value);
    if (found == pools_.end()) {
      report_unknown_pool(service);
      return;
    }
    const PlacedPool& pool = *found->second;
    used_pools_.insert(&pool);
    check_family(service, pool);
    check_inner_mtu(service, pool);
    check_fragments(service);
  }

  void check_service_key(const PlacedService& service) {
    if (!service.address.value || !service.port.value || !service.protocol.value) return;
    const ServiceKey key{*service.address.value, *service.port.value, *service.protocol.value};
    const auto [found, is_new] = service_keys_.emplace(key, &service);
    if (is_new) return;
    error(service.address.place, service.context,
          fmt::format("{} is already {}{}; allowed: each address, port and protocol once",
                      service_text(std::get<0>(key), std::get<1>(key), std::get<2>(key)), found->second->context,
                      at_line(found->second->place)));
  }

  void report_unknown_pool(const PlacedService& service) {
    std::vector<std::string_view> names;
    for (const auto& [name, pool] : pools_) names.push_back(name);
    const std::string nearest = did_you_mean(*service.pool.value, names);
    error(service.pool.place, service.context,
          fmt::format("there is no pool {}{} allowed: the name of a [[pool]]", in_quotes(*service.pool.value),
                      nearest.empty() ? ";" : nearest));
  }

  // L2 leaves the IP header as it is, so the backend must have an address of that family to be found by.
  void check_family(const PlacedService& service, const PlacedPool& pool) {
    if (!service.address.value || pool.encapsulation.value != Encapsulation::l2) return;
    const IpFamily family = service.address.value->family();
    for (const PlacedMember& member : pool.members) {
      if (!member.address.value || member.address.value->family() == family) continue;
      error(service.pool.place, service.context,
            fmt::format("an IPv{} service cannot use l2 towards {} ({}), which is IPv{}; allowed: backends of one "
                        "family with the service, or encapsulation = \"ipip\" or \"gue\"",
                        number(family), member.context, member.address.value->to_string(),
                        number(member.address.value->family())));
      return;
    }
  }

  // RFC 8200 section 5: IPv6 hosts need not make packets smaller than 1280 bytes, whatever they are told.
  void check_inner_mtu(const PlacedService& service, const PlacedPool& pool) {
    if (!service.address.value || service.address.value->is_v4()) return;
    if (!pool.mtu.value || !pool.encapsulation.value) return;
    for (const PlacedMember& member : pool.members) {
      if (!member.address.value) continue;
      const std::uint32_t outer = outer_bytes(*pool.encapsulation.value, member.address.value->family());
      if (*pool.mtu.value >= config_limits::mtu_v6_min + outer) continue;
      error(
          service.pool.place, service.context,
          fmt::format("mtu {} of {} leaves {} bytes inside {} bytes of {} header, and an IPv6 service needs {}; "
                      "allowed: mtu = {} to {}",
                      *pool.mtu.value, pool.context, *pool.mtu.value - outer, outer, to_text(*pool.encapsulation.value),
                      config_limits::mtu_v6_min, config_limits::mtu_v6_min + outer, config_limits::mtu_max));
      return;
    }
  }

  // A later fragment carries no port: only (address, protocol) can say where it goes.
  void check_fragments(const PlacedService& service) {
    if (!service.address.value || !service.protocol.value || service.fragments.value != true) return;
    const auto [found, is_new] =
        fragment_pools_.emplace(std::pair(*service.address.value, *service.protocol.value), &service);
    const PlacedService& first = *found->second;
    if (is_new || first.pool.value == service.pool.value) return;
    error(service.pool.place, service.context,
          fmt::format("fragments have no port, so services with fragments = true on {}/{} need one pool, and {}{} has "
                      "{}; allowed: pool = {} here, or fragments = false",
                      service.address.value->to_string(), to_text(*service.protocol.value), first.context,
                      at_line(first.place), in_quotes(*first.pool.value), in_quotes(*first.pool.value)));
  }

  void check_sources() {
    for (const auto& [family, member] : needs_source_) {
      const bool is_v4 = family == IpFamily::v4;
      const Field<IpAddress>& source = is_v4 ? config_.plane.source_ipv4 : config_.plane.source_ipv6;
      const bool given = source.value.has_value() || source.place.line != config_.plane.place.line ||
                         source.place.column != config_.plane.place.column;
      if (given || config_.plane.faulty) continue;
      findings_.error(config_.plane.place,
                      fmt::format("plane: \"source_ipv{0}\" is missing; {1} is reached through an IPv{0} tunnel, which "
                                  "needs a source; write source_ipv{0} = \"{2}\" or the like under [plane], an address "
                                  "of this balancer",
                                  is_v4 ? 4 : 6, member->context, is_v4 ? "10.0.0.2" : "fd00::2"));
    }
    for (const Field<IpAddress>* source : {&config_.plane.source_ipv4, &config_.plane.source_ipv6}) {
      if (!source->value) continue;
      const auto vip = vips_.find(*source->value);
      if (vip == vips_.end()) continue;
      error(source->place, "plane",
            fmt::format("source {} is also the address of {}{}; allowed: an address of this balancer alone",
                        source->value->to_string(), vip->second->context, at_line(vip->second->address.place)));
    }
  }

  void warn_about(const PlacedPool& pool) {
    if (used_pools_.count(&pool) == 0) {
      findings_.warning(pool.place, fmt::format("{}: no service uses it", pool.context));
      return;
    }
    for (const PlacedMember& member : pool.members) {
      if (member.weight.value != 0) return;
    }
    findings_.warning(pool.place, fmt::format("{}: no backend has a weight above 0, so its services drop every packet",
                                              pool.context));
  }

  const PlacedConfig& config_;
  Findings& findings_;
  std::map<IpAddress, const PlacedService*> vips_;
  std::map<std::string_view, Place> pool_names_;
  std::map<std::string_view, Place> service_names_;
  std::map<std::string_view, const PlacedPool*> pools_;
  std::set<const PlacedPool*> used_pools_;
  std::map<ServiceKey, const PlacedService*> service_keys_;
  std::map<std::pair<IpAddress, Protocol>, const PlacedService*> fragment_pools_;
  std::map<IpFamily, const PlacedMember*> needs_source_;
  std::map<BackendKey, Path> backends_;
  Place backend_over_;
};

}  // namespace

void check_across(const PlacedConfig& config, Findings& findings) {
  Check(config, findings).run();
}

}  // namespace sluice::config_detail
