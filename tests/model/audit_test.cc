// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <gtest/gtest.h>

#include <functional>

#include "model_values.h"

namespace sluice::model {
namespace {

using namespace test;

std::vector<AuditEntry> some_entries() {
  ClusterState state = small_cluster();
  applied(state, {SetWeight{"web", "b1", 50}});
  applied(state, {SetWeight{"web", "nobody", 50}});
  applied(state, {DeleteBackend{"web", "b2"}});
  return {state.audit().begin(), state.audit().end()};
}

TEST(Audit, AcceptedAndRefusedWritesAreThere) {
  const std::vector<AuditEntry> entries = some_entries();
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[1].summary, "set weight web/b1 50");
  EXPECT_EQ(entries[1].author.name, "alice");
  EXPECT_EQ(entries[2].code, OutcomeCode::not_found);
  EXPECT_NE(entries[2].message, "");
}

TEST(Audit, EveryAlterationBreaksTheChain) {
  const std::vector<AuditEntry> entries = some_entries();
  const Sha256Digest head = entries.back().chain;
  ASSERT_TRUE(verify_chain(entries, Sha256Digest{}, head).has_value());
  const std::vector<std::function<void(AuditEntry&)>> alterations = {
      [](AuditEntry& e) { ++e.sequence; },          [](AuditEntry& e) { ++e.index; },
      [](AuditEntry& e) { ++e.time_ms; },           [](AuditEntry& e) { e.request_id[3] = 1; },
      [](AuditEntry& e) { e.author.name = "bob"; }, [](AuditEntry& e) { e.author.role = "x"; },
      [](AuditEntry& e) { e.author.origin = "x"; }, [](AuditEntry& e) { e.comment = "x"; },
      [](AuditEntry& e) { e.summary = "x"; },       [](AuditEntry& e) { e.code = OutcomeCode::guard; },
      [](AuditEntry& e) { ++e.revision; },          [](AuditEntry& e) { e.message += "x"; },
      [](AuditEntry& e) { e.chain[0] ^= 1; }};
  for (std::size_t at = 0; at < entries.size(); ++at) {
    for (std::size_t i = 0; i < alterations.size(); ++i) {
      std::vector<AuditEntry> altered = entries;
      alterations[i](altered[at]);
      EXPECT_FALSE(verify_chain(altered, Sha256Digest{}, head).has_value()) << at << ", alteration " << i;
    }
    std::vector<AuditEntry> shorter = entries;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_FALSE(verify_chain(shorter, Sha256Digest{}, head).has_value()) << at << " left out";
  }
  std::vector<AuditEntry> swapped = entries;
  std::swap(swapped[1], swapped[2]);
  EXPECT_FALSE(verify_chain(swapped, Sha256Digest{}, head).has_value());
}

TEST(Audit, ALaterPartVerifiesWithoutWhatCameBefore) {
  std::vector<AuditEntry> entries = some_entries();
  const Sha256Digest head = entries.back().chain;
  const Sha256Digest before = entries.front().chain;
  entries.erase(entries.begin());
  EXPECT_TRUE(verify_chain(entries, std::nullopt, head).has_value());
  EXPECT_TRUE(verify_chain(entries, before, head).has_value());
  EXPECT_FALSE(verify_chain(entries, Sha256Digest{}, head).has_value());
}

TEST(Audit, StaysBounded) {
  ClusterState state = small_cluster();
  for (std::size_t i = 0; i < limits::audit_max + 10; ++i) applied(state, {DeletePool{"nobody"}});
  EXPECT_EQ(state.audit().size(), limits::audit_max);
  EXPECT_EQ(state.audit_count(), limits::audit_max + 11);
  EXPECT_TRUE(state.verify_audit().has_value());
}

}  // namespace
}  // namespace sluice::model
