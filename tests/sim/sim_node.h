// SPDX-License-Identifier: Apache-2.0
// One process with its disk: the production core and the production persist queue, driven as the node's runtime drives
// them, on virtual time. It dies, stalls and comes back as told.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "persist_queue.h"
#include "raft.h"
#include "sim_disk.h"
#include "sim_world.h"

namespace sluice::sim {

enum class Outcome : std::uint8_t {
  done,      // applied, or read; the answer is there
  rejected,  // nothing happened: not the leader, or the read could not be confirmed
  lost,      // another entry took its place
};
using Answer = std::function<void(Outcome, const std::string&)>;

enum class Life : std::uint8_t {
  up,
  down,     // will be started again
  ruined,   // its disk is damaged: it refuses to start, for good
  retired,  // removed from the cluster and switched off
};

enum class DiskFault : std::uint8_t { none, write_error, full };

class SimNode {
 public:
  using Sender = std::function<void(const raft::Message&)>;
  SimNode(SimWorld& world, raft::NodeId id, raft::StoredState state, Sender sender);
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;

  [[nodiscard]] raft::NodeId id() const { return id_; }
  [[nodiscard]] Life life() const { return life_; }
  [[nodiscard]] bool is_paused() const { return world_.clock.now() < paused_until_; }
  [[nodiscard]] const SimDisk& disk() const { return disk_; }
  // Only while up.
  [[nodiscard]] raft::RaftStatus status() const { return raft_->status(); }
  [[nodiscard]] std::uint64_t machine_hash() const { return machine_->hash(); }

  void start();
  void crash(const char* why);
  void ruin();
  void retire();
  void pause(Time length);
  // Neither it nor its disk stands still any longer.
  void heal();
  // Of the next batch.
  void set_disk_fault(DiskFault fault) { disk_fault_ = fault; }
  void stall_disk(Time length) { stall_disk_until_ = world_.clock.now() + length; }
  void draw_clock_skew();

  void receive(std::string bytes);
  // Nothing comes back if the process dies first.
  void propose(const std::string& command, Answer answer);
  void read(const std::string& question, Answer answer);
  void compact();
  // Membership and transfer, straight at the core; what it wants is looked at afterwards.
  template <typename Call>
  auto ask(Call&& call) {
    auto result = call(*raft_);
    after_input();
    return result;
  }

 private:
  struct Proposal {
    raft::Term term;
    Answer answer;
  };
  struct Reading {
    std::string question;
    Answer answer;
    raft::LogIndex committed_before;
  };
  struct ToApply {
    std::optional<raft::Snapshot> install;
    std::vector<raft::Entry> entries;
  };

  // Only if this process still lives then; later still if it is paused.
  void later(Time delay, SimClock::Action action);
  void run_or_defer(const SimClock::Action& action);
  void schedule_tick();
  void after_input();
  void pump();
  void handle(raft::Ready ready);
  void finish_reads(const std::vector<raft::ReadResult>& results);
  void apply_one();
  void apply_all();
  void apply_entry(const raft::Entry& entry);
  void install(const raft::Snapshot& snapshot);
  void serve_reads();
  void start_write();
  void end_write(std::uint64_t write);
  void resume();
  void disk_failed(DiskFault fault);
  void batch_done();
  void stop();

  SimWorld& world_;
  const raft::NodeId id_;
  SimDisk disk_;
  Sender send_;
  Life life_ = Life::down;
  std::uint64_t lives_ = 0;
  Time tick_{};
  Time paused_until_{};
  Time stall_disk_until_{};
  DiskFault disk_fault_ = DiskFault::none;

  // All of this dies with the process.
  std::unique_ptr<raft::Raft> raft_;
  raft::PersistQueue queue_;
  std::optional<raft::WriteBatch> writing_;
  std::uint64_t writes_ = 0;
  std::unique_ptr<StateMachine> machine_;
  raft::SnapshotMeta applied_;  // where the machine stands
  std::deque<ToApply> to_apply_;
  bool is_applying_ = false;
  bool is_pump_due_ = false;
  std::map<raft::LogIndex, std::shared_ptr<const std::string>> compactions_;
  std::multimap<raft::LogIndex, Proposal> proposals_;
  std::map<raft::ReadId, Reading> reads_;
  std::multimap<raft::LogIndex, Reading> readable_;
  std::vector<SimClock::Action> deferred_;
};

}  // namespace sluice::sim
