// SPDX-License-Identifier: Apache-2.0
// What role somebody has, by what their connection proves. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "api_types.h"

namespace sluice::api {

// Who may do what over the unix socket. uid 0 and the owner of the socket are admins.
struct UnixPolicy {
  std::uint32_t owner_uid = 0;
  std::optional<std::uint32_t> operator_gid;
  Role others = Role::none;
};

// `groups`: the peer's own and its supplementary ones.
[[nodiscard]] Identity identity_of_peer(std::uint32_t uid, std::span<const std::uint32_t> groups,
                                        const UnixPolicy& policy);

}  // namespace sluice::api
