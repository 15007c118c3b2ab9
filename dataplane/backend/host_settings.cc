// SPDX-License-Identifier: Apache-2.0
#include "host_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "errno_error.h"
#include "unique_fd.h"

namespace sluice::backend {
namespace {

std::string conf_path(const std::string& interface, const char* name) {
  return "net/ipv4/conf/" + interface + "/" + name;
}

int number_at(const std::string& path) {
  const Result<std::string> text = read_setting(path);
  return text ? std::atoi(text->c_str()) : 0;
}

}  // namespace

Settings arp_settings(const std::string& interface) {
  return {{conf_path(interface, "arp_ignore"), "1"}, {conf_path(interface, "arp_announce"), "2"}};
}

Result<std::string> read_setting(const std::string& path) {
  const UniqueFd file(::open(("/proc/sys/" + path).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> buffer{};
  const ssize_t got = file.is_open() ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (got < 0) return errno_error("cannot read the kernel parameter " + path, errno);
  std::string text(buffer.data(), static_cast<std::size_t>(got));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Status write_setting(const std::string& path, const std::string& value) {
  const UniqueFd file(::open(("/proc/sys/" + path).c_str(), O_WRONLY | O_CLOEXEC));
  const bool written =
      file.is_open() && ::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
  if (!written) return errno_error("cannot set the kernel parameter " + path + " to " + value, errno);
  return {};
}

bool has_strict_reverse_path(const std::string& interface) {
  return std::max(number_at(conf_path("all", "rp_filter")), number_at(conf_path(interface, "rp_filter"))) == 1;
}

}  // namespace sluice::backend
