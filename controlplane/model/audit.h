// SPDX-License-Identifier: Apache-2.0
// Who wrote what, accepted or not: entries that each carry the hash of all before them, so that none can be altered,
// left out or put in later without the chain breaking (docs/model.md has the bytes).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "error.h"
#include "model_types.h"
#include "sha256.h"

namespace sluice::model {

struct AuditEntry {
  std::uint64_t sequence = 0;  // from 1, without gaps
  std::uint64_t index = 0;     // in the log
  std::uint64_t time_ms = 0;
  RequestId request_id{};
  Author author;
  std::string comment;
  std::string summary;  // of the operations
  OutcomeCode code = OutcomeCode::accepted;
  std::uint64_t revision = 0;  // after it
  std::string message;         // of a refusal
  Sha256Digest chain{};        // SHA-256(chain of the entry before, then encode_audit_content())
  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};

// Of everything but `chain`.
[[nodiscard]] std::string encode_audit_content(const AuditEntry& entry);
[[nodiscard]] Sha256Digest chain_after(const Sha256Digest& before, const AuditEntry& entry);

// Whether `entries` follow each other, the first one `before` (nullopt: not known, and the first entry's own chain is
// believed), and end in `head`. The error says which entry breaks the chain.
[[nodiscard]] Status verify_chain(std::span<const AuditEntry> entries, const std::optional<Sha256Digest>& before,
                                  const Sha256Digest& head);

}  // namespace sluice::model
