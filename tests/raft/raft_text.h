// SPDX-License-Identifier: Apache-2.0
// Raft's values as short text, for scripts and failures.
#pragma once

#include <string>

#include "persist_queue.h"
#include "raft.h"

namespace sluice::raft {

[[nodiscard]] std::string text_of(const Entry& entry);
[[nodiscard]] std::string text_of(const Configuration& configuration);
[[nodiscard]] std::string text_of(const Message& message);
[[nodiscard]] std::string text_of(const WriteBatch& batch);
[[nodiscard]] std::string text_of(const RaftStatus& status);
[[nodiscard]] std::string text_of(Role role);

}  // namespace sluice::raft
