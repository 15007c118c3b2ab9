// SPDX-License-Identifier: Apache-2.0
// Who a certificate of a cluster is for. The truth is one URI among its names; the common name is for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "error.h"

namespace sluice::io {

enum class CertKind : std::uint8_t { ca, node, client };
enum class CertRole : std::uint8_t { viewer, operates, admin };

[[nodiscard]] std::string_view to_text(CertKind kind);
[[nodiscard]] std::string_view to_text(CertRole role);  // "viewer", "operator", "admin"
[[nodiscard]] std::optional<CertRole> cert_role_named(std::string_view text);

struct CertName {
  CertKind kind = CertKind::client;
  std::string cluster_id;
  std::uint64_t node_id = 0;         // node
  CertRole role = CertRole::viewer;  // client
  std::string name;                  // client; a node's is in the common name only
  friend bool operator==(const CertName&, const CertName&) = default;
};

// sluice://<cluster-id>/ca
// sluice://<cluster-id>/node/<16 hex digits>
// sluice://<cluster-id>/role/<role>/<name>
[[nodiscard]] std::string to_uri(const CertName& name);
// Only what to_uri() writes; one spelling per name.
[[nodiscard]] std::optional<CertName> parse_cert_uri(std::string_view uri);

// 1 to 64 letters, digits, '-'.
[[nodiscard]] bool is_cluster_id(std::string_view text);
// 1 to 63 letters, digits, '-', '_', '.', '@': names go into file names, logs and onto terminals. Not starting with '.'
// or '-'.
[[nodiscard]] bool is_cert_holder(std::string_view text);
// 16 hex digits, or fewer when people write them; never 0.
[[nodiscard]] Result<std::uint64_t> parse_node_id(std::string_view text);
[[nodiscard]] std::string node_id_text(std::uint64_t node_id);

}  // namespace sluice::io
