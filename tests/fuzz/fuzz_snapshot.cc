// SPDX-License-Identifier: Apache-2.0
// Snapshots of a cluster against any bytes. Compression and checksum are put around them here, or nothing would ever
// reach what is inside: sections behind their u32 lengths. What is taken must work on.
#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "byte_codec.h"
#include "cluster_state.h"
#include "siphash.h"

namespace {

using namespace sluice;
using namespace sluice::model;

// Not assert: the check must hold in every build type.
void require(bool condition) {
  if (!condition) std::abort();
}

std::string framed(std::string_view input) {
  ByteReader in(input);
  ByteWriter sections;
  std::uint32_t count = 0;
  while (in.left() >= 4) {
    const std::string_view raw = in.get_raw(std::min<std::size_t>(in.get<std::uint32_t>(), in.left()));
    std::string packed(ZSTD_compressBound(raw.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), raw.data(), raw.size(), 1));
    sections.put(static_cast<std::uint32_t>(raw.size()));
    sections.put_text(packed);
    ++count;
  }
  ByteWriter out;
  out.put_raw("SLUICEST");
  out.put(std::uint32_t{1});
  out.put(count);
  out.put_raw(sections.view());
  out.put(siphash24(sip_key("sluice-snapsh-01"), out.view()));
  return out.take();
}

void use(ClusterState& state) {
  const std::string bytes = state.snapshot();
  const Result<ClusterState> again = ClusterState::restore(bytes);
  require(again && again->snapshot() == bytes);
  if (state.applied_index() > UINT64_MAX - 8 || state.active()->number > UINT64_MAX - 8) return;
  Change change;
  for (const auto& [name, pool] : state.pools())
    if (!pool->members.empty()) change.operations.push_back(SetWeight{name, pool->members.front().name, 7});
  change.force = true;
  state.apply(state.applied_index() + 1, Command(change));
  state.apply(state.applied_index() + 1, Command(Activate{state.newest_generation(), {}}));
  state.apply(state.applied_index() + 1, Command(Prepare{state.active()->number + 1}));
  state.apply(state.applied_index() + 1, Command(Activate{state.newest_generation(), {}}));
  for (const RevisionInfo& info : state.history()) static_cast<void>(state.config_at(info.revision));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  require(!ClusterState::restore(input).has_value() || input.starts_with("SLUICEST"));
  if (Result<ClusterState> state = ClusterState::restore(framed(input))) use(*state);
  return 0;
}
