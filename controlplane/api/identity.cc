// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <algorithm>

namespace sluice::api {

Identity identity_of_peer(std::uint32_t uid, std::span<const std::uint32_t> groups, const UnixPolicy& policy) {
  Identity identity{policy.others, "uid " + std::to_string(uid), "unix"};
  const bool is_operator =
      policy.operator_gid && std::find(groups.begin(), groups.end(), *policy.operator_gid) != groups.end();
  if (is_operator) identity.role = std::max(identity.role, Role::operates);
  if (uid == 0 || uid == policy.owner_uid) identity.role = Role::admin;
  return identity;
}

}  // namespace sluice::api
