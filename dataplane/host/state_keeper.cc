// SPDX-License-Identifier: Apache-2.0
#include "state_keeper.h"

#include <algorithm>

#include "state_file.h"

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

// A weight that is moved step by step makes several generations a second, and the largest state is 80 MiB.
constexpr std::chrono::seconds pause_min{1};
// A generation comes as two states, some ten milliseconds apart, and packets should not wait for the disk: one write
// for both, once they are there.
constexpr std::chrono::milliseconds settle{200};
// A disk that is busy with this at most a tenth of the time.
constexpr int pause_per_write = 9;

}  // namespace

StateKeeper::StateKeeper(std::string path) : path_(std::move(path)), thread_([this] { run(); }) {}

StateKeeper::~StateKeeper() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void StateKeeper::keep(ForwardingState state) {
  {
    const std::lock_guard lock(mutex_);
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
    changed_.wait_until(lock, Clock::now() + settle, [this] { return ends_; });
    const ForwardingState state = std::move(*pending_);
    pending_.reset();
    lock.unlock();
    const Clock::time_point begin = Clock::now();
    write(state);
    const Clock::time_point end = Clock::now();
    lock.lock();
    const Clock::duration pause = std::max<Clock::duration>(pause_min, pause_per_write * (end - begin));
    changed_.wait_until(lock, end + pause, [this] { return ends_; });
  }
}

void StateKeeper::write(const ForwardingState& state) {
  const Status written = write_state_file(path_, state);
  if (written) return;
  const std::lock_guard lock(mutex_);
  problem_ = written.error().context;
}

}  // namespace sluice
