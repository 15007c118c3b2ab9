// SPDX-License-Identifier: Apache-2.0
#include "store_tools.h"

#include <algorithm>
#include <utility>

#include "raft_codec.h"

namespace sluice::io {
namespace {

// Everybody but `stays` is removed for good.
raft::Configuration alone(const raft::Configuration& before, const raft::Member& stays) {
  raft::Configuration after;
  after.members = {stays};
  after.removed = before.removed;
  for (const raft::Member& member : before.members) {
    if (member.id != stays.id) after.removed.push_back(member.id);
  }
  std::sort(after.removed.begin(), after.removed.end());
  after.removed.erase(std::unique(after.removed.begin(), after.removed.end()), after.removed.end());
  return after;
}

Result<raft::Configuration> newest_configuration(const raft::StoredState& state) {
  for (auto entry = state.entries.rbegin(); entry != state.entries.rend(); ++entry) {
    if (entry->type == raft::EntryType::configuration) return raft::decode_configuration(entry->data);
  }
  return state.snapshot ? state.snapshot->meta.configuration : raft::Configuration();
}

raft::Term last_term(const raft::StoredState& state) {
  if (!state.entries.empty()) return state.entries.back().term;
  return state.snapshot ? state.snapshot->meta.term : raft::Term();
}

}  // namespace

Status restore_store(const std::string& path, const Backup& backup, const StoreIdentity& identity,
                     const raft::Member& only_member) {
  const raft::Configuration& before = backup.snapshot.meta.configuration;
  const bool is_taken =
      before.find(identity.node_id) != nullptr ||
      std::find(before.removed.begin(), before.removed.end(), identity.node_id) != before.removed.end();
  if (is_taken || identity.node_id != only_member.id || only_member.role != raft::MemberRole::voter) {
    return make_error(ErrorCode::invalid_argument,
                      "a restored cluster begins with a voter of a new node id; issue a certificate with a new one");
  }
  raft::StoredState state;
  raft::Snapshot snapshot = backup.snapshot;
  snapshot.meta.configuration = alone(before, only_member);
  state.hard_state.term = snapshot.meta.term;
  state.snapshot = std::move(snapshot);
  return Store::create(path, identity, state);
}

Result<RecoveryReport> recover_store(const std::string& path, const std::string& new_address) {
  Result<OpenedStore> opened = Store::open(path);
  if (!opened) return opened.error();
  const raft::StoredState& state = opened->state;
  Result<raft::Configuration> before = newest_configuration(state);
  if (!before) return before.error();
  const raft::Member* self = before->find(opened->identity.node_id);
  if (self == nullptr) {
    return make_error(ErrorCode::conflict, "the node of " + path +
                                               " is not a member by its own log (removed, or never " +
                                               "told); recover another node, or restore a backup");
  }
  raft::Member alone_member = *self;
  alone_member.role = raft::MemberRole::voter;
  if (!new_address.empty()) alone_member.address = new_address;
  // As if a leader of a term of its own had been elected and had appended this one entry.
  const raft::Term term(std::max(state.hard_state.term, last_term(state)).value() + 1);
  RecoveryReport report{opened->store->last_index(), term, before->members.size() - 1};
  raft::WriteBatch batch;
  batch.hard_state = raft::HardState{term, raft::NodeId()};
  batch.append.push_back({term, next(report.last), raft::EntryType::configuration,
                          raft::encode_configuration(alone(before.value(), alone_member))});
  if (Status status = opened->store->write(batch); !status) return status.error();
  return report;
}

Result<StoreSummary> store_summary(const std::string& path) {
  Result<OpenedStore> opened = Store::open(path);
  if (!opened) return opened.error();
  const raft::StoredState& state = opened->state;
  Result<raft::Configuration> configuration = newest_configuration(state);
  if (!configuration) return configuration.error();
  StoreSummary summary;
  summary.identity = opened->identity;
  summary.hard_state = state.hard_state;
  if (state.snapshot) summary.snapshot = state.snapshot->meta.index;
  summary.last = opened->store->last_index();
  summary.first = state.entries.empty() ? next(summary.last) : state.entries.front().index;
  summary.last_term = last_term(state);
  summary.configuration = std::move(configuration.value());
  return summary;
}

}  // namespace sluice::io
