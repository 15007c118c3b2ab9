// SPDX-License-Identifier: Apache-2.0
// A routing netlink socket (rtnetlink(7)): requests with their answers, or a stream of notifications.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "error.h"

namespace sluice {

// What the kernel answered to a request. `text` is its own explanation (extended acknowledgement), often empty.
struct NetlinkError {
  int number = 0;  // errno
  std::string text;
};

class NetlinkSocket {
 public:
  using OnMessage = std::function<void(const nlmsghdr&)>;

  // For requests: blocking, with a time limit.
  static Result<NetlinkSocket> open();
  // For notifications of these multicast groups (RTNLGRP_*): non-blocking.
  static Result<NetlinkSocket> open_monitor(std::span<const int> groups);

  [[nodiscard]] int fd() const { return mnl_socket_get_fd(socket_.get()); }

  // Sends a message and hands on the answers. No error: nothing.
  std::optional<NetlinkError> request(nlmsghdr& message, const OnMessage& on_message = {});

  enum class Drained { all, overrun };
  // Hands on every notification that has come. `overrun`: the kernel dropped some (ENOBUFS); look at everything again.
  Drained drain(const OnMessage& on_message);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit NetlinkSocket(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  unsigned sequence_ = 0;
};

// Calls `on_attribute(type, attribute)` for each attribute behind the family's header of `family_bytes`. (libmnl's own
// loop macro is C.)
template <typename OnAttribute>
void for_each_attribute(const nlmsghdr& message, std::size_t family_bytes, OnAttribute on_attribute) {
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, family_bytes));
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    on_attribute(mnl_attr_get_type(attribute), attribute);
    attribute = mnl_attr_next(attribute);
  }
}

// A request under construction: netlink header, the family's header, attributes.
template <typename Family>
class NetlinkMessage {
 public:
  NetlinkMessage(std::uint16_t type, std::uint16_t flags) : header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    family_ = static_cast<Family*>(mnl_nlmsg_put_extra_header(header_, sizeof(Family)));
  }
  NetlinkMessage(const NetlinkMessage&) = delete;
  NetlinkMessage& operator=(const NetlinkMessage&) = delete;

  Family* operator->() { return family_; }
  [[nodiscard]] nlmsghdr& header() { return *header_; }

 private:
  alignas(nlmsghdr) std::array<char, 1024> buffer_{};
  nlmsghdr* header_;
  Family* family_;
};

}  // namespace sluice
