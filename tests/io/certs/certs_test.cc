// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "cert_files.h"
#include "cert_issue.h"
#include "cert_read.h"

namespace sluice::io {
namespace {

constexpr CertTime now{std::chrono::seconds(1800000000)};
constexpr CertLifetime a_year{now, std::chrono::days(365)};

class Folder {
 public:
  Folder() {
    if (mkdtemp(path_.data()) == nullptr) abort();
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_ = ::testing::TempDir() + "sluice-certs-XXXXXX";
};

KeyAndCert must_make_ca(const std::string& cluster_id = "c1") {
  Result<KeyAndCert> made = make_ca(cluster_id, {now, ca_lifetime_days});
  if (!made) {
    ADD_FAILURE() << made.error().context;
    abort();
  }
  return made.value();
}

IssueRequest node_request() {
  return {{CertKind::node, "c1", 0xab, CertRole::viewer, {}}, "lb1", {"lb1.example.net", "192.0.2.7", "2001:db8::7"}};
}

IssueRequest client_request() {
  return {{CertKind::client, "c1", 0, CertRole::operates, "alice@example.net"}, "alice@example.net", {}};
}

unsigned mode_of(const std::string& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 ? found.st_mode & 0777U : 0;
}

TEST(CertName, RoundTrip) {
  for (const auto& [uri, name] : std::initializer_list<std::pair<const char*, CertName>>{
           {"sluice://c1/ca", {CertKind::ca, "c1", 0, CertRole::viewer, {}}},
           {"sluice://c-1/node/00000000000000ab", {CertKind::node, "c-1", 0xab, CertRole::viewer, {}}},
           {"sluice://c1/role/operator/a.b@c", {CertKind::client, "c1", 0, CertRole::operates, "a.b@c"}}}) {
    EXPECT_EQ(to_uri(name), uri);
    EXPECT_EQ(parse_cert_uri(uri), name);
  }
}

TEST(CertName, NothingElseIsOne) {
  for (const std::string_view uri : {"",
                                     "sluice://",
                                     "sluice:///ca",
                                     "sluice://c1",
                                     "sluice://c1/",
                                     "sluice://c1/ca/",
                                     "http://c1/ca",
                                     "sluice://c1/CA",
                                     "sluice://c1/node/",
                                     "sluice://c1/node/ab",
                                     "sluice://c1/node/00000000000000AB",
                                     "sluice://c1/node/0000000000000000",
                                     "sluice://c1/node/00000000000000ab/",
                                     "sluice://c1/node/000000000000000ab",
                                     "sluice://c 1/ca",
                                     "sluice://c1/role/admin",
                                     "sluice://c1/role/admin/",
                                     "sluice://c1/role/king/x",
                                     "sluice://c1/role/admin/a/b",
                                     "sluice://c1/role/admin/../x",
                                     "sluice://c1/role/admin/-x",
                                     "sluice://c1/role/admin/a b",
                                     "sluice://c1/x/y"}) {
    EXPECT_FALSE(parse_cert_uri(uri)) << uri;
  }
  EXPECT_FALSE(parse_cert_uri(std::string("sluice://c1/ca\0", 15)));
  EXPECT_FALSE(parse_cert_uri("sluice://" + std::string(65, 'a') + "/ca"));
}

TEST(CertIssue, AuthorityAndNode) {
  const KeyAndCert ca = must_make_ca();
  const Result<CertInfo> authority = read_certificate(ca.cert_pem);
  ASSERT_TRUE(authority) << authority.error().context;
  EXPECT_EQ(authority->name.kind, CertKind::ca);
  EXPECT_EQ(authority->not_after, now + ca_lifetime_days);
  const Result<KeyAndCert> node = issue_certificate(ca, node_request(), a_year);
  ASSERT_TRUE(node) << node.error().context;
  const Result<CertInfo> info = read_certificate(node->cert_pem);
  ASSERT_TRUE(info) << info.error().context;
  EXPECT_EQ(info->name, node_request().name);
  EXPECT_EQ(info->common_name, "lb1");
  EXPECT_EQ(info->host_names, (std::vector<std::string>{"lb1", "lb1.example.net", "192.0.2.7", "2001:db8::7"}));
  EXPECT_EQ(info->not_before, now - std::chrono::hours(1));
  EXPECT_EQ(info->not_after, now + a_year.days);
  EXPECT_TRUE(check_signed_by(node->cert_pem, ca.cert_pem));
  EXPECT_EQ(check_signed_by(node->cert_pem, must_make_ca().cert_pem).error().code, ErrorCode::conflict);
}

// What others than ourselves are told by a certificate: OpenSSL's own view of it.
TEST(CertIssue, FitForItsPurposeOnly) {
  const KeyAndCert ca = must_make_ca();
  const auto purposes = [&](const std::string& pem) {
    const Result<X509Handle> certificate = parse_certificate(pem);
    X509* raw = certificate->get();
    return std::array<int, 3>{X509_check_purpose(raw, X509_PURPOSE_SSL_SERVER, 0),
                              X509_check_purpose(raw, X509_PURPOSE_SSL_CLIENT, 0), X509_check_ca(raw) == 1 ? 1 : 0};
  };
  EXPECT_EQ(purposes(issue_certificate(ca, node_request(), a_year)->cert_pem), (std::array{1, 1, 0}));
  EXPECT_EQ(purposes(issue_certificate(ca, client_request(), a_year)->cert_pem), (std::array{0, 1, 0}));
  const Result<X509Handle> authority = parse_certificate(ca.cert_pem);
  EXPECT_EQ(X509_check_ca(authority->get()), 1);
  EXPECT_EQ(X509_get_pathlen(authority->get()), 0);
  char group[32] = {};
  std::size_t length = 0;
  EXPECT_EQ(EVP_PKEY_get_group_name(X509_get0_pubkey(authority->get()), group, sizeof(group), &length), 1);
  EXPECT_STREQ(group, "prime256v1");
}

TEST(CertIssue, NeverOutlivesTheAuthority) {
  const Result<KeyAndCert> ca = make_ca("c1", {now, std::chrono::days(10)});
  const Result<KeyAndCert> node = issue_certificate(ca.value(), node_request(), a_year);
  EXPECT_EQ(read_certificate(node->cert_pem)->not_after, now + std::chrono::days(10));
  EXPECT_FALSE(issue_certificate(ca.value(), node_request(), {now + std::chrono::days(11), std::chrono::days(1)}));
}

TEST(CertIssue, RenewalKeepsKeyAndNames) {
  const KeyAndCert ca = must_make_ca();
  for (const IssueRequest& request : {node_request(), client_request()}) {
    const Result<KeyAndCert> old = issue_certificate(ca, request, a_year);
    const CertLifetime later{now + std::chrono::days(300), std::chrono::days(365)};
    const Result<std::string> renewed = renew_certificate(ca, old->cert_pem, later);
    ASSERT_TRUE(renewed) << renewed.error().context;
    const Result<CertInfo> before = read_certificate(old->cert_pem);
    const Result<CertInfo> after = read_certificate(renewed.value());
    EXPECT_EQ(after->name, before->name);
    EXPECT_EQ(after->host_names, before->host_names);
    EXPECT_EQ(after->common_name, before->common_name);
    EXPECT_NE(after->serial, before->serial);
    EXPECT_EQ(after->not_after, now + std::chrono::days(665));
    const Result<X509Handle> one = parse_certificate(old->cert_pem);
    const Result<X509Handle> other = parse_certificate(renewed.value());
    EXPECT_EQ(EVP_PKEY_eq(X509_get0_pubkey(one->get()), X509_get0_pubkey(other->get())), 1);
    EXPECT_FALSE(renew_certificate(must_make_ca(), old->cert_pem, later)) << "another cluster's authority";
  }
  EXPECT_FALSE(renew_certificate(ca, ca.cert_pem, a_year));
}

TEST(CertIssue, WhatIsRefused) {
  const KeyAndCert ca = must_make_ca();
  IssueRequest other_cluster = node_request();
  other_cluster.name.cluster_id = "c2";
  EXPECT_EQ(issue_certificate(ca, other_cluster, a_year).error().code, ErrorCode::conflict);
  IssueRequest no_id = node_request();
  no_id.name.node_id = 0;
  EXPECT_FALSE(issue_certificate(ca, no_id, a_year));
  for (const char* host : {"a,URI:sluice://c1/role/admin/x", "", "a b", "1.2.3", "::::"}) {
    IssueRequest bad = node_request();
    bad.host_names = {host};
    EXPECT_EQ(issue_certificate(ca, bad, a_year).error().code, ErrorCode::invalid_argument) << host;
  }
  KeyAndCert mixed = ca;
  mixed.key_pem = must_make_ca().key_pem;
  EXPECT_EQ(issue_certificate(mixed, node_request(), a_year).error().code, ErrorCode::conflict);
  mixed.key_pem = "no key";
  EXPECT_FALSE(issue_certificate(mixed, node_request(), a_year));
  EXPECT_FALSE(make_ca("a/b", a_year));
  EXPECT_FALSE(read_certificate("no certificate"));
  const Result<KeyAndCert> node = issue_certificate(ca, node_request(), a_year);
  EXPECT_FALSE(issue_certificate(node.value(), node_request(), a_year)) << "a node is no authority";
}

TEST(CertIssue, IdsAreRandom) {
  EXPECT_NE(make_node_id(), make_node_id());
  EXPECT_NE(make_cluster_id(), make_cluster_id());
  EXPECT_EQ(make_cluster_id().size(), 32U);
  EXPECT_TRUE(is_cluster_id(make_cluster_id()));
}

TEST(CertFiles, SecretsAndExisting) {
  Folder folder;
  const std::string path = folder.file("x.key");
  const mode_t before = umask(0);
  ASSERT_TRUE(write_file_whole(path, "one", FileKind::secret, Existing::keep));
  ASSERT_TRUE(write_file_whole(folder.file("x.crt"), "cert", FileKind::open, Existing::keep));
  umask(before);
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_EQ(mode_of(folder.file("x.crt")), 0644U);
  const Status again = write_file_whole(path, "two", FileKind::secret, Existing::keep);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_EQ(read_secret_file(path).value(), "one");
  ASSERT_TRUE(write_file_whole(path, "two", FileKind::secret, Existing::replace));
  EXPECT_EQ(read_secret_file(path).value(), "two");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(read_secret_file(path).error().code, ErrorCode::permission);
  EXPECT_TRUE(read_small_file(path));
  EXPECT_EQ(read_small_file(folder.file("none")).error().code, ErrorCode::not_found);
  EXPECT_FALSE(read_small_file(folder.file("")));
  EXPECT_FALSE(write_file_whole(folder.file("no/such"), "x", FileKind::open, Existing::replace));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.file("")), {}), 2) << "something is left over";
}

}  // namespace
}  // namespace sluice::io
