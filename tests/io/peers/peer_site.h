// SPDX-License-Identifier: Apache-2.0
// Balancers on loopback with real certificates, and somebody who speaks TLS but not our way.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cert_issue.h"
#include "peers.h"

namespace sluice::io {

// An authority and a folder with its certificates; goes away with them.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& cluster_id = "c1");
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  [[nodiscard]] PeerFiles files_of(std::uint64_t node) { return files_of(node, CertTime(), std::chrono::days(365)); }
  // The second form: valid from an hour before `from`; zero: now.
  [[nodiscard]] PeerFiles files_of(std::uint64_t node, CertTime from, std::chrono::days days);
  [[nodiscard]] PeerFiles client_files(const std::string& name);
  [[nodiscard]] const KeyAndCert& ca() const { return ca_; }
  [[nodiscard]] std::string ca_file() const { return folder_ + "/ca.crt"; }
  void write(const std::string& path, const std::string& bytes, bool is_secret) const;

 private:
  PeerFiles put(const std::string& stem, const KeyAndCert& made);

  std::string cluster_id_;
  std::string folder_;
  KeyAndCert ca_;
};

// Everything quicker than in the field.
PeerLimits quick_limits();

struct TestNode {
  struct Heard {
    raft::NodeId from;
    FrameType type;
    std::string bytes;
    friend bool operator==(const Heard&, const Heard&) = default;
  };
  std::string address;
  std::vector<Heard> heard;
  std::vector<std::string> lines;
  std::unique_ptr<Peers> peers;

  [[nodiscard]] PeerLinkStatus status_of(std::uint64_t node) const;
  // Both channels, both ways.
  [[nodiscard]] bool is_linked_with(std::uint64_t node) const;
};

class PeerSite {
 public:
  boost::asio::io_context context;

  struct Start {
    std::string listen = "127.0.0.1:0";
    PeerLimits limits = quick_limits();
    std::string cluster_id = "c1";
  };
  std::unique_ptr<TestNode> start(std::uint64_t id, const PeerFiles& files, const Start& start);
  std::unique_ptr<TestNode> start(std::uint64_t id, const PeerFiles& files) { return start(id, files, Start()); }

  // Runs the context until it is so, for 20 seconds at most: a machine may be slow, but not that slow.
  [[nodiscard]] bool wait_until(const std::function<bool()>& is_so);
  void run_for(std::chrono::milliseconds time);
};

raft::Configuration members(const std::vector<std::pair<std::uint64_t, const TestNode*>>& nodes);

// A connection by hand: blocking, with whatever certificate.
class RawClient {
 public:
  explicit RawClient(const PeerFiles& files);
  // The context of the server runs meanwhile, in `site`.
  [[nodiscard]] bool connect(PeerSite& site, const std::string& address);
  bool send(PeerSite& site, const std::string& bytes);
  // The next frame; nothing: the connection has ended.
  [[nodiscard]] std::optional<std::pair<FrameType, std::string>> read(PeerSite& site);
  [[nodiscard]] bool is_closed(PeerSite& site);
  [[nodiscard]] std::string server_serial();

 private:
  boost::asio::ssl::context context_;
  std::unique_ptr<boost::asio::ssl::stream<boost::asio::ip::tcp::socket>> stream_;
  FrameReader reader_{frame_bytes_max};
};

boost::asio::ip::tcp::endpoint endpoint_of(const std::string& address);

}  // namespace sluice::io
