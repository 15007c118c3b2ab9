// SPDX-License-Identifier: Apache-2.0
#include "server_certificate.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <string_view>

namespace sluice::cli {
namespace {

namespace ssl = boost::asio::ssl;

constexpr std::string_view scheme = "sluice://";

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

// The first name of our scheme, without it: "<cluster-id>/role/admin/alice", "<cluster-id>/node/7".
std::string sluice_name(const X509* certificate) {
  if (certificate == nullptr) return {};
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    const std::string_view uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                               static_cast<std::size_t>(ASN1_STRING_length(text)));
    if (uri.starts_with(scheme)) return std::string(uri.substr(scheme.size()));
  }
  return {};
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
  const std::string theirs = sluice_name(peer.get());
  const std::string ours = sluice_name(SSL_get_certificate(connection));
  const std::string cluster = ours.substr(0, ours.find('/'));
  if (!cluster.empty() && theirs.starts_with(cluster + "/node/")) return std::nullopt;
  return Failure{ExitCode::unreachable,
                 fmt::format("{} shows the certificate of {}, which is no node of {}; is the address right?", address,
                             theirs.empty() ? "nobody of Sluice" : theirs,
                             cluster.empty() ? "any cluster: --cert names none" : "cluster " + cluster),
                 {}};
}

}  // namespace sluice::cli
