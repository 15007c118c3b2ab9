// SPDX-License-Identifier: Apache-2.0
// Certificates of the API's TLS.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "error.h"

namespace sluice::io {

struct TlsFiles {
  std::string certificate;  // PEM, with its chain
  std::string key;
  std::string authority;  // whose clients are let in
};

// TLS 1.3 only; a client without a certificate of the authority does not get through the handshake.
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_server_tls(const TlsFiles& files);

// URI names of a certificate; empty if there are none. `certificate` may be null.
[[nodiscard]] std::vector<std::string> uri_names(const X509* certificate);

}  // namespace sluice::io
