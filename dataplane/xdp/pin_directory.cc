// SPDX-License-Identifier: Apache-2.0
#include "pin_directory.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <set>

#include "errno_error.h"
#include "xdp_attach.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view usual_mount = "/sys/fs/bpf";
constexpr std::string_view set_prefix = "set-";
constexpr std::string_view program_prefix = "program-";
constexpr std::string_view unfinished = "unfinished";

bool begins_with_directory(const std::string& path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

// 0 at the top.
long parent_of(long process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  // pid (name) state ppid: the name may hold anything, so count from its closing bracket.
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string::npos || bracket + 4 >= text.size()) return 0;
  return std::strtol(text.c_str() + bracket + 4, nullptr, 10);
}

// A mount made in a mount namespace of our own would take every pin with it when that namespace ends. Ours if one of
// the processes above us has another one.
bool is_private_mount_namespace() {
  std::error_code failed;
  const fs::path own = fs::read_symlink("/proc/self/ns/mnt", failed);
  if (failed) return false;
  for (long process = getppid(); process > 0; process = parent_of(process)) {
    const fs::path above = fs::read_symlink("/proc/" + std::to_string(process) + "/ns/mnt", failed);
    if (!failed && own != above) return true;
  }
  return false;
}

Status need_bpffs(const std::string& path) {
  if (is_on_bpffs(path)) return {};
  std::error_code ignored;
  if (!begins_with_directory(path, usual_mount) || !fs::is_directory(usual_mount, ignored))
    return make_error(ErrorCode::conflict,
                      "pin_directory " + path +
                          " is not on a BPF file system; mount one there (mkdir, then mount -t bpf bpf DIRECTORY) or "
                          "use the default /sys/fs/bpf/sluice");
  if (is_private_mount_namespace())
    return make_error(ErrorCode::conflict,
                      "no BPF file system at /sys/fs/bpf, and this process has a mount namespace of its own (`ip netns "
                      "exec` makes one), with which all pins would go; use `nsenter --net=/run/netns/NAME` instead, or "
                      "mount one elsewhere and name it as pin_directory");
  if (mount("bpf", usual_mount.data(), "bpf", 0, "mode=0700") != 0)
    return errno_error("cannot mount a BPF file system at /sys/fs/bpf (mount -t bpf bpf /sys/fs/bpf)", errno);
  return {};
}

std::vector<std::uint32_t> numbers_below(const fs::path& directory, std::string_view prefix) {
  std::vector<std::uint32_t> numbers;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, failed)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(prefix)) continue;
    std::uint32_t number = 0;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + prefix.size(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void remove_tree(const fs::path& directory) {
  std::error_code ignored;
  fs::remove_all(directory, ignored);
}

// 0 if there is no such program.
std::uint32_t program_id(const fs::path& pin) {
  const UniqueFd program(bpf_obj_get(pin.c_str()));
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (!program.is_open() || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) return 0;
  return info.id;
}

std::set<std::uint32_t> linked_programs(const fs::path& links) {
  std::set<std::uint32_t> ids;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(links, failed)) {
    const UniqueFd link(bpf_obj_get(entry.path().c_str()));
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (link.is_open() && bpf_obj_get_info_by_fd(link.get(), &info, &size) == 0) ids.insert(info.prog_id);
  }
  return ids;
}

Status finish(const fs::path& from, const fs::path& to, const Status& filled) {
  if (!filled) {
    remove_tree(from);
    return filled;
  }
  if (::rename(from.c_str(), to.c_str()) != 0) {
    const int number = errno;
    remove_tree(from);
    return errno_error("cannot name " + to.string(), number);
  }
  return {};
}

}  // namespace

Result<PinDirectory> PinDirectory::open(const std::string& path) {
  if (Status ready = need_bpffs(path); !ready) return ready.error();
  for (;;) {
    std::error_code failed;
    fs::create_directories(path, failed);
    if (failed) return errno_error("cannot make the pin directory " + path, failed.value());
    Result<PinDirectory> pins = open_existing(path);
    // A process that ends may have removed the empty directory between our two steps.
    struct stat status {};
    const bool is_gone = pins ? fstat(pins->lock_.get(), &status) == 0 && status.st_nlink == 0
                              : pins.error().code == ErrorCode::not_found;
    if (!is_gone) return pins;
  }
}

Result<PinDirectory> PinDirectory::open_existing(const std::string& path) {
  UniqueFd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.is_open()) {
    if (errno == ENOENT) return make_error(ErrorCode::not_found, "there is no pin directory " + path);
    return errno_error("cannot open the pin directory " + path, errno);
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return make_error(ErrorCode::conflict, "another sluice-xdp runs on pin directory " + path +
                                                 "; stop it first, or give this one a pin_directory of its own");
    return errno_error("cannot lock the pin directory " + path, errno);
  }
  return PinDirectory(path, std::move(lock));
}

PinDirectory::~PinDirectory() {
  if (!lock_.is_open()) return;
  // Neither succeeds on a directory that holds anything.
  ::rmdir(links_path().c_str());
  ::rmdir(root_.c_str());
}

fs::path PinDirectory::set_path(std::uint32_t set) const {
  return root_ / (std::string(set_prefix) + std::to_string(set));
}

fs::path PinDirectory::program_path(const ProgramPin& pin) const {
  return set_path(pin.set) / (std::string(program_prefix) + std::to_string(pin.program));
}

std::vector<std::uint32_t> PinDirectory::sets() const {
  return numbers_below(root_, set_prefix);
}

std::vector<std::uint32_t> PinDirectory::programs(std::uint32_t set) const {
  return numbers_below(set_path(set), program_prefix);
}

Result<std::uint32_t> PinDirectory::add_set(const PinIn& pin_in) {
  const std::vector<std::uint32_t> present = sets();
  const std::uint32_t number = present.empty() ? 1 : present.back() + 1;
  const fs::path place = root_ / unfinished;
  remove_tree(place);
  if (::mkdir(place.c_str(), 0700) != 0) return errno_error("cannot make " + place.string(), errno);
  if (Status done = finish(place, set_path(number), pin_in(place)); !done) return done.error();
  return number;
}

Result<ProgramPin> PinDirectory::add_program(std::uint32_t set, const PinIn& pin_in) {
  const std::vector<std::uint32_t> present = programs(set);
  const ProgramPin pin{set, present.empty() ? 1 : present.back() + 1};
  const fs::path place = set_path(set) / unfinished;
  remove_tree(place);
  if (::mkdir(place.c_str(), 0700) != 0) return errno_error("cannot make " + place.string(), errno);
  if (Status done = finish(place, program_path(pin), pin_in(place)); !done) return done.error();
  return pin;
}

std::vector<ProgramPin> PinDirectory::in_use() const {
  const std::set<std::uint32_t> linked = linked_programs(links_path());
  std::vector<ProgramPin> used;
  for (const std::uint32_t set : sets()) {
    for (const std::uint32_t program : programs(set)) {
      const ProgramPin pin{set, program};
      if (linked.contains(program_id(program_path(pin) / "balancer"))) used.push_back(pin);
    }
  }
  return used;
}

void PinDirectory::remove_unused(Older older) const {
  const std::vector<ProgramPin> used = in_use();
  remove_tree(root_ / unfinished);
  for (const std::uint32_t set : sets()) {
    if (older == Older::keep && !used.empty() && set < used.front().set) continue;
    if (std::none_of(used.begin(), used.end(), [set](const ProgramPin& pin) { return pin.set == set; })) {
      remove_tree(set_path(set));
      continue;
    }
    remove_tree(set_path(set) / unfinished);
    for (const std::uint32_t program : programs(set)) {
      if (std::find(used.begin(), used.end(), ProgramPin{set, program}) == used.end())
        remove_tree(program_path({set, program}));
    }
  }
}

void PinDirectory::remove_all() {
  for (const std::uint32_t set : sets()) remove_tree(set_path(set));
  remove_tree(root_ / unfinished);
  remove_tree(links_path());
}

}  // namespace sluice
