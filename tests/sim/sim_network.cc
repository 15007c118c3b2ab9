// SPDX-License-Identifier: Apache-2.0
#include "sim_network.h"

#include "raft_codec.h"

namespace sluice::sim {
namespace {

constexpr Time delay_when_well = milliseconds(2);

// What checksums on the way have not seen: the digest of the whole snapshot must.
raft::Message with_wrong_byte(raft::Message message, Random& random) {
  auto* chunk = std::get_if<raft::SnapshotChunk>(&message.body);
  if (chunk != nullptr && !chunk->data.empty())
    chunk->data[random.below(static_cast<std::uint32_t>(chunk->data.size()))] ^= 0x10;
  return message;
}

}  // namespace

void SimNetwork::send(const raft::Message& message) {
  world_.oracle.sends(message);
  ++world_.counters.messages;
  const SimOptions& options = world_.options;
  const bool is_flipped = !world_.is_healed && world_.random.percent(options.flip_percent);
  const std::string bytes = encode_message(is_flipped ? with_wrong_byte(message, world_.random) : message);
  if (world_.is_healed) {
    deliver_after(delay_when_well, message, bytes);  // and in order, as TCP would
    return;
  }
  if (world_.random.percent(options.drop_percent)) {
    ++world_.counters.dropped;
  } else {
    deliver_after(world_.between(options.delay_min, options.delay_max), message, bytes);
  }
  if (world_.random.percent(options.duplicate_percent))
    deliver_after(world_.between(options.delay_min, options.delay_max), message, bytes);
  // From a time when much was different.
  if (world_.random.percent(options.late_percent))
    deliver_after(world_.between(milliseconds(200), seconds(6)), message, bytes);
}

void SimNetwork::deliver_after(Time delay, const raft::Message& message, const std::string& bytes) {
  const Way way(message.from, message.to);
  if (cut_.contains(way)) {
    ++world_.counters.dropped;
    return;
  }
  on_its_way_.emplace(++sent_, OnItsWay{way, bytes});
  world_.clock.after(delay, [this, number = sent_] { bring(number); });
}

void SimNetwork::bring(std::uint64_t number) {
  auto message = on_its_way_.extract(number);
  if (message.empty()) return;  // brought sooner than it was to come
  auto& [way, bytes] = message.mapped();
  if (!cut_.contains(way)) receiver_(way.second, std::move(bytes));
}

void SimNetwork::bring_all() {
  for (const auto& [number, message] : on_its_way_)
    world_.clock.after(delay_when_well, [this, number = number] { bring(number); });
}

}  // namespace sluice::sim
