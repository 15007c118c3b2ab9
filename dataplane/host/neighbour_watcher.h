// SPDX-License-Identifier: Apache-2.0
// Keeps the link-layer way to a set of destinations up to date: route -> interface and next hop -> MAC address, from
// the kernel's own tables, which it asks to resolve what is missing and to keep it fresh. The packet path never waits
// for any of this.
//
// One thread. fd() readable or next_deadline() reached: call process(), which says whose state changed.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "error.h"
#include "ip_address.h"
#include "netlink_socket.h"
#include "network_view.h"

namespace sluice {

struct HopQuery {
  IpAddress destination;
  std::optional<IpAddress> source;  // of the packets; for hosts with routing rules by source
  bool on_link = false;             // the destination itself must be the next hop
  friend auto operator<=>(const HopQuery&, const HopQuery&) = default;
};

struct ResolvedHop {
  MacAddress destination_mac{};
  MacAddress source_mac{};
  std::uint32_t interface = 0;
  friend bool operator==(const ResolvedHop&, const ResolvedHop&) = default;
};

struct HopState {
  std::optional<ResolvedHop> hop;
  std::string problem;     // why there is no hop, or why it may be out of date
  bool is_pending = true;  // the kernel is still asking; false: resolved or given up
  friend bool operator==(const HopState&, const HopState&) = default;
};

class NeighbourWatcher {
 public:
  using Clock = std::chrono::steady_clock;

  static Result<NeighbourWatcher> create();

  // One more user for each of these, and one less. What has a user is watched. The first look at a new one is not
  // reported as a change.
  void add(std::span<const HopQuery> queries);
  void remove(std::span<const HopQuery> queries);
  // Works off what the kernel has told since, and what is due. Returns those whose state is another now.
  std::vector<HopQuery> process(Clock::time_point now);
  // Waits until none of these is pending or the time is over. Changes meanwhile are reported by the next process().
  void settle(std::span<const HopQuery> queries, std::chrono::milliseconds limit);
  // Takes back what the kernel was asked to keep fresh. For a plane that goes for good.
  void release();

  [[nodiscard]] int fd() const { return monitor_.fd(); }
  [[nodiscard]] Clock::time_point next_deadline() const;
  // nullptr: not watched.
  [[nodiscard]] const HopState* find(const HopQuery& query) const;
  [[nodiscard]] const Link* find_link(std::uint32_t index) const;

 private:
  struct Target {
    HopState state;
    std::optional<NeighbourKey> neighbour;  // none: `state.problem` says why
    std::size_t users = 0;
  };
  struct Watched {
    Neighbour neighbour;
    bool asked = false;  // use_neighbour was called
    std::size_t users = 0;
  };

  NeighbourWatcher(NetlinkSocket monitor, NetlinkSocket requests);
  void take(const nlmsghdr& message, Clock::time_point now);
  void take_neighbour(const Neighbour& neighbour, bool is_gone);
  void look_at_everything();
  void find_routes();
  void route(const HopQuery& query, Target& target);
  void use(const NeighbourKey& key);
  void unuse(const NeighbourKey& key);
  void care_for(Watched& watched);
  void refresh();
  void update_states(std::vector<HopQuery>& changed);
  [[nodiscard]] HopState state_of(const Target& target) const;

  NetlinkSocket monitor_;
  NetlinkSocket requests_;
  std::map<std::uint32_t, Link> links_;
  std::map<HopQuery, Target> targets_;
  std::map<NeighbourKey, Watched> watched_;
  std::optional<Clock::time_point> routes_due_;
  Clock::time_point refresh_due_;
  bool is_dirty_ = false;
  std::vector<HopQuery> unreported_;
};

}  // namespace sluice
