// SPDX-License-Identifier: Apache-2.0
#include "state_keeper.h"

#include <algorithm>

#include "state_file.h"

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

// What changes an earlier process left are gone once the state file has them.
StateKeeper::StateKeeper(std::string path, std::optional<ForwardingState> saved, KeeperPace pace)
    : path_(std::move(path)), pace_(pace) {
  const std::vector<std::uint64_t> left = change_files_of(path_);
  if (!left.empty()) {
    number_ = left.back();
    pending_ = std::move(saved);
  }
  begin_changes();
  thread_ = std::thread([this] { run(); });
}

StateKeeper::~StateKeeper() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
  if (changes_ && changes_->is_empty()) remove_change_file(path_, number_);
}

void StateKeeper::keep(ForwardingState state, std::string_view told) {
  {
    const std::lock_guard lock(mutex_);
    if (changes_) {
      if (const Status appended = changes_->append(told); !appended) problem_ = appended.error().context;
    }
    pending_ = std::move(state);
  }
  changed_.notify_one();
}

std::optional<std::string> StateKeeper::take_problem() {
  const std::lock_guard lock(mutex_);
  return std::exchange(problem_, std::nullopt);
}

void StateKeeper::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return pending_ || ends_; });
    if (!pending_) return;
    changed_.wait_until(lock, Clock::now() + pace_.settle, [this] { return ends_; });
    lock.unlock();
    // While the state file cannot be written, changes stay in one file.
    if (is_written_ || !changes_) begin_changes();
    lock.lock();
    const ForwardingState state = std::move(*pending_);
    pending_.reset();
    lock.unlock();
    const Clock::time_point begin = Clock::now();
    write(state);
    const Clock::time_point end = Clock::now();
    lock.lock();
    const Clock::duration pause = std::max<Clock::duration>(pace_.pause_min, pace_.pause_per_write * (end - begin));
    changed_.wait_until(lock, end + pause, [this] { return ends_; });
  }
}

// What is kept from here on goes to a new file: until then the old one has it.
void StateKeeper::begin_changes() {
  Result<ChangeFile> made = ChangeFile::create(path_, number_ + 1);
  const std::lock_guard lock(mutex_);
  if (!made) {
    problem_ = made.error().context;
    return;
  }
  ++number_;
  changes_ = std::move(*made);
}

void StateKeeper::write(const ForwardingState& state) {
  const Status written = write_state_file(path_, state);
  is_written_ = written.has_value();
  if (!written) return note(written.error());
  for (const std::uint64_t number : change_files_of(path_)) {
    if (number < number_) remove_change_file(path_, number);
  }
}

void StateKeeper::note(const Error& error) {
  const std::lock_guard lock(mutex_);
  problem_ = error.context;
}

}  // namespace sluice
