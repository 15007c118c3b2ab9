// SPDX-License-Identifier: Apache-2.0
#include "map_set.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "errno_error.h"

namespace sluice {
namespace {

constexpr std::size_t control_map = 0;
constexpr std::size_t flows_map = 6;

// BPF_MAX_VAR_OFF of the verifier: how far into a value a program may address.
constexpr std::uint64_t whole_bytes_max = 1ULL << 29;

struct MapShape {
  std::uint32_t value_bytes = 0;
  std::uint32_t entries = 0;
};

MapShape shape_of(std::size_t map, TableForm form, std::uint32_t lines) {
  if (map == control_map) return {sizeof(sluice_control), 1};
  if (form == TableForm::by_lookup || map == flows_map) return {SLUICE_LINE_BYTES, lines};
  return {lines * SLUICE_LINE_BYTES, 1};
}

std::uint64_t mapped_bytes(std::size_t map, std::uint32_t lines) {
  return map == control_map ? sizeof(sluice_control) : std::uint64_t{lines} * SLUICE_LINE_BYTES;
}

std::array<std::uint32_t, map_names.size()> lines_of(const ImageSizes& sizes) {
  return {1, sizes.vips, sizes.slots, sizes.past, sizes.members, sizes.backends, sizes.flows, sizes.counters};
}

Error create_error(std::string_view name, std::uint64_t bytes, int number) {
  const std::string what = "cannot make the BPF map sluice_" + std::string(name);
  if (number == EPERM)
    return errno_error(what + " (run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)", number);
  if (number == ENOMEM || number == E2BIG)
    return make_error(ErrorCode::out_of_capacity, what + " of " + std::to_string(bytes >> 20) +
                                                      " MiB: the host has not enough memory for it; use fewer or "
                                                      "smaller pools, or a smaller flows_per_cpu");
  return errno_error(what, number);
}

}  // namespace

MapSet::Mapping::Mapping(Mapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

MapSet::Mapping& MapSet::Mapping::operator=(Mapping&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MapSet::Mapping::~Mapping() {
  if (address_ != nullptr) munmap(address_, bytes_);
}

Result<MapSet> MapSet::create(const ImageSizes& sizes) {
  bool whole = true;
  const auto lines = lines_of(sizes);
  for (std::size_t map = 0; map < map_names.size(); ++map)
    if (map != flows_map && mapped_bytes(map, lines[map]) > whole_bytes_max) whole = false;
  if (whole) {
    auto set = create_as(TableForm::whole, sizes);
    // Kernels before 6.6 keep a value below 4 MiB and say E2BIG; memory really short shows in the other form too.
    if (set || set.error().code != ErrorCode::out_of_capacity) return set;
  }
  return create_as(TableForm::by_lookup, sizes);
}

Result<MapSet> MapSet::create_as(TableForm form, const ImageSizes& sizes) {
  MapSet set(form);
  const auto lines = lines_of(sizes);
  for (std::size_t map = 0; map < map_names.size(); ++map) {
    const std::string name = "sluice_" + std::string(map_names[map]);
    const MapShape shape = shape_of(map, form, lines[map]);
    LIBBPF_OPTS(bpf_map_create_opts, options);
    options.map_flags = BPF_F_MMAPABLE;
    UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, name.c_str(), sizeof(std::uint32_t), shape.value_bytes,
                               shape.entries, &options));
    if (!fd.is_open()) return create_error(map_names[map], mapped_bytes(map, lines[map]), -fd.get());
    if (Status taken = set.take(map, std::move(fd), lines[map]); !taken) return taken.error();
  }
  set.fill_tables();
  return set;
}

Result<MapSet> MapSet::open_pinned(const std::filesystem::path& directory) {
  MapSet set(TableForm::whole);
  for (std::size_t map = 0; map < map_names.size(); ++map) {
    const std::filesystem::path pin = directory / map_names[map];
    UniqueFd fd(bpf_obj_get(pin.c_str()));
    if (!fd.is_open()) return errno_error("cannot open " + pin.string(), -fd.get());
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (const int failed = bpf_obj_get_info_by_fd(fd.get(), &info, &size); failed != 0)
      return errno_error("cannot look at " + pin.string(), -failed);
    if (map != control_map && map != flows_map && info.max_entries > 1) set.form_ = TableForm::by_lookup;
    const auto lines =
        static_cast<std::uint32_t>(std::uint64_t{info.value_size} * info.max_entries / SLUICE_LINE_BYTES);
    const MapShape shape = shape_of(map, set.form_, lines);
    if (info.type != BPF_MAP_TYPE_ARRAY || info.key_size != sizeof(std::uint32_t) ||
        info.value_size != shape.value_bytes || info.max_entries != shape.entries ||
        (info.map_flags & BPF_F_MMAPABLE) == 0)
      return make_error(ErrorCode::conflict, pin.string() + " is not an array of this version's image");
    if (Status taken = set.take(map, std::move(fd), lines); !taken) return taken.error();
  }
  set.fill_tables();
  return set;
}

Status MapSet::take(std::size_t position, UniqueFd fd, std::uint32_t lines) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t bytes = (mapped_bytes(position, lines) + page - 1) / page * page;
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) return errno_error("cannot map sluice_" + std::string(map_names[position]), errno);
  maps_[position] = Map{std::move(fd), Mapping(address, bytes), lines};
  return {};
}

void MapSet::fill_tables() {
  const auto at = [this](std::size_t map) { return maps_[map].mapping.address(); };
  tables_.control = static_cast<sluice_control*>(at(0));
  tables_.vips = static_cast<sluice_vip*>(at(1));
  tables_.slots = static_cast<sluice_slots*>(at(2));
  tables_.past = static_cast<sluice_past*>(at(3));
  tables_.members = static_cast<sluice_members*>(at(4));
  tables_.backends = static_cast<sluice_backend*>(at(5));
  tables_.flows = static_cast<sluice_flows*>(at(6));
  tables_.counters = static_cast<sluice_line*>(at(7));
  tables_.vips_lines = maps_[1].lines;
  tables_.slots_lines = maps_[2].lines;
  tables_.past_lines = maps_[3].lines;
  tables_.members_lines = maps_[4].lines;
  tables_.backends_lines = maps_[5].lines;
  tables_.flows_lines = maps_[6].lines;
  tables_.counters_lines = maps_[7].lines;
}

Status MapSet::pin_in(const std::filesystem::path& directory) const {
  for (std::size_t map = 0; map < map_names.size(); ++map) {
    const std::filesystem::path pin = directory / map_names[map];
    if (const int failed = bpf_obj_pin(fd(map), pin.c_str()); failed != 0)
      return errno_error("cannot pin " + pin.string(), -failed);
  }
  return {};
}

ImageSizes MapSet::sizes() const {
  return {tables_.vips_lines,     tables_.slots_lines, tables_.past_lines,    tables_.members_lines,
          tables_.backends_lines, tables_.flows_lines, tables_.counters_lines};
}

bool MapSet::is_whole(std::size_t map) const {
  return form_ == TableForm::whole && map != flows_map;
}

bool MapSet::is_adoptable(std::uint32_t workers) const {
  const sluice_active& active = tables_.control->active;
  if (active.generation == 0 || active.image_version != SLUICE_IMAGE_VERSION) return false;
  return tables_.control->generations[active.generation & 1].workers == workers;
}

}  // namespace sluice
