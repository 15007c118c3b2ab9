// SPDX-License-Identifier: Apache-2.0
#include "backend_agent.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "errno_error.h"
#include "host_settings.h"
#include "vip_addresses.h"

namespace sluice::backend {
namespace {

bool contains(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

// The pinned links of this namespace: path and interface (0: it is gone).
std::vector<std::pair<std::string, std::uint32_t>> pinned_links(const PinPlaces& pins) {
  std::vector<std::pair<std::string, std::uint32_t>> links;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(pins.directory, ignored)) {
    if (!entry.path().filename().string().starts_with("link-")) continue;
    const Result<std::uint32_t> interface = pinned_xdp_interface(entry.path());
    if (interface) links.emplace_back(entry.path(), *interface);
  }
  return links;
}

// Pins of namespaces that are gone, with the agent killed before: nothing else would ever remove them.
void remove_dead_pins(const std::string& pin_directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(pin_directory, ignored)) {
    const PinPlaces pins{entry.path()};
    const auto links = pinned_links(pins);
    const bool dead =
        !links.empty() && std::all_of(links.begin(), links.end(), [](const auto& link) { return link.second == 0; });
    if (!dead) continue;
    for (const auto& [path, interface] : links) ::unlink(path.c_str());
    ::unlink(pins.counts().c_str());
    ::rmdir(pins.directory.c_str());
  }
}

}  // namespace

Result<PinPlaces> pin_places(const std::string& pin_directory) {
  if (pin_directory == "none" || pin_directory.empty()) return PinPlaces{};
  const Result<std::string> name = namespace_name();
  if (!name) return name.error();
  return PinPlaces{pin_directory + "/" + *name};
}

BackendAgent::BackendAgent(BackendConfig config, Warn warn, StateFile state, NetlinkSocket netlink, PinPlaces pins)
    : config_(std::move(config)),
      warn_(warn),
      state_(std::move(state)),
      netlink_(std::move(netlink)),
      pins_(std::move(pins)) {
  inherits_ = state_.changes() != HostChanges{} || !pinned_links(pins_).empty();
}

Result<BackendAgent> BackendAgent::create(BackendConfig config, Warn warn) {
  Result<PinPlaces> pins = pin_places(config.pin_directory);
  if (!pins) return pins.error();
  const Result<std::string> name = namespace_name();
  if (!name) return name.error();
  Result<StateFile> state = StateFile::open(config.state_directory, *name);
  if (!state) return state.error();
  Result<NetlinkSocket> netlink = NetlinkSocket::open();
  if (!netlink) return netlink.error();
  return BackendAgent(std::move(config), warn, std::move(*state), std::move(*netlink), std::move(*pins));
}

void BackendAgent::warn_once(const std::string& line) {
  if (std::find(warned_.begin(), warned_.end(), line) != warned_.end()) return;
  warned_.push_back(line);
  warn_(line);
}

Status BackendAgent::start() {
  for (const std::string& name : config_.interfaces) {
    const Result<Interface> interface = find_interface(name);
    if (!interface) return interface.error();
    interfaces_[name] = *interface;
  }
  // The program is verified before anything of the host is touched; the VIPs come last before the packets do.
  if (const Status pinned = prepare_pins(); !pinned) return pinned;
  if (config_.tunnels) {
    const Result<std::vector<IpAddress>> own = own_addresses();
    if (!own) return own.error();
    const DecapTables tables{host_entries(*own, config_.vips), source_ranges(config_.allow), config_.gue_port};
    Result<BackendProgram> program = BackendProgram::load(tables, {pins_.counts(), {}});
    if (!program) return program.error();
    program_ = std::move(*program);
  }
  if (const Status set = set_parameters(); !set) return set;
  if (const Status synced = sync_routes(); !synced) return synced;
  if (const Status put = put_vips(); !put) return put;
  if (const Status attached = attach_all(); !attached) return attached;
  if (const Status detached = detach_unwanted(); !detached) return detached;
  if (const Status removed = remove_old_vips(); !removed) return removed;
  warn_about_reverse_path();
  return {};
}

Status BackendAgent::prepare_pins() {
  if (pins_.directory.empty() || !config_.tunnels) return {};
  if (!is_on_bpffs(pins_.directory)) {
    warn_once(
        fmt::format("{} is not on a BPF file system: nothing is pinned, so that decapsulation ends with this "
                    "process; mount one (`mount -t bpf bpf /sys/fs/bpf`), or enter the namespace with `nsenter "
                    "--net=` rather than `ip netns exec`, which hides it",
                    config_.pin_directory));
    pins_.directory.clear();
    return {};
  }
  remove_dead_pins(config_.pin_directory);
  std::error_code fault;
  std::filesystem::create_directories(pins_.directory, fault);
  if (fault) return errno_error("cannot make " + pins_.directory, fault.value());
  return {};
}

Result<std::vector<IpAddress>> BackendAgent::own_addresses() {
  if (!config_.local.empty()) return config_.local;
  const Result<std::vector<HostAddress>> all = list_addresses(netlink_);
  if (!all) return all.error();
  std::vector<IpAddress> own;
  for (const HostAddress& host : *all)
    if (!host.address.is_loopback() && !contains(config_.vips, host.address)) own.push_back(host.address);
  if (own.empty()) warn_once("this host has no address that a balancer could send tunnel packets to");
  return own;
}

Status BackendAgent::set_parameters() {
  for (const std::string& name : config_.interfaces) {
    for (const auto& [path, value] : arp_settings(name)) {
      const Result<std::string> present = read_setting(path);
      if (!present) return present.error();
      if (*present == value) continue;
      HostChanges changes = state_.changes();
      changes.settings.emplace(path, *present);  // keeps what the first of us found
      if (const Status saved = state_.save(std::move(changes)); !saved) return saved;
      if (const Status written = write_setting(path, value); !written) return written;
    }
  }
  return {};
}

AdvertisedMss BackendAgent::wanted_mss() const {
  using Kind = MssChoice::Kind;
  if (config_.mss.kind == Kind::none) return {};
  if (config_.mss.kind == Kind::fixed) return {config_.mss.bytes, static_cast<std::uint16_t>(config_.mss.bytes - 20)};
  std::uint32_t mtu = 0xffff;
  for (const auto& [name, interface] : interfaces_) mtu = std::min(mtu, interface.mtu);
  const bool outer_v6 = std::any_of(config_.allow.begin(), config_.allow.end(),
                                    [](const Prefix& prefix) { return !prefix.address.is_v4(); });
  return config_.tunnels ? mss_for_path(mtu, outer_v6) : AdvertisedMss{};
}

Status BackendAgent::sync_routes() {
  mss_ = wanted_mss();
  HostChanges changes = state_.changes();
  changes.routes = mss_ != AdvertisedMss{};
  if (changes.routes)
    if (const Status saved = state_.save(changes); !saved) return saved;
  const Result<VipRoutesResult> synced = sync_vip_routes(netlink_, config_.vips, mss_);
  if (!synced) return synced.error();
  if (synced->skipped != 0)
    warn_once(
        fmt::format("{} routes could not be copied into table {}: clients behind them are told an MSS that leaves "
                    "no room for the tunnel",
                    synced->skipped, vip_table));
  return state_.save(std::move(changes));
}

Status BackendAgent::put_vips() {
  const Result<std::vector<HostAddress>> present = list_addresses(netlink_);
  if (!present) return present.error();
  for (const IpAddress& vip : config_.vips) {
    const bool there =
        std::any_of(present->begin(), present->end(), [&vip](const HostAddress& host) { return host.address == vip; });
    if (there) continue;  // an earlier process's is in the list of ours already; the operator's is never ours
    HostChanges changes = state_.changes();
    if (!contains(changes.vips, vip)) changes.vips.push_back(vip);
    if (const Status saved = state_.save(std::move(changes)); !saved) return saved;
    if (const Status added = add_vip(netlink_, vip); !added) return added;
  }
  return {};
}

Status BackendAgent::remove_old_vips() {
  HostChanges changes = state_.changes();
  std::vector<IpAddress> kept;
  for (const IpAddress& vip : changes.vips) {
    if (contains(config_.vips, vip)) {
      kept.push_back(vip);
    } else if (const Status removed = remove_vip(netlink_, vip); !removed) {
      return removed;
    }
  }
  changes.vips = std::move(kept);
  return state_.save(std::move(changes));
}

Status BackendAgent::attach(const Interface& interface) {
  Result<Attachment> attached = attach_xdp({interface, program_->fd(), config_.mode, pins_.link(interface.index)});
  if (!attached) return attached.error();
  attachments_.insert_or_assign(interface.name, std::move(*attached));
  return {};
}

Status BackendAgent::attach_all() {
  if (!program_) return {};
  for (const auto& [name, interface] : interfaces_)
    if (const Status attached = attach(interface); !attached) return attached;
  return {};
}

Status BackendAgent::detach_unwanted() {
  if (pins_.directory.empty()) return {};
  for (const auto& [path, index] : pinned_links(pins_)) {
    const std::uint32_t pinned = index;
    const bool wanted = pinned != 0 && program_ &&
                        std::any_of(interfaces_.begin(), interfaces_.end(),
                                    [pinned](const auto& entry) { return entry.second.index == pinned; });
    if (wanted) continue;
    if (const Status detached = detach_pinned_xdp(path); !detached) return detached;
  }
  return {};
}

void BackendAgent::warn_about_reverse_path() {
  for (const auto& [name, interface] : interfaces_) {
    if (!has_strict_reverse_path(name) || default_route_leaves_by(netlink_, interface.index)) continue;
    warn_once(
        fmt::format("{}: rp_filter is strict (1) and the default route leaves elsewhere: the kernel drops "
                    "decapsulated packets of clients it would answer by another interface; set it to loose: "
                    "sysctl -w net.ipv4.conf.{}.rp_filter=2, and net.ipv4.conf.all.rp_filter=0 or 2",
                    name, name));
  }
}

Status BackendAgent::refresh() {
  for (const std::string& name : config_.interfaces) {
    const Result<Interface> found = find_interface(name);
    if (!found) {
      warn_once(found.error().context);
      continue;
    }
    const bool is_new = found->index != interfaces_[name].index;
    interfaces_[name] = *found;
    if (!is_new) continue;
    if (program_)
      if (const Status attached = attach(*found); !attached) return attached;
    if (const Status set = set_parameters(); !set) return set;
  }
  if (program_) {
    const Result<std::vector<IpAddress>> own = own_addresses();
    if (!own) return own.error();
    if (const Status told = program_->replace_addresses(host_entries(*own, config_.vips)); !told) return told;
  }
  if (const Status put = put_vips(); !put) return put;
  return sync_routes();
}

Status BackendAgent::remove() {
  Status first;
  const auto note = [&first](const Status& status) {
    if (first && !status) first = status;
  };
  HostChanges changes = state_.changes();
  for (const IpAddress& vip : changes.vips) note(remove_vip(netlink_, vip));
  note(remove_vip_routes(netlink_));
  for (const auto& [name, attachment] : attachments_)
    note(detach_xdp(attachment.link, pins_.link(attachment.interface.index)));
  attachments_.clear();
  if (!pins_.directory.empty()) {
    for (const auto& [path, index] : pinned_links(pins_)) note(detach_pinned_xdp(path));
    ::unlink(pins_.counts().c_str());
    ::rmdir(pins_.directory.c_str());
    ::rmdir(config_.pin_directory.c_str());  // stays if other namespaces have pins there
  }
  // After the VIPs are gone: nothing is left that ARP could answer for. An interface that is gone has no parameters.
  for (const auto& [path, value] : changes.settings)
    if (::access(("/proc/sys/" + path).c_str(), F_OK) == 0) note(write_setting(path, value));
  if (first) note(state_.clear());
  return first;
}

std::string BackendAgent::summary() const {
  std::string text;
  for (const auto& [name, attachment] : attachments_) {
    text += fmt::format("{} {}", name, to_text(attachment.mode));
    if (!attachment.note.empty()) text += fmt::format(" ({})", attachment.note);
    if (attachment.taken_over) text += ", taken over";
    text += "; ";
  }
  if (!program_) text += "no tunnels, L2 only; ";
  text += fmt::format("{} VIPs on lo", config_.vips.size());
  if (mss_.v4 != 0) text += fmt::format("; advertised MSS {} (IPv4), {} (IPv6)", mss_.v4, mss_.v6);
  return text;
}

}  // namespace sluice::backend
