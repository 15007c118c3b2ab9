// SPDX-License-Identifier: Apache-2.0
#include "state_keeper.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

StateKeeper::StateKeeper(std::string path, SavedState saved, KeeperPace pace) : path_(std::move(path)), pace_(pace) {
  take_over(std::move(saved));
  go_on_in(next_changes());
  thread_ = std::thread([this] { run(); });
}

StateKeeper::~StateKeeper() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
  if (changes_ && (changes_->bytes() == 0 || sequence_ == base_sequence_)) remove_change_file(path_, number_);
}

// What changes an earlier process left go once the state file has them.
void StateKeeper::take_over(SavedState saved) {
  sequence_ = saved.sequence;
  const Result<std::vector<ChangeFileEntry>> left = change_files_of(path_);
  if (!left) {
    note(left.error());
    number_ = sequence_;  // as many files at most
    return;
  }
  if (left->empty()) return;
  number_ = left->back().number;
  for (const ChangeFileEntry& one : *left) {
    earlier_bytes_ += one.bytes;
    if (one.bytes == 0) remove_change_file(path_, one.number);
  }
  // Under a number of its own: what could not be read of the changes is older than this.
  if (earlier_bytes_ != 0 && saved.state) pending_ = Told{std::move(*saved.state), ++sequence_, saved.told_realtime_ns};
}

void StateKeeper::keep(ForwardingState state, std::string_view told, std::uint64_t told_realtime_ns) {
  {
    const std::lock_guard lock(mutex_);
    ++sequence_;
    const Status appended =
        is_broken_ ? append(encode_state(state, nullptr), told_realtime_ns) : append(told, told_realtime_ns);
    is_broken_ = !appended;
    if (!appended) {
      problem_ = appended.error().context;
      is_lacking_ = true;
    }
    pending_ = Told{std::move(state), sequence_, told_realtime_ns};
  }
  changed_.notify_one();
}

Status StateKeeper::append(std::string_view told, std::uint64_t told_realtime_ns) {
  if (!changes_) return make_error(ErrorCode::io, "there is no file for changes of " + path_);
  if (earlier_bytes_ + changes_->bytes() + told.size() > pace_.changes_bytes_max)
    return make_error(ErrorCode::out_of_capacity, path_ + " has more changes than it may");
  return changes_->append(told, sequence_, told_realtime_ns);
}

std::optional<std::string> StateKeeper::take_problem() {
  const std::lock_guard lock(mutex_);
  return std::exchange(problem_, std::nullopt);
}

// Sooner if a state is in no file, changes become too many, or this is to end.
void StateKeeper::wait_until(std::unique_lock<std::mutex>& lock, Clock::time_point end) {
  changed_.wait_until(lock, end, [this] {
    const std::uint64_t bytes = earlier_bytes_ + (changes_ ? changes_->bytes() : 0);
    return ends_ || is_lacking_ || (pending_ && bytes > pace_.changes_bytes_max / 2);
  });
}

void StateKeeper::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return pending_ || ends_; });
    if (!pending_) return;
    wait_until(lock, Clock::now() + pace_.settle);
    lock.unlock();
    std::optional<ChangeFile> next = next_changes();
    lock.lock();
    go_on_in(std::move(next));
    Told told = std::move(*pending_);
    pending_.reset();
    const bool was_lacking = std::exchange(is_lacking_, false);
    lock.unlock();
    const Clock::time_point write_begin = Clock::now();
    const Status written = write(told);
    const Clock::time_point write_end = Clock::now();
    const bool was_written = std::exchange(is_written_, written.has_value());
    if (!written) note(written.error());
    lock.lock();
    const Clock::time_point pause_end =
        write_end + std::max<Clock::duration>(pace_.pause_min, pace_.pause_per_write * (write_end - write_begin));
    if (written) {
      earlier_bytes_ = 0;
      base_sequence_ = told.sequence;
      if (base_sequence_ == sequence_) is_broken_ = false;
      // Again, now that changes may stand in a new file.
      if (!was_written && !pending_) pending_ = std::move(told);
      wait_until(lock, pause_end);
      continue;
    }
    // Once more, with what came meanwhile if anything did. Not at once, whatever is lacking.
    if (!pending_) pending_ = std::move(told);
    is_lacking_ = is_lacking_ || was_lacking;
    if (ends_) return;
    changed_.wait_until(lock, pause_end, [this] { return ends_; });
  }
}

// For what is kept from here on: until then the old file has it. That serves on while nothing is in it, or while the
// state file cannot be written. Nothing: it serves on, or no new one can be made.
std::optional<ChangeFile> StateKeeper::next_changes() {
  {
    const std::lock_guard lock(mutex_);
    if (changes_ && changes_->is_usable() && (changes_->bytes() == 0 || !is_written_)) return std::nullopt;
  }
  Result<ChangeFile> made = ChangeFile::create(path_, number_ + 1);
  if (made) return std::move(*made);
  note(made.error());
  return std::nullopt;
}

void StateKeeper::go_on_in(std::optional<ChangeFile> next) {
  if (!next) return;
  if (changes_) earlier_bytes_ += changes_->bytes();
  ++number_;
  changes_ = std::move(next);
}

Status StateKeeper::write(const Told& told) {
  try {
    if (Status written = write_state_file(path_, told.state, told.sequence, told.realtime_ns); !written) return written;
    const Result<std::vector<ChangeFileEntry>> files = change_files_of(path_);
    if (!files) return files.error();
    for (const ChangeFileEntry& one : *files) {
      if (one.number < number_) remove_change_file(path_, one.number);
    }
    return {};
  } catch (const std::exception& error) {  // memory, for one: packets go on without this
    return make_error(ErrorCode::io, path_ + ": " + error.what());
  }
}

void StateKeeper::note(const Error& error) {
  const std::lock_guard lock(mutex_);
  problem_ = error.context;
}

}  // namespace sluice
