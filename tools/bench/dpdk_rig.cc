// SPDX-License-Identifier: Apache-2.0
#include "dpdk_rig.h"

#include <rte_cycles.h>
#include <rte_mempool.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "errno_error.h"

namespace sluice::bench {
namespace {

constexpr const char* reserved_file = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
constexpr std::uint16_t mtu = 1500;
// What the largest cases keep in huge pages beside the buffers: 2^24 flow entries of 8 bytes, slot tables of 256 pools,
// a rte_hash of 2^20 entries (rte_malloc), and EAL's own.
constexpr std::uint64_t tables_bytes = std::uint64_t{1} << 30;

std::optional<std::uint64_t> read_reserved() {
  std::ifstream file(reserved_file);
  std::uint64_t pages = 0;
  if (file >> pages) return pages;
  return std::nullopt;
}

void write_reserved(std::uint64_t pages) {
  std::ofstream(reserved_file) << pages << std::endl;
}

// The counter runs on while instructions wait: what stands before must be done, what stands behind not begun.
std::uint64_t read_ticks() {
  _mm_lfence();
  const std::uint64_t ticks = rte_rdtsc();
  _mm_lfence();
  return ticks;
}

}  // namespace

ReservedPages::ReservedPages(std::uint64_t pages) {
  const auto now = read_reserved();
  if (!now || pages <= free_huge_pages()) return;
  before_ = now;
  write_reserved(*now + pages - free_huge_pages());
}

ReservedPages::~ReservedPages() {
  if (before_) write_reserved(*before_);
}

Result<std::unique_ptr<DpdkRig>> DpdkRig::create(const RigOptions& options) {
  std::unique_ptr<DpdkRig> rig(new DpdkRig);
  const std::uint64_t bytes = packet_pool_bytes(options.buffers, mtu) + eal_spare_bytes + tables_bytes;
  if (options.want_huge) {
    rig->pages_ = std::make_unique<ReservedPages>(huge_pages_for(bytes));
    if (free_huge_pages() >= huge_pages_for(bytes)) rig->memory_ = MemoryKind::huge;
  }
  EalOptions eal;
  eal.memory = rig->memory_;
  eal.memory_bytes = packet_pool_bytes(options.buffers, mtu) + (std::uint64_t{256} << 20);
  const std::vector<std::uint16_t> cpus = allowed_cpus();
  eal.control_cpus = {options.cpu >= 0 ? static_cast<std::uint16_t>(options.cpu) : cpus.back()};
  if (std::find(cpus.begin(), cpus.end(), eal.control_cpus.front()) == cpus.end())
    return make_error(ErrorCode::invalid_argument, "CPU " + std::to_string(options.cpu) + " may not be used");
  Result<Eal> started = Eal::start(eal);
  if (!started) return started.error();
  rig->eal_.emplace(std::move(*started));
  Result<PacketPool> pool = make_packet_pool(options.buffers, mtu);
  if (!pool) return pool.error();
  rig->pool_ = std::move(*pool);
  return rig;
}

DpdkRig::~DpdkRig() {
  pool_.reset();
  eal_.reset();
}

std::string DpdkRig::memory_text() const {
  return memory_ == MemoryKind::huge ? "huge pages of 2 MiB" : "ordinary pages";
}

BufferRing::BufferRing(rte_mempool* pool, std::uint32_t count) : mbufs_(count) {
  if (rte_pktmbuf_alloc_bulk(pool, mbufs_.data(), count) != 0) mbufs_.clear();
}

BufferRing::~BufferRing() {
  rte_pktmbuf_free_bulk(mbufs_.data(), static_cast<unsigned>(mbufs_.size()));
}

std::vector<double> time_loop(Loop loop, LoopContext& context, Traffic& traffic, BufferRing& ring,
                              const TimingOptions& options) {
  std::vector<double> ticks;
  std::array<rte_mbuf*, burst_frames_max> out{};
  std::vector<rte_mbuf*>& mbufs = ring.mbufs();
  std::size_t place = 0;
  while (ticks.size() < options.bursts) {
    const std::size_t start = place;
    for (std::uint32_t i = 0; i < options.ahead; ++i) {
      traffic.fill({&mbufs[place], burst_frames_max});
      place = (place + burst_frames_max) % mbufs.size();
    }
    // Stores still on their way to the cache would be read back from the store buffer, if at all.
    _mm_mfence();
    std::size_t timed = start;
    for (std::uint32_t i = 0; i < options.ahead && ticks.size() < options.bursts; ++i) {
      const std::uint64_t began = read_ticks();
      loop(context, &mbufs[timed], burst_frames_max, out.data());
      const std::uint64_t ended = read_ticks();
      ticks.push_back(static_cast<double>(ended - began) / burst_frames_max);
      timed = (timed + burst_frames_max) % mbufs.size();
    }
  }
  return ticks;
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace sluice::bench
