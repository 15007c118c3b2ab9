// SPDX-License-Identifier: Apache-2.0
#include "audit_chain.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

#include "audit.h"
#include "json_members.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

template <std::size_t size>
std::optional<std::array<std::uint8_t, size>> bytes_of_hex(std::string_view text) {
  if (text.size() != 2 * size) return std::nullopt;
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::uint8_t, size> bytes{};
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t high = digits.find(text[2 * i]);
    const std::size_t low = digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return bytes;
}

std::optional<model::OutcomeCode> outcome_named(std::string_view name) {
  for (std::uint8_t code = 0; code <= static_cast<std::uint8_t>(model::OutcomeCode::malformed); ++code) {
    if (model::to_text(static_cast<model::OutcomeCode>(code)) == name) return static_cast<model::OutcomeCode>(code);
  }
  return std::nullopt;
}

std::optional<model::AuditEntry> entry_of(const json::object& row) {
  const auto request_id = bytes_of_hex<16>(text_member(row, "request_id"));
  const auto chain = bytes_of_hex<32>(text_member(row, "chain"));
  const auto code = outcome_named(text_member(row, "outcome"));
  if (!request_id || !chain || !code) return std::nullopt;
  const json::object& author = object_of(member_of(row, "author"));
  model::AuditEntry entry;
  entry.sequence = number_member(row, "sequence");
  entry.index = number_member(row, "index");
  entry.time_ms = number_member(row, "time_ms");
  entry.request_id = *request_id;
  entry.author = {text_member(author, "name"), text_member(author, "role"), text_member(author, "origin")};
  entry.comment = text_member(row, "comment");
  entry.summary = text_member(row, "summary");
  entry.code = *code;
  entry.revision = number_member(row, "revision");
  entry.message = text_member(row, "message");
  entry.chain = *chain;
  return entry;
}

Failure broken(std::string message) {
  return {ExitCode::failed, std::move(message), {}};
}

}  // namespace

Outcome<AuditSummary> verify_audit(const json::object& answer) {
  const auto head = bytes_of_hex<32>(text_member(answer, "head"));
  if (!head) return broken("the answer has no audit in it; are the versions the same? (sluice version)");
  std::vector<model::AuditEntry> entries;
  for (const json::value& value : array_member(answer, "entries")) {
    const auto entry = entry_of(object_of(value));
    if (!entry) return broken(fmt::format("audit entry {} is no entry", entries.size() + 1));
    entries.push_back(*entry);
  }
  // The first one ever has nothing before it.
  std::optional<Sha256Digest> before;
  if (!entries.empty() && entries.front().sequence == 1) before = Sha256Digest{};
  const Status verified = model::verify_chain(entries, before, *head);
  if (!verified) return broken(verified.error().context);
  return AuditSummary{entries.size(), entries.empty() ? 0 : entries.front().sequence, text_member(answer, "head")};
}

}  // namespace sluice::cli
