// SPDX-License-Identifier: Apache-2.0
#include "peers.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "peers_impl.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// One line per peer in this time.
constexpr std::chrono::seconds log_interval{1};

Error cannot_listen(const std::string& address, const error_code& fault) {
  return make_error(ErrorCode::io, "cannot listen on " + address + ": " + fault.message());
}

}  // namespace

Peers::Impl::Impl(asio::io_context& context, PeersOptions options, Callbacks callbacks, std::shared_ptr<PeerTls> tls)
    : context_(context),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      tls_(std::move(tls)),
      acceptor_(context),
      accept_pause_(context),
      jitter_(std::random_device{}()) {}

void Peers::Impl::spawn(Awaited<void> task) {
  // Nothing but a lack of memory gets out of them, and that is not to be carried on with.
  asio::co_spawn(context_, std::move(task), [self = shared_from_this()](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

Result<std::string> Peers::Impl::start() {
  const Result<HostAndPort> parts = split_address(options_.listen_address);
  if (!parts) return parts.error();
  error_code fault;
  const asio::ip::address address = asio::ip::make_address(parts->host, fault);
  if (fault) return make_error(ErrorCode::invalid_argument, "cannot listen on \"" + parts->host + "\": no address");
  const tcp::endpoint endpoint(address, static_cast<std::uint16_t>(std::stoul(parts->port)));
  acceptor_.open(endpoint.protocol(), fault);
  if (!fault) acceptor_.set_option(asio::socket_base::reuse_address(true), fault);
  if (!fault) acceptor_.bind(endpoint, fault);
  if (!fault) acceptor_.listen(asio::socket_base::max_listen_connections, fault);
  if (fault) return cannot_listen(options_.listen_address, fault);
  const tcp::endpoint bound = acceptor_.local_endpoint(fault);
  if (fault) return cannot_listen(options_.listen_address, fault);
  const std::string host = bound.address().to_string();
  const std::string text = (bound.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(bound.port());
  if (options_.own_address.empty()) options_.own_address = text;
  spawn(accept_all());
  return text;
}

void Peers::Impl::stop() {
  if (is_stopped_) return;
  is_stopped_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  for (const Connection& stranger : strangers_) stranger->close();
  while (!peers_.empty()) drop_peer(peers_.begin()->second);
}

void Peers::Impl::log(const std::string& line) const {
  if (!is_stopped_ && callbacks_.log) callbacks_.log(line);
}

void Peers::Impl::log_of(Peer& peer, const std::string& line) {
  const auto now = std::chrono::steady_clock::now();
  if (peer.logged_at.time_since_epoch().count() != 0 && now - peer.logged_at < log_interval) return;
  peer.logged_at = now;
  log("peer " + (peer.name.empty() ? node_id_text(peer.id.value()) : peer.name) + ": " + line);
}

Hello Peers::Impl::hello_to(raft::NodeId to, Channel channel) const {
  Hello hello;
  hello.cluster_id = options_.cluster_id;
  hello.node_id = options_.self;
  hello.to = to;
  hello.feature_level = options_.feature_level;
  hello.channel = channel;
  hello.address = options_.own_address;
  hello.version = SLUICE_VERSION;
  return hello;
}

Peers::Impl::PeerPointer Peers::Impl::add_peer(raft::NodeId id, const std::string& address) {
  PeerPointer peer = std::make_shared<Peer>(context_, id);
  peer->address = address;
  peers_.emplace(id, peer);
  for (const Channel channel : {Channel::control, Channel::bulk}) spawn(keep_dialled(peer, channel));
  return peer;
}

void Peers::Impl::drop_peer(const PeerPointer& peer) {
  peer->is_gone = true;
  for (PeerLink& link : peer->links) {
    if (link.outgoing) link.outgoing->close();
    if (link.incoming) link.incoming->close();
    link.wake.cancel();
    link.pause.cancel();
  }
  // `peer` may be the map's own.
  const raft::NodeId id = peer->id;
  peers_.erase(id);
}

void Peers::Impl::set_members(const raft::Configuration& configuration, Strangers strangers) {
  strangers_policy_ = strangers;
  removed_ = {configuration.removed.begin(), configuration.removed.end()};
  std::vector<PeerPointer> leaving;
  for (const auto& [id, peer] : peers_) {
    const bool is_wanted = configuration.find(id) != nullptr;
    const bool may_stay = strangers == Strangers::accept && peer->is_heard() && !removed_.contains(id);
    peer->is_member = is_wanted;
    if (!is_wanted && !may_stay) leaving.push_back(peer);
  }
  for (const PeerPointer& peer : leaving) drop_peer(peer);
  for (const raft::Member& member : configuration.members) {
    if (member.id == options_.self || is_stopped_) continue;
    const auto known = peers_.find(member.id);
    const PeerPointer peer = known != peers_.end() ? known->second : add_peer(member.id, member.address);
    peer->is_member = true;
    peer->name = member.name;
    if (member.address.empty() || member.address == peer->address) continue;
    peer->address = member.address;
    for (PeerLink& link : peer->links) {
      if (link.outgoing) link.outgoing->close();
      link.tries = 0;
      link.pause.cancel();
    }
  }
}

Peers::Sent Peers::Impl::send(raft::NodeId to, Channel channel, FrameType type, std::string_view payload) {
  const auto found = peers_.find(to);
  if (found == peers_.end()) return Sent::dropped;
  PeerLink& link = found->second->link(channel);
  const std::size_t limit =
      channel == Channel::control ? options_.limits.queue_bytes_control : options_.limits.queue_bytes_bulk;
  const std::size_t bytes = frame_prefix_bytes + frame_head_bytes + payload.size();
  if (!link.is_welcomed || payload.size() > frame_payload_bytes_max || link.status.queued_bytes + bytes > limit) {
    ++link.status.dropped;
    return Sent::dropped;
  }
  link.queue.push_back(encode_frame(type, payload));
  link.status.queued_bytes += bytes;
  link.wake.cancel();
  return Sent::queued;
}

Status Peers::Impl::reload() {
  Result<std::shared_ptr<PeerTls>> tls = make_peer_tls(options_.files, options_.cluster_id, options_.self);
  if (!tls) return tls.error();
  tls_ = std::move(tls.value());
  return {};
}

std::vector<PeerLinkStatus> Peers::Impl::status() const {
  std::vector<PeerLinkStatus> list;
  for (const auto& [id, peer] : peers_) {
    PeerLinkStatus status;
    status.id = id;
    status.address = peer->address;
    status.is_member = peer->is_member;
    status.feature_level = peer->feature_level;
    status.version = peer->version;
    for (std::size_t i = 0; i < channel_count; ++i) {
      status.channels[i] = peer->links[i].status;
      status.channels[i].is_connected = peer->links[i].is_welcomed;
      status.channels[i].is_heard = peer->links[i].incoming != nullptr;
    }
    list.push_back(std::move(status));
  }
  return list;
}

PeersStatistics Peers::Impl::statistics() const {
  PeersStatistics statistics = statistics_;
  statistics.strangers = strangers_.size();
  return statistics;
}

Peers::Peers(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Peers::~Peers() {
  impl_->stop();
}

Result<std::unique_ptr<Peers>> Peers::create(asio::io_context& context, PeersOptions options, Callbacks callbacks) {
  Result<std::shared_ptr<PeerTls>> tls = make_peer_tls(options.files, options.cluster_id, options.self);
  if (!tls) return tls.error();
  return std::unique_ptr<Peers>(
      new Peers(std::make_shared<Impl>(context, std::move(options), std::move(callbacks), std::move(tls.value()))));
}

Result<std::string> Peers::start() {
  return impl_->start();
}

void Peers::stop() {
  impl_->stop();
}

void Peers::set_members(const raft::Configuration& configuration, Strangers strangers) {
  impl_->set_members(configuration, strangers);
}

Peers::Sent Peers::send(raft::NodeId to, Channel channel, FrameType type, std::string payload) {
  return impl_->send(to, channel, type, payload);
}

// Pieces of a snapshot, and nothing else, are large and may wait. Entries may be large, but heartbeats are appends too
// and must not overtake them.
Channel Peers::channel_of(const raft::Message& message) {
  return std::holds_alternative<raft::SnapshotChunk>(message.body) ? Channel::bulk : Channel::control;
}

Status Peers::reload_certificates() {
  return impl_->reload();
}

std::chrono::system_clock::time_point Peers::certificate_end() const {
  return impl_->certificate_end();
}

std::vector<PeerLinkStatus> Peers::status() const {
  return impl_->status();
}

PeersStatistics Peers::statistics() const {
  return impl_->statistics();
}

}  // namespace sluice::io
