// SPDX-License-Identifier: Apache-2.0
// Waits until every BPF program that was running when the wait began has ended: ImageWriter's `readers_moved_on`.
#pragma once

#include "error.h"
#include "unique_fd.h"

namespace sluice {

class GracePeriod {
 public:
  static Result<GracePeriod> create();

  void wait() const;

 private:
  GracePeriod(UniqueFd inner, UniqueFd outer) : inner_(std::move(inner)), outer_(std::move(outer)) {}

  UniqueFd inner_;
  UniqueFd outer_;
};

}  // namespace sluice
