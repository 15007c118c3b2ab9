// SPDX-License-Identifier: Apache-2.0
#include "backend_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "errno_error.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace sluice::backend {
namespace {

Error file_error(const std::string& what, int number) {
  Error error = errno_error(what, number);
  if (error.code == ErrorCode::permission)
    error.context += "; sluice-backend needs root, or a --state-directory it may write to";
  return error;
}

std::string holder_of(const UniqueFd& lock) {
  std::array<char, 32> text{};
  const ssize_t got = ::pread(lock.get(), text.data(), text.size() - 1, 0);
  return got > 0 ? std::string(" (pid ") + text.data() + ")" : "";
}

// clear() removes the file while it is locked: whoever was waiting then holds a lock on a file without a name.
bool still_named(const UniqueFd& lock, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(lock.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino;
}

Result<UniqueFd> take_lock(const std::string& path) {
  UniqueFd lock;
  do {
    lock = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock.is_open()) return file_error("cannot open " + path, errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) continue;
    if (errno != EWOULDBLOCK) return file_error("cannot lock " + path, errno);
    return make_error(ErrorCode::conflict, "sluice-backend runs in this network namespace already" + holder_of(lock) +
                                               "; stop it with SIGTERM, or with SIGQUIT to take over without a gap");
  } while (!still_named(lock, path));
  const std::string pid = std::to_string(::getpid());
  // For people only; the lock itself is the truth.
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0)
    return file_error("cannot write " + path, errno);
  return lock;
}

}  // namespace

Result<std::string> namespace_name() {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (!socket.is_open() || ::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0)
    return errno_error("cannot tell the network namespace (SO_NETNS_COOKIE, Linux 5.14)", errno);
  return "net-" + std::to_string(cookie);
}

std::string to_json(const HostChanges& changes) {
  boost::json::array vips;
  for (const IpAddress& vip : changes.vips) vips.emplace_back(vip.to_string());
  boost::json::object settings;
  for (const auto& [path, value] : changes.settings) settings[path] = value;
  return boost::json::serialize(
             boost::json::object{{"vips", vips}, {"settings", settings}, {"routes", changes.routes}}) +
         "\n";
}

Result<HostChanges> changes_from_json(const std::string& text) {
  boost::system::error_code fault;
  const boost::json::value value = boost::json::parse(text, fault);
  const auto bad = [] { return make_error(ErrorCode::invalid_argument, "not a state file of sluice-backend"); };
  if (fault || !value.is_object()) return bad();
  const boost::json::object& object = value.get_object();
  const auto* vips = object.if_contains("vips");
  const auto* settings = object.if_contains("settings");
  const auto* routes = object.if_contains("routes");
  if (!vips || !vips->is_array() || !settings || !settings->is_object() || !routes || !routes->is_bool()) return bad();
  HostChanges changes;
  changes.routes = routes->get_bool();
  for (const boost::json::value& vip : vips->get_array()) {
    if (!vip.is_string()) return bad();
    const Result<IpAddress> address = IpAddress::parse(std::string_view(vip.get_string()));
    if (!address) return bad();
    changes.vips.push_back(*address);
  }
  for (const auto& [path, setting] : settings->get_object()) {
    // Written back below /proc/sys: nothing may lead out of net/.
    const std::string name(path);
    if (!setting.is_string() || !name.starts_with("net/") || name.find("..") != std::string::npos) return bad();
    changes.settings[name] = std::string(setting.get_string());
  }
  return changes;
}

Result<StateFile> StateFile::open(const std::string& directory, const std::string& name) {
  std::error_code fault;
  std::filesystem::create_directories(directory, fault);
  if (fault) return file_error("cannot make " + directory, fault.value());
  StateFile state;
  state.path_ = directory + "/" + name + ".json";
  state.lock_path_ = directory + "/" + name + ".lock";
  Result<UniqueFd> lock = take_lock(state.lock_path_);
  if (!lock) return lock.error();
  state.lock_ = std::move(*lock);
  std::ifstream file(state.path_);
  if (!file) return state;
  std::stringstream text;
  text << file.rdbuf();
  const Result<HostChanges> changes = changes_from_json(text.str());
  if (!changes)
    return make_error(ErrorCode::conflict, state.path_ + ": " + changes.error().context +
                                               "; remove it, and check the VIPs on lo and arp_ignore by hand");
  state.changes_ = *changes;
  return state;
}

Status StateFile::save(HostChanges changes) {
  if (changes == changes_) return {};
  const std::string fresh = path_ + ".new";
  std::ofstream file(fresh, std::ios::trunc);
  file << to_json(changes);
  file.close();
  if (!file || std::rename(fresh.c_str(), path_.c_str()) != 0) return errno_error("cannot write " + path_, errno);
  changes_ = std::move(changes);
  return {};
}

Status StateFile::clear() {
  changes_ = {};
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return errno_error("cannot remove " + path_, errno);
  ::unlink(lock_path_.c_str());
  ::rmdir(std::filesystem::path(lock_path_).parent_path().c_str());  // stays if other namespaces have files there
  return {};
}

}  // namespace sluice::backend
