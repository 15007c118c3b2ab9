// SPDX-License-Identifier: Apache-2.0
// What the backend's program is told, as values: which addresses mean what, and who may send tunnel packets. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "ip_address.h"
#include "sluice_decap.h"

namespace sluice::backend {

// A range of addresses; bits beyond `length` are zero.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  // "10.2.0.0/16", or an address alone. Bits beyond the length are refused: they are a slip more often than a wish.
  static Result<Prefix> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

struct DecapTables {
  std::vector<sluice_host_entry> addresses;  // sorted, each address once
  std::vector<sluice_source_range> sources;
  std::uint16_t gue_port = SLUICE_GUE_PORT;

  // For user space; points into this object.
  [[nodiscard]] sluice_decap_tables view() const;
};

std::vector<sluice_host_entry> host_entries(std::span<const IpAddress> own, std::span<const IpAddress> vips);
std::vector<sluice_source_range> source_ranges(std::span<const Prefix> allowed);

}  // namespace sluice::backend
