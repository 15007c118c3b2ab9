// SPDX-License-Identifier: Apache-2.0
// A generation of the cluster: every pool's slot table with its history, and the services, as planes forward by them.
// Immutable; unchanged pools are shared between generations and with what goes out to the planes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

// Names of backends in chain headers: given in ascending order, kept as long as anything holds the backend, never given
// twice.
class BackendIds {
 public:
  // One more holder; a backend without an id gets the next one.
  void hold(const BackendKey& key);
  // One holder less. Who has none is forgotten.
  void release(const BackendKey& key);
  [[nodiscard]] std::uint32_t find(const BackendKey& key) const;                // 0: none
  [[nodiscard]] std::vector<std::pair<BackendKey, std::uint32_t>> all() const;  // ascending
  [[nodiscard]] std::uint32_t next() const { return next_; }
  // Ids without holders yet: hold() each key as often as before.
  [[nodiscard]] static Result<BackendIds> restore(std::span<const std::pair<BackendKey, std::uint32_t>> ids,
                                                  std::uint32_t next);
  [[nodiscard]] bool has_unheld() const;

 private:
  struct Held {
    std::uint32_t id = 0;
    std::uint32_t holders = 0;
  };
  std::map<BackendKey, Held> ids_;  // a change asks for neighbours: they stand close to each other here
  std::uint32_t next_ = 1;
};

using AddressSet = std::set<IpAddress>;

// What pools have to know of the services.
struct ServiceFacts {
  struct Families {
    bool v4 = false;
    bool v6 = false;
    friend bool operator==(const Families&, const Families&) = default;
  };
  AddressSet vips;
  std::map<std::string, Families, std::less<>> families;  // of the services of a pool

  [[nodiscard]] Families of(std::string_view pool) const;
};
using SharedFacts = std::shared_ptr<const ServiceFacts>;
[[nodiscard]] SharedFacts facts_of(const ServiceMap& services);

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
  SharedFacts facts;                           // of these; never null
  std::uint64_t table_hash = 0;                // docs/model.md, "Table hash"
  ForwardingState forwarding;                  // phase active
};
using SharedGeneration = std::shared_ptr<const GenerationTables>;

// The table that follows `before` (null: a new pool) with these backends. Holds an id for every backend in it.
[[nodiscard]] SharedPoolTable next_pool_table(const SharedPoolConfig& config, const PoolTable* before,
                                              const ServiceFacts& facts, BackendIds& ids);
// The same table in a generation with other services, or read back from a snapshot. The ids are held already.
[[nodiscard]] SharedPoolTable pool_table_of(const SharedPoolConfig& config, std::shared_ptr<const SlotTable> slots,
                                            const ServiceFacts& facts, const BackendIds& ids);
// Of all members, remembered ones too.
[[nodiscard]] std::vector<BackendKey> backend_keys(const PoolConfig& config, const SlotTable& slots);
// Whether a slot remembers a backend at one of these addresses.
[[nodiscard]] bool remembers_any(const SlotTable& slots, const AddressSet& addresses);

// Hash and forwarding state; `before` lends what has not changed.
[[nodiscard]] SharedGeneration make_generation(std::uint64_t number,
                                               std::map<std::string, SharedPoolTable, std::less<>> pools,
                                               std::shared_ptr<const ServiceMap> services, SharedFacts facts,
                                               const HashKeyBytes& hash_key, const GenerationTables* before,
                                               const BackendIds& ids);

// Phase prepared between two generations: the pools of `active`; each slot whose owner will change has the coming one
// as its last candidate. What else the coming generation brings (services, settings, new pools) waits for ACTIVATE.
struct PreparedForm {
  ForwardingState state;
  std::vector<BackendKey> held;  // by coming backends under the active settings; release them when it goes
};
[[nodiscard]] PreparedForm make_prepared_form(const GenerationTables& active, const GenerationTables& coming,
                                              BackendIds& ids);

}  // namespace sluice::model
