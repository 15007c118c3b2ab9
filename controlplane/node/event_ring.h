// SPDX-License-Identifier: Apache-2.0
// What has happened lately, and who follows it. Bounded: a follower that asks for what has gone is told of the gap.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster_port.h"

namespace sluice::node {

class EventRing {
 public:
  // Some hours of a busy cluster, and below a MiB.
  static constexpr std::size_t kept_max = 4096;

  EventRing() : feeds_(std::make_shared<Feeds>()) {}

  void add(std::chrono::system_clock::time_point time, std::string kind, std::string text,
           std::vector<std::pair<std::string, std::string>> fields = {});
  [[nodiscard]] std::unique_ptr<Subscription> subscribe(std::optional<std::uint64_t> after, EventFeed feed);
  [[nodiscard]] std::uint64_t last() const { return last_; }

 private:
  using Feeds = std::list<EventFeed>;
  class Follower;

  std::uint64_t last_ = 0;
  std::deque<Event> events_;
  std::shared_ptr<Feeds> feeds_;  // followers may outlive the ring
};

}  // namespace sluice::node
