// SPDX-License-Identifier: Apache-2.0
// The cluster's own certificate authority. Keys are P-256: every TLS 1.3 implementation must have it (RFC 8446, section
// 9.1), and so have browsers, curl and hardware key stores, several of which refuse Ed25519 certificates; a status page
// that a browser refuses would cost more than the few microseconds that Ed25519 saves once per connection.
//
// Pure but for the random source: bytes in, bytes out, `now` is a parameter.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cert_name.h"
#include "error.h"

namespace sluice::io {

using CertTime = std::chrono::sys_seconds;

struct KeyAndCert {
  std::string key_pem;  // PKCS#8; secret
  std::string cert_pem;
};

// Valid from an hour before `now`: balancers' clocks differ. 10 years for the authority, which everybody has to be
// given anew when it ends; a year for what it issues.
struct CertLifetime {
  CertTime now;
  std::chrono::days days{365};
};
inline constexpr std::chrono::days ca_lifetime_days{3650};

struct IssueRequest {
  CertName name;
  std::string common_name;              // the node's or client's name
  std::vector<std::string> host_names;  // node: what its API is reached by besides its name
};

struct CertInfo {
  CertName name;
  std::string common_name;
  std::vector<std::string> host_names;
  std::string serial;       // hex
  std::string fingerprint;  // SHA-256, hex
  CertTime not_before;
  CertTime not_after;
};

// 32 hex digits, never twice.
[[nodiscard]] std::string make_cluster_id();
// Random, not 0.
[[nodiscard]] std::uint64_t make_node_id();

[[nodiscard]] Result<KeyAndCert> make_ca(const std::string& cluster_id, const CertLifetime& lifetime);
// A new key, signed by the authority. It never outlives the authority.
[[nodiscard]] Result<KeyAndCert> issue_certificate(const KeyAndCert& ca, const IssueRequest& request,
                                                   const CertLifetime& lifetime);
// The same names and the same key with a new serial number and new dates. So only one file changes, in one step.
[[nodiscard]] Result<std::string> renew_certificate(const KeyAndCert& ca, const std::string& cert_pem,
                                                    const CertLifetime& lifetime);
// invalid_argument: not a certificate of a cluster.
[[nodiscard]] Result<CertInfo> read_certificate(std::string_view cert_pem);
// conflict: not signed by this authority, or for another cluster. Dates are not looked at.
[[nodiscard]] Status check_signed_by(std::string_view cert_pem, std::string_view ca_cert_pem);

}  // namespace sluice::io
