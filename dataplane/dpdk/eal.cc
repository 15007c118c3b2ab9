// SPDX-License-Identifier: Apache-2.0
#include "eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <utility>

#include "eal_log.h"

namespace sluice {
namespace {

constexpr const char* huge_page_directory = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
// One process, one prefix: nothing of another DPDK program is touched, and one of ours may start while another ends.
constexpr std::string_view prefix_name = "sluice-dpdk-";

std::string cpu_set_text(std::span<const std::uint16_t> cpus) {
  return cpus.size() == 1 ? std::to_string(cpus.front()) : fmt::format("({})", fmt::join(cpus, ","));
}

std::vector<std::string> arguments_of(const EalOptions& options) {
  std::vector<std::string> arguments = {"sluice-dpdk", "--file-prefix",
                                        std::string(prefix_name) + std::to_string(getpid()), "--no-telemetry"};
  std::vector<std::uint16_t> control = options.control_cpus;
  if (control.empty()) control = allowed_cpus();
  arguments.insert(arguments.end(), {"--lcores", lcores_text(control, options.worker_cpus)});
  if (options.pci_devices.empty()) arguments.push_back("--no-pci");
  for (const std::string& device : options.pci_devices) arguments.insert(arguments.end(), {"-a", device});
  if (options.memory == MemoryKind::huge) {
    arguments.push_back("--in-memory");  // no file system of huge pages needs to be mounted
  } else {
    const std::uint64_t megabytes = (options.memory_bytes + eal_spare_bytes) >> 20;
    arguments.insert(arguments.end(), {"--no-huge", "-m", std::to_string(megabytes)});
  }
  return arguments;
}

// Directories of processes that were killed.
void remove_stale(const std::filesystem::path& parent) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix_name)) continue;
    pid_t process = 0;
    std::from_chars(name.data() + prefix_name.size(), name.data() + name.size(), process);
    if (process > 0 && kill(process, 0) != 0 && errno == ESRCH) std::filesystem::remove_all(entry.path(), ignored);
  }
}

// Itself, and the parent if nobody else needs it. Not an error if that fails: they are empty files.
void remove_directory(const std::filesystem::path& directory) {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  std::filesystem::remove(directory.parent_path(), ignored);
}

Error start_error(const EalOptions& options, int number) {
  const std::string reason = eal_reason(number);
  const std::string_view remedy =
      options.memory == MemoryKind::huge
          ? "; free memory or reserve more huge pages, or use memory = \"ordinary\""
          : "; lower packet_buffers, or look whether another limit (ulimit -a, the cgroup) stands in the way";
  return make_error(ErrorCode::io, "cannot start DPDK: " + reason + std::string(remedy));
}

}  // namespace

std::uint64_t free_huge_pages() {
  std::ifstream file(std::string(huge_page_directory) + "free_hugepages");
  std::uint64_t count = 0;
  return file >> count ? count : 0;
}

std::uint64_t huge_pages_for(std::uint64_t bytes) {
  return (bytes + huge_page_bytes - 1) / huge_page_bytes;
}

std::vector<std::uint16_t> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<std::uint16_t> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (std::uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string lcores_text(std::span<const std::uint16_t> control, std::span<const std::uint16_t> workers) {
  std::string text = "0@" + cpu_set_text(control);
  for (std::size_t i = 0; i < workers.size(); ++i)
    text += "," + std::to_string(i + 1) + "@" + std::to_string(workers[i]);
  return text;
}

Result<Eal> Eal::start(const EalOptions& options) {
  collect_eal_log();
  std::vector<std::string> arguments = arguments_of(options);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  // EAL permutes its arguments and keeps pointers to some until the process ends.
  static std::vector<std::string> kept_arguments;
  kept_arguments = std::move(arguments);
  const int started = rte_eal_init(static_cast<int>(pointers.size()), pointers.data());
  const std::filesystem::path directory = rte_eal_get_runtime_dir();
  if (started < 0) {
    const Error error = start_error(options, rte_errno);
    if (directory.filename().string().starts_with(prefix_name)) remove_directory(directory);
    return error;
  }
  collect_libxdp_log();
  remove_stale(directory.parent_path());
  take_eal_log();
  return Eal(directory);
}

Eal::Eal(Eal&& other) noexcept : directory_(std::exchange(other.directory_, {})) {}

Eal::~Eal() {
  if (directory_.empty()) return;
  rte_eal_cleanup();
  remove_directory(directory_);
}

}  // namespace sluice
