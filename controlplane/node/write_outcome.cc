// SPDX-License-Identifier: Apache-2.0
#include "write_outcome.h"

namespace sluice::node {
namespace {

ApiCode code_of(model::OutcomeCode code) {
  switch (code) {
    case model::OutcomeCode::invalid:
      return ApiCode::invalid;
    case model::OutcomeCode::not_found:
      return ApiCode::not_found;
    case model::OutcomeCode::conflict:
      return ApiCode::conflict;
    case model::OutcomeCode::guard:
      return ApiCode::guard;
    case model::OutcomeCode::unsupported:
      return ApiCode::unsupported;
    case model::OutcomeCode::accepted:
    case model::OutcomeCode::unchanged:
    case model::OutcomeCode::stale:
    case model::OutcomeCode::malformed:
      break;
  }
  return ApiCode::internal;
}

}  // namespace

ApiError refusal_of(const model::Outcome& outcome) {
  ApiError error = api_error(code_of(outcome.code), outcome.message, outcome.hint);
  error.base_revision = outcome.base_revision;
  if (outcome.base_revision) error.revision = outcome.revision;
  return error;
}

ApiResult<WriteReceipt> receipt_of(const model::Outcome& outcome) {
  if (!outcome.ok()) return refusal_of(outcome);
  WriteReceipt receipt;
  receipt.revision = outcome.revision;
  receipt.index = raft::LogIndex(outcome.index);
  receipt.generation = Generation(outcome.generation);
  receipt.is_repeated = outcome.is_repeated;
  receipt.is_unchanged = outcome.code == model::OutcomeCode::unchanged;
  return receipt;
}

}  // namespace sluice::node
