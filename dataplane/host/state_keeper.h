// SPDX-License-Identifier: Apache-2.0
// Keeps what the plane was told (state_file.h). Each state goes to a file of changes before it is acknowledged, so that
// a process that is killed starts again with nothing less than it has acknowledged: a write without a sync, which only
// a file system that stalls makes a caller wait for. A thread beside the plane writes the state file anew; of states
// that come faster than that, only the last one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "forwarding_state.h"
#include "state_file.h"

namespace sluice {

// When the state file is written anew.
struct KeeperPace {
  // A generation comes as two states, and a file of changes has both: what the planes have to do for it goes first.
  std::chrono::milliseconds settle{2000};
  // A weight that is moved step by step makes several generations a second, and the largest state is 80 MiB: a disk and
  // a CPU that are busy with this at most a twentieth of the time. After the host's power has failed, so much may be
  // missing.
  std::chrono::milliseconds pause_min{5000};
  int pause_per_write = 19;
  // Of changes that the state file does not have yet. It is written at once when there are half as many.
  std::uint64_t changes_bytes_max = 2 * state_bytes_max;
};

class StateKeeper {
 public:
  // `saved`: what was read from `path`, under its lock, which is held for as long as this lives.
  StateKeeper(std::string path, SavedState saved, KeeperPace pace = {});
  StateKeeper(const StateKeeper&) = delete;
  StateKeeper& operator=(const StateKeeper&) = delete;
  // Writes what is still to be written.
  ~StateKeeper();

  // `told`: what encode_state() made of `state` for the one before. After the return the state outlives this process,
  // or there is a problem to be told, and the state file is written as soon as that goes.
  void keep(ForwardingState state, std::string_view told, std::uint64_t told_realtime_ns);
  // Why the last attempt failed, once.
  [[nodiscard]] std::optional<std::string> take_problem();

 private:
  struct Told {
    ForwardingState state;
    std::uint64_t sequence = 0;
    std::uint64_t realtime_ns = 0;
  };

  void take_over(SavedState saved);
  void run();
  void wait_until(std::unique_lock<std::mutex>& lock, std::chrono::steady_clock::time_point end);
  Status append(std::string_view told, std::uint64_t told_realtime_ns);
  std::optional<ChangeFile> next_changes();
  void go_on_in(std::optional<ChangeFile> next);
  Status write(const Told& told);
  void note(const Error& error);

  const std::string path_;
  const KeeperPace pace_;
  std::uint64_t number_ = 0;  // of the last file of changes; of the thread alone
  bool is_written_ = true;    // the state file, at the last attempt; of the thread alone
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Told> pending_;
  std::uint64_t sequence_ = 0;
  std::uint64_t base_sequence_ = 0;    // of the state file, once this has written it
  std::optional<ChangeFile> changes_;  // nothing: it could not be made
  std::uint64_t earlier_bytes_ = 0;    // of files of changes before that one
  bool is_lacking_ = false;            // a state is in no file
  bool is_broken_ = false;             // the one before is in none: differences from it could not be read
  std::optional<std::string> problem_;
  bool ends_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sluice
