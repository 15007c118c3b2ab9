// SPDX-License-Identifier: Apache-2.0
#include "server_certificate.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <string_view>

#include "cert_read.h"

namespace sluice::cli {
namespace {

namespace ssl = boost::asio::ssl;

using io::CertKind;
using io::CertName;

std::optional<CertName> name_of(const X509* certificate) {
  if (certificate == nullptr) return std::nullopt;
  const Result<io::CertInfo> info = io::cert_info_of(*certificate);
  if (!info) return std::nullopt;
  return info->name;
}

Failure unusable(std::string_view option, const std::string& path, const boost::system::error_code& error) {
  return {
      ExitCode::usage, fmt::format("cannot use {} {}: {}; a PEM file is needed", option, path, error.message()), {}};
}

}  // namespace

Outcome<std::shared_ptr<ssl::context>> client_tls(const Context& context) {
  const ApiAccess& api = context.api;
  if (api.certificate.empty() || api.key.empty() || api.authority.empty()) {
    return Failure{ExitCode::usage,
                   fmt::format("{} is reached by TLS, which needs --cert, --key and --ca (or SLUICE_API_CERT, "
                               "SLUICE_API_KEY, SLUICE_API_CA); sluice cert issue makes them",
                               api.address),
                   {}};
  }
  auto tls = std::make_shared<ssl::context>(ssl::context::tls_client);
  boost::system::error_code error;
  tls->use_certificate_chain_file(api.certificate, error);
  if (error) return unusable("--cert", api.certificate, error);
  tls->use_private_key_file(api.key, ssl::context::pem, error);
  if (error) return unusable("--key", api.key, error);
  tls->load_verify_file(api.authority, error);
  if (error) return unusable("--ca", api.authority, error);
  tls->set_verify_mode(ssl::verify_peer, error);
  if (error) return unusable("--ca", api.authority, error);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_3_VERSION);
  return tls;
}

std::optional<Failure> foreign_server(SSL* connection, const std::string& address) {
  const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(connection), &X509_free);
  const std::optional<CertName> theirs = name_of(peer.get());
  const std::optional<CertName> ours = name_of(SSL_get_certificate(connection));
  const bool is_ours = ours && theirs && theirs->kind == CertKind::node && theirs->cluster_id == ours->cluster_id;
  if (is_ours) return std::nullopt;
  return Failure{ExitCode::unreachable,
                 fmt::format("{} shows the certificate of {}, which is no node of {}; is the address right?", address,
                             theirs ? io::to_uri(*theirs) : "nobody of Sluice",
                             ours ? "cluster " + ours->cluster_id : "any cluster: --cert names none"),
                 {}};
}

}  // namespace sluice::cli
