// SPDX-License-Identifier: Apache-2.0
// Kernel parameters of the network namespace of the calling thread (/proc/sys/net).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "error.h"

namespace sluice::backend {

// Path below /proc/sys -> value.
using Settings = std::map<std::string, std::string>;

// A VIP on `lo` must not be answered by ARP on a shared segment, or it would draw the balancers' traffic, and must not
// be named as sender in ARP requests: arp_ignore 1 (answer for the receiving interface's own addresses only) and
// arp_announce 2. IPv6 answers solicitations only for addresses of the receiving interface anyway.
Settings arp_settings(const std::string& interface);

Result<std::string> read_setting(const std::string& path);
Status write_setting(const std::string& path, const std::string& value);

// Is the reverse-path filter strict on this interface? The kernel takes the larger of all/ and the interface's value.
bool has_strict_reverse_path(const std::string& interface);

}  // namespace sluice::backend
