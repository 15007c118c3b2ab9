// SPDX-License-Identifier: Apache-2.0
#include "connection_table.h"

#include "error.h"

namespace sluice::api {

ConnectionTable::ConnectionTable(std::size_t connections_max, std::size_t strangers_max)
    : connections_max_(connections_max), strangers_max_(strangers_max) {
  SLUICE_INVARIANT(strangers_max >= 1 && strangers_max < connections_max);
}

ConnectionTable::Admission ConnectionTable::admit() {
  Admission admission;
  if (strangers_.size() >= strangers_max_) {
    admission.evict = strangers_.front();
  } else if (entries_.size() >= connections_max_) {
    if (idle_.empty() && strangers_.empty()) return admission;
    admission.evict = idle_.empty() ? strangers_.front() : idle_.front();
  }
  if (admission.evict) left(*admission.evict);
  admission.id = ++last_;
  entries_.emplace(admission.id, Entry{&strangers_, strangers_.insert(strangers_.end(), admission.id)});
  return admission;
}

void ConnectionTable::became_busy(ConnectionId id) {
  move_to(id, busy_);
}

void ConnectionTable::became_idle(ConnectionId id) {
  move_to(id, idle_);
}

// Unknown ids are those evicted a moment ago.
void ConnectionTable::left(ConnectionId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.order->erase(found->second.place);
  entries_.erase(found);
}

void ConnectionTable::move_to(ConnectionId id, Order& order) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  order.splice(order.end(), *found->second.order, found->second.place);
  found->second.order = &order;
}

}  // namespace sluice::api
