// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <fmt/format.h>

#include "value_codec.h"

namespace sluice::model {

std::string encode_audit_content(const AuditEntry& entry) {
  ByteWriter out;
  out.put(entry.sequence);
  out.put(entry.index);
  out.put(entry.time_ms);
  put_bytes(out, entry.request_id);
  put_author(out, entry.author);
  out.put_text(entry.comment);
  out.put_text(entry.summary);
  out.put(static_cast<std::uint8_t>(entry.code));
  out.put(entry.revision);
  out.put_text(entry.message);
  return out.take();
}

Sha256Digest chain_after(const Sha256Digest& before, const AuditEntry& entry) {
  ByteWriter out;
  put_bytes(out, before);
  out.put_raw(encode_audit_content(entry));
  return sha256(out.view());
}

Status verify_chain(std::span<const AuditEntry> entries, const std::optional<Sha256Digest>& before,
                    const Sha256Digest& head) {
  std::optional<Sha256Digest> chain = before;
  std::uint64_t next = entries.empty() ? 0 : entries.front().sequence;
  for (const AuditEntry& entry : entries) {
    if (entry.sequence != next)
      return make_error(ErrorCode::conflict,
                        fmt::format("audit entry {} is followed by {}: entries are missing", next - 1, entry.sequence));
    if (chain && chain_after(*chain, entry) != entry.chain)
      return make_error(ErrorCode::conflict,
                        fmt::format("audit entry {} is not what was written, or one before it is not", next));
    chain = entry.chain;
    ++next;
  }
  if (chain && *chain != head)
    return make_error(ErrorCode::conflict, fmt::format("the audit chain ends in {}, and {} is expected: entries are "
                                                       "missing at its end",
                                                       to_hex(*chain), to_hex(head)));
  return {};
}

}  // namespace sluice::model
