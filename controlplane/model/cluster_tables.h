// SPDX-License-Identifier: Apache-2.0
// A generation of the cluster: every pool's slot table with its history, and the services, as planes forward by them.
// Immutable; unchanged pools are shared between generations and with what goes out to the planes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "forwarding_state.h"
#include "model_types.h"
#include "slot_table.h"

namespace sluice::model {

// A slot table's name for a backend: "b1@10.0.1.11". A backend that comes back with another address is another one; one
// that only changes its weight is not. The address of a member that is gone stays known with it.
[[nodiscard]] std::string slot_identity(const MemberConfig& member);
struct SlotIdentity {
  std::string name;
  IpAddress address;
};
[[nodiscard]] Result<SlotIdentity> parse_slot_identity(std::string_view identity);

// Names of backends in chain headers: given in ascending order, kept as long as any table knows the backend, never
// given twice.
class BackendIds {
 public:
  // Gives ids to those keys that have none.
  void add(const BackendKey& key);
  [[nodiscard]] std::uint32_t find(const BackendKey& key) const;  // 0: none
  // Forgets whom nobody names.
  void keep_only(const std::set<BackendKey>& named);
  [[nodiscard]] const std::map<BackendKey, std::uint32_t>& all() const { return ids_; }
  [[nodiscard]] std::uint32_t next() const { return next_; }
  [[nodiscard]] static Result<BackendIds> restore(std::map<BackendKey, std::uint32_t> ids, std::uint32_t next);

 private:
  std::map<BackendKey, std::uint32_t> ids_;
  std::uint32_t next_ = 1;
};

struct PoolTable {
  SharedPoolConfig config;  // as of this generation
  std::shared_ptr<const SlotTable> slots;
  std::uint64_t slots_hash = 0;  // SlotTable::hash()
  SharedPool forwarding;         // phase active
};
using SharedPoolTable = std::shared_ptr<const PoolTable>;

struct GenerationTables {
  std::uint64_t number = 0;
  std::map<std::string, SharedPoolTable, std::less<>> pools;
  std::shared_ptr<const ServiceMap> services;  // never null
  std::uint64_t table_hash = 0;                // docs/model.md, "Table hash"
  ForwardingState forwarding;                  // phase active
};
using SharedGeneration = std::shared_ptr<const GenerationTables>;

}  // namespace sluice::model
