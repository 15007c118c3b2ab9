// SPDX-License-Identifier: Apache-2.0
#include "peer_tls.h"

#include <boost/asio/buffer.hpp>
#include <chrono>
#include <memory>

#include "cert_files.h"
#include "cert_read.h"

namespace sluice::io {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;
using StoreContext = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;

Error wrong_file(const std::string& path, const std::string& why) {
  return make_error(ErrorCode::invalid_argument, path + ": " + why);
}

// As the others will see it, dates included.
Status check_chain(const ssl::context& context, const X509Handle& certificate, const std::string& path) {
  const StoreContext verification(X509_STORE_CTX_new());
  X509_STORE* store = SSL_CTX_get_cert_store(const_cast<ssl::context&>(context).native_handle());
  if (!verification || X509_STORE_CTX_init(verification.get(), store, certificate.get(), nullptr) != 1) {
    return openssl_error("cannot check " + path);
  }
  if (X509_verify_cert(verification.get()) == 1) return {};
  const int why = X509_STORE_CTX_get_error(verification.get());
  return wrong_file(path, std::string("the others would not believe this certificate: ") +
                              X509_verify_cert_error_string(why) + "; see sluice cert show, and issue or renew it");
}

Status use_files(ssl::context& context, const std::string& authority, const std::string& certificate,
                 const std::string& key, const PeerFiles& files) {
  error_code fault;
  context.add_certificate_authority(boost::asio::buffer(authority), fault);
  if (fault) return wrong_file(files.ca, fault.message());
  context.use_certificate(boost::asio::buffer(certificate), ssl::context::pem, fault);
  if (fault) return wrong_file(files.certificate, fault.message());
  context.use_private_key(boost::asio::buffer(key), ssl::context::pem, fault);
  if (fault || SSL_CTX_check_private_key(context.native_handle()) != 1) {
    return wrong_file(files.key, "this is not the key of " + files.certificate);
  }
  return {};
}

Status set_up(ssl::context& context) {
  error_code fault;
  context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, fault);
  if (fault) return make_error(ErrorCode::io, "TLS: " + fault.message());
  SSL_CTX* raw = context.native_handle();
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_set_num_tickets(raw, 0) != 1 || SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) != 1) {
    return openssl_error("TLS 1.3 cannot be had");
  }
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  return {};
}

}  // namespace

Result<std::shared_ptr<PeerTls>> make_peer_tls(const PeerFiles& files, const std::string& cluster_id,
                                               raft::NodeId self) {
  const Result<std::string> authority = read_small_file(files.ca);
  if (!authority) return authority.error();
  const Result<std::string> certificate = read_small_file(files.certificate);
  if (!certificate) return certificate.error();
  const Result<std::string> key = read_secret_file(files.key);
  if (!key) return key.error();
  const Result<X509Handle> parsed = parse_certificate(certificate.value());
  if (!parsed) return wrong_file(files.certificate, parsed.error().context);
  Result<CertInfo> own = cert_info_of(*parsed.value());
  if (!own) return wrong_file(files.certificate, own.error().context);
  const CertName wanted{CertKind::node, cluster_id, self.value(), CertRole::viewer, {}};
  if (own->name != wanted) {
    return make_error(ErrorCode::conflict, files.certificate + " is " + to_uri(own->name) + "'s, but this is " +
                                               to_uri(wanted) + "; give the certificate that was issued for it");
  }
  auto tls = std::make_shared<PeerTls>();
  tls->own = std::move(own.value());
  if (Status status = set_up(tls->context); !status) return status.error();
  Status status = use_files(tls->context, authority.value(), certificate.value(), key.value(), files);
  if (status) status = check_chain(tls->context, parsed.value(), files.certificate);
  if (!status) return status.error();
  return tls;
}

}  // namespace sluice::io
