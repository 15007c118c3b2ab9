// SPDX-License-Identifier: Apache-2.0
// Keeps the state file up to date beside the plane: a thread that encodes and writes, so that no answer waits for a
// disk. Of states that come faster than they can be written only the last one is.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "forwarding_state.h"

namespace sluice {

class StateKeeper {
 public:
  explicit StateKeeper(std::string path);
  StateKeeper(const StateKeeper&) = delete;
  StateKeeper& operator=(const StateKeeper&) = delete;
  // Writes what is still to be written.
  ~StateKeeper();

  void keep(ForwardingState state);
  // Why the last attempt failed, once.
  [[nodiscard]] std::optional<std::string> take_problem();

 private:
  void run();
  void write(const ForwardingState& state);

  const std::string path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<ForwardingState> pending_;
  std::optional<std::string> problem_;
  bool ends_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sluice
