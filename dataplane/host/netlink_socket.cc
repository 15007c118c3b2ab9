// SPDX-License-Identifier: Apache-2.0
#include "netlink_socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "errno_error.h"

namespace sluice {
namespace {

// Large enough for every dump the kernel sends at once (32 KiB since Linux 3.x, netlink_dump()).
constexpr std::size_t buffer_bytes = 64 * 1024;

// With NETLINK_CAP_ACK the attributes follow the error directly.
NetlinkError error_of(const nlmsghdr& message) {
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message));
  NetlinkError result{-error->error, {}};
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return result;
  for_each_attribute(message, sizeof(nlmsgerr), [&result](std::uint16_t type, const nlattr* attribute) {
    if (type == NLMSGERR_ATTR_MSG && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
      result.text = mnl_attr_get_str(attribute);
  });
  return result;
}

Result<mnl_socket*> open_socket(int flags) {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
  if (socket == nullptr) return errno_error("cannot open a netlink socket", errno);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
    const int number = errno;
    mnl_socket_close(socket);
    return errno_error("cannot bind a netlink socket", number);
  }
  return socket;
}

}  // namespace

Result<NetlinkSocket> NetlinkSocket::open() {
  const Result<mnl_socket*> socket = open_socket(0);
  if (!socket) return socket.error();
  NetlinkSocket result(*socket);
  const int on = 1;
  // Older kernels lack them; then there is no text.
  setsockopt(result.fd(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(result.fd(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  const timeval limit{5, 0};
  setsockopt(result.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return result;
}

Result<NetlinkSocket> NetlinkSocket::open_monitor(std::span<const int> groups) {
  const Result<mnl_socket*> socket = open_socket(SOCK_NONBLOCK);
  if (!socket) return socket.error();
  NetlinkSocket result(*socket);
  for (const int group : groups) {
    if (setsockopt(result.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
      return errno_error("cannot watch netlink group " + std::to_string(group), errno);
  }
  return result;
}

std::optional<NetlinkError> NetlinkSocket::request(nlmsghdr& message, const OnMessage& on_message) {
  message.nlmsg_seq = ++sequence_;
  message.nlmsg_flags |= (message.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP ? 0 : NLM_F_ACK;
  if (mnl_socket_sendto(socket_.get(), &message, message.nlmsg_len) < 0) return NetlinkError{errno, {}};
  alignas(nlmsghdr) std::array<char, buffer_bytes> buffer;
  for (;;) {
    const ssize_t count = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return NetlinkError{errno, {}};
    int left = static_cast<int>(count);
    const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      if (answer->nlmsg_seq != sequence_) continue;  // the tail of a request that was given up
      if (answer->nlmsg_type == NLMSG_DONE) return std::nullopt;
      if (answer->nlmsg_type == NLMSG_ERROR) {
        NetlinkError error = error_of(*answer);
        if (error.number == 0) return std::nullopt;
        return error;
      }
      if (on_message) on_message(*answer);
    }
  }
}

NetlinkSocket::Drained NetlinkSocket::drain(const OnMessage& on_message) {
  alignas(nlmsghdr) std::array<char, buffer_bytes> buffer;
  Drained result = Drained::all;
  // Bounded: whoever floods the neighbour table must not keep us from everything else.
  for (int round = 0; round < 256; ++round) {
    const ssize_t count = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (count < 0) {
      if (errno == ENOBUFS || errno == ENOSPC) {
        result = Drained::overrun;
        continue;
      }
      if (errno == EINTR) continue;
      return result;
    }
    int left = static_cast<int>(count);
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) on_message(*message);
  }
  return result;
}

}  // namespace sluice
