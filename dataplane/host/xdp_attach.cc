// SPDX-License-Identifier: Apache-2.0
#include "xdp_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "suggest.h"
#include "xdp_refusal.h"

namespace sluice {
namespace {

// Kernel-internal, but it does come out of bpf(2) for a driver without XDP.
constexpr int enotsupp = 524;

std::string errno_text(int number) {
  if (number == enotsupp) return "Operation not supported";
  return std::strerror(number);
}

ErrorCode code_of(int number) {
  if (number == EPERM || number == EACCES) return ErrorCode::permission;
  if (number == EBUSY || number == EEXIST) return ErrorCode::conflict;
  if (number == EOPNOTSUPP || number == enotsupp) return ErrorCode::unsupported;
  return ErrorCode::io;
}

std::uint32_t flags_of(PlaneMode mode) {
  return mode == PlaneMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

// What the interface carries now: program id and mode; nothing if it is free.
struct Present {
  std::uint32_t program_id;
  PlaneMode mode;
};

std::optional<Present> present_program(const Interface& interface) {
  LIBBPF_OPTS(bpf_xdp_query_opts, options);
  if (bpf_xdp_query(static_cast<int>(interface.index), 0, &options) != 0) return std::nullopt;
  if (options.attach_mode == XDP_ATTACHED_NONE) return std::nullopt;
  const bool generic = options.attach_mode == XDP_ATTACHED_SKB;
  const std::uint32_t id = generic                    ? options.skb_prog_id
                           : options.drv_prog_id != 0 ? options.drv_prog_id
                                                      : options.prog_id;
  return Present{id, generic ? PlaneMode::generic : PlaneMode::native};
}

std::string program_name(std::uint32_t id) {
  const UniqueFd program(bpf_prog_get_fd_by_id(id));
  if (!program.is_open()) return "unknown";
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) return "unknown";
  return info.name;
}

Error occupied_error(const Interface& interface) {
  const std::optional<Present> present = present_program(interface);
  const std::string which = present ? fmt::format(" (program {}, \"{}\", {} mode)", present->program_id,
                                                  program_name(present->program_id), to_text(present->mode))
                                    : "";
  return make_error(ErrorCode::conflict,
                    fmt::format("{}: another XDP program is attached{}; an interface carries one: detach it first "
                                "(`ip link set dev {} xdp off`, or stop the program that holds it)",
                                interface.name, which, interface.name));
}

std::string driver_text(const Interface& interface) {
  return interface.driver.empty() ? "the driver" : "the driver (" + interface.driver + ")";
}

// What the kernel answered: its number, and its own words where it has any.
struct Refusal {
  int number = 0;
  std::string text;
};

// Why native was refused, as half a sentence.
std::string native_refusal(const Interface& interface, const Refusal& refusal) {
  const int number = refusal.number;
  if (!refusal.text.empty())
    return fmt::format("{} refuses native XDP at MTU {}: {}", driver_text(interface), interface.mtu, refusal.text);
  if (number == EOPNOTSUPP || number == enotsupp) return driver_text(interface) + " has no native XDP";
  if (number == ERANGE || number == EINVAL || number == EOVERFLOW)
    return fmt::format("{} refuses native XDP at MTU {}, or with its present offloads and queues",
                       driver_text(interface), interface.mtu);
  if (number == ENOSPC || number == ENOMEM) return driver_text(interface) + " has no room for XDP's queues";
  return fmt::format("{} refuses native XDP: {}", driver_text(interface), errno_text(number));
}

Error attach_error(const AttachRequest& request, PlaneMode mode, const Refusal& refusal) {
  const Interface& interface = request.interface;
  const int number = refusal.number;
  if (number == EBUSY || number == EEXIST) return occupied_error(interface);
  if (number == EPERM || number == EACCES)
    return make_error(
        ErrorCode::permission,
        fmt::format("{}: attaching XDP needs root, or the capabilities CAP_NET_ADMIN and CAP_BPF", interface.name));
  if (mode == PlaneMode::native)
    return make_error(code_of(number),
                      fmt::format("{}: {}; lower the MTU (`ip link set dev {} mtu 1500`) or use mode auto or generic",
                                  interface.name, native_refusal(interface, refusal), interface.name));
  return make_error(code_of(number), fmt::format("{}: the kernel refuses generic XDP: {}", interface.name,
                                                 refusal.text.empty() ? errno_text(number) : refusal.text));
}

Result<UniqueFd> create_link(const AttachRequest& request, PlaneMode mode, Refusal& refusal) {
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.flags = flags_of(mode);
  const int fd = bpf_link_create(request.program_fd, static_cast<int>(request.interface.index), BPF_XDP, &options);
  if (fd < 0) {
    refusal = {-fd, {}};
    const bool needs_words = fd != -EPERM && fd != -EACCES && fd != -EBUSY && fd != -EEXIST;
    if (needs_words) refusal.text = xdp_refusal_text(request.interface.index, request.program_fd, mode);
    return attach_error(request, mode, refusal);
  }
  return UniqueFd(fd);
}

Result<UniqueFd> open_pin(const std::string& pin_path) {
  const int fd = bpf_obj_get(pin_path.c_str());
  if (fd < 0) {
    const ErrorCode code = fd == -ENOENT ? ErrorCode::not_found : code_of(-fd);
    return make_error(code, fmt::format("cannot open {}: {}", pin_path, errno_text(-fd)));
  }
  return UniqueFd(fd);
}

Result<std::uint32_t> interface_of_link(const UniqueFd& link, const std::string& pin_path) {
  bpf_link_info info{};
  std::uint32_t size = sizeof info;
  const int failed = bpf_obj_get_info_by_fd(link.get(), &info, &size);
  if (failed != 0 || info.type != BPF_LINK_TYPE_XDP)
    return make_error(ErrorCode::conflict, fmt::format("{} is not a pinned XDP link; remove it or use another pin "
                                                       "directory",
                                                       pin_path));
  return info.xdp.ifindex;
}

// The pinned link of an earlier process with the new program in it; not_found if there is none to take over.
Result<Attachment> take_over(const AttachRequest& request) {
  Result<UniqueFd> link = open_pin(request.pin_path);
  if (!link) return link.error();
  const Result<std::uint32_t> index = interface_of_link(*link, request.pin_path);
  if (!index) return index.error();
  const std::optional<Present> present = present_program(request.interface);
  const bool usable = *index == request.interface.index && present &&
                      (request.mode == PlaneMode::automatic || request.mode == present->mode);
  if (!usable) {
    const Status detached = detach_xdp(*link, request.pin_path);
    if (!detached) return detached.error();
    return make_error(ErrorCode::not_found, "");
  }
  const int failed = bpf_link_update(link->get(), request.program_fd, nullptr);
  if (failed != 0)
    return make_error(code_of(-failed), fmt::format("{}: cannot replace the running XDP program: {}",
                                                    request.interface.name, errno_text(-failed)));
  Attachment attachment{request.interface, std::move(*link), present->mode, "", true};
  if (attachment.mode == PlaneMode::generic) attachment.note = "kept as the earlier process had attached it";
  return attachment;
}

Result<Attachment> attach_new(const AttachRequest& request) {
  const bool try_native = request.mode != PlaneMode::generic;
  Refusal refusal;
  Result<UniqueFd> link = create_link(request, try_native ? PlaneMode::native : PlaneMode::generic, refusal);
  Attachment attachment{request.interface, {}, try_native ? PlaneMode::native : PlaneMode::generic, "", false};
  const bool native_impossible =
      !link && try_native && link.error().code != ErrorCode::conflict && link.error().code != ErrorCode::permission;
  if (native_impossible && request.mode == PlaneMode::automatic) {
    attachment.note = native_refusal(request.interface, refusal);
    attachment.mode = PlaneMode::generic;
    link = create_link(request, PlaneMode::generic, refusal);
  }
  if (!link) return link.error();
  attachment.link = std::move(*link);
  if (attachment.mode == PlaneMode::generic && attachment.note.empty()) attachment.note = "as asked for";
  if (request.pin_path.empty()) return attachment;
  const int failed = bpf_obj_pin(attachment.link.get(), request.pin_path.c_str());
  if (failed != 0)
    return make_error(code_of(-failed),
                      fmt::format("cannot pin the XDP link as {}: {}", request.pin_path, errno_text(-failed)));
  return attachment;
}

}  // namespace

Result<Interface> find_interface(const std::string& name) {
  Interface interface { name, if_nametoindex(name.c_str()), 0, "" };
  if (interface.index == 0)
    return make_error(ErrorCode::not_found,
                      fmt::format("there is no interface {} here; `ip -br link` lists them", in_quotes(name)));
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (socket.is_open() && ioctl(socket.get(), SIOCGIFMTU, &request) == 0)
    interface.mtu = static_cast<std::uint32_t>(request.ifr_mtu);
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  request.ifr_data = reinterpret_cast<char*>(&driver);
  if (socket.is_open() && ioctl(socket.get(), SIOCETHTOOL, &request) == 0) interface.driver = driver.driver;
  return interface;
}

Result<Attachment> attach_xdp(const AttachRequest& request) {
  if (!request.pin_path.empty()) {
    Result<Attachment> taken = take_over(request);
    if (taken || taken.error().code != ErrorCode::not_found) return taken;
  }
  return attach_new(request);
}

Status detach_xdp(const UniqueFd& link, const std::string& pin_path) {
  // ENOLINK: the interface is gone, and the program with it.
  const int failed = bpf_link_detach(link.get());
  if (!pin_path.empty()) ::unlink(pin_path.c_str());
  if (failed != 0 && failed != -ENOLINK)
    return make_error(code_of(-failed), fmt::format("cannot detach the XDP program: {}", errno_text(-failed)));
  return {};
}

Status detach_pinned_xdp(const std::string& pin_path) {
  const Result<UniqueFd> link = open_pin(pin_path);
  if (!link) {
    if (link.error().code == ErrorCode::not_found) return {};
    return link.error();
  }
  const Result<std::uint32_t> index = interface_of_link(*link, pin_path);
  if (!index) return index.error();
  return detach_xdp(*link, pin_path);
}

Result<std::uint32_t> pinned_xdp_interface(const std::string& pin_path) {
  const Result<UniqueFd> link = open_pin(pin_path);
  if (!link) return link.error();
  return interface_of_link(*link, pin_path);
}

bool is_on_bpffs(const std::string& path) {
  std::filesystem::path place(path);
  std::error_code ignored;
  while (!std::filesystem::exists(place, ignored) && place.has_relative_path()) place = place.parent_path();
  struct statfs file_system {};
  return statfs(place.c_str(), &file_system) == 0 &&
         static_cast<std::uint32_t>(file_system.f_type) == static_cast<std::uint32_t>(BPF_FS_MAGIC);
}

}  // namespace sluice
