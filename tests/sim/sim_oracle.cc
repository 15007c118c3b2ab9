// SPDX-License-Identifier: Apache-2.0
#include "sim_oracle.h"

#include <fmt/format.h>

#include <algorithm>

#include "raft_codec.h"

namespace sluice::sim {

using namespace raft;

std::uint64_t digest_of(const Entry& entry) {
  std::uint64_t hash = static_cast<std::uint64_t>(entry.type) + 0xcbf29ce484222325;
  for (const char byte : entry.data) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3;
  return hash;
}

std::vector<NodeId> voters_of(const Configuration& configuration) {
  std::vector<NodeId> voters;
  for (const Member& member : configuration.members)
    if (member.role == MemberRole::voter) voters.push_back(member.id);
  return voters;
}

const Oracle::Shape* Oracle::LogShape::find(LogIndex index) const {
  if (index <= before || index > last()) return nullptr;
  return &entries[index.value() - before.value() - 1];
}

void Oracle::fail(std::string what) {
  if (!failure_) failure_ = std::move(what);
}

LogIndex Oracle::committed() const {
  return LogIndex(first_committed_.value() + committed_.size() - 1);
}
const Oracle::Committed* Oracle::committed_at(LogIndex index) const {
  if (index < first_committed_ || index > committed()) return nullptr;
  return &committed_[index.value() - first_committed_.value()];
}

void Oracle::add_node(NodeId id, const SimDisk& disk) {
  nodes_[id].disk = &disk;
  const StoredState stored = disk.stored();
  if (stored.snapshot && committed_.empty()) {
    first_committed_ = stored.snapshot->meta.index;
    committed_.push_back({{stored.snapshot->meta.term, 0}, stored.snapshot->meta.term, std::nullopt});
    committed_configuration_ = stored.snapshot->meta.configuration;
  }
}

void Oracle::started(NodeId id, const RaftStatus& status) {
  Node& node = nodes_.at(id);
  if (const std::string wrong = node.disk->inconsistency(); !wrong.empty()) fail(name(id) + "'s disk: " + wrong);
  const StoredState stored = node.disk->stored();
  node.log = {};
  if (stored.snapshot)
    node.log = {stored.snapshot->meta.index, stored.snapshot->meta.term, stored.snapshot->meta.configuration, {}};
  for (const Entry& entry : stored.entries)
    if (entry.index > node.log.before) node.log.entries.push_back({entry.term, digest_of(entry)});
  node.seen = stored.hard_state;
  node.ready_from.reset();
  node.commit = node.applied = LogIndex();
  node.leads.reset();
  if (status.term != stored.hard_state.term || status.vote != stored.hard_state.vote)
    fail(fmt::format("{} starts with term {} and vote {}, its disk has term {} and vote {}", name(id),
                     status.term.value(), name(status.vote), stored.hard_state.term.value(),
                     name(stored.hard_state.vote)));
  if (status.last != node.log.last())
    fail(fmt::format("{} starts with a log up to {}, its disk has {}", name(id), status.last.value(),
                     node.log.last().value()));
  observe(status);
}

void Oracle::observe(const RaftStatus& status) {
  Node& node = nodes_.at(status.id);
  check_term_and_vote(node, status);
  check_leader(node, status);
  check_commit(node, status);
}

void Oracle::awaits_ready(const RaftStatus& status) {
  std::optional<Term>& from = nodes_.at(status.id).ready_from;
  if (!from) from = status.term;
}

void Oracle::check_term_and_vote(Node& node, const RaftStatus& status) {
  const HardState& before = node.seen;
  if (status.term < before.term)
    fail(fmt::format("TERM: {} goes back from term {} to {}", name(status.id), before.term.value(),
                     status.term.value()));
  if (status.term == before.term && before.vote != NodeId() && status.vote != before.vote)
    fail(fmt::format("VOTE: {} voted for {} in term {} and now for {}", name(status.id), name(before.vote),
                     status.term.value(), name(status.vote)));
  node.seen = {status.term, status.vote};
}

void Oracle::check_leader(Node& node, const RaftStatus& status) {
  if (status.role != Role::leader) return;
  const auto [leader, is_new] = leaders_.emplace(status.term, status.id);
  if (leader->second != status.id)
    fail(fmt::format("ELECTION SAFETY: {} and {} both lead term {}", name(leader->second), name(status.id),
                     status.term.value()));
  if (!is_new) return;
  const HardState& disk = node.disk->hard_state();
  if (disk.term < status.term || (disk.term == status.term && disk.vote != status.id))
    fail(fmt::format("DURABLE VOTE: {} leads term {}, its own vote is not on its disk (term {}, vote {})",
                     name(status.id), status.term.value(), disk.term.value(), name(disk.vote)));
}

// Whoever leads has every entry that was committed in an earlier term.
void Oracle::check_completeness(const Node& node, const RaftStatus& status) {
  for (LogIndex index = committed(); index > node.log.before && index > first_committed_; index = previous(index)) {
    const Committed& entry = *committed_at(index);
    if (entry.in_term >= status.term) continue;
    const Shape* own = node.log.find(index);
    if (own != nullptr && own->term == entry.shape.term) continue;
    fail(fmt::format("LEADER COMPLETENESS: {} leads term {} without entry {}@{}, committed in term {}", name(status.id),
                     status.term.value(), index.value(), entry.shape.term.value(), entry.in_term.value()));
    return;
  }
}

void Oracle::check_commit(Node& node, const RaftStatus& status) {
  if (status.applied > status.commit || status.commit > status.last || status.stable > status.last)
    fail(fmt::format("ORDER: {} has applied {}, commit {}, stable {}, last {}", name(status.id), status.applied.value(),
                     status.commit.value(), status.stable.value(), status.last.value()));
  if (status.commit < node.commit)
    fail(
        fmt::format("COMMIT: {} goes back from {} to {}", name(status.id), node.commit.value(), status.commit.value()));
  node.commit = status.commit;
  if (status.commit <= committed() || failure_) return;
  const Shape* newest = node.log.find(status.commit);
  if (newest == nullptr) {
    fail(fmt::format("COMMIT: {} is the first to commit {}, which it never handed out", name(status.id),
                     status.commit.value()));
    return;
  }
  check_quorum(status, newest->term);
  if (newest->term != status.term)
    fail(fmt::format("OLD TERM (figure 8): {} commits {}@{} by counting, in term {}", name(status.id),
                     status.commit.value(), newest->term.value(), status.term.value()));
  for (LogIndex index = next(committed()); index <= status.commit; index = next(index)) {
    const Shape* shape = node.log.find(index);
    if (shape == nullptr) {
      fail(fmt::format("COMMIT: {} has no entry {} and commits {}", name(status.id), index.value(),
                       status.commit.value()));
      return;
    }
    commit_entry(status, index, *shape);
  }
}

void Oracle::check_quorum(const RaftStatus& status, Term term) {
  const std::vector<NodeId> voters = voters_of(status.configuration);
  const auto holders = static_cast<std::size_t>(std::count_if(voters.begin(), voters.end(), [&](NodeId id) {
    const auto found = nodes_.find(id);
    return found != nodes_.end() && found->second.disk->holds(status.commit, term);
  }));
  if (2 * holders <= voters.size())
    fail(fmt::format("QUORUM: {} commits {}@{}, which is on the disks of {} of {} voters {}", name(status.id),
                     status.commit.value(), term.value(), holders, voters.size(),
                     text_of(status.configuration, trace_)));
}

void Oracle::commit_entry(const RaftStatus& status, LogIndex index, const Shape& shape) {
  committed_.push_back({shape, status.term, std::nullopt});
  const auto configuration = configurations_.find({index, shape.term});
  if (configuration == configurations_.end()) return;
  for (const Member& member : committed_configuration_.members)
    if (configuration->second.find(member.id) == nullptr) removed_.emplace(member.id, index);
  committed_configuration_ = configuration->second;
}

std::vector<Configuration> Oracle::possible_configurations() const {
  std::vector<Configuration> all = {committed_configuration_};
  for (const auto& [place, configuration] : configurations_)
    if (place.first > committed()) all.push_back(configuration);
  return all;
}

void Oracle::take(const RaftStatus& status, const Ready& ready) {
  Node& node = nodes_.at(status.id);
  if (ready.install) {
    const SnapshotMeta& meta = ready.install->meta;
    if (meta.index > committed())
      fail(fmt::format("SNAPSHOT: {} installs {}, committed is {}", name(status.id), meta.index.value(),
                       committed().value()));
    check_truncation(node, status, next(meta.index), "installing a snapshot");
    node.log = {meta.index, meta.term, meta.configuration, {}};
  }
  if (ready.truncate_from) {
    check_truncation(node, status, *ready.truncate_from, "truncating");
    if (*ready.truncate_from <= node.log.before) {
      fail(fmt::format("TRUNCATION: {} truncates at {}, its snapshot is at {}", name(status.id),
                       ready.truncate_from->value(), node.log.before.value()));
      return;
    }
    if (*ready.truncate_from <= node.log.last())
      node.log.entries.resize(ready.truncate_from->value() - node.log.before.value() - 1);
  }
  node.ready_from.reset();
  for (const Entry& entry : ready.append) check_append(node, status, entry);
  if (status.role == Role::leader && node.leads != status.term) {
    check_completeness(node, status);
    node.leads = status.term;
  }
}

// A committed entry never goes away, except where nobody counted on it: a node that lags in a term before that of the
// commit may take a late message of that term's leader, who need not have the entry, and gets it back later.
void Oracle::check_truncation(const Node& node, const RaftStatus& status, LogIndex from, const char* by) {
  const Term term = node.ready_from.value_or(status.term);
  for (LogIndex index = from; index <= std::min(node.log.last(), committed()); index = next(index)) {
    const Shape* own = node.log.find(index);
    const Committed& entry = *committed_at(index);
    if (own == nullptr || own->term != entry.shape.term || term < entry.in_term) continue;
    fail(fmt::format("TRUNCATION: {} loses the committed entry {}@{} by {}, in term {}; it was committed in term {}",
                     name(status.id), index.value(), own->term.value(), by, term.value(), entry.in_term.value()));
    return;
  }
}

void Oracle::check_append(Node& node, const RaftStatus& status, const Entry& entry) {
  if (entry.index != next(node.log.last())) {
    fail(fmt::format("LOG: {} appends {} after {}", name(status.id), entry.index.value(), node.log.last().value()));
    return;
  }
  // Log matching: the same index and term, then the same entry, and the same one before it. The rest is induction.
  const Known known{digest_of(entry), node.log.last_term()};
  const auto [first, is_new] = entries_.emplace(Key{entry.index, entry.term}, known);
  if (first->second.digest != known.digest || first->second.previous_term != known.previous_term)
    fail(fmt::format("LOG MATCHING: {} appends another entry {}@{} than was known (after term {}, known after {})",
                     name(status.id), entry.index.value(), entry.term.value(), known.previous_term.value(),
                     first->second.previous_term.value()));
  if (entry.type == EntryType::configuration && is_new) check_configuration(node, status, entry);
  node.log.entries.push_back({entry.term, known.digest});
}

// Seen for the first time: at the leader that proposed it.
void Oracle::check_configuration(const Node& node, const RaftStatus& status, const Entry& entry) {
  auto decoded = decode_configuration(entry.data);
  if (!decoded) {
    fail(fmt::format("MEMBERSHIP: {} appends a configuration that cannot be read", name(status.id)));
    return;
  }
  const auto [before_index, before] = configuration_before(node.log);
  configurations_[{entry.index, entry.term}] = *decoded;
  const std::string change = text_of(before, trace_) + " to " + text_of(*decoded, trace_);
  for (const NodeId removed : before.removed)
    if (decoded->find(removed) != nullptr)
      fail(fmt::format("MEMBERSHIP: {} takes the removed {} in again: {}", name(status.id), name(removed), change));
  const Committed* newest = committed_at(status.commit);
  if (newest == nullptr || newest->shape.term != entry.term)
    fail(fmt::format("MEMBERSHIP (2015): {} proposes {} in term {} before anything of that term is committed",
                     name(status.id), change, entry.term.value()));
  if (before_index > status.commit)
    fail(fmt::format("MEMBERSHIP: {} proposes {} while the change at {} is not committed", name(status.id), change,
                     before_index.value()));
  const std::vector<NodeId> voters_before = voters_of(before);
  const std::vector<NodeId> voters_after = voters_of(*decoded);
  std::vector<NodeId> changed;
  std::set_symmetric_difference(voters_before.begin(), voters_before.end(), voters_after.begin(), voters_after.end(),
                                std::back_inserter(changed));
  for (const NodeId voter : voters_after)
    if (before.find(voter) == nullptr)
      fail(fmt::format("MEMBERSHIP: {} joins as a voter, not as a learner: {}", name(voter), change));
  if (changed.size() > 1) fail(fmt::format("MEMBERSHIP: {} goes from {} in one step", name(status.id), change));
}

// The newest configuration in a log, and where it stands.
std::pair<LogIndex, Configuration> Oracle::configuration_before(const LogShape& log) const {
  for (auto found = configurations_.upper_bound({log.last(), log.last_term()}); found != configurations_.begin();) {
    --found;
    const auto& [index, term] = found->first;
    if (index <= log.before) break;
    const Shape* shape = log.find(index);
    if (shape != nullptr && shape->term == term) return {index, found->second};
  }
  return {log.before, log.before_configuration};
}

void Oracle::sends(const Message& message) {
  const SimDisk& disk = *nodes_.at(message.from).disk;
  const HardState& durable = disk.hard_state();
  if (const auto* vote = std::get_if<VoteReply>(&message.body); vote != nullptr && vote->granted && !vote->pre_vote) {
    if (durable.term < message.term || (durable.term == message.term && durable.vote != message.to))
      fail(fmt::format("DURABLE VOTE: {} promises {} its vote in term {}; on its disk are term {} and vote {}",
                       name(message.from), name(message.to), message.term.value(), durable.term.value(),
                       name(durable.vote)));
  }
  if (const auto* append = std::get_if<AppendReply>(&message.body); append != nullptr && append->success) {
    if (disk.last() < append->match && durable.term == message.term)
      fail(fmt::format("DURABLE ACK: {} acknowledges {} in term {}, its disk ends at {}", name(message.from),
                       append->match.value(), message.term.value(), disk.last().value()));
    // The core may be in a later term already, and its log another one: then the old promise is about the old log.
    const Node& node = nodes_.at(message.from);
    const Shape* own = node.log.find(append->match);
    if (own != nullptr && node.seen.term == message.term && !disk.holds(append->match, own->term))
      fail(fmt::format("DURABLE ACK: {} acknowledges {}@{} in term {}, its disk has another entry there",
                       name(message.from), append->match.value(), own->term.value(), message.term.value()));
    if (durable.term < message.term)
      fail(fmt::format("DURABLE TERM: {} acknowledges in term {}, its disk is in term {}", name(message.from),
                       message.term.value(), durable.term.value()));
  }
  if (const auto* reply = std::get_if<SnapshotReply>(&message.body); reply != nullptr && reply->installed) {
    if (disk.last() < reply->index)
      fail(fmt::format("DURABLE SNAPSHOT: {} acknowledges snapshot {}, its disk ends at {}", name(message.from),
                       reply->index.value(), disk.last().value()));
  }
}

void Oracle::written(NodeId id, const std::string& refusal) {
  if (!refusal.empty()) fail(fmt::format("DISK: {} {}", name(id), refusal));
}

// What was handed out in pieces has become the same thing on disk.
void Oracle::at_rest(const RaftStatus& status) {
  const Node& node = nodes_.at(status.id);
  const HardState& durable = node.disk->hard_state();
  if (durable.term != status.term || durable.vote != status.vote)
    fail(fmt::format("DISK: all is written at {}, but term {} and vote {} are {} and {} on disk", name(status.id),
                     status.term.value(), name(status.vote), durable.term.value(), name(durable.vote)));
  if (node.disk->last() != node.log.last() || node.disk->last_term() != node.log.last_term())
    fail(fmt::format("DISK: all is written at {}, but its log ends with {}@{} and on disk with {}@{}", name(status.id),
                     node.log.last().value(), node.log.last_term().value(), node.disk->last().value(),
                     node.disk->last_term().value()));
}

void Oracle::applies(NodeId id, const Entry& entry, std::uint64_t machine_hash) {
  Node& node = nodes_.at(id);
  if (node.applied != LogIndex() && entry.index != next(node.applied))
    fail(fmt::format("APPLY: {} applies {} after {}", name(id), entry.index.value(), node.applied.value()));
  node.applied = entry.index;
  const Committed* committed = committed_at(entry.index);
  if (committed == nullptr) {
    fail(
        fmt::format("APPLY: {} applies {}, committed is {}", name(id), entry.index.value(), this->committed().value()));
    return;
  }
  if (committed->shape.term != entry.term || committed->shape.digest != digest_of(entry))
    fail(fmt::format("STATE MACHINE SAFETY: {} applies {}@{}, committed there is an entry of term {}", name(id),
                     entry.index.value(), entry.term.value(), committed->shape.term.value()));
  check_applied_hash(id, entry.index, machine_hash);
}

void Oracle::restores(NodeId id, const SnapshotMeta& meta, std::uint64_t machine_hash) {
  Node& node = nodes_.at(id);
  if (meta.index < node.applied)
    fail(fmt::format("APPLY: {} goes back from {} to snapshot {}", name(id), node.applied.value(), meta.index.value()));
  node.applied = meta.index;
  const Committed* committed = committed_at(meta.index);
  if (committed == nullptr || committed->shape.term != meta.term)
    fail(fmt::format("SNAPSHOT: {} takes over snapshot {}@{}, which was never committed", name(id), meta.index.value(),
                     meta.term.value()));
  check_applied_hash(id, meta.index, machine_hash);
}

void Oracle::check_applied_hash(NodeId id, LogIndex index, std::uint64_t machine_hash) {
  if (index < first_committed_ || index > committed()) return;
  std::optional<std::uint64_t>& first = committed_[index.value() - first_committed_.value()].machine_hash;
  if (!first) first = machine_hash;
  if (*first != machine_hash)
    fail(fmt::format("STATE MACHINE SAFETY: {}'s machine differs from the first one at {}", name(id), index.value()));
}

void Oracle::answers_read(NodeId id, LogIndex index, LogIndex committed_before) {
  if (index < committed_before)
    fail(fmt::format("STALE READ: {} may serve a read at {}, but {} was committed before it began", name(id),
                     index.value(), committed_before.value()));
}

void Oracle::accepts_promotion(const RaftStatus& status, NodeId learner, std::uint32_t behind_max) {
  const LogIndex has = nodes_.at(learner).disk->last();
  if (has.value() + behind_max < status.last.value())
    fail(fmt::format("MEMBERSHIP: {} promotes {}, whose disk ends at {}, its own log at {}", name(status.id),
                     name(learner), has.value(), status.last.value()));
}

void Oracle::accepts_member(const RaftStatus& status, NodeId id) {
  // An old leader may not have heard of the removal: what it proposes then will not be committed.
  const auto removed = removed_.find(id);
  if (removed != removed_.end() && removed->second <= status.commit)
    fail(fmt::format("MEMBERSHIP: {} accepts {} again, removed at {}", name(status.id), name(id),
                     removed->second.value()));
}

}  // namespace sluice::sim
