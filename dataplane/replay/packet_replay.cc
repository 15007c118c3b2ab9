// SPDX-License-Identifier: Apache-2.0
#include "packet_replay.h"

#include <algorithm>
#include <map>

#include "sluice_pipeline.h"

namespace sluice {
namespace {

constexpr ImageOptions one_worker{1};

// XDP_PACKET_HEADROOM: what a driver leaves the XDP plane.
constexpr std::size_t headroom_bytes = 256;

// By position in the model. A pool that shares a backend with another may have a name of its own for it.
std::vector<std::string> names_of(const ForwardingModel& model) {
  std::vector<std::vector<std::string>> names(model.backends.size());
  for (const ForwardingPool& pool : model.pools) {
    for (std::size_t member = 0; member < pool.members.size(); ++member) {
      auto& known = names[pool.members[member]];
      if (std::find(known.begin(), known.end(), pool.member_names[member]) == known.end())
        known.push_back(pool.member_names[member]);
    }
  }
  std::vector<std::string> joined;
  for (const auto& known : names) {
    std::string& text = joined.emplace_back();
    for (const std::string& name : known) text += (text.empty() ? "" : "/") + name;
  }
  return joined;
}

}  // namespace

PacketReplay::PacketReplay(const ForwardingModel& model)
    : memory_(image_sizes_for(model, one_worker)), writer_(memory_.tables(), one_worker, [] {}) {}

Result<std::unique_ptr<PacketReplay>> PacketReplay::create(const ForwardingModel& model,
                                                           const ReplayNextHop& next_hop) {
  std::unique_ptr<PacketReplay> replay(new PacketReplay(model));
  if (Status published = replay->publish(model, next_hop); !published) return published.error();
  return replay;
}

Status PacketReplay::publish(const ForwardingModel& model, const ReplayNextHop& next_hop) {
  // There are no interfaces here, so the number of the one to leave by can say which backend was chosen: its position
  // in the model + 1.
  std::map<BackendKey, std::uint32_t> numbers;
  for (const ForwardingBackend& backend : model.backends)
    numbers.emplace(backend.key, static_cast<std::uint32_t>(numbers.size() + 1));
  const auto next_hop_of = [&](const ForwardingBackend& backend) {
    return NextHop{next_hop.destination, next_hop.source, numbers.at(backend.key)};
  };
  if (auto published = writer_.publish(model, next_hop_of, 0); !published) return published.error();
  const std::vector<std::string> names = names_of(model);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto line = writer_.find_backend(model.backends[i].key);
    if (!line) return make_error(ErrorCode::internal, "backend " + names[i] + " has no line in the image");
    backends_.push_back({names[i], *line});
  }
  return {};
}

ReplayVerdict PacketReplay::run(std::span<const std::uint8_t> bytes, std::uint32_t tick) {
  room_.resize(std::max(room_.size(), headroom_bytes + bytes.size()));
  std::copy(bytes.begin(), bytes.end(), room_.begin() + headroom_bytes);
  sluice_frame frame{};
  frame.head = room_.data();
  frame.data = frame.head + headroom_bytes;
  frame.end = frame.data + bytes.size();
  sluice_tables tables = memory_.tables();
  const sluice_verdict verdict = sluice_process(&frame, &tables, 0, tick);
  ReplayVerdict result;
  result.reason = verdict.reason;
  const sluice_reason_class reason_class = sluice_class_of(verdict.reason);
  if (reason_class != SLUICE_CLASS_DROP) result.output = {frame.data, static_cast<std::size_t>(frame.end - frame.data)};
  if (reason_class == SLUICE_CLASS_TX && verdict.interface != 0) result.backend = verdict.interface - 1;
  return result;
}

}  // namespace sluice
