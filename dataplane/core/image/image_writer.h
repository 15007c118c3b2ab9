// SPDX-License-Identifier: Apache-2.0
// The one writer of the forwarding image. Fills plain memory (BPF maps mapped into user space, huge pages, or ordinary
// memory for replay and tests) and switches whole generations.
//
// One thread at a time. Readers (packet workers) run all the while; they are never waited for except through the
// `readers_moved_on` callback.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "error.h"
#include "flow_sweep.h"
#include "forwarding_model.h"
#include "line_allocator.h"
#include "region_store.h"
#include "sluice_tables.h"
#include "strong_types.h"
#include "vip_buffers.h"

namespace sluice {

// Lines per array; `vips` counts both buffers, `flows` and `counters` all workers.
struct ImageSizes {
  std::uint32_t vips = 0;
  std::uint32_t slots = 0;
  std::uint32_t past = 0;
  std::uint32_t members = 0;
  std::uint32_t backends = 0;
  std::uint32_t flows = 0;
  std::uint32_t counters = 0;

  [[nodiscard]] std::uint64_t bytes() const;
  friend bool operator==(const ImageSizes&, const ImageSizes&) = default;
};

struct ImageOptions {
  std::uint32_t workers = 1;  // CPUs that may run the XDP program, or DPDK lcores
};

// A size that holds `model` now, and one changed generation of a 24th of its pools beside it. Arrays start small;
// a publish that does not fit answers out_of_capacity and the shell moves to a larger set (see docs/architecture.md).
[[nodiscard]] ImageSizes image_sizes_for(const ForwardingModel& model, const ImageOptions& options);

// The link-layer way to a backend, as resolved by the shell.
struct NextHop {
  std::array<std::uint8_t, 6> destination_mac{};
  std::array<std::uint8_t, 6> source_mac{};
  std::uint32_t interface = 0;  // 0: out the way the packet came
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

// What a publish did, for the log and for `sluice status`.
struct PublishReport {
  Generation generation;
  std::uint32_t slots_lines_written = 0;
  std::uint32_t backends_added = 0;
  std::uint32_t backends_removed = 0;
};

class ImageWriter {
 public:
  // The way to a backend that has no line yet, if the shell knows it already: without one, packets for it drop with
  // reason no_next_hop until set_next_hop. So resolve first, publish then.
  using NextHopOf = std::function<std::optional<NextHop>(const ForwardingBackend&)>;
  // Must return only when no packet that started before the call is still being worked on.
  using ReadersMovedOn = std::function<void()>;

  // `tables` must stay mapped as long as the writer lives. Memory is either all zero (new) or an image that an earlier
  // writer left (adopted: its active generation is kept and its backend indices stay what they are).
  ImageWriter(const sluice_tables& tables, const ImageOptions& options, ReadersMovedOn readers_moved_on);

  // Switches to a generation that forwards as `model` says: all at once, or, if only tables change and there is no room
  // for so many beside the old ones, in several generations, each with some more pools as `model` says and the others
  // as before. On error nothing has changed for any packet, but for pools of such generations.
  //   out_of_capacity  the arrays are too small; image_sizes_for says how large
  Result<PublishReport> publish(const ForwardingModel& model, const NextHopOf& next_hop_of,
                                std::uint64_t now_realtime_ns);

  // Takes effect with the next packet, without a new generation. Unknown backends are ignored (they left meanwhile).
  void set_next_hop(BackendIndex backend, const NextHop& next_hop);
  void clear_next_hop(BackendIndex backend);

  [[nodiscard]] Generation generation() const;
  // Index of a backend in the published generation.
  [[nodiscard]] std::optional<BackendIndex> find_backend(const BackendKey& key) const;
  // Index of a service's counters.
  [[nodiscard]] std::optional<std::uint32_t> find_service(const ServiceKey& key) const;
  [[nodiscard]] const sluice_tables& tables() const { return tables_; }

 private:
  using Uses = std::vector<std::uint32_t>;  // first lines, one per use
  struct Pending;
  struct PublishedPool {
    ForwardingPool pool;
    PoolPlace place;
  };
  // What the active generation was made from, if this writer made it. Holds on to the storage of tables, so that they
  // are recognised by its address.
  struct Published {
    bool is_known = false;
    SharedVector<ForwardingBackend> backends;
    SharedVector<std::uint32_t> backend_index;
    SharedVector<ForwardingService> services;
    SharedVector<std::uint32_t> counters;
    std::vector<PublishedPool> pools;                        // in the order of the model
    std::unordered_map<const void*, std::size_t> positions;  // of pools, by the storage of their slots
    std::array<std::uint8_t, 16> hash_secret{};
  };

  void adopt();
  Result<PublishReport> publish_part(const ForwardingModel& model, const NextHopOf& next_hop_of,
                                     std::uint64_t now_realtime_ns, bool& is_whole);
  Status place(const ForwardingModel& model, const NextHopOf& next_hop_of, Pending& pending);
  Status place_backends(const ForwardingModel& model, const NextHopOf& next_hop_of, Pending& pending);
  [[nodiscard]] std::optional<std::uint32_t> unchanged_line(const ForwardingBackend& backend, std::size_t& at) const;
  Status place_members(const ForwardingPool& pool, const PublishedPool* before, PoolPlace& place, Pending& pending);
  Status place_pools(const ForwardingModel& model, Pending& pending);
  Status place_pool(const ForwardingPool& pool, Pending& pending);
  [[nodiscard]] bool is_as_published(const ForwardingModel& model, std::size_t at) const;
  [[nodiscard]] bool can_wait(const ForwardingModel& model, const Pending& pending) const;
  Status place_counters(const ForwardingModel& model, Pending& pending);
  void activate(const ForwardingModel& model, const Pending& pending, std::uint64_t now_realtime_ns);
  void retire(const ForwardingModel& model, Pending& pending);
  void remember(const ForwardingModel& model, Pending& pending);
  void undo(const Pending& pending);
  void clear_traffic(std::uint32_t line, std::uint32_t index);
  [[nodiscard]] std::uint32_t counters_stride() const;
  [[nodiscard]] std::uint32_t counters_backends() const;
  [[nodiscard]] std::uint32_t service_counters_count() const;

  sluice_tables tables_;
  ImageOptions options_;
  ReadersMovedOn readers_moved_on_;
  LineAllocator backend_lines_;
  LineAllocator service_counters_;
  VipBuffers vips_;
  BackendIndexMap backends_;
  std::map<ServiceKey, std::uint32_t> services_;
  FlowMoves strays_;
  RegionStore slots_;
  RegionStore past_;
  RegionStore members_;
  Uses slots_uses_;  // of the active generation
  Uses past_uses_;
  Uses members_uses_;
  Published published_;
};

}  // namespace sluice
