// SPDX-License-Identifier: Apache-2.0
// What the log drives. The simulator knows no more of it than this, so that another model can stand in its place.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sluice::sim {

class StateMachine {
 public:
  virtual ~StateMachine() = default;
  // Deterministic, whatever the bytes. The answer is for whoever proposed the command.
  virtual std::string apply(const std::string& command) = 0;
  [[nodiscard]] virtual std::string query(const std::string& question) const = 0;
  [[nodiscard]] virtual std::string save() const = 0;
  virtual void restore(const std::string& saved) = 0;
  // Of the state and all that led to it: equal on every node after the same entries.
  [[nodiscard]] virtual std::uint64_t hash() const = 0;
};

using MachineMaker = std::function<std::unique_ptr<StateMachine>()>;

}  // namespace sluice::sim
