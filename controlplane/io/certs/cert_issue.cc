// SPDX-License-Identifier: Apache-2.0
#include "cert_issue.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "cert_read.h"

namespace sluice::io {
namespace {

constexpr std::chrono::hours clock_difference{1};
// RFC 5280 section 4.1.2.2: up to 20 octets; 16 random ones never repeat and stay positive within 17.
constexpr std::size_t serial_bytes = 16;

Result<std::string> pem_of(const auto& write) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return openssl_error("cannot write PEM");
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(bytes));
}

Result<std::string> key_pem_of(EVP_PKEY* key) {
  return pem_of(
      [&](BIO* bio) { return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

Result<std::string> cert_pem_of(X509* certificate) {
  return pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

Result<PkeyHandle> parse_key(std::string_view pem) {
  const BioHandle bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // No password: a daemon has nobody to ask, and without this OpenSSL asks on the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  PkeyHandle key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr);
  ERR_clear_error();
  if (!key) return make_error(ErrorCode::invalid_argument, "this is no key in PEM form, or it has a password");
  return key;
}

Status set_serial(X509* certificate) {
  std::array<unsigned char, serial_bytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return openssl_error("no random numbers");
  const BignumHandle number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return openssl_error("cannot set the serial number");
  }
  return {};
}

Status set_dates(X509* certificate, CertTime from, CertTime to) {
  if (ASN1_TIME_set(X509_getm_notBefore(certificate), from.time_since_epoch().count()) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate), to.time_since_epoch().count()) == nullptr) {
    return openssl_error("cannot set the dates");
  }
  return {};
}

Status set_common_name(X509* certificate, const std::string& name) {
  const NameHandle subject(X509_NAME_new());
  if (!subject ||
      X509_NAME_add_entry_by_txt(subject.get(), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()), -1,
                                 0) != 1 ||
      X509_set_subject_name(certificate, subject.get()) != 1) {
    return openssl_error("cannot set the name");
  }
  return {};
}

Status add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionHandle extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return openssl_error("cannot add an extension");
  }
  return {};
}

// Not by OpenSSL's own little language: a comma in a name would be two names.
Status add_names(X509* certificate, const IssueRequest& request) {
  const NamesHandle names(GENERAL_NAMES_new());
  const auto add = [&](int kind, const std::string& text) {
    GENERAL_NAME* name = a2i_GENERAL_NAME(nullptr, nullptr, nullptr, kind, text.c_str(), 0);
    return name != nullptr && sk_GENERAL_NAME_push(names.get(), name) > 0;
  };
  bool is_good = names && add(GEN_URI, to_uri(request.name));
  for (const std::string& host : request.host_names) {
    const bool is_address =
        host.find(':') != std::string::npos || host.find_first_not_of("0123456789.") == std::string::npos;
    if (is_good && !add(is_address ? GEN_IPADD : GEN_DNS, host)) {
      ERR_clear_error();
      return make_error(ErrorCode::invalid_argument, "\"" + host + "\" is neither a host name nor an address");
    }
  }
  if (!is_good || X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1) {
    return openssl_error("cannot set the names");
  }
  return {};
}

bool is_host_name(const std::string& text) {
  constexpr std::size_t length_max = 253;
  return !text.empty() && text.size() <= length_max && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == ':' || c == '_' || c == '*';
  });
}

Status check_request(const IssueRequest& request) {
  if (!parse_cert_uri(to_uri(request.name)) || !is_cert_holder(request.common_name)) {
    return make_error(ErrorCode::invalid_argument,
                      "\"" + request.common_name +
                          "\" is no name for a certificate; allowed: 1 to 63 letters, digits, " +
                          "'-', '_', '.', '@', a letter or digit first");
  }
  for (const std::string& host : request.host_names) {
    if (is_host_name(host)) continue;
    return make_error(ErrorCode::invalid_argument, "\"" + host + "\" is neither a host name nor an address");
  }
  return {};
}

// Everything but the signature.
Result<X509Handle> make_certificate(EVP_PKEY* key, X509* issuer, const IssueRequest& request, CertTime from,
                                    CertTime to) {
  X509Handle certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return openssl_error("cannot make a certificate");
  }
  X509* raw = certificate.get();
  Status status = set_serial(raw);
  if (status) status = set_dates(raw, from, to);
  if (status) status = set_common_name(raw, request.common_name);
  X509* signer = issuer == nullptr ? raw : issuer;
  if (status && X509_set_issuer_name(raw, X509_get_subject_name(signer)) != 1) status = openssl_error("issuer");
  const bool is_ca = request.name.kind == CertKind::ca;
  const bool is_client = request.name.kind == CertKind::client;
  // A path length of 0: nobody whom the authority certifies can be an authority.
  if (status)
    status =
        add_extension(raw, signer, NID_basic_constraints, is_ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE");
  if (status)
    status =
        add_extension(raw, signer, NID_key_usage, is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  // Balancers dial and are dialled.
  if (status && !is_ca)
    status = add_extension(raw, signer, NID_ext_key_usage, is_client ? "clientAuth" : "serverAuth,clientAuth");
  if (status) status = add_extension(raw, signer, NID_subject_key_identifier, "hash");
  if (status) status = add_extension(raw, signer, NID_authority_key_identifier, "keyid");
  if (status) status = add_names(raw, request);
  if (!status) return status.error();
  return certificate;
}

Result<std::string> sign(X509* certificate, EVP_PKEY* key) {
  if (X509_sign(certificate, key, EVP_sha256()) <= 0) return openssl_error("cannot sign");
  return cert_pem_of(certificate);
}

struct Authority {
  PkeyHandle key;
  X509Handle certificate;
  CertInfo info;
};

Result<Authority> read_authority(const KeyAndCert& ca) {
  Result<PkeyHandle> key = parse_key(ca.key_pem);
  if (!key) return make_error(key.error().code, "the authority's key: " + key.error().context);
  Result<X509Handle> certificate = parse_certificate(ca.cert_pem);
  if (!certificate) return make_error(certificate.error().code, "the authority: " + certificate.error().context);
  Result<CertInfo> info = cert_info_of(*certificate.value());
  if (!info) return make_error(info.error().code, "the authority: " + info.error().context);
  const bool fits = X509_check_private_key(certificate->get(), key->get()) == 1;
  ERR_clear_error();
  if (!fits || info->name.kind != CertKind::ca) {
    return make_error(ErrorCode::conflict, "the authority's key and certificate do not belong together");
  }
  return Authority{std::move(key.value()), std::move(certificate.value()), std::move(info.value())};
}

Result<std::string> issue_for(const Authority& authority, EVP_PKEY* key, const IssueRequest& request,
                              const CertLifetime& lifetime) {
  if (request.name.cluster_id != authority.info.name.cluster_id) {
    return make_error(ErrorCode::conflict, "the authority is cluster " + authority.info.name.cluster_id + "'s, not " +
                                               request.name.cluster_id + "'s");
  }
  if (authority.info.not_after <= lifetime.now) {
    return make_error(ErrorCode::conflict, "the authority's certificate has ended; the cluster needs a new authority");
  }
  if (Status status = check_request(request); !status) return status.error();
  const CertTime to = std::min(lifetime.now + lifetime.days, authority.info.not_after);
  Result<X509Handle> certificate =
      make_certificate(key, authority.certificate.get(), request, lifetime.now - clock_difference, to);
  if (!certificate) return certificate.error();
  return sign(certificate->get(), authority.key.get());
}

}  // namespace

std::string make_cluster_id() {
  std::array<unsigned char, 16> bytes{};
  std::string text;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
  for (const unsigned char byte : bytes) text += node_id_text(byte).substr(14);
  return text;
}

std::uint64_t make_node_id() {
  std::array<unsigned char, 8> bytes{};
  std::uint64_t id = 0;
  while (id == 0) {
    // Without random numbers there are no keys either.
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
    for (const unsigned char byte : bytes) id = (id << 8) | byte;
  }
  return id;
}

Result<KeyAndCert> make_ca(const std::string& cluster_id, const CertLifetime& lifetime) {
  if (!is_cluster_id(cluster_id)) {
    return make_error(ErrorCode::invalid_argument,
                      "\"" + cluster_id + "\" is no cluster id; allowed: 1 to 64 letters, digits, '-'");
  }
  const PkeyHandle key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error("cannot make a key");
  IssueRequest request;
  request.name = {CertKind::ca, cluster_id, 0, CertRole::viewer, {}};
  request.common_name = "Sluice cluster " + cluster_id.substr(0, 32);
  Result<X509Handle> certificate =
      make_certificate(key.get(), nullptr, request, lifetime.now - clock_difference, lifetime.now + lifetime.days);
  if (!certificate) return certificate.error();
  Result<std::string> cert_pem = sign(certificate->get(), key.get());
  if (!cert_pem) return cert_pem.error();
  Result<std::string> key_pem = key_pem_of(key.get());
  if (!key_pem) return key_pem.error();
  return KeyAndCert{std::move(key_pem.value()), std::move(cert_pem.value())};
}

Result<KeyAndCert> issue_certificate(const KeyAndCert& ca, const IssueRequest& asked, const CertLifetime& lifetime) {
  IssueRequest request = asked;
  std::vector<std::string>& hosts = request.host_names;
  const bool is_node = request.name.kind == CertKind::node;
  if (is_node && std::find(hosts.begin(), hosts.end(), request.common_name) == hosts.end()) {
    hosts.insert(hosts.begin(), request.common_name);
  }
  const Result<Authority> authority = read_authority(ca);
  if (!authority) return authority.error();
  const PkeyHandle key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error("cannot make a key");
  Result<std::string> cert_pem = issue_for(authority.value(), key.get(), request, lifetime);
  if (!cert_pem) return cert_pem.error();
  Result<std::string> key_pem = key_pem_of(key.get());
  if (!key_pem) return key_pem.error();
  return KeyAndCert{std::move(key_pem.value()), std::move(cert_pem.value())};
}

Result<std::string> renew_certificate(const KeyAndCert& ca, const std::string& cert_pem, const CertLifetime& lifetime) {
  const Result<Authority> authority = read_authority(ca);
  if (!authority) return authority.error();
  if (Status status = check_signed_by(cert_pem, ca.cert_pem); !status) return status.error();
  const Result<X509Handle> old = parse_certificate(cert_pem);
  if (!old) return old.error();
  const Result<CertInfo> info = cert_info_of(*old.value());
  if (!info) return info.error();
  if (info->name.kind == CertKind::ca) {
    return make_error(ErrorCode::invalid_argument, "an authority is not renewed by itself; make a new one (cert init)");
  }
  return issue_for(authority.value(), X509_get0_pubkey(old->get()), {info->name, info->common_name, info->host_names},
                   lifetime);
}

}  // namespace sluice::io
