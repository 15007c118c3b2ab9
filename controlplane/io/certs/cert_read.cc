// SPDX-License-Identifier: Apache-2.0
// Certificates as they are read, by the command line and by every connection.
#include "cert_read.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <ctime>

namespace sluice::io {
namespace {

std::string hex_of(const unsigned char* bytes, std::size_t count) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

CertTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return CertTime(std::chrono::seconds(timegm(&parts)));
}

std::string address_text(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(bytes) != 16) return "?";
  inet_ntop(family, ASN1_STRING_get0_data(bytes), text.data(), text.size());
  return text.data();
}

std::string common_name_of(const X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::string serial_of(const X509& certificate) {
  const BignumHandle number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr));
  char* digits = number ? BN_bn2hex(number.get()) : nullptr;
  std::string text = digits == nullptr ? "" : digits;
  OPENSSL_free(digits);
  return text;
}

}  // namespace

Error openssl_error(const std::string& what) {
  const unsigned long code = ERR_get_error();
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return make_error(ErrorCode::io, code == 0 ? what : what + ": " + text.data());
}

Result<X509Handle> parse_certificate(std::string_view pem) {
  const BioHandle bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Handle certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  ERR_clear_error();
  if (!certificate) return make_error(ErrorCode::invalid_argument, "this is no certificate in PEM form");
  return certificate;
}

Result<CertInfo> cert_info_of(const X509& certificate) {
  CertInfo info;
  bool has_name = false;
  const NamesHandle names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) info.host_names.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) info.host_names.push_back(address_text(name->d.iPAddress));
    if (name->type != GEN_URI) continue;
    const std::optional<CertName> parsed = parse_cert_uri(text_of(name->d.uniformResourceIdentifier));
    // Two names would make two people of one.
    if (!parsed || has_name) return make_error(ErrorCode::invalid_argument, "its URI is not one of a Sluice cluster");
    info.name = *parsed;
    has_name = true;
  }
  if (!has_name) return make_error(ErrorCode::invalid_argument, "it is not a certificate of a Sluice cluster");
  info.common_name = common_name_of(certificate);
  info.serial = serial_of(certificate);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int digest_bytes = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &digest_bytes) == 1) {
    info.fingerprint = hex_of(digest.data(), digest_bytes);
  }
  info.not_before = time_of(X509_get0_notBefore(&certificate));
  info.not_after = time_of(X509_get0_notAfter(&certificate));
  return info;
}

Result<CertInfo> read_certificate(std::string_view cert_pem) {
  const Result<X509Handle> certificate = parse_certificate(cert_pem);
  if (!certificate) return certificate.error();
  return cert_info_of(*certificate.value());
}

Status check_signed_by(std::string_view cert_pem, std::string_view ca_cert_pem) {
  const Result<X509Handle> certificate = parse_certificate(cert_pem);
  if (!certificate) return certificate.error();
  const Result<X509Handle> ca = parse_certificate(ca_cert_pem);
  if (!ca) return ca.error();
  const Result<CertInfo> info = cert_info_of(*certificate.value());
  if (!info) return info.error();
  const Result<CertInfo> ca_info = cert_info_of(*ca.value());
  if (!ca_info) return ca_info.error();
  const bool is_signed = X509_verify(certificate->get(), X509_get0_pubkey(ca->get())) == 1;
  ERR_clear_error();
  if (!is_signed || ca_info->name.kind != CertKind::ca || info->name.cluster_id != ca_info->name.cluster_id) {
    return make_error(ErrorCode::conflict, "the certificate of " + info->common_name +
                                               " is of another authority than " + "cluster " +
                                               ca_info->name.cluster_id + "'s");
  }
  return {};
}

}  // namespace sluice::io
