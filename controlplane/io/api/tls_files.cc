// SPDX-License-Identifier: Apache-2.0
#include "tls_files.h"

#include <openssl/x509v3.h>

#include <memory>

namespace sluice::io {
namespace {

namespace ssl = boost::asio::ssl;

Error unreadable(const std::string& what, const std::string& path, const boost::system::error_code& error) {
  return make_error(ErrorCode::io, "cannot use " + what + " " + path + ": " + error.message() +
                                       "; sluice cert issue makes certificates");
}

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

}  // namespace

Result<std::shared_ptr<ssl::context>> make_server_tls(const TlsFiles& files) {
  auto tls = std::make_shared<ssl::context>(ssl::context::tls_server);
  boost::system::error_code error;
  tls->use_certificate_chain_file(files.certificate, error);
  if (error) return unreadable("certificate", files.certificate, error);
  tls->use_private_key_file(files.key, ssl::context::pem, error);
  if (error) return unreadable("key", files.key, error);
  tls->load_verify_file(files.authority, error);
  if (error) return unreadable("authority", files.authority, error);
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

std::vector<std::string> uri_names(const X509* certificate) {
  std::vector<std::string> uris;
  if (certificate == nullptr) return uris;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return uris;
}

}  // namespace sluice::io
