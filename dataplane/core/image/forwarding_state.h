// SPDX-License-Identifier: Apache-2.0
// What every plane of a cluster forwards by: made from the replicated model, the same bytes on all balancers, carried
// over the control socket to the plane (docs/control-socket.md) and kept by it in a file.
//
// Immutable once made, and shared: handing around or changing one of 500 pools copies pointers. Pools and the list of
// services carry a digest of their content, so that unchanged ones are neither sent nor compared. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"
#include "error.h"
#include "forwarding_model.h"
#include "ip_address.h"
#include "slot_table.h"
#include "strong_types.h"

namespace sluice {

// Longest encoded state: 500 pools of 65,537 slots and 100,000 backends take 80 MiB.
inline constexpr std::size_t state_bytes_max = std::size_t{256} << 20;

enum class StatePhase : std::uint8_t {
  prepared = 1,  // owners of the generation before; the coming ones are candidates already
  active = 2,
};
std::string_view to_text(StatePhase phase);

// A pool's slot table as packets need it.
struct SlotColumn {
  std::vector<std::uint16_t> owners;  // member index per slot; empty: nobody is eligible
  std::vector<PreviousOwners> past;   // of unstable slots, ascending; empty if `owners` is
  // Names the content: columns of one digest are equal. From whoever made it, if that has a shorter way to a name than
  // to hash all of it; 0: seal_state_pool() hashes.
  std::uint64_t digest = 0;
};

struct StateMember {
  std::string name;            // unique among the pool's present members
  IpAddress address;           // unique among the pool's present members
  std::uint16_t weight = 100;  // for people to read: the slots say who gets what
  // Names the backend in chain headers, cluster-wide and for good: one id for the same (address, encapsulation,
  // gue_port) in whichever pool. 0 = none.
  std::uint32_t backend_id = 0;
  bool present = true;  // false: removed, and here only because slots remember it

  friend bool operator==(const StateMember&, const StateMember&) = default;
};

// One pool. Only make_state_pool(), seal_state_pool() and the decoder make them to be shared.
struct StatePool {
  std::string name;
  Encapsulation encapsulation = Encapsulation::ipip;
  PortHost gue_port{6080};
  std::uint16_t mtu = 1500;
  std::uint32_t slots_count = 65537;
  bool chain = false;                // backends run the second chance; means nothing with L2
  std::vector<StateMember> members;  // by member index; no gaps
  std::shared_ptr<const SlotColumn> column;
  std::uint64_t digest = 0;  // of all of the above
};
using SharedPool = std::shared_ptr<const StatePool>;

// Everything that can be checked of one pool alone. Its column must not be null.
[[nodiscard]] Status check_pool(const StatePool& pool);
// Checks a pool and fills in the digest. A null column means an empty pool.
[[nodiscard]] Result<SharedPool> make_state_pool(StatePool pool);
// Fills in the digest only. For whoever makes pools by rules that leave nothing for check_pool() to find; whoever is
// sent them checks.
[[nodiscard]] SharedPool seal_state_pool(StatePool pool);

struct StateServices {
  std::vector<ServiceConfig> list;  // pool_index: into ForwardingState::pools
  std::uint64_t digest = 0;
};
using SharedServices = std::shared_ptr<const StateServices>;
[[nodiscard]] SharedServices make_state_services(std::vector<ServiceConfig> services);

struct ForwardingState {
  std::uint64_t generation = 0;  // the cluster's, not the plane's image's; 0 = none yet
  StatePhase phase = StatePhase::active;
  std::uint64_t table_hash = 0;  // equal on balancers whose tables are
  HashKeyBytes hash_key{};
  std::vector<SharedPool> pools;      // names are unique
  SharedServices services = nullptr;  // nullptr: none
};

// A slot table -> what a StatePool holds of it. `ids[i]` is the table's id of member index i: ids that are free are
// left out.
struct DenseTable {
  std::vector<std::uint16_t> ids;
  std::shared_ptr<const SlotColumn> column;
};
[[nodiscard]] DenseTable dense_table_of(const SlotTable& table);

// Faults between pools and services: indexes, names, one backend reached in two ways, limits. Everything that
// parse_config() would refuse of the same configuration is refused here.
[[nodiscard]] Status check_state(const ForwardingState& state);
// The same. `checked` has passed: what the two have in common is not looked at again. May be nullptr.
[[nodiscard]] Status check_change(const ForwardingState& state, const ForwardingState* checked);

[[nodiscard]] bool has_chain(const StatePool& pool);
// Same members in the same places, reached the same way; whatever their weights, names and slots.
[[nodiscard]] bool reaches_alike(const StatePool& a, const StatePool& b);
[[nodiscard]] bool reaches_alike(const ForwardingState& a, const ForwardingState& b);

// What a receiver of the encoded form has at hand: pools and services that may be named by their digest, and tables of
// which only the differences need to be sent. `known` nullptr: everything is sent in full.
// `prefix` comes first: a caller's own head, so that a large state is not copied behind one.
[[nodiscard]] std::string encode_state(const ForwardingState& state, const ForwardingState* known,
                                       std::string_view prefix = {});

struct DecodedState {
  ForwardingState state;
  // Names of pools (or "services") that were named by a digest `known` does not have, or whose table is one that it
  // does not have but for some slots; `state` means nothing then.
  std::vector<std::string> need;
};
inline constexpr std::string_view services_need_name = "services*";  // no pool can have this name

// Total: any bytes give a state that check_state() has passed, a list of needs or an error. What has a digest of
// `known` becomes the very object of `known`.
[[nodiscard]] Result<DecodedState> decode_state(std::string_view bytes, const ForwardingState* known);

// 16 hexadecimal digits, as hashes stand in answers.
[[nodiscard]] std::string hash_text(std::uint64_t hash);

}  // namespace sluice
