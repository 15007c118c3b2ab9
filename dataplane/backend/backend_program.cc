// SPDX-License-Identifier: Apache-2.0
#include "backend_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

extern "C" const unsigned char sluice_backend_object[];
extern "C" const unsigned long sluice_backend_object_bytes;

namespace sluice::backend {
namespace {

// Own addresses may come and go while the program runs; 1,024 beside the VIPs are more than a host has.
constexpr std::size_t spare_addresses = 1024;

// libbpf explains failures by this call-back only. Kept per thread and shown with the error; the verifier's log is cut.
thread_local std::string libbpf_words;

int keep_words(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  const int length = std::vsnprintf(line, sizeof line, format, arguments);
  if (length > 0 && libbpf_words.size() < 4096) libbpf_words += line;
  return length;
}

std::string kept_words() {
  std::string words;
  std::swap(words, libbpf_words);
  std::replace(words.begin(), words.end(), '\n', ' ');
  return words;
}

Error load_error(int number) {
  if (number == EPERM || number == EACCES)
    return make_error(ErrorCode::permission,
                      "loading the BPF program needs root, or the capabilities CAP_BPF and CAP_NET_ADMIN");
  return make_error(number == ENOSYS || number == EINVAL ? ErrorCode::unsupported : ErrorCode::io,
                    fmt::format("the kernel refuses the BPF program: {}: {}", std::strerror(number), kept_words()));
}

Error map_error(const char* what, int number) {
  return make_error(ErrorCode::io, fmt::format("cannot fill the map of {}: {}", what, std::strerror(number)));
}

Status set_gue_port(bpf_object* object, std::uint16_t port) {
  bpf_map* constants = bpf_object__find_map_by_name(object, ".rodata");
  // The object's only constant; its place is checked against the size of the section.
  if (constants == nullptr || bpf_map__value_size(constants) != sizeof port)
    return make_error(ErrorCode::internal, "the BPF object's constants are not those this program knows");
  const int failed = bpf_map__set_initial_value(constants, &port, sizeof port);
  if (failed != 0) return make_error(ErrorCode::internal, "cannot set the BPF object's constants");
  return {};
}

Status prepare(bpf_object* object, const DecapTables& tables, const std::string& counts_pin) {
  const Status port = set_gue_port(object, tables.gue_port);
  if (!port) return port;
  bpf_map* addresses = bpf_object__find_map_by_name(object, "backend_addresses");
  bpf_map* sources = bpf_object__find_map_by_name(object, "backend_sources");
  bpf_map* counts = bpf_object__find_map_by_name(object, "backend_counts");
  if (addresses == nullptr || sources == nullptr || counts == nullptr)
    return make_error(ErrorCode::internal, "the BPF object lacks a map this program knows");
  const auto lines = static_cast<std::uint32_t>(tables.addresses.size() + spare_addresses);
  if (bpf_map__set_max_entries(addresses, lines) != 0 ||
      bpf_map__set_max_entries(sources, static_cast<std::uint32_t>(tables.sources.size() + 1)) != 0)
    return make_error(ErrorCode::internal, "cannot size the BPF maps");
  if (!counts_pin.empty() && bpf_map__set_pin_path(counts, counts_pin.c_str()) != 0)
    return make_error(ErrorCode::internal, "cannot name the pin of the counters");
  return {};
}

}  // namespace

void BackendProgram::Close::operator()(bpf_object* object) const {
  bpf_object__close(object);
}
BackendProgram::BackendProgram(BackendProgram&&) noexcept = default;
BackendProgram& BackendProgram::operator=(BackendProgram&&) noexcept = default;
BackendProgram::~BackendProgram() = default;

Result<BackendProgram> BackendProgram::load(const DecapTables& tables, const Options& options) {
  libbpf_set_print(keep_words);
  libbpf_words.clear();
  const auto bytes = options.object.empty()
                         ? std::span(sluice_backend_object, static_cast<std::size_t>(sluice_backend_object_bytes))
                         : options.object;
  LIBBPF_OPTS(bpf_object_open_opts, open_options);
  open_options.object_name = "sluice_backend";
  BackendProgram program;
  program.object_.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &open_options));
  if (!program.object_) return make_error(ErrorCode::internal, "the BPF object cannot be read: " + kept_words());
  const Status prepared = prepare(program.object_.get(), tables, options.counts_pin);
  if (!prepared) return prepared.error();
  const int failed = bpf_object__load(program.object_.get());
  if (failed != 0) return load_error(-failed);
  const Status filled = program.fill(tables);
  if (!filled) return filled.error();
  return program;
}

Status BackendProgram::fill(const DecapTables& tables) {
  const std::uint32_t allowed = 1;
  for (const sluice_source_range& range : tables.sources) {
    const int failed = bpf_map_update_elem(map_fd("backend_sources"), &range, &allowed, BPF_ANY);
    if (failed != 0) return map_error("allowed sources", -failed);
  }
  return replace_addresses(tables.addresses);
}

Status BackendProgram::replace_addresses(const std::vector<sluice_host_entry>& entries) {
  const int map = map_fd("backend_addresses");
  const auto same_address = [](const sluice_host_entry& entry) {
    return [&entry](const sluice_host_entry& other) {
      return std::memcmp(&entry.address, &other.address, sizeof entry.address) == 0;
    };
  };
  for (const sluice_host_entry& entry : entries) {
    const int failed = bpf_map_update_elem(map, &entry.address, &entry.meaning, BPF_ANY);
    if (failed != 0) return map_error("addresses", -failed);
  }
  for (const sluice_host_entry& old : entries_) {
    if (std::none_of(entries.begin(), entries.end(), same_address(old))) bpf_map_delete_elem(map, &old.address);
  }
  entries_ = entries;
  return {};
}

int BackendProgram::map_fd(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_.get(), name);
}

int BackendProgram::fd() const {
  return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), "sluice_backend"));
}

int BackendProgram::counts_fd() const {
  return map_fd("backend_counts");
}

Result<sluice_decap_counters> read_counters(int counts_fd) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return make_error(ErrorCode::io, "cannot tell the number of CPUs");
  std::vector<sluice_decap_counters> each(static_cast<std::size_t>(cpus));
  const std::uint32_t zero = 0;
  const int failed = bpf_map_lookup_elem(counts_fd, &zero, each.data());
  if (failed != 0) return make_error(ErrorCode::io, std::string("cannot read the counters: ") + std::strerror(-failed));
  sluice_decap_counters sum{};
  for (const sluice_decap_counters& cpu : each) {
    sum.rx_packets += cpu.rx_packets;
    sum.rx_bytes += cpu.rx_bytes;
    for (std::size_t i = 0; i < SLUICE_DECAP_REASONS_MAX; ++i) sum.reasons[i] += cpu.reasons[i];
  }
  return sum;
}

Result<sluice_decap_counters> read_pinned_counters(const std::string& counts_pin) {
  const UniqueFd map(bpf_obj_get(counts_pin.c_str()));
  if (!map.is_open()) {
    const int number = -map.get();
    if (number == EPERM || number == EACCES)
      return make_error(ErrorCode::permission, "reading the counters needs root, or the capability CAP_BPF");
    return make_error(ErrorCode::not_found, "no counters at " + counts_pin +
                                                ": sluice-backend does not run in this network namespace, or pins "
                                                "nothing");
  }
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0 || info.value_size != sizeof(sluice_decap_counters))
    return make_error(ErrorCode::conflict, counts_pin + " holds counters of another version; restart sluice-backend");
  return read_counters(map.get());
}

}  // namespace sluice::backend
