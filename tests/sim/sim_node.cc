// SPDX-License-Identifier: Apache-2.0
#include "sim_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft_codec.h"

namespace sluice::sim {

using namespace raft;

SimNode::SimNode(SimWorld& world, NodeId id, StoredState state, Sender sender)
    : world_(world), id_(id), disk_(std::move(state)), send_(std::move(sender)) {
  world_.trace.name(id);
  world_.oracle.add_node(id, disk_);
}

void SimNode::start() {
  ++lives_;
  const SimOptions& options = world_.options;
  RaftOptions raft_options;
  raft_options.id = id_;
  raft_options.heartbeat_ticks = options.heartbeat_ticks;
  raft_options.election_ticks = options.election_ticks;
  raft_options.entries_per_message = options.entries_per_message;
  raft_options.message_bytes = options.message_bytes;
  raft_options.messages_in_flight = options.messages_in_flight;
  raft_options.snapshot_chunk_bytes = options.snapshot_chunk_bytes;
  raft_options.uncommitted_bytes_max = options.uncommitted_bytes_max;
  raft_options.trailing_entries = options.trailing_entries;
  const StoredState stored = disk_.stored();
  auto made = Raft::make(raft_options, stored, [this](std::uint32_t bound) { return world_.random.below(bound); });
  if (!made) {
    world_.oracle.fail(
        fmt::format("START: {} refuses its own disk: {}", world_.trace.name_of(id_), made.error().context));
    return;
  }
  raft_ = std::move(*made);
  machine_ = world_.make_machine();
  applied_ = {};
  if (stored.snapshot) {
    machine_->restore(*stored.snapshot->data);
    applied_ = stored.snapshot->meta;
  }
  life_ = Life::up;
  const RaftStatus now = status();
  world_.trace.note([&] {
    return fmt::format("{} starts: term {}, log up to {}, snapshot {}", world_.trace.name_of(id_), now.term.value(),
                       now.last.value(), applied_.index.value());
  });
  world_.oracle.started(id_, now);
  if (stored.snapshot) world_.oracle.restores(id_, applied_, machine_->hash());
  draw_clock_skew();
  schedule_tick();
  after_input();
}

void SimNode::draw_clock_skew() {
  tick_ = world_.options.tick;
  if (world_.is_healed || world_.options.skew_max <= 1.0) return;
  const double span = world_.options.skew_max - 1.0 / world_.options.skew_max;
  const double factor = 1.0 / world_.options.skew_max + span * world_.random.below(1001) / 1000.0;
  tick_ = Time(static_cast<std::int64_t>(static_cast<double>(tick_.count()) * factor));
}

void SimNode::stop() {
  ++lives_;
  life_ = Life::down;
  raft_.reset();
  queue_ = {};
  writing_.reset();
  machine_.reset();
  to_apply_.clear();
  is_applying_ = is_pump_due_ = false;
  compactions_.clear();
  proposals_.clear();
  reads_.clear();
  readable_.clear();
  deferred_.clear();
  paused_until_ = {};
}

void SimNode::crash(const char* why) {
  if (life_ != Life::up) return;
  ++world_.counters.crashes;
  // The batch under way is one transaction: all of it was just in time, or none.
  const bool survives = writing_ && world_.random.percent(50);
  world_.trace.note([&] {
    return fmt::format("{} crashes: {}{}", world_.trace.name_of(id_), why,
                       !writing_  ? ""
                       : survives ? "; its last batch is on disk"
                                  : "; its last batch is lost");
  });
  if (survives) world_.oracle.written(id_, disk_.write(*writing_));
  if (writing_ && !survives) ++world_.counters.batches_lost;
  stop();
}

void SimNode::ruin() {
  ++world_.counters.rotten_disks;
  world_.trace.note([&] { return fmt::format("{} finds its disk damaged and stays down", world_.trace.name_of(id_)); });
  life_ = Life::ruined;
}

void SimNode::retire() {
  world_.trace.note([&] { return fmt::format("{} is switched off for good", world_.trace.name_of(id_)); });
  if (life_ == Life::up) stop();
  life_ = Life::retired;
}

void SimNode::pause(Time length) {
  if (life_ != Life::up || is_paused()) return;
  ++world_.counters.pauses;
  world_.trace.note(
      [&] { return fmt::format("{} stands still for {} ms", world_.trace.name_of(id_), length.count() / 1000); });
  paused_until_ = world_.clock.now() + length;
  world_.clock.at(paused_until_, [this, mine = lives_] {
    if (mine == lives_) resume();
  });
}

void SimNode::resume() {
  const std::vector<SimClock::Action> due = std::exchange(deferred_, {});
  for (const SimClock::Action& action : due)
    if (life_ == Life::up) action();
}

void SimNode::heal() {
  disk_fault_ = DiskFault::none;
  if (life_ != Life::up) return;
  draw_clock_skew();
  paused_until_ = {};
  resume();
  if (writing_) end_write(writes_);
}

void SimNode::later(Time delay, SimClock::Action action) {
  world_.clock.after(delay, [this, mine = lives_, action = std::move(action)] {
    if (mine == lives_) run_or_defer(action);
  });
}

void SimNode::run_or_defer(const SimClock::Action& action) {
  if (is_paused()) {
    deferred_.push_back(action);
  } else {
    action();
  }
}

void SimNode::schedule_tick() {
  later(tick_, [this] {
    raft_->tick();
    after_input();
    if (life_ == Life::up) schedule_tick();
  });
}

void SimNode::receive(std::string bytes) {
  if (life_ != Life::up) return;
  run_or_defer([this, bytes = std::move(bytes)] {
    auto message = decode_message(bytes);
    if (!message) {
      world_.oracle.fail("CODEC: a message of ours cannot be read: " + message.error().context);
      return;
    }
    world_.trace.mix(bytes);
    world_.trace.note([&] {
      return fmt::format("{} <- {}  {}", world_.trace.name_of(id_), world_.trace.name_of(message->from),
                         text_of(*message, world_.trace));
    });
    raft_->step(std::move(*message));
    after_input();
  });
}

void SimNode::after_input() {
  if (!raft_->has_ready()) return;
  world_.oracle.observe(status());
  world_.oracle.awaits_ready(status());
  if (world_.options.pump_delay_max == Time{}) {
    pump();
  } else if (!is_pump_due_) {
    is_pump_due_ = true;
    later(world_.up_to(world_.options.pump_delay_max), [this] {
      is_pump_due_ = false;
      pump();
    });
  }
}

void SimNode::pump() {
  while (raft_->has_ready() && !world_.oracle.failure()) {
    const RaftStatus now = status();
    Ready ready = raft_->take_ready();
    world_.oracle.take(now, ready);
    handle(std::move(ready));
    world_.oracle.observe(status());
  }
  start_write();
}

void SimNode::handle(Ready ready) {
  if (ready.install) ++world_.counters.installs;
  if (ready.truncate_from) {
    ++world_.counters.truncations;
    world_.trace.note(
        [&] { return fmt::format("{} truncates from {}", world_.trace.name_of(id_), ready.truncate_from->value()); });
  }
  if (ready.hard_state) {
    world_.trace.note([&] {
      return fmt::format("{} is in term {}, vote {}", world_.trace.name_of(id_), ready.hard_state->term.value(),
                         world_.trace.name_of(ready.hard_state->vote));
    });
  }
  for (const Message& message : ready.send_now) send_(message);
  std::optional<Snapshot> to_install = ready.install;
  queue_.add(ready.sequence, ready.hard_state, ready.truncate_from, std::move(ready.append), std::move(ready.install),
             std::move(ready.send_after_persist));
  if (to_install || !ready.committed.empty()) {
    world_.counters.commits += ready.committed.size();
    to_apply_.push_back({std::move(to_install), std::move(ready.committed)});
    if (world_.options.apply_delay_max == Time{}) {
      apply_all();
    } else if (!is_applying_) {
      apply_one();
    }
  }
  finish_reads(ready.reads);
}

void SimNode::apply_one() {
  is_applying_ = !to_apply_.empty();
  if (!is_applying_) return;
  later(world_.up_to(world_.is_healed ? Time{} : world_.options.apply_delay_max), [this] {
    apply_all();
    is_applying_ = false;
    after_input();
  });
}

void SimNode::apply_all() {
  while (!to_apply_.empty()) {
    const ToApply batch = std::move(to_apply_.front());
    to_apply_.pop_front();
    if (batch.install) install(*batch.install);
    for (const Entry& entry : batch.entries) apply_entry(entry);
    raft_->applied(applied_.index);
  }
  serve_reads();
}

void SimNode::install(const Snapshot& snapshot) {
  world_.trace.note([&] {
    return fmt::format("{} takes over the snapshot at {}", world_.trace.name_of(id_), snapshot.meta.index.value());
  });
  machine_->restore(*snapshot.data);
  applied_ = snapshot.meta;
  world_.oracle.restores(id_, snapshot.meta, machine_->hash());
}

void SimNode::apply_entry(const Entry& entry) {
  std::string answer;
  if (entry.type == EntryType::command) answer = machine_->apply(entry.data);
  if (entry.type == EntryType::configuration) {
    if (auto decoded = decode_configuration(entry.data)) applied_.configuration = std::move(*decoded);
  }
  applied_.index = entry.index;
  applied_.term = entry.term;
  world_.trace.mix(machine_->hash());
  world_.trace.note([&] {
    return fmt::format("{} applies {}@{}", world_.trace.name_of(id_), entry.index.value(), entry.term.value());
  });
  world_.oracle.applies(id_, entry, machine_->hash());
  const auto [first, end] = proposals_.equal_range(entry.index);
  for (auto proposal = first; proposal != end; ++proposal)
    proposal->second.answer(proposal->second.term == entry.term ? Outcome::done : Outcome::lost, answer);
  proposals_.erase(first, end);
}

void SimNode::propose(const std::string& command, Answer answer) {
  if (life_ != Life::up) return;
  run_or_defer([this, command, answer = std::move(answer)] {
    const Result<LogIndex> index = raft_->propose(command);
    if (index) {
      proposals_.emplace(*index, Proposal{status().term, answer});
    } else {
      answer(Outcome::rejected, {});
    }
    after_input();
  });
}

void SimNode::read(const std::string& question, Answer answer) {
  if (life_ != Life::up) return;
  run_or_defer([this, question, answer = std::move(answer)] {
    // Random: an answer that comes to the next life of this node must not fit a question of that life.
    const ReadId read_id(world_.random.next());
    reads_.emplace(read_id, Reading{question, answer, world_.oracle.committed()});
    raft_->read(read_id);
    after_input();
  });
}

void SimNode::finish_reads(const std::vector<ReadResult>& results) {
  for (const ReadResult& result : results) {
    auto reading = reads_.extract(result.id);
    if (reading.empty()) {
      world_.oracle.fail(
          fmt::format("READ: {} answers a read twice, or one that nobody asked", world_.trace.name_of(id_)));
      return;
    }
    if (!result.index) {
      reading.mapped().answer(Outcome::rejected, {});
      continue;
    }
    ++world_.counters.reads;
    world_.oracle.answers_read(id_, *result.index, reading.mapped().committed_before);
    readable_.emplace(*result.index, std::move(reading.mapped()));
  }
  serve_reads();
}

void SimNode::serve_reads() {
  while (!readable_.empty() && readable_.begin()->first <= applied_.index) {
    const Reading reading = std::move(readable_.begin()->second);
    readable_.erase(readable_.begin());
    reading.answer(Outcome::done, machine_->query(reading.question));
  }
}

void SimNode::compact() {
  // A snapshot of the leader that is still to be taken over would come after ours on disk, and before it in time.
  const bool is_installing =
      std::any_of(to_apply_.begin(), to_apply_.end(), [](const ToApply& batch) { return batch.install.has_value(); });
  if (life_ != Life::up || is_paused() || is_installing || compactions_.contains(applied_.index)) return;
  const Result<SnapshotMeta> meta = raft_->snapshot_meta(applied_.index);
  if (!meta) return;  // the one it has is as new
  if (*meta != applied_) {
    world_.oracle.fail(fmt::format("SNAPSHOT: {} has applied {}@{}, its core says another term or configuration",
                                   world_.trace.name_of(id_), applied_.index.value(), applied_.term.value()));
    return;
  }
  auto data = std::make_shared<const std::string>(machine_->save());
  compactions_.emplace(applied_.index, data);
  const std::uint64_t kept = std::min<std::uint64_t>(world_.options.trailing_entries, applied_.index.value());
  queue_.add_compaction({applied_, data}, LogIndex(applied_.index.value() - kept + 1));
  start_write();
}

void SimNode::start_write() {
  if (writing_) return;
  writing_ = queue_.next_batch();
  if (!writing_) {
    if (queue_.is_idle() && !raft_->has_ready()) world_.oracle.at_rest(status());
    return;
  }
  Time length{};
  if (!writing_->is_empty()) {
    ++world_.counters.batches;
    length = Time(1) + world_.up_to(world_.is_healed ? milliseconds(1) : world_.options.fsync_max);
    if (!world_.is_healed) length = std::max(length, stall_disk_until_ - world_.clock.now());
  }
  // The disk goes on while the process stands still.
  world_.clock.after(length, [this, mine = lives_, write = ++writes_] {
    if (mine == lives_) end_write(write);
  });
}

void SimNode::end_write(std::uint64_t write) {
  if (!writing_ || write != writes_) return;
  if (disk_fault_ != DiskFault::none && !writing_->is_empty()) {
    disk_failed(std::exchange(disk_fault_, DiskFault::none));
    return;
  }
  world_.trace.mix(write);
  world_.oracle.written(id_, disk_.write(*writing_));
  // From here on the batch is safe, though the process may not know it for a while.
  writing_.reset();
  run_or_defer([this] { batch_done(); });
}

void SimNode::disk_failed(DiskFault fault) {
  ++world_.counters.disk_failures;
  crash(fault == DiskFault::full ? "its disk is full" : "a write failed");
}

void SimNode::batch_done() {
  PersistQueue::Done done = queue_.written();
  if (done.sequence != 0) raft_->persisted(done.sequence);
  world_.oracle.observe(status());
  for (const Message& message : done.send) send_(message);
  if (done.compacted) {
    const auto data = compactions_.find(*done.compacted);
    if (data == compactions_.end()) {
      world_.oracle.fail(fmt::format("DISK: {} is told of a snapshot it never made", world_.trace.name_of(id_)));
      return;
    }
    // A snapshot from the leader may have overtaken ours: then there is nothing to forget.
    if (raft_->compact(*done.compacted, data->second)) ++world_.counters.compactions;
    compactions_.erase(compactions_.begin(), std::next(data));
  }
  after_input();
  if (life_ == Life::up) start_write();
}

}  // namespace sluice::sim
