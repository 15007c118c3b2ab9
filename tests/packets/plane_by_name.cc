// SPDX-License-Identifier: Apache-2.0
#include "plane_by_name.h"

#include <stdexcept>

#include "replay_plane.h"
#include "xdp_plane.h"
#ifdef SLUICE_WITH_DPDK
#include "dpdk_plane.h"
#endif

namespace sluice {

std::string plane_names() {
#ifdef SLUICE_WITH_DPDK
  return "replay|xdp|xdp-lookup|dpdk|dpdk-segments";
#else
  return "replay|xdp|xdp-lookup";
#endif
}

PlaneWorkers plane_workers(const std::string& name) {
  if (name == "replay") return {1, 0};
  if (name == "xdp" || name == "xdp-lookup") return {XdpPlane::workers(), XdpPlane::used_worker};
#ifdef SLUICE_WITH_DPDK
  if (name == "dpdk" || name == "dpdk-segments") return {DpdkPlane::workers_count, DpdkPlane::used_worker};
#endif
  throw std::runtime_error("no such plane: " + name + "; there are " + plane_names());
}

std::unique_ptr<PacketPlane> make_plane(const std::string& name, const std::string& object, const ImageSizes& sizes) {
  if (name == "xdp") return std::make_unique<XdpPlane>(object, TableForm::whole, sizes);
  if (name == "xdp-lookup") return std::make_unique<XdpPlane>(object, TableForm::by_lookup, sizes);
#ifdef SLUICE_WITH_DPDK
  if (name == "dpdk") return std::make_unique<DpdkPlane>(sizes, FramePieces::one);
  if (name == "dpdk-segments") return std::make_unique<DpdkPlane>(sizes, FramePieces::some);
#endif
  const PlaneWorkers workers = plane_workers(name);
  return std::make_unique<ReplayPlane>(sizes, workers.count, workers.used);
}

}  // namespace sluice
