// SPDX-License-Identifier: Apache-2.0
// The client's side of mutual TLS. Included by api_client.cc and its own .cc only: OpenSSL stays there.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "command_context.h"

namespace sluice::cli {

// TLS 1.3 with the context's certificate, key and authority.
[[nodiscard]] Outcome<std::shared_ptr<boost::asio::ssl::context>> client_tls(const Context& context);

// After the handshake: a server must be a node of the cluster whose certificate we show. Nodes are named by their
// cluster and id, not by host names, so that an address may be anything that reaches one.
[[nodiscard]] std::optional<Failure> foreign_server(SSL* connection, const std::string& address);

}  // namespace sluice::cli
