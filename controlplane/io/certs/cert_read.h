// SPDX-License-Identifier: Apache-2.0
// Certificates that are OpenSSL's objects already: of a connection, or on their way from and to files.
#pragma once

#include <string_view>

#include "cert_issue.h"
#include "openssl_handles.h"

namespace sluice::io {

[[nodiscard]] Result<X509Handle> parse_certificate(std::string_view pem);
// As read_certificate().
[[nodiscard]] Result<CertInfo> cert_info_of(const X509& certificate);

}  // namespace sluice::io
