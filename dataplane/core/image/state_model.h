// SPDX-License-Identifier: Apache-2.0
// The cluster's state and what the host decides for itself -> what the writer is told.
#pragma once

#include "config.h"
#include "error.h"
#include "forwarding_model.h"
#include "forwarding_state.h"

namespace sluice {

// What a plane forwards by now. References, for the time of one call.
struct ModelBefore {
  const ForwardingState& state;
  const PlaneConfig& plane;
  const ForwardingModel& model;  // of the two
};

// `state` has passed check_state(). Shares with the model before what the states have in common; the result is equal to
// one made without it. An error means that the host's part does not go with the state: a tunnel source is missing, or
// is a service's address.
[[nodiscard]] Result<ForwardingModel> forwarding_model_of(const ForwardingState& state, const PlaneConfig& plane,
                                                          const ModelBefore* before);

// The same as a configuration, for people and programs that know no other form. Without the members that are only
// remembered it is one that parse_config() would take; with them, at weight 0, positions are member indices.
enum class RememberedMembers : std::uint8_t { left_out, kept };
[[nodiscard]] Config config_of(const ForwardingState& state, const PlaneConfig& plane, RememberedMembers remembered);

}  // namespace sluice
