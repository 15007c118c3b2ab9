// SPDX-License-Identifier: Apache-2.0
// The two buffers of services in the image. Which services there are changes rarely, where their pools' tables are
// changes with every generation: the first is laid out once and remembered, and of the second only what moved is
// written. The bytes are the same as if the whole buffer were laid out anew. Part of the writer: same thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "error.h"
#include "forwarding_model.h"
#include "sluice_image.h"

namespace sluice {

// Where a pool's tables are.
struct PoolPlace {
  std::optional<std::uint32_t> slots_line;  // nothing: the pool is empty
  std::uint32_t slots_count = 0;
  std::uint32_t past_line = 0;
  std::uint32_t past_count = 0;
  std::uint32_t past_shift = 0;
  std::uint32_t members_line = 0;
  std::uint32_t members_count = 0;
  bool chain = false;
  friend bool operator==(const PoolPlace&, const PoolPlace&) = default;
};

struct VipsWanted {
  const SharedVector<ForwardingService>& services;
  const SharedVector<std::uint32_t>& counters;  // index per service
  const std::vector<PoolPlace>& pools;
  const sluice_hash_key& key;
};

class VipBuffers {
 public:
  VipBuffers() = default;
  // The whole array, as readers see it.
  explicit VipBuffers(std::span<sluice_vip> vips) : vips_(vips) {}

  // A power of two: an eighth full.
  [[nodiscard]] static std::uint32_t lines_for(const SharedVector<ForwardingService>& services);

  // Writes buffer 0 or 1, which no reader may look at, and returns its number of lines.
  Result<std::uint32_t> fill(std::uint32_t parity, const VipsWanted& wanted);

 private:
  // A line before it is told where its pool is.
  struct Draft {
    sluice_vip vip{};
    std::optional<std::uint32_t> pool;
  };
  struct Layout {
    SharedVector<ForwardingService> services;
    SharedVector<std::uint32_t> counters;
    sluice_hash_key key{};
    std::uint32_t lines_count = 0;
    std::vector<Draft> drafts;
    std::vector<std::uint32_t> lines;  // where each draft stands
  };
  struct Buffer {
    std::shared_ptr<const Layout> layout;  // nullptr: anything may be in it
    std::vector<PoolPlace> pools;
  };

  [[nodiscard]] static std::vector<Draft> drafts_of(const VipsWanted& wanted);
  [[nodiscard]] std::shared_ptr<const Layout> known_layout(const VipsWanted& wanted) const;
  Status lay_out(std::uint32_t parity, const VipsWanted& wanted, std::shared_ptr<const Layout> layout);

  std::span<sluice_vip> vips_;
  std::array<Buffer, 2> buffers_;
};

}  // namespace sluice
