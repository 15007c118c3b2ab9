// SPDX-License-Identifier: Apache-2.0
// This node's certificate and whose others it believes, as one TLS context for both sides of a connection.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "cert_issue.h"
#include "error.h"
#include "peers.h"

namespace sluice::io {

struct PeerTls {
  boost::asio::ssl::context context{boost::asio::ssl::context::tlsv13};
  CertInfo own;
};

// TLS 1.3, both sides with a certificate, every connection with a handshake of its own (no tickets, no early data: what
// was recorded once opens nothing). The error says which file, and what to do.
[[nodiscard]] Result<std::shared_ptr<PeerTls>> make_peer_tls(const PeerFiles& files, const std::string& cluster_id,
                                                             raft::NodeId self);

}  // namespace sluice::io
