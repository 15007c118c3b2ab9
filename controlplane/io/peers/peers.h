// SPDX-License-Identifier: Apache-2.0
// The other balancers: framed messages over TLS 1.3, both sides with a certificate of the cluster. Best effort, as Raft
// wants it: a message arrives once or never, those on one channel in order. What arrives was sent by the node it says,
// which has proved so before its first byte is looked at.
//
// Every node dials every member, two connections each (Channel), and sends only on those it has dialled; so nobody has
// to agree on who dials whom. Everything on the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "peer_frame.h"
#include "raft_types.h"

namespace sluice::io {

struct PeerFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};

struct PeerLimits {
  std::chrono::milliseconds handshake_deadline = std::chrono::seconds(5);  // TCP, TLS and hello together
  std::chrono::milliseconds ping_interval = std::chrono::seconds(1);
  std::chrono::milliseconds silence_max = std::chrono::seconds(5);       // then the connection is given up
  std::chrono::milliseconds redial_min = std::chrono::milliseconds(50);  // doubles, with jitter ...
  std::chrono::milliseconds redial_max = std::chrono::seconds(2);        // ... up to here
  // Connections that have not proved yet who they are. When there are more, the oldest goes: a member needs a few
  // milliseconds, so it gets in even while somebody opens connections and says nothing.
  std::size_t strangers = 64;
  // Three of the longest messages, so that a heartbeat behind one is not dropped.
  std::size_t queue_bytes_control = 32U << 20;  // per peer; then messages are dropped, which Raft makes good
  std::size_t queue_bytes_bulk = 8U << 20;
};

struct PeersOptions {
  std::string cluster_id;
  raft::NodeId self;
  std::uint16_t feature_level = 0;
  std::string listen_address;  // "0.0.0.0:7946", "[::]:7946"; port 0: any free one
  std::string own_address;     // host:port by which others dial this node; empty: the listener's
  PeerFiles files;
  PeerLimits limits;
};

// Whether nodes that are in no configuration known here may send. They have a certificate of the cluster in any case,
// and a removed one is refused in any case. A node that lags behind does not know members that were added since, the
// leader perhaps among them: refusing them would keep it behind for ever. So `accept` is for voters and learners of a
// running cluster and for one that waits to be told its configuration; `refuse` is for a cluster whose members are
// fixed.
enum class Strangers : std::uint8_t { refuse, accept };

struct PeerLinkStatus {
  raft::NodeId id;
  std::string address;
  bool is_member = false;
  struct ChannelStatus {
    bool is_connected = false;  // dialled by us and welcomed
    bool is_heard = false;      // dialled by them and welcomed
    std::size_t queued_bytes = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t dropped = 0;
    std::string problem;  // why there is no connection; empty: there is one, or the first is being made
  };
  ChannelStatus channels[channel_count];
  std::uint16_t feature_level = 0;  // as it last said; 0: not heard yet
  std::string version;
};

struct PeersStatistics {
  std::uint64_t accepted = 0;
  std::uint64_t refused_busy = 0;      // strangers' limit
  std::uint64_t refused_late = 0;      // handshake deadline
  std::uint64_t refused_tls = 0;       // no or wrong certificate, no TLS 1.3
  std::uint64_t refused_identity = 0;  // certificate, cluster or node id not what it must be
  std::uint64_t refused_frame = 0;     // bytes that are no frame
  std::size_t strangers = 0;           // now
};

class Peers {
 public:
  struct Callbacks {
    // `bytes` is good until it returns.
    std::function<void(raft::NodeId from, FrameType type, std::string_view bytes)> message;
    // Something worth a line in the log. Not more than one per peer and second.
    std::function<void(const std::string& line)> log;
  };

  // Reads the certificates and refuses those that are not this node's. `context` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<Peers>> create(boost::asio::io_context& context, PeersOptions options,
                                                             Callbacks callbacks);
  // As stop().
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  // Listens, and dials the members. The address it listens on.
  [[nodiscard]] Result<std::string> start();
  // Closes everything. The io_context must run on for the coroutines to end; no callback comes any more.
  void stop();

  // From now on these are dialled; `self` among them is passed over. Those removed are refused for good and their
  // connections closed. An address that changes is dialled anew. Strangers that are accepted are dialled where they say
  // they are, as long as they are connected, so that they can be answered.
  void set_members(const raft::Configuration& configuration, Strangers strangers);
  // type: raft or node. Not sent, and counted: no such peer, or its queue is full. A peer that is not connected is sent
  // nothing, so that old heartbeats do not greet it.
  enum class Sent : std::uint8_t { queued, dropped };
  Sent send(raft::NodeId to, Channel channel, FrameType type, std::string payload);
  // Which channel a message of Raft belongs on.
  [[nodiscard]] static Channel channel_of(const raft::Message& message);

  // Reads the files again: connections made from now on use them. Present ones stay until the certificate they were
  // made with ends. On error the present certificates stay.
  [[nodiscard]] Status reload_certificates();
  // When our own certificate ends, for a warning in time.
  [[nodiscard]] std::chrono::system_clock::time_point certificate_end() const;

  [[nodiscard]] std::vector<PeerLinkStatus> status() const;
  [[nodiscard]] PeersStatistics statistics() const;

  class Impl;

 private:
  explicit Peers(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::io
