// SPDX-License-Identifier: Apache-2.0
#include "replay_plane.h"

#include <sys/mman.h>

#include <algorithm>
#include <stdexcept>

#include "sluice_pipeline.h"

namespace sluice {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t room_bytes = 4 * page_bytes;
// XDP_PACKET_HEADROOM, so that both planes refuse the same packets for lack of it: none.
constexpr std::size_t headroom_bytes = 256;

}  // namespace

ReplayPlane::ReplayPlane(const ImageSizes& sizes, std::uint32_t workers, std::uint32_t worker) : image_(sizes) {
  void* pages = mmap(nullptr, room_bytes + page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || mprotect(static_cast<std::uint8_t*>(pages) + room_bytes, page_bytes, PROT_NONE) != 0)
    throw std::runtime_error("no memory for frames");
  pages_ = static_cast<std::uint8_t*>(pages);
  attach(image_.tables(), workers, worker);
}

ReplayPlane::~ReplayPlane() {
  munmap(pages_, room_bytes + page_bytes);
}

PacketVerdict ReplayPlane::run(std::span<const std::uint8_t> bytes) {
  SLUICE_INVARIANT(bytes.size() + headroom_bytes <= room_bytes);
  sluice_frame frame{};
  frame.end = pages_ + room_bytes;
  frame.data = frame.end - bytes.size();
  frame.head = frame.data - headroom_bytes;
  std::fill(frame.head, frame.data, std::uint8_t{0xff});
  std::copy(bytes.begin(), bytes.end(), frame.data);
  sluice_tables tables = this->tables();
  const sluice_verdict verdict = sluice_process(&frame, &tables, worker(), tick_);
  PacketVerdict result{verdict.reason, 0, sluice_class_of(verdict.reason) != SLUICE_CLASS_DROP, {}};
  if (result.sent) result.output = {frame.data, static_cast<std::size_t>(frame.end - frame.data)};
  if (sluice_class_of(verdict.reason) == SLUICE_CLASS_TX) result.interface = verdict.interface;
  return result;
}

}  // namespace sluice
