// SPDX-License-Identifier: Apache-2.0
// Keeps what the plane was told (state_file.h). Each state goes to a file of changes before it is acknowledged, so that
// a process that is killed starts again with nothing less than it has acknowledged. A thread beside the plane writes
// the state file anew, so that no answer waits for a disk: of states that come faster than that, only the last one.
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
  // a CPU that are busy with this at most a twentieth of the time. After the host's power has failed, so much is
  // missing.
  std::chrono::milliseconds pause_min{5000};
  int pause_per_write = 19;
};

class StateKeeper {
 public:
  // `saved`: what was read from `path`, if anything was. Nobody else may write there from now on.
  StateKeeper(std::string path, std::optional<ForwardingState> saved, KeeperPace pace = {});
  StateKeeper(const StateKeeper&) = delete;
  StateKeeper& operator=(const StateKeeper&) = delete;
  // Writes what is still to be written.
  ~StateKeeper();

  // `told`: what encode_state() made of `state` for the one before. After the return the state outlives this process.
  void keep(ForwardingState state, std::string_view told);
  // Why the last attempt failed, once.
  [[nodiscard]] std::optional<std::string> take_problem();

 private:
  void run();
  void begin_changes();
  void write(const ForwardingState& state);
  void note(const Error& error);

  const std::string path_;
  const KeeperPace pace_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<ForwardingState> pending_;
  std::optional<std::string> problem_;
  std::optional<ChangeFile> changes_;  // nothing: it could not be made
  std::uint64_t number_ = 0;           // of the last file of changes; of the thread alone
  bool is_written_ = true;             // the state file, at the last attempt; of the thread alone
  bool ends_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sluice
