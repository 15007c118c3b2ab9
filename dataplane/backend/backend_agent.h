// SPDX-License-Identifier: Apache-2.0
// The agent of one backend host: makes the host what the configuration asks for, keeps it so, and takes it back.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend_config.h"
#include "backend_program.h"
#include "backend_state.h"
#include "error.h"
#include "netlink_socket.h"
#include "vip_routes.h"
#include "xdp_attach.h"

namespace sluice::backend {

// Where the pins of this network namespace are. Several namespaces may share one bpffs, and interface names may hold
// dots, which bpffs refuses: hence numbers.
struct PinPlaces {
  std::string directory;  // empty: nothing is pinned

  [[nodiscard]] std::string counts() const { return directory.empty() ? "" : directory + "/counts"; }
  [[nodiscard]] std::string link(std::uint32_t interface) const {
    return directory.empty() ? "" : directory + "/link-" + std::to_string(interface);
  }
};

class BackendAgent {
 public:
  // `warn` is called with one line each time something deserves the operator's attention.
  using Warn = void (*)(const std::string& line);

  static Result<BackendAgent> create(BackendConfig config, Warn warn);

  // Everything, in the order that never lets a client see half of it. Takes over what an earlier process left.
  Status start();
  // Addresses, routes or interfaces have changed: looks at all of them again.
  Status refresh();
  // Takes back whatever this or an earlier process made here. Goes on after a failure; returns the first one.
  Status remove();

  // Has an earlier process left something here that still serves? Then a failure of start() must not take it away.
  [[nodiscard]] bool inherits() const { return inherits_; }

  // After `ready: `.
  [[nodiscard]] std::string summary() const;

 private:
  BackendAgent(BackendConfig config, Warn warn, StateFile state, NetlinkSocket netlink, PinPlaces pins);

  Status prepare_pins();
  Status set_parameters();
  Status put_vips();
  Status remove_old_vips();
  Status sync_routes();
  Status attach_all();
  Status attach(const Interface& interface);
  Status detach_unwanted();
  [[nodiscard]] Result<std::vector<IpAddress>> own_addresses();
  [[nodiscard]] AdvertisedMss wanted_mss() const;
  void warn_about_reverse_path();
  void warn_once(const std::string& line);

  BackendConfig config_;
  Warn warn_;
  StateFile state_;
  NetlinkSocket netlink_;
  PinPlaces pins_;
  std::optional<BackendProgram> program_;
  std::map<std::string, Attachment> attachments_;  // by interface name
  std::map<std::string, Interface> interfaces_;
  AdvertisedMss mss_;
  bool inherits_ = false;
  std::vector<std::string> warned_;
};

// The pins of this namespace, whether or not anything is there.
Result<PinPlaces> pin_places(const std::string& pin_directory);

}  // namespace sluice::backend
