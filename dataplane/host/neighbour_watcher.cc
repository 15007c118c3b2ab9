// SPDX-License-Identifier: Apache-2.0
#include "neighbour_watcher.h"

#include <linux/neighbour.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice {
namespace {

using std::chrono::milliseconds;

// Routes change in bursts (a routing daemon starts, a link goes down); one look at the end of 100 ms serves them all
// and leaves most of the second within which the image has to follow.
constexpr milliseconds routes_delay{100};
// What the kernel forgot (a flush, a kernel that does not keep entries fresh) is asked for again this often: the
// default delay of the kernel's own probing (delay_first_probe_time).
constexpr milliseconds refresh_interval{5000};

constexpr std::array<int, 9> groups = {RTNLGRP_LINK,       RTNLGRP_NEIGH,       RTNLGRP_IPV4_ROUTE,
                                       RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                       RTNLGRP_IPV4_RULE,  RTNLGRP_IPV6_RULE,   RTNLGRP_NEXTHOP};

std::string route_problem(const HopQuery& query, const RouteAnswer& answer) {
  const std::string destination = query.destination.to_string();
  if (!answer.route) {
    // What fib_lookup() answers for routes of these types.
    switch (answer.number) {
      case ENETUNREACH:
        return "no route to " + destination;
      case EINVAL:
        return "the route to " + destination + " is a blackhole";
      case EHOSTUNREACH:
        return "the route to " + destination + " is of type unreachable";
      case EACCES:
        return "the route to " + destination + " is of type prohibit";
      default:
        return "no route to " + destination + " (" + std::strerror(answer.number) + ")";
    }
  }
  switch (answer.route->type) {
    case RTN_UNICAST:
      break;
    case RTN_LOCAL:
      return destination + " is an address of this host";
    case RTN_BROADCAST:
    case RTN_MULTICAST:
    case RTN_ANYCAST:
      return destination + " is no unicast address here";
    default:
      return "the route to " + destination + " forbids it (blackhole, unreachable or prohibit)";
  }
  if (query.on_link && answer.route->gateway)
    return destination + " is behind " + answer.route->gateway->to_string() + ", and l2 needs it on the same link";
  return {};
}

}  // namespace

Result<NeighbourWatcher> NeighbourWatcher::create() {
  auto monitor = NetlinkSocket::open_monitor(groups);
  if (!monitor) return monitor.error();
  auto requests = NetlinkSocket::open();
  if (!requests) return requests.error();
  NeighbourWatcher watcher(std::move(*monitor), std::move(*requests));
  watcher.look_at_everything();
  return watcher;
}

NeighbourWatcher::NeighbourWatcher(NetlinkSocket monitor, NetlinkSocket requests)
    : monitor_(std::move(monitor)), requests_(std::move(requests)), refresh_due_(Clock::now() + refresh_interval) {}

void NeighbourWatcher::add(std::span<const HopQuery> queries) {
  for (const HopQuery& query : queries) {
    Target& target = targets_[query];
    if (++target.users > 1) continue;
    route(query, target);
    target.state = state_of(target);
  }
}

void NeighbourWatcher::remove(std::span<const HopQuery> queries) {
  for (const HopQuery& query : queries) {
    const auto target = targets_.find(query);
    SLUICE_INVARIANT(target != targets_.end());
    if (--target->second.users > 0) continue;
    if (target->second.neighbour) unuse(*target->second.neighbour);
    targets_.erase(target);
  }
}

std::vector<HopQuery> NeighbourWatcher::process(Clock::time_point now) {
  const auto drained = monitor_.drain([this, now](const nlmsghdr& message) { take(message, now); });
  if (drained == NetlinkSocket::Drained::overrun) look_at_everything();
  if (routes_due_ && now >= *routes_due_) find_routes();
  if (now >= refresh_due_) {
    refresh_due_ = now + refresh_interval;
    refresh();
  }
  std::vector<HopQuery> changed = std::exchange(unreported_, {});
  if (is_dirty_) update_states(changed);
  return changed;
}

void NeighbourWatcher::settle(std::span<const HopQuery> queries, milliseconds limit) {
  const Clock::time_point end = Clock::now() + limit;
  for (;;) {
    unreported_ = process(Clock::now());
    const bool waits = std::any_of(queries.begin(), queries.end(), [this](const HopQuery& query) {
      const HopState* state = find(query);
      return state != nullptr && state->is_pending;
    });
    const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
    if (!waits || left.count() <= 0) return;
    pollfd descriptor{fd(), POLLIN, 0};
    // Short steps: what is due by the clock (routes) is due here too.
    poll(&descriptor, 1, static_cast<int>(std::min<milliseconds>(left, milliseconds(20)).count()));
  }
}

void NeighbourWatcher::release() {
  for (auto& [key, watched] : watched_) {
    if (watched.asked) use_neighbour(requests_, key, NeighbourCare::let_go);
    watched.asked = false;
  }
}

NeighbourWatcher::Clock::time_point NeighbourWatcher::next_deadline() const {
  if (!unreported_.empty()) return {};
  return routes_due_ ? std::min(*routes_due_, refresh_due_) : refresh_due_;
}

const HopState* NeighbourWatcher::find(const HopQuery& query) const {
  const auto found = targets_.find(query);
  return found == targets_.end() ? nullptr : &found->second.state;
}

const Link* NeighbourWatcher::find_link(std::uint32_t index) const {
  const auto found = links_.find(index);
  return found == links_.end() ? nullptr : &found->second;
}

void NeighbourWatcher::take(const nlmsghdr& message, Clock::time_point now) {
  switch (message.nlmsg_type) {
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      if (const auto neighbour = parse_neighbour(message))
        take_neighbour(*neighbour, message.nlmsg_type == RTM_DELNEIGH);
      return;
    case RTM_NEWLINK:
    case RTM_DELLINK:
      if (const auto link = parse_link(message)) {
        if (message.nlmsg_type == RTM_NEWLINK)
          links_[link->index] = *link;
        else
          links_.erase(link->index);
        is_dirty_ = true;
      }
      break;
    default:  // routes, rules, addresses, next-hop objects
      break;
  }
  if (!routes_due_) routes_due_ = now + routes_delay;
}

void NeighbourWatcher::take_neighbour(const Neighbour& neighbour, bool is_gone) {
  const auto found = watched_.find(neighbour.key);
  if (found == watched_.end()) return;
  Watched& watched = found->second;
  is_dirty_ = true;
  if (is_gone) {
    // Forgotten, not refuted: the last address serves until the kernel knows better.
    watched.neighbour.state = NUD_NONE;
    care_for(watched);
    return;
  }
  watched.neighbour.state = neighbour.state;
  // An entry that is being asked for again has no address; the last one serves until the kernel gives up on it.
  if (neighbour.mac || (neighbour.state & NUD_FAILED) != 0) watched.neighbour.mac = neighbour.mac;
}

void NeighbourWatcher::look_at_everything() {
  if (auto links = list_links(requests_)) {
    links_.clear();
    for (Link& link : *links) links_[link.index] = std::move(link);
  }
  if (const auto neighbours = list_neighbours(requests_)) {
    for (const Neighbour& neighbour : *neighbours) take_neighbour(neighbour, false);
  }
  find_routes();
}

void NeighbourWatcher::find_routes() {
  routes_due_.reset();
  for (auto& [query, target] : targets_) route(query, target);
  is_dirty_ = true;
}

void NeighbourWatcher::route(const HopQuery& query, Target& target) {
  const RouteAnswer answer = find_route(requests_, query.destination, query.source);
  std::string problem = route_problem(query, answer);
  std::optional<NeighbourKey> neighbour;
  if (problem.empty()) {
    const Link* link = find_link(answer.route->interface);
    if (link == nullptr)
      problem = "the route to " + query.destination.to_string() + " leads to an unknown interface";
    else if (!link->is_ethernet)
      problem = "the route to " + query.destination.to_string() + " leads to " + link->name + ", which is not Ethernet";
    else if (!link->is_up)
      problem = "interface " + link->name + " is down";
    else
      neighbour = NeighbourKey{link->index, answer.route->gateway.value_or(query.destination)};
  }
  target.state.problem = std::move(problem);
  if (neighbour == target.neighbour) return;
  if (neighbour) use(*neighbour);
  if (target.neighbour) unuse(*target.neighbour);
  target.neighbour = neighbour;
}

void NeighbourWatcher::use(const NeighbourKey& key) {
  const auto [found, is_new] = watched_.try_emplace(key);
  Watched& watched = found->second;
  ++watched.users;
  if (!is_new) return;
  watched.neighbour.key = key;
  // What is there already: a permanent entry must be left alone, and a valid one serves at once.
  NetlinkMessage<ndmsg> message(RTM_GETNEIGH, 0);
  message->ndm_family = static_cast<unsigned char>(key.address.is_v4() ? AF_INET : AF_INET6);
  message->ndm_ifindex = static_cast<int>(key.interface);
  mnl_attr_put(&message.header(), NDA_DST, key.address.is_v4() ? 4 : 16, key.address.bytes().data());
  requests_.request(message.header(), [&watched](const nlmsghdr& reply) {
    if (const auto neighbour = parse_neighbour(reply)) watched.neighbour = *neighbour;
  });
  watched.neighbour.key = key;
  care_for(watched);
}

void NeighbourWatcher::unuse(const NeighbourKey& key) {
  const auto found = watched_.find(key);
  SLUICE_INVARIANT(found != watched_.end() && found->second.users > 0);
  if (--found->second.users > 0) return;
  if (found->second.asked) use_neighbour(requests_, key, NeighbourCare::let_go);
  watched_.erase(found);
}

void NeighbourWatcher::care_for(Watched& watched) {
  if ((watched.neighbour.state & (NUD_PERMANENT | NUD_NOARP)) != 0) return;
  watched.asked = true;
  // Refused (interface down): refresh() tries again.
  use_neighbour(requests_, watched.neighbour.key, NeighbourCare::keep_fresh);
}

void NeighbourWatcher::refresh() {
  constexpr unsigned fresh = NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_INCOMPLETE;
  for (auto& [key, watched] : watched_) {
    if ((watched.neighbour.state & fresh) == 0) care_for(watched);
  }
}

HopState NeighbourWatcher::state_of(const Target& target) const {
  HopState state;
  if (!target.neighbour) {
    state.problem = target.state.problem;
    state.is_pending = false;
    return state;
  }
  const Neighbour& neighbour = watched_.at(*target.neighbour).neighbour;
  const Link* link = find_link(target.neighbour->interface);
  const std::string where =
      target.neighbour->address.to_string() + " on " + (link != nullptr ? link->name : std::string("a lost interface"));
  const bool has_failed = (neighbour.state & NUD_FAILED) != 0;
  if (neighbour.mac && link != nullptr && !has_failed) state.hop = ResolvedHop{*neighbour.mac, link->mac, link->index};
  state.is_pending = !neighbour.is_valid() && !has_failed;
  if (has_failed)
    state.problem = where + " does not answer " + (neighbour.key.address.is_v4() ? "ARP" : "ND");
  else if (!neighbour.is_valid())
    state.problem = "waiting for " + where + " to answer";
  return state;
}

void NeighbourWatcher::update_states(std::vector<HopQuery>& changed) {
  is_dirty_ = false;
  for (auto& [query, target] : targets_) {
    HopState state = state_of(target);
    if (state == target.state) continue;
    target.state = std::move(state);
    changed.push_back(query);
  }
}

}  // namespace sluice
