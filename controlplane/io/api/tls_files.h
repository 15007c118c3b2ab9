// SPDX-License-Identifier: Apache-2.0
// Certificates of the API's TLS.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "api_types.h"
#include "error.h"

namespace sluice::io {

struct TlsFiles {
  std::string certificate;  // PEM, with its chain
  std::string key;
  std::string authority;  // whose clients are let in
};

// TLS 1.3 only; a client without a certificate of the authority does not get through the handshake.
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_server_tls(const TlsFiles& files);

// Reads the files again: handshakes from now on use them. On error nothing has changed.
[[nodiscard]] Status reload_server_tls(boost::asio::ssl::context& tls, const TlsFiles& files);

// What a client's certificate of this cluster says of its holder; no role if it is anything else, or null.
[[nodiscard]] api::Identity identity_of_certificate(const X509* certificate, std::string_view cluster_id);

}  // namespace sluice::io
