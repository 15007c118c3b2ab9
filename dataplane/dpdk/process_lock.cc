// SPDX-License-Identifier: Apache-2.0
#include "process_lock.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <functional>

#include "errno_error.h"

namespace sluice {

Result<UniqueFd> lock_process(const std::string& control_socket) {
  // A hash: the path alone may fill the address.
  const std::string name = "sluice-dpdk-" + std::to_string(std::hash<std::string>{}(control_socket));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.sun_path + 1);  // first byte 0: abstract
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return errno_error("cannot make a socket", errno);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), bytes) == 0) return fd;
  if (errno != EADDRINUSE) return errno_error("cannot claim " + control_socket + " for this process", errno);
  return make_error(ErrorCode::conflict, "another sluice-dpdk runs with the control socket " + control_socket +
                                             "; end it first, or give this one its own control_socket");
}

}  // namespace sluice
