// SPDX-License-Identifier: Apache-2.0
// A few registers with read, write and compare-and-set, and per client the last request that took effect: a request
// that comes twice takes effect once.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim_machine.h"

namespace sluice::sim {

struct RegisterCommand {
  std::uint32_t client = 0;
  std::uint64_t request = 0;  // ascending per client
  std::uint32_t key = 0;
  bool is_conditional = false;
  std::uint64_t expected = 0;
  std::uint64_t written = 0;
};
[[nodiscard]] std::string encode(const RegisterCommand& command);

// The value before the command; nothing if the request was an old one, whose outcome nobody waits for any more.
struct RegisterAnswer {
  bool is_known = false;
  std::uint64_t found = 0;
};
[[nodiscard]] RegisterAnswer decode_answer(const std::string& bytes);
[[nodiscard]] std::string encode_question(std::uint32_t key);

class RegisterMachine final : public StateMachine {
 public:
  std::string apply(const std::string& command) override;
  [[nodiscard]] std::string query(const std::string& question) const override;
  [[nodiscard]] std::string save() const override;
  void restore(const std::string& saved) override;
  [[nodiscard]] std::uint64_t hash() const override { return hash_; }

 private:
  struct Session {
    std::uint64_t request = 0;
    std::uint64_t found = 0;
  };
  std::map<std::uint32_t, std::uint64_t> values_;
  std::map<std::uint32_t, Session> sessions_;
  std::uint64_t hash_ = 0;
};

}  // namespace sluice::sim
