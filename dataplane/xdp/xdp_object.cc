// SPDX-License-Identifier: Apache-2.0
#include "xdp_object.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "bpf_log.h"
#include "errno_error.h"

extern "C" const unsigned char sluice_balancer_object[];
extern "C" const unsigned long sluice_balancer_object_bytes;
extern "C" const unsigned char sluice_balancer_lookup_object[];
extern "C" const unsigned long sluice_balancer_lookup_object_bytes;

namespace sluice {
namespace {

constexpr const char* roads_map = "sluice_roads";
// Pin name -> program.
constexpr std::array<std::pair<const char*, const char*>, 4> programs = {{{"balancer", "sluice_balancer"},
                                                                          {"full_ipv4", "sluice_full_ipv4"},
                                                                          {"full_ipv6", "sluice_full_ipv6"},
                                                                          {"tagged", "sluice_tagged"}}};

Error load_error(const char* what, int number) {
  const std::string log = take_bpf_log();
  std::string text = what;
  // Without CAP_PERFMON the verifier forbids arithmetic on pointers, and says so in its log.
  const bool lacks_privilege = number == EPERM || (number == EACCES && log.find("!root") != std::string::npos);
  if (lacks_privilege) text += " (run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)";
  Error error = errno_error(text, number);
  if (!log.empty()) error.context += "; the kernel says: " + log;
  return error;
}

// struct sluice_config of bpf/tables.h.
struct ObjectConfig {
  std::uint32_t tick_shift = 0;
  ImageSizes lines;
};
static_assert(sizeof(ObjectConfig) == 8 * sizeof(std::uint32_t));

Status set_config(bpf_object* object, const ObjectConfig& config) {
  bpf_map* constants = bpf_object__find_map_by_name(object, ".rodata.config");
  std::size_t bytes = 0;
  void* image = constants == nullptr ? nullptr : const_cast<void*>(bpf_map__initial_value(constants, &bytes));
  if (image == nullptr || bytes != sizeof config)
    return make_error(ErrorCode::internal, "the BPF object's sluice_config has another layout");
  std::memcpy(image, &config, sizeof config);
  return {};
}

// libbpf's callback gets no word of ours per load, so the descriptors of the whole maps wait here (libbpf's own
// duplicates, as they stand in the instructions); one thread, one load at a time.
thread_local std::vector<int> whole_maps_being_loaded;

// The whole form: a reference to a table's map becomes the address of its one element (bpf/tables.h). libbpf does that
// only for maps it makes itself out of .data sections, and those cannot be resized (before 1.3) or brought along.
int address_tables(bpf_program* program, bpf_prog_load_opts*, long) {
  const auto& maps = whole_maps_being_loaded;
  auto* instructions = const_cast<bpf_insn*>(bpf_program__insns(program));
  const std::size_t count = bpf_program__insn_cnt(program);
  for (std::size_t i = 0; i + 1 < count; ++i) {
    if (instructions[i].code != (BPF_LD | BPF_IMM | BPF_DW)) continue;
    if (instructions[i].src_reg == BPF_PSEUDO_MAP_FD &&
        std::find(maps.begin(), maps.end(), instructions[i].imm) != maps.end()) {
      instructions[i].src_reg = BPF_PSEUDO_MAP_VALUE;
      instructions[i + 1].imm = 0;
    }
    ++i;  // the second half
  }
  return 0;
}

Status register_address_tables() {
  LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = address_tables);
  static const int handler = libbpf_register_prog_handler("xdp", BPF_PROG_TYPE_XDP, BPF_XDP, &options);
  if (handler < 0) return errno_error("cannot register a program handler with libbpf", -handler);
  return {};
}

std::span<const unsigned char> embedded_object(TableForm form) {
  if (form == TableForm::whole) return {sluice_balancer_object, sluice_balancer_object_bytes};
  return {sluice_balancer_lookup_object, sluice_balancer_lookup_object_bytes};
}

Status use_maps(bpf_object* object, const MapSet& maps) {
  whole_maps_being_loaded.clear();
  for (std::size_t map = 0; map < map_names.size(); ++map) {
    const std::string name = "sluice_" + std::string(map_names[map]);
    bpf_map* in_object = bpf_object__find_map_by_name(object, name.c_str());
    if (in_object == nullptr) return make_error(ErrorCode::internal, "the BPF object has no map " + name);
    if (const int failed = bpf_map__reuse_fd(in_object, maps.fd(map)); failed != 0)
      return errno_error("cannot use the map " + name, -failed);
    if (maps.is_whole(map)) whole_maps_being_loaded.push_back(bpf_map__fd(in_object));
  }
  return {};
}

}  // namespace

Result<XdpObject> XdpObject::load(const MapSet& maps, std::uint32_t tick_shift, std::span<const unsigned char> bytes) {
  if (Status registered = register_address_tables(); !registered) return registered.error();
  if (bytes.empty()) bytes = embedded_object(maps.form());
  LIBBPF_OPTS(bpf_object_open_opts, options);
  options.object_name = "sluice";
  Object object(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!object) return load_error("cannot read the BPF object in this executable", errno);
  if (Status used = use_maps(object.get(), maps); !used) return used.error();
  if (Status set = set_config(object.get(), {tick_shift, maps.sizes()}); !set) return set.error();
  const int failed = bpf_object__load(object.get());
  whole_maps_being_loaded.clear();
  if (failed != 0) return load_error("the kernel refuses the XDP program", -failed);
  take_bpf_log();
  return XdpObject(std::move(object));
}

int XdpObject::balancer_fd() const {
  return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), programs[0].second));
}

Status XdpObject::pin_in(const std::filesystem::path& directory) const {
  const auto pin = [&directory](int fd, const char* name) -> Status {
    const std::filesystem::path path = directory / name;
    if (const int failed = bpf_obj_pin(fd, path.c_str()); failed != 0)
      return errno_error("cannot pin " + path.string(), -failed);
    return {};
  };
  if (Status pinned = pin(bpf_map__fd(bpf_object__find_map_by_name(object_.get(), roads_map)), "roads"); !pinned)
    return pinned;
  for (const auto& [name, program] : programs) {
    const int fd = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), program));
    if (Status pinned = pin(fd, name); !pinned) return pinned;
  }
  return {};
}

}  // namespace sluice
