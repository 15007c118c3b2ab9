// SPDX-License-Identifier: Apache-2.0
// One XDP program on one interface, by a BPF link. A pinned link outlives the process, and the next process swaps its
// program in one step, so that a restart loses no packet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config.h"
#include "error.h"
#include "unique_fd.h"

namespace sluice {

struct Interface {
  std::string name;
  std::uint32_t index = 0;
  std::uint32_t mtu = 0;
  std::string driver;  // "veth"; empty if it does not say
};

// By name, in the network namespace of the calling thread.
Result<Interface> find_interface(const std::string& name);

struct AttachRequest {
  Interface interface;
  int program_fd = -1;
  PlaneMode mode = PlaneMode::automatic;
  std::string pin_path;  // of the link; empty: the program leaves with the process
};

struct Attachment {
  Interface interface;
  UniqueFd link;
  PlaneMode mode = PlaneMode::native;  // never automatic
  std::string note;                    // why not native; empty otherwise
  bool taken_over = false;             // a link pinned by an earlier process carries the new program now
};

// Automatic: native if the driver can, else generic. Never replaces a program of somebody else.
Result<Attachment> attach_xdp(const AttachRequest& request);

// Takes the program off at once, also if other processes hold the link, and removes the pin if there is one.
Status detach_xdp(const UniqueFd& link, const std::string& pin_path);

// The same for a pin left by a process that is gone. Not an error if there is none.
Status detach_pinned_xdp(const std::string& pin_path);

// The interface of the pinned link, 0 if that interface is gone.
Result<std::uint32_t> pinned_xdp_interface(const std::string& pin_path);

// Is `path` (or its nearest existing parent) on a BPF file system?
bool is_on_bpffs(const std::string& path);

}  // namespace sluice
