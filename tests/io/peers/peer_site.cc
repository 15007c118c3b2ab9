// SPDX-License-Identifier: Apache-2.0
#include "peer_site.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <thread>

#include "cert_files.h"
#include "cert_read.h"
#include "peer_connection.h"

namespace sluice::io {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {
CertTime seconds_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}
}  // namespace

TestAuthority::TestAuthority(const std::string& cluster_id)
    : cluster_id_(cluster_id), folder_(::testing::TempDir() + "sluice-peers-XXXXXX") {
  if (mkdtemp(folder_.data()) == nullptr) abort();
  ca_ = make_ca(cluster_id, {seconds_now(), std::chrono::days(10)}).value();
  write(ca_file(), ca_.cert_pem, false);
}

TestAuthority::~TestAuthority() {
  std::filesystem::remove_all(folder_);
}

void TestAuthority::write(const std::string& path, const std::string& bytes, bool is_secret) const {
  if (!write_file_whole(path, bytes, is_secret ? FileKind::secret : FileKind::open, Existing::replace)) abort();
}

PeerFiles TestAuthority::put(const std::string& stem, const KeyAndCert& made) {
  const PeerFiles files{ca_file(), folder_ + '/' + stem + ".crt", folder_ + '/' + stem + ".key"};
  write(files.certificate, made.cert_pem, false);
  write(files.key, made.key_pem, true);
  return files;
}

PeerFiles TestAuthority::files_of(std::uint64_t node, CertTime from, std::chrono::days days) {
  const IssueRequest request{
      {CertKind::node, cluster_id_, node, CertRole::viewer, {}}, "lb" + std::to_string(node), {}};
  const CertLifetime lifetime{from == CertTime() ? seconds_now() : from, days};
  return put("lb" + std::to_string(node), issue_certificate(ca_, request, lifetime).value());
}

PeerFiles TestAuthority::client_files(const std::string& name) {
  const IssueRequest request{{CertKind::client, cluster_id_, 0, CertRole::admin, name}, name, {}};
  return put(name, issue_certificate(ca_, request, {seconds_now(), std::chrono::days(1)}).value());
}

PeerLimits quick_limits() {
  using std::chrono::milliseconds;
  PeerLimits limits;
  limits.handshake_deadline = milliseconds(3000);
  limits.ping_interval = milliseconds(50);
  limits.silence_max = milliseconds(3000);
  limits.redial_min = milliseconds(5);
  limits.redial_max = milliseconds(50);
  return limits;
}

PeerLinkStatus TestNode::status_of(std::uint64_t node) const {
  for (const PeerLinkStatus& each : peers->status()) {
    if (each.id.value() == node) return each;
  }
  return {};
}

bool TestNode::is_linked_with(std::uint64_t node) const {
  const PeerLinkStatus status = status_of(node);
  return std::all_of(std::begin(status.channels), std::end(status.channels),
                     [](const auto& channel) { return channel.is_connected && channel.is_heard; });
}

std::unique_ptr<TestNode> PeerSite::start(std::uint64_t id, const PeerFiles& files, const Start& start) {
  auto node = std::make_unique<TestNode>();
  TestNode* raw = node.get();
  PeersOptions options;
  options.cluster_id = start.cluster_id;
  options.self = raft::NodeId(id);
  options.feature_level = static_cast<std::uint16_t>(id);
  options.listen_address = start.listen;
  options.files = files;
  options.limits = start.limits;
  Peers::Callbacks callbacks;
  callbacks.message = [raw](raft::NodeId from, FrameType type, std::string_view bytes) {
    raw->heard.push_back({from, type, std::string(bytes)});
  };
  callbacks.log = [raw](const std::string& line) { raw->lines.push_back(line); };
  Result<std::unique_ptr<Peers>> made = Peers::create(context, options, callbacks);
  if (!made) {
    ADD_FAILURE() << made.error().context;
    abort();
  }
  node->peers = std::move(made.value());
  const Result<std::string> address = node->peers->start();
  if (!address) {
    ADD_FAILURE() << address.error().context;
    abort();
  }
  node->address = address.value();
  return node;
}

bool PeerSite::wait_until(const std::function<bool()>& is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    run_for(std::chrono::milliseconds(2));
  }
  return true;
}

void PeerSite::run_for(std::chrono::milliseconds time) {
  context.restart();
  context.run_for(time);
}

raft::Configuration members(const std::vector<std::pair<std::uint64_t, const TestNode*>>& nodes) {
  raft::Configuration configuration;
  for (const auto& [id, node] : nodes) {
    configuration.members.push_back({raft::NodeId(id), raft::MemberRole::voter, "lb" + std::to_string(id),
                                     node == nullptr ? std::string() : node->address});
  }
  return configuration;
}

asio::ip::tcp::endpoint endpoint_of(const std::string& address) {
  const Result<HostAndPort> parts = split_address(address);
  return {asio::ip::make_address(parts->host), static_cast<std::uint16_t>(std::stoul(parts->port))};
}

RawClient::RawClient(const PeerFiles& files) : context_(asio::ssl::context::tlsv13) {
  context_.use_certificate_file(files.certificate, asio::ssl::context::pem);
  context_.use_private_key_file(files.key, asio::ssl::context::pem);
}

namespace {
// Blocking work beside the context that answers it.
template <typename Work>
auto beside(PeerSite& site, Work work) {
  decltype(work()) result{};
  std::atomic<bool> is_done = false;
  std::thread thread([&] {
    result = work();
    is_done = true;
  });
  EXPECT_TRUE(site.wait_until([&] { return is_done.load(); }));
  thread.join();
  return result;
}
}  // namespace

bool RawClient::connect(PeerSite& site, const std::string& address) {
  stream_ = std::make_unique<asio::ssl::stream<asio::ip::tcp::socket>>(site.context, context_);
  return beside(site, [&] {
    error_code fault;
    stream_->next_layer().connect(endpoint_of(address), fault);
    if (!fault) stream_->handshake(asio::ssl::stream_base::client, fault);
    return !fault;
  });
}

bool RawClient::send(PeerSite& site, const std::string& bytes) {
  return beside(site, [&] {
    error_code fault;
    asio::write(*stream_, asio::buffer(bytes), fault);
    return !fault;
  });
}

std::optional<std::pair<FrameType, std::string>> RawClient::read(PeerSite& site) {
  return beside(site, [&]() -> std::optional<std::pair<FrameType, std::string>> {
    while (true) {
      const Result<std::optional<Frame>> next = reader_.next();
      if (!next) return std::nullopt;
      if (next->has_value()) return std::pair((*next)->type, std::string((*next)->payload));
      const std::span<char> room = reader_.room();
      error_code fault;
      const std::size_t bytes = stream_->read_some(asio::buffer(room.data(), room.size()), fault);
      if (fault) return std::nullopt;
      reader_.filled(bytes);
    }
  });
}

bool RawClient::is_closed(PeerSite& site) {
  while (const auto frame = read(site)) {
    if (frame->first != FrameType::refusal) return false;
  }
  return true;
}

std::string RawClient::server_serial() {
  const X509Handle certificate(SSL_get1_peer_certificate(stream_->native_handle()));
  const Result<CertInfo> info = cert_info_of(*certificate);
  return info ? info->serial : std::string();
}

}  // namespace sluice::io
