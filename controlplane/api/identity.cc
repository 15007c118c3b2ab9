// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <algorithm>

namespace sluice::api {
namespace {

// Names go into the audit and onto terminals.
bool is_plain_name(std::string_view name) {
  constexpr std::size_t length_max = 63;
  return !name.empty() && name.size() <= length_max && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '@';
  });
}

}  // namespace

Identity identity_of_peer(std::uint32_t uid, std::span<const std::uint32_t> groups, const UnixPolicy& policy) {
  Identity identity{policy.others, "uid " + std::to_string(uid), "unix"};
  const bool is_operator =
      policy.operator_gid && std::find(groups.begin(), groups.end(), *policy.operator_gid) != groups.end();
  if (is_operator) identity.role = std::max(identity.role, Role::operates);
  if (uid == 0 || uid == policy.owner_uid) identity.role = Role::admin;
  return identity;
}

std::optional<Identity> identity_of_uri(std::string_view uri, std::string_view cluster_id) {
  constexpr std::string_view scheme = "sluice://";
  constexpr std::string_view kind = "/role/";
  if (cluster_id.empty() || !uri.starts_with(scheme)) return std::nullopt;
  uri.remove_prefix(scheme.size());
  if (!uri.starts_with(cluster_id)) return std::nullopt;
  uri.remove_prefix(cluster_id.size());
  if (!uri.starts_with(kind)) return std::nullopt;
  uri.remove_prefix(kind.size());
  const std::size_t slash = uri.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<Role> role = role_named(uri.substr(0, slash));
  const std::string_view name = uri.substr(slash + 1);
  if (!role || !is_plain_name(name)) return std::nullopt;
  return Identity{*role, std::string(name), "tls"};
}

}  // namespace sluice::api
