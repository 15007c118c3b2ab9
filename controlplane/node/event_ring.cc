// SPDX-License-Identifier: Apache-2.0
#include "event_ring.h"

namespace sluice::node {

class EventRing::Follower final : public Subscription {
 public:
  Follower(const std::shared_ptr<Feeds>& feeds, Feeds::iterator place) : feeds_(feeds), place_(place) {}
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() override {
    if (const std::shared_ptr<Feeds> feeds = feeds_.lock()) feeds->erase(place_);
  }

 private:
  std::weak_ptr<Feeds> feeds_;
  Feeds::iterator place_;
};

void EventRing::add(std::chrono::system_clock::time_point time, std::string kind, std::string text,
                    std::vector<std::pair<std::string, std::string>> fields) {
  events_.push_back({++last_, time, std::move(kind), std::move(text), std::move(fields)});
  if (events_.size() > kept_max) events_.pop_front();
  for (const EventFeed& feed : *feeds_) feed.event(events_.back());
}

std::unique_ptr<Subscription> EventRing::subscribe(std::optional<std::uint64_t> after, EventFeed feed) {
  if (after && !events_.empty() && *after + 1 < events_.front().index && feed.gap)
    feed.gap(*after + 1, events_.front().index);
  if (after) {
    for (const Event& event : events_)
      if (event.index > *after) feed.event(event);
  }
  feeds_->push_back(std::move(feed));
  return std::make_unique<Follower>(feeds_, std::prev(feeds_->end()));
}

}  // namespace sluice::node
