// SPDX-License-Identifier: Apache-2.0
// What Peers is made of: peers.cc, peer_outgoing.cc and peer_incoming.cc only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "peer_connection.h"
#include "peer_tls.h"
#include "peers.h"

namespace sluice::io {

// One channel to one peer: the connection we have dialled, the one they have.
struct PeerLink {
  explicit PeerLink(boost::asio::io_context& context) : wake(context), pause(context) {}

  std::shared_ptr<PeerConnection> outgoing;  // from the first dialled byte on
  std::shared_ptr<PeerConnection> incoming;  // welcomed
  bool is_welcomed = false;                  // outgoing
  std::deque<std::string> queue;             // whole frames
  boost::asio::steady_timer wake;            // something is in the queue, or a ping is due
  boost::asio::steady_timer pause;           // before dialling again
  std::uint32_t tries = 0;
  PeerLinkStatus::ChannelStatus status;
};

struct Peer {
  Peer(boost::asio::io_context& context, raft::NodeId node) : id(node), links{PeerLink(context), PeerLink(context)} {}
  [[nodiscard]] PeerLink& link(Channel channel) { return links[static_cast<std::size_t>(channel)]; }
  [[nodiscard]] bool is_heard() const { return links[0].incoming != nullptr || links[1].incoming != nullptr; }

  raft::NodeId id;
  std::string name;
  std::string address;
  bool is_member = false;
  bool is_gone = false;  // nobody dials it any more
  std::uint16_t feature_level = 0;
  std::string version;
  std::chrono::steady_clock::time_point logged_at;
  PeerLink links[channel_count];
};

class Peers::Impl : public std::enable_shared_from_this<Peers::Impl> {
 public:
  Impl(boost::asio::io_context& context, PeersOptions options, Callbacks callbacks, std::shared_ptr<PeerTls> tls);

  Result<std::string> start();
  void stop();
  void set_members(const raft::Configuration& configuration, Strangers strangers);
  Sent send(raft::NodeId to, Channel channel, FrameType type, std::string_view payload);
  Status reload();
  [[nodiscard]] std::chrono::system_clock::time_point certificate_end() const { return tls_->own.not_after; }
  [[nodiscard]] std::vector<PeerLinkStatus> status() const;
  [[nodiscard]] PeersStatistics statistics() const;

 private:
  using PeerPointer = std::shared_ptr<Peer>;
  using Connection = std::shared_ptr<PeerConnection>;

  // peers.cc
  void log(const std::string& line) const;
  void log_of(Peer& peer, const std::string& line);
  [[nodiscard]] PeerPointer add_peer(raft::NodeId id, const std::string& address);
  void drop_peer(const PeerPointer& peer);
  void spawn(Awaited<void> task);
  [[nodiscard]] Hello hello_to(raft::NodeId to, Channel channel) const;

  // peer_outgoing.cc
  Awaited<void> keep_dialled(PeerPointer peer, Channel channel);
  Awaited<Status> run_link(PeerPointer peer, Channel channel);
  Awaited<Status> greet(Connection connection, PeerPointer peer, Channel channel);
  Awaited<Status> send_queued(Connection connection, PeerLink& link);
  Awaited<void> hear_pongs(Connection connection, PeerPointer peer, Channel channel);
  [[nodiscard]] std::chrono::milliseconds redial_delay(std::uint32_t tries);

  // peer_incoming.cc
  struct Guest {
    PeerPointer peer;
    Channel channel = Channel::control;
  };
  Awaited<void> accept_all();
  void admit(boost::asio::ip::tcp::socket socket);
  Awaited<void> serve(Connection connection);
  Awaited<Result<Guest>> meet(Connection connection);
  [[nodiscard]] Result<Hello> check_hello(const CertName& certificate, std::string_view payload) const;
  [[nodiscard]] Result<Guest> take_in(const Connection& connection, const Hello& hello);
  Awaited<Status> hear(Connection connection, Guest guest);
  void count_refusal(const Connection& connection, const Error& why);
  void leave(const Connection& connection, const Guest& guest);

  boost::asio::io_context& context_;
  PeersOptions options_;
  Callbacks callbacks_;
  std::shared_ptr<PeerTls> tls_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_pause_;
  std::map<raft::NodeId, PeerPointer> peers_;
  std::set<raft::NodeId> removed_;
  Strangers strangers_policy_ = Strangers::refuse;
  std::list<Connection> strangers_;  // oldest first
  PeersStatistics statistics_;
  std::minstd_rand jitter_;
  std::chrono::steady_clock::time_point refusal_logged_at_;
  bool is_stopped_ = false;
};

}  // namespace sluice::io
