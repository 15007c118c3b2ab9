# SPDX-License-Identifier: Apache-2.0
"""The mutants of raft_mutants.py: what each does, in which file, the text that stands there once, the text instead."""
from typing import NamedTuple

RAFT, SIM = "controlplane/raft/", "tests/sim/"


class Mutant(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    # Where two places keep the same promise, one alone is not missed: file, old, new of the other.
    other: tuple[str, str, str] | None = None

    def edits(self) -> list[tuple[str, str, str]]:
        return [(self.file, self.old, self.new)] + ([self.other] if self.other else [])


ELECTION, FOLLOWER, LEADER = RAFT + "raft_election.cc", RAFT + "raft_follower.cc", RAFT + "raft_leader.cc"
CORE, LOG, PEER = RAFT + "raft_core.cc", RAFT + "raft_log.cc", RAFT + "raft_peer.cc"
CHANGES, READS, MEMBERSHIP = RAFT + "raft_changes.cc", RAFT + "raft_reads.cc", RAFT + "raft_membership.cc"
QUEUE, CODEC, QUORUM = RAFT + "persist_queue.cc", RAFT + "raft_codec.cc", RAFT + "raft_quorum.h"

MUTANTS = [
    # Elections.
    Mutant("vote without a look at the log", ELECTION,
           "may_vote && is_at_least({request.last_index, request.last_term}, log_.last_id())", "may_vote"),
    Mutant("logs compared by length alone", RAFT + "raft_log.h",
           "return one.term != other.term ? one.term > other.term : one.index >= other.index;",
           "return one.index >= other.index;"),
    Mutant("vote leaves before it is on disk", ELECTION,
           "    elapsed_ticks_ = 0;\n  }\n  send_after_persist(message.from, reply);",
           "    elapsed_ticks_ = 0;\n  }\n  send_now(message.from, reply);"),
    Mutant("own vote counts before it is on disk", ELECTION,
           "if (persisted_sequence_ >= candidate->vote_sequence) candidate", "candidate"),
    Mutant("two votes in one term", ELECTION, "hard_state_.vote == message.from || is_free", "leader() == NodeId()"),
    Mutant("vote not cleared in a new term", CORE, "hard_state_ = {term, NodeId()};", "hard_state_.term = term;"),
    Mutant("old votes count in a new term", CORE,
           "  if (message.term < hard_state_.term) {\n    answer_old_term(message);\n    return false;\n  }\n",
           "  if (message.term < hard_state_.term) return std::holds_alternative<VoteReply>(message.body);\n"),
    Mutant("no leader stickiness", CORE, "if (!request->is_transfer && hears_leader()) return false;", ""),
    Mutant("no pre-vote", ELECTION,
           "return start_pre_vote();", "return start_election(false);"),
    Mutant("no check-quorum", LEADER, "if (!hears_majority(leader)) return", "if (false) return"),
    Mutant("quorum n/2 for even n", QUORUM, "return voters_count / 2 + 1;", "return (voters_count + 1) / 2;"),
    Mutant("learners vote and count", QUORUM,
           "    if (member.role == MemberRole::voter) values.push_back(value_of(member.id));",
           "    values.push_back(value_of(member.id));"),
    Mutant("learners stand for election", ELECTION,
           "if (may_lead()) return start_pre_vote();",
           "if (configuration().find(options_.id) != nullptr) return start_pre_vote();"),
    Mutant("who is being removed does not stand for election", ELECTION,
           "(configurations.newest().index > log_.commit() && ", "(false && "),
    Mutant("a leader begins with nothing of its own", ELECTION,
           "  append_own(EntryType::noop, {});\n", ""),
    # Replication.
    Mutant("no check of the previous term", FOLLOWER, "|| ours == request.previous_term)", "|| ours)"),
    Mutant("heartbeat carries an unmatched commit", LEADER, "request.commit = std::min(log_.commit(), end);",
           "request.commit = log_.commit();",
           (FOLLOWER, "log_.commit_to(std::min(request.commit, end));",
            "log_.commit_to(std::min(request.commit, log_.last()));")),
    Mutant("acknowledgement of an unchecked tail", FOLLOWER,
           ".match = end,", ".match = log_.last(),"),
    Mutant("acknowledgement leaves before it is on disk", FOLLOWER,
           "  send_after_persist(sender, AppendReply{.success = true,\n"
           "                                         .match = end,",
           "  send_now(sender, AppendReply{.success = true,\n"
           "                                         .match = end,"),
    Mutant("conflicting entries stay", FOLLOWER,
           "if (fresh->index <= log_.last()) log_.truncate_from(fresh->index);",
           "if (fresh->index <= log_.last()) return;"),
    Mutant("every append truncates", FOLLOWER,
           "std::find_if_not(request.entries.begin(), request.entries.end(), is_known);",
           "std::find_if_not(request.entries.begin(), request.entries.end(), [&](const Entry& entry) "
           "{ return entry.index <= log_.commit() && is_known(entry); });"),
    Mutant("leader counts what is not on its disk", LEADER,
           "return id == options_.id ? log_.stable().value()", "return id == options_.id ? log_.last().value()"),
    Mutant("entries of old terms committed by counting", LEADER,
           "if (reached > log_.commit() && log_.term_at(reached) == hard_state_.term)", "if (reached > log_.commit())"),
    Mutant("refusals of long ago are believed", PEER,
           "  if (reply.refused_index <= peer.match || reply.refused_index >= peer.next) return;\n"
           "  if (std::holds_alternative<Snapshotting>(peer.progress)) return;\n",
           "  peer.match = LogIndex();\n"),
    Mutant("acknowledgements of another term count", CORE, "  if (!accepts_term(message)) return;\n",
           "  if (!std::holds_alternative<AppendReply>(message.body) && !accepts_term(message)) return;\n"),
    # The log and its disk.
    Mutant("an old write counts for what was put in its place", LOG,
           "  for (Handed& handed : being_written_) handed.last = std::min(handed.last, kept);\n", ""),
    Mutant("truncation leaves stable where it was", LOG, "  stable_ = std::min(stable_, kept);\n", ""),
    Mutant("truncation keeps the configuration", LOG, "  configurations_.truncate_from(index);\n", ""),
    Mutant("truncation is not told to the disk", LOG,
           "    to_truncate_ = to_truncate_ ? std::min(*to_truncate_, index) : index;\n", ""),
    Mutant("snapshot without clearing the log", LOG, "  commit_ = applied_ = handed_ = handed_committed_ = meta.index;",
           "  commit_ = applied_ = handed_committed_ = meta.index;"),
    Mutant("an installed snapshot is on disk at once", LOG,
           "  stable_ = std::min(stable_, commit_);\n", "  stable_ = meta.index;\n"),
    Mutant("restart takes all on disk for committed", LOG,
           "log.commit_ = log.applied_ = log.handed_committed_ = start.index;",
           "log.applied_ = log.handed_committed_ = start.index;\n  log.commit_ = log.last();"),
    Mutant("compaction keeps one entry too few", LOG, "const LogIndex base(index.value() - trailing);",
           "const LogIndex base(index.value() - trailing + 1);"),
    # The order of writes.
    Mutant("group commit forgets the hard state", QUEUE, "    if (pending.hard_state) batch.hard_state = pending.hard_state;\n",
           "    batch.hard_state = pending.hard_state;\n"),
    Mutant("group commit puts the first hard state last", QUEUE,
           "    if (pending.hard_state) batch.hard_state = pending.hard_state;\n",
           "    if (pending.hard_state && !batch.hard_state) batch.hard_state = pending.hard_state;\n"),
    Mutant("group commit answers for what came too late for it", QUEUE, "  return *std::exchange(writing_, std::nullopt);\n",
           "  Done done = *std::exchange(writing_, std::nullopt);\n"
           "  for (Pending& pending : waiting_) {\n"
           "    done.send.insert(done.send.end(), pending.send.begin(), pending.send.end());\n"
           "    pending.send.clear();\n"
           "  }\n"
           "  return done;\n"),
    Mutant("the newest write goes first", QUEUE, "  waiting_.push_back(std::move(pending));\n}\n\nvoid",
           "  waiting_.push_front(std::move(pending));\n}\n\nvoid"),
    Mutant("group commit forgets a truncation", QUEUE,
           "    if (pending.truncate_from) truncate(batch, *pending.truncate_from);\n",
           "    if (pending.truncate_from && batch.append.empty()) truncate(batch, *pending.truncate_from);\n"),
    Mutant("truncation in a batch spares the disk", QUEUE,
           "  batch.truncate_from = batch.truncate_from ? std::min(*batch.truncate_from, from) : from;\n", ""),
    Mutant("entries before a snapshot are written after it", QUEUE, "      batch.append.clear();\n", ""),
    Mutant("an older snapshot of ours is written over the leader's", QUEUE,
           "if (pending.compact && pending.compact->meta.index > newest_snapshot_) {", "if (pending.compact) {"),
    # The codec.
    Mutant("codec: previous term and commit in each other's place", CODEC,
           "  out.put(body.previous_term);\n  out.put(body.commit);\n", "  out.put(body.commit);\n  out.put(body.previous_term);\n"),
    Mutant("codec: last index and last term in each other's place", CODEC,
           "  out.put(body.last_index);\n  out.put(body.last_term);\n", "  out.put(body.last_term);\n  out.put(body.last_index);\n"),
    Mutant("codec: removed ids are lost", CODEC, "  for (const NodeId id : configuration.removed) out.put(id);\n",
           "  for (const NodeId id : configuration.removed) out.put(id.value() ^ 1);\n"),
    Mutant("codec: a pre-vote becomes a vote", CODEC,
           "void get(ByteReader& in, VoteReply& body) {\n  body.pre_vote = in.get_flag();",
           "void get(ByteReader& in, VoteReply& body) {\n  (void)in.get_flag();"),
    Mutant("codec: the round of an answer is lost", CODEC,
           "  body.hint_term = in.get<Term>();\n  body.read_round = in.get<std::uint64_t>();",
           "  body.hint_term = in.get<Term>();\n  (void)in.get<std::uint64_t>();"),
    # Snapshots.
    Mutant("snapshot installed without a look at its digest", FOLLOWER,
           "if (snapshot_digest(incoming->data) == incoming->digest) {", "if (true) {"),
    Mutant("snapshot pieces of any place are put together", FOLLOWER,
           "if (incoming->data.size() == chunk.offset) incoming->data.append(chunk.data);",
           "incoming->data.append(chunk.data);"),
    Mutant("pieces of two snapshots are put together", FOLLOWER,
           "incoming->meta != meta || incoming->digest != chunk.digest || incoming->total_bytes != chunk.total_bytes",
           "false"),
    Mutant("an old snapshot is installed over newer entries", FOLLOWER,
           "if (meta.index <= log_.commit() || log_.term_at(meta.index) == meta.term) {",
           "if (meta.index <= log_.commit()) {"),
    Mutant("snapshot acknowledged before it is on disk", FOLLOWER,
           "    incoming.reset();\n  }\n  send_after_persist(sender, reply);\n}\n\n}",
           "    incoming.reset();\n  }\n  send_now(sender, reply);\n}\n\n}"),
    # Membership.
    Mutant("change of members before an entry of the term is committed", CHANGES, "if (!is_committed_in_term())",
           "if (false)"),
    Mutant("two changes of members at once", CHANGES, "if (log_.configurations().newest().index > log_.commit())",
           "if (false)"),
    Mutant("a removed id is taken in again", MEMBERSHIP,
           "if (std::binary_search(configuration.removed.begin(), configuration.removed.end(), member.id))", "if (false)"),
    Mutant("removed ids are not remembered", MEMBERSHIP, "  configuration.removed.insert(place, member);\n", "  (void)place;\n"),
    Mutant("a learner far behind becomes a voter", CHANGES,
           "if (!std::holds_alternative<Replicating>(peer.progress) || !is_close ||\n", "if (!is_close && false &&\n"),
    Mutant("a new member counts as a voter at once", MEMBERSHIP, "->role = MemberRole::learner;", "->role = MemberRole::voter;"),
    # Reads and transfer.
    Mutant("read without asking a majority", READS, "if (confirmed < leader.read_round) return;", "(void)confirmed;"),
    Mutant("read before the leader's first commit", READS,
           "if (leader.waiting.empty() || !is_committed_in_term()) return;", "if (leader.waiting.empty()) return;"),
    Mutant("later reads join a round under way", READS, "  leading->waiting.push_back({message.from, request.id});\n",
           "  (leading->asked.empty() ? leading->waiting : leading->asked).push_back({message.from, request.id});\n"),
    Mutant("transfer to one who lacks entries", LEADER,
           "if (leader.peers.at(leader.transfer->target).match != log_.last()) return;", ""),
    Mutant("a transfer is never given up", LEADER,
           "if (leader.transfer && ++leader.transfer->ticks >= options_.election_ticks) leader.transfer.reset();", ""),
    Mutant("proposals during a transfer", CHANGES, "  if (leading->transfer)\n", "  if (false)\n"),
    # What stands around the core: the same mistakes in its users must not go unnoticed either.
    Mutant("user: read served before its index is applied", SIM + "sim_node.cc",
           "readable_.begin()->first <= applied_.index", "true"),
    Mutant("user: a request that comes twice takes effect twice", SIM + "register_machine.cc",
           "if (command.request == session.request) return", "if (false) return"),
    Mutant("user: messages leave before their batch is on disk", SIM + "sim_node.cc",
           "  for (const Message& message : ready.send_now) send_(message);\n",
           "  for (const Message& message : ready.send_now) send_(message);\n"
           "  for (const Message& message : ready.send_after_persist) send_(message);\n"),
    Mutant("user: only half of the state machine in a snapshot", SIM + "register_machine.cc",
           "    sessions_[client] = {request, reader.get<std::uint64_t>()};\n",
           "    (void)client, (void)request, (void)reader.get<std::uint64_t>();\n"),
]
