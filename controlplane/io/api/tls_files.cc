// SPDX-License-Identifier: Apache-2.0
#include "tls_files.h"

#include <memory>

#include "cert_read.h"

namespace sluice::io {
namespace {

namespace ssl = boost::asio::ssl;

Error unreadable(const std::string& what, const std::string& path, const boost::system::error_code& error) {
  return make_error(ErrorCode::io, "cannot use " + what + " " + path + ": " + error.message() +
                                       "; sluice cert issue makes certificates");
}

Status use_files(ssl::context& tls, const TlsFiles& files) {
  boost::system::error_code error;
  tls.use_certificate_chain_file(files.certificate, error);
  if (error) return unreadable("certificate", files.certificate, error);
  tls.use_private_key_file(files.key, ssl::context::pem, error);
  if (error) return unreadable("key", files.key, error);
  tls.load_verify_file(files.authority, error);
  if (error) return unreadable("authority", files.authority, error);
  return {};
}

}  // namespace

Status reload_server_tls(ssl::context& tls, const TlsFiles& files) {
  // Tried on another context first: half of a new set would be worse than all of the old one.
  ssl::context trial(ssl::context::tls_server);
  if (Status usable = use_files(trial, files); !usable) return usable;
  return use_files(tls, files);
}

Result<std::shared_ptr<ssl::context>> make_server_tls(const TlsFiles& files) {
  auto tls = std::make_shared<ssl::context>(ssl::context::tls_server);
  if (Status usable = use_files(*tls, files); !usable) return usable.error();
  boost::system::error_code error;
  tls->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
  if (error) return unreadable("authority", files.authority, error);
  SSL_CTX* native = tls->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  // An idle connection keeps no buffers; a session cannot be resumed, so that a certificate is looked at each time.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  return tls;
}

api::Identity identity_of_certificate(const X509* certificate, std::string_view cluster_id) {
  const api::Identity nobody{api::Role::none, "", "tls"};
  if (certificate == nullptr) return nobody;
  const Result<CertInfo> info = cert_info_of(*certificate);
  if (!info || info->name.kind != CertKind::client || info->name.cluster_id != cluster_id) return nobody;
  return {api::role_named(to_text(info->name.role)).value_or(api::Role::none), info->name.name, "tls"};
}

}  // namespace sluice::io
