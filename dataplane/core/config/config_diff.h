// SPDX-License-Identifier: Apache-2.0
// What differs between two configurations, by name. Pure.
#pragma once

#include <string>
#include <vector>

#include "config.h"

namespace sluice {

enum class ChangeKind : std::uint8_t { added, removed, changed };
std::string_view to_text(ChangeKind kind);

// One setting whose value differs. For an added object `before` is empty, for a removed one `after`.
struct FieldChange {
  std::string field;   // the key of the file: "weight"
  std::string before;  // as written in the file, strings without quotes
  std::string after;

  friend bool operator==(const FieldChange&, const FieldChange&) = default;
};

struct ObjectChange {
  ChangeKind kind = ChangeKind::changed;
  std::string object;  // "plane", "dpdk", "port", "pool", "backend", "service"
  std::string name;    // "web"; of a backend "web/b1"; of a port its device's; of the plane and dpdk ""
  // All fields of an added or removed object, the differing ones of a changed object.
  std::vector<FieldChange> fields;

  friend bool operator==(const ObjectChange&, const ObjectChange&) = default;
};

// Plane first, then [plane.dpdk] and its ports, then each pool followed by its backends, then services; removed ones
// after the others of their kind. Order in the file is no difference. The hash key shows only that it differs.
std::vector<ObjectChange> diff_configs(const Config& before, const Config& after);

}  // namespace sluice
