// SPDX-License-Identifier: Apache-2.0
// The decoder of the cluster's state against any bytes: an error, names that are needed, or a state that passes every
// check, has one encoding and makes a model and an image.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "image_memory.h"
#include "image_writer.h"
#include "saved_state.h"
#include "state_model.h"

namespace {

using sluice::DecodedState;
using sluice::ForwardingState;
using sluice::Result;

// Not assert: the check must hold in every build type.
void require(bool condition) {
  if (!condition) std::abort();
}

// What a plane is taken to have: pools that an input may name.
const ForwardingState& known() {
  static const ForwardingState state = [] {
    ForwardingState made;
    made.generation = 1;
    sluice::StatePool pool;
    pool.name = "web";
    pool.slots_count = 16381;
    pool.members.push_back({"b1", sluice::IpAddress::from_v4_bytes({10, 1, 0, 1}), 100, 1, true});
    auto column = std::make_shared<sluice::SlotColumn>();
    column->owners.resize(16381);
    pool.column = column;
    made.pools.push_back(sluice::make_state_pool(pool).value());
    made.services = sluice::make_state_services({});
    return made;
  }();
  return state;
}

void use(const ForwardingState& state) {
  require(sluice::check_state(state).has_value());
  sluice::PlaneConfig plane;
  plane.source_ipv4 = sluice::IpAddress::from_v4_bytes({10, 0, 0, 1});
  plane.source_ipv6 = sluice::IpAddress::from_v6_bytes({0xfd});
  const Result<sluice::ForwardingModel> model = sluice::forwarding_model_of(state, plane, nullptr);
  if (!model) return;
  const sluice::ImageMemory memory(sluice::image_sizes_for(*model, {}));
  sluice::ImageWriter writer(memory.tables(), {}, [] {});
  const auto published = writer.publish(*model, nullptr, 0);
  require(published.has_value() || published.error().code == sluice::ErrorCode::conflict);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)sluice::decode_saved_state(bytes);
  sluice::SavedState changed{known()};
  sluice::apply_saved_changes(changed, bytes);
  const Result<DecodedState> decoded = sluice::decode_state(bytes, &known());
  if (!decoded) {
    require(decoded.error().context.find('\n') == std::string::npos);
    return 0;
  }
  changed = sluice::SavedState{known()};
  sluice::apply_saved_changes(changed, sluice::saved_change_head(bytes, 1, 0).append(bytes));
  require(changed.is_whole == decoded->need.empty() && changed.sequence == 1);
  if (!decoded->need.empty()) return 0;
  require(sluice::encode_state(*changed.state, nullptr) == sluice::encode_state(decoded->state, nullptr));
  use(decoded->state);
  for (const sluice::SharedPool& pool : decoded->state.pools) require(sluice::check_pool(*pool).has_value());
  // Digests of what came are digests of what would go.
  for (const sluice::SharedPool& pool : decoded->state.pools)
    require(sluice::make_state_pool(sluice::StatePool(*pool)).value()->digest == pool->digest);
  const std::string again = sluice::encode_state(decoded->state, nullptr);
  const Result<DecodedState> back = sluice::decode_state(again, nullptr);
  require(back.has_value() && back->need.empty() && sluice::encode_state(back->state, nullptr) == again);
  return 0;
}
