// SPDX-License-Identifier: Apache-2.0
// One pool's slot table as replicated state: every balancer applies the same steps in the same order and holds the same
// table, histories and ids included. The first fill is Maglev's; after that the step rule (slot_step.h).
//
// Member ids are small numbers for the forwarding image. A name keeps its id for as long as it is in the pool or any
// slot remembers it; only then may the id name somebody else. Newcomers get the lowest free ids in identity order.
// A member that is no longer given, or has weight 0, owns nothing and is still remembered: its connections go on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "slot_lists.h"
#include "slot_member.h"

namespace sluice {

struct SlotTableOptions {
  std::uint32_t slots_count = 65537;
  // Longest list, 2 to 4. Three survive every scenario of `sluice-bench churn`.
  std::size_t owners_max = 3;
};

struct StepReport {
  std::uint32_t moved = 0;     // slots whose current owner changed
  std::uint32_t returned = 0;  // of these, to an owner they remembered
  std::uint32_t minimum = 0;   // fewest moves any rule could do with these quotas
};

// A slot with previous owners: the current one first.
struct UnstableSlot {
  std::uint32_t slot = 0;
  SlotOwners owners;
};

class SlotTable {
 public:
  struct Member {
    std::string identity;  // empty: the id is free
    std::uint32_t weight = 0;
    std::uint32_t slots = 0;       // owned now
    std::uint32_t remembered = 0;  // slots that list it as a past owner
    bool present = false;          // given in the last step; if not, only histories keep it
  };

  // A table nobody owns anything of.
  [[nodiscard]] static Result<SlotTable> make(const SlotTableOptions& options);

  // What a table is made of, for snapshots: a table restored from these is equal to the one they came from.
  struct KeptMember {
    std::string identity;  // empty: the id is free
    std::uint32_t weight = 0;
    bool present = false;
  };
  // `lists` is empty for a table that has never been filled. Refuses whatever no sequence of steps leads to, as far as
  // safety asks for it: ids without a name, repeated owners, lists beyond owners_max.
  [[nodiscard]] static Result<SlotTable> restore(const SlotTableOptions& options, std::span<const KeptMember> members,
                                                 std::span<const SlotOwners> lists);
  // Histories included, also those that wait in an empty pool.
  [[nodiscard]] const SlotLists& lists() const { return lists_; }

  // Follows a change of members or weights. On an error the table stays as it was.
  [[nodiscard]] Result<StepReport> step(std::span<const SlotMember> members);

  // Removes a name from all histories: its last connection is gone, or the host is.
  [[nodiscard]] Status forget(std::string_view identity);

  // Nobody has a weight. No slot has an owner then, whatever the histories say; they wait for the next step.
  [[nodiscard]] bool empty() const { return empty_; }
  [[nodiscard]] std::uint32_t slots_count() const { return options_.slots_count; }
  [[nodiscard]] std::size_t owners_max() const { return options_.owners_max; }
  [[nodiscard]] std::span<const Member> members() const { return members_; }  // by id
  [[nodiscard]] std::optional<std::uint16_t> find(std::string_view identity) const;

  // Slot -> id of the current owner; no entries if the pool is empty.
  [[nodiscard]] std::span<const std::uint16_t> owners() const;
  // All owners of one slot; none if the pool is empty.
  [[nodiscard]] SlotOwners owners_of(std::uint32_t slot) const;
  // The slots whose packets need candidates beside the current owner, ascending; none if the pool is empty.
  [[nodiscard]] std::vector<UnstableSlot> unstable() const;

  // Equal for two tables if and only if all of the state is (up to a chance of 2^-64). SipHash-2-4, key
  // "sluice-table-v01", over, all little-endian: u32 slots_count, u8 owners_max, u8 empty, u32 ids in use; for each of
  // these ascending u16 id, u8 present, u32 weight, u32 identity length, identity; then, once filled, for each slot
  // u8 length and its u16 ids, whether the pool is empty now or not.
  [[nodiscard]] std::uint64_t hash() const;

  [[nodiscard]] std::size_t size_bytes() const;

 private:
  explicit SlotTable(const SlotTableOptions& options) : options_(options) {}

  [[nodiscard]] std::vector<std::uint16_t> ids_by_identity() const;
  [[nodiscard]] Result<std::vector<Member>> merged(std::span<const SlotMember> members) const;
  [[nodiscard]] std::vector<std::uint32_t> quotas(std::span<const std::uint16_t> identity_order) const;
  [[nodiscard]] StepReport first_fill(std::span<const SlotMember> members);
  [[nodiscard]] StepReport follow();
  void store(std::span<const SlotOwners> lists);

  SlotTableOptions options_;
  bool empty_ = true;
  std::vector<Member> members_;  // by id
  SlotLists lists_;              // no slots before the first fill
};

}  // namespace sluice
