// SPDX-License-Identifier: Apache-2.0
#include "kernel_interface.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "errno_error.h"

namespace sluice {
namespace {

// Several queues even for one worker: the kernel fixes that when the interface is made, and a later process may have
// more workers.
constexpr short tap_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::copy_n(name.begin(), std::min(name.size(), sizeof request.ifr_name - 1), request.ifr_name);
  return request;
}

Error tap_error(const std::string& name, int number) {
  if (number == ENOENT)
    return make_error(ErrorCode::unsupported, "kernel interface " + name +
                                                  ": there is no /dev/net/tun; load the kernel's tun module (modprobe "
                                                  "tun), or leave kernel_interface out");
  if (number == EPERM || number == EACCES)
    return make_error(
        ErrorCode::permission,
        "kernel interface " + name + ": may not be made by this process; run as root or with CAP_NET_ADMIN");
  if (number == EINVAL || number == EBUSY)
    return make_error(ErrorCode::conflict,
                      "kernel interface " + name +
                          ": the name belongs to another interface; choose another name, or remove "
                          "that one (ip link del " +
                          name + ")");
  return errno_error("kernel interface " + name + ": cannot be made", number);
}

Result<UniqueFd> attach_queue(const std::string& name) {
  UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.is_open()) return tap_error(name, errno);
  ifreq request = request_for(name);
  request.ifr_flags = tap_flags;
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return tap_error(name, errno);
  return fd;
}

}  // namespace

Result<KernelInterface> KernelInterface::open(const Options& options) {
  KernelInterface made(options.name);
  for (std::uint16_t queue = 0; queue < options.queues; ++queue) {
    if (Status opened = made.open_queue(); !opened) return opened.error();
  }
  if (Status ready = made.set_up(options); !ready) return ready.error();
  return made;
}

Status KernelInterface::open_queue() {
  Result<UniqueFd> fd = attach_queue(name_);
  if (!fd) return fd.error();
  queues_.push_back(std::move(*fd));
  return {};
}

Status KernelInterface::set_up(const Options& options) {
  const auto failed = [this](const std::string& what) {
    return errno_error("kernel interface " + name_ + ": cannot set its " + what, errno);
  };
  // Whoever had the interface before may have promised the kernel to complete its checksums.
  if (ioctl(queues_.front().get(), TUNSETOFFLOAD, 0UL) != 0) return failed("offloads");
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (Status done = set_mac(socket.get(), options.mac); !done) return done;
  ifreq request = request_for(name_);
  request.ifr_mtu = options.mtu;
  if (ioctl(socket.get(), SIOCSIFMTU, &request) != 0) return failed("MTU");
  request = request_for(name_);
  if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return failed("flags");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return failed("flags");
  return {};
}

// An address of its own is fine for a port that has none (net_ring).
Status KernelInterface::set_mac(int socket, const MacAddress& mac) {
  ifreq request = request_for(name_);
  auto* present = reinterpret_cast<std::uint8_t*>(request.ifr_hwaddr.sa_data);
  bool is_done = ioctl(socket, SIOCGIFHWADDR, &request) == 0;
  if (is_done && mac != MacAddress{} && !std::equal(mac.begin(), mac.end(), present)) {
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::copy(mac.begin(), mac.end(), present);
    is_done = ioctl(socket, SIOCSIFHWADDR, &request) == 0;
  }
  if (is_done) return {};
  return errno_error("kernel interface " + name_ + ": cannot set its MAC address", errno);
}

Status KernelInterface::keep() {
  if (ioctl(queues_.front().get(), TUNSETPERSIST, 1UL) == 0) return {};
  return errno_error("kernel interface " + name_ + ": cannot be kept", errno);
}

void KernelInterface::let_go() {
  if (!queues_.empty()) ioctl(queues_.front().get(), TUNSETPERSIST, 0UL);
}

Result<bool> remove_kernel_interface(const std::string& name) {
  if (if_nametoindex(name.c_str()) == 0) return false;
  const Result<UniqueFd> fd = attach_queue(name);
  if (!fd) return fd.error();
  if (ioctl(fd->get(), TUNSETPERSIST, 0UL) != 0) return errno_error("kernel interface " + name + ": stays", errno);
  return true;
}

}  // namespace sluice
