// SPDX-License-Identifier: Apache-2.0
// Connections that others dial, from strangers to guests whose messages are heard.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "peers_impl.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;
constexpr auto with_error = asio::as_tuple(asio::use_awaitable);

// When the process has no descriptor left, asking at once again would only burn the processor.
constexpr std::chrono::milliseconds accept_retry{100};
constexpr std::chrono::seconds refusal_log_interval{1};
// Nodes outside of the configuration, each with a certificate of the cluster. Members join one at a time.
constexpr std::size_t guests_max = 64;

}  // namespace

Awaited<void> Peers::Impl::accept_all() {
  const std::shared_ptr<Impl> self = shared_from_this();
  while (!is_stopped_) {
    auto [fault, socket] = co_await acceptor_.async_accept(with_error);
    if (is_stopped_) break;
    if (!fault) {
      admit(std::move(socket));
    } else if (fault != asio::error::connection_aborted) {
      log("cannot accept connections: " + fault.message());
      accept_pause_.expires_after(accept_retry);
      co_await accept_pause_.async_wait(with_error);
    }
  }
}

void Peers::Impl::admit(asio::ip::tcp::socket socket) {
  ++statistics_.accepted;
  const Connection connection = std::make_shared<PeerConnection>(std::move(socket), tls_);
  strangers_.push_back(connection);
  if (strangers_.size() > options_.limits.strangers) {
    ++statistics_.refused_busy;
    strangers_.front()->close();
    strangers_.pop_front();
  }
  spawn(serve(connection));
}

Awaited<void> Peers::Impl::serve(Connection connection) {
  const std::shared_ptr<Impl> self = shared_from_this();
  connection->allow(options_.limits.handshake_deadline);
  Result<Guest> guest = co_await meet(connection);
  const bool was_sent_away = std::erase(strangers_, connection) == 0;
  if (!guest) {
    if (!is_stopped_ && !was_sent_away) count_refusal(connection, guest.error());
    connection->close();
    co_return;
  }
  const Status ended = co_await hear(connection, guest.value());
  if (!ended && ended.error().code == ErrorCode::invalid_argument && !is_stopped_) {
    ++statistics_.refused_frame;
    log_of(*guest->peer, ended.error().context);
  }
  leave(connection, guest.value());
}

// From the first byte to the welcome.
Awaited<Result<Peers::Impl::Guest>> Peers::Impl::meet(Connection connection) {
  const Result<CertName> name = co_await connection->shake_hands(TlsSide::accepts);
  if (!name) co_return name.error();
  const Result<Frame> frame = co_await connection->read();
  if (!frame) co_return frame.error();
  if (frame->type != FrameType::hello) co_return make_error(ErrorCode::invalid_argument, "no hello");
  const Result<Hello> hello = check_hello(name.value(), frame->payload);
  if (!hello) {
    // Whoever has a certificate of our authority may know what is wrong.
    if (hello.error().code == ErrorCode::conflict) {
      std::string refusal = encode_frame(FrameType::refusal, hello.error().context);
      const Status told = co_await connection->write(std::move(refusal));
      if (!told) co_return told.error();
    }
    co_return hello.error();
  }
  std::string welcome = encode_frame(FrameType::welcome, encode_hello(hello_to(hello->node_id, hello->channel)));
  const Status sent = co_await connection->write(std::move(welcome));
  if (!sent) co_return sent.error();
  co_return take_in(connection, hello.value());
}

// conflict: it is not who it must be, or may not come in.
Result<Hello> Peers::Impl::check_hello(const CertName& certificate, std::string_view payload) const {
  if (certificate.kind != CertKind::node || certificate.cluster_id != options_.cluster_id) {
    return make_error(ErrorCode::conflict, to_uri(certificate) + " is no node of this cluster");
  }
  Result<Hello> hello = decode_hello(payload);
  if (!hello) return hello;
  if (hello->node_id.value() != certificate.node_id || hello->cluster_id != certificate.cluster_id) {
    return make_error(ErrorCode::conflict, "it says to be another one than its certificate");
  }
  if (hello->to != options_.self) {
    return make_error(ErrorCode::conflict, "this is node " + node_id_text(options_.self.value()));
  }
  if (!common_protocol(hello_to(hello->node_id, hello->channel), hello.value())) {
    return make_error(ErrorCode::conflict, "no protocol that both versions speak; this is sluice " SLUICE_VERSION);
  }
  if (hello->node_id == options_.self) return make_error(ErrorCode::conflict, "this is the node itself");
  if (removed_.contains(hello->node_id)) {
    return make_error(ErrorCode::conflict, "this node was removed from the cluster; it can only join as a new one");
  }
  const auto known = peers_.find(hello->node_id);
  const bool is_guest = known == peers_.end() || !known->second->is_member;
  if (is_guest && strangers_policy_ == Strangers::refuse) {
    return make_error(ErrorCode::conflict, "this node is not a member of the cluster");
  }
  return hello;
}

Result<Peers::Impl::Guest> Peers::Impl::take_in(const Connection& connection, const Hello& hello) {
  // The configuration may have changed while the welcome was on its way.
  const auto known = peers_.find(hello.node_id);
  const bool is_new = known == peers_.end();
  if (is_stopped_ || !connection->is_open() || removed_.contains(hello.node_id) ||
      (is_new && strangers_policy_ == Strangers::refuse)) {
    return make_error(ErrorCode::io, "closed");
  }
  const auto guests =
      std::count_if(peers_.begin(), peers_.end(), [](const auto& each) { return !each.second->is_member; });
  if (is_new && static_cast<std::size_t>(guests) >= guests_max) {
    return make_error(ErrorCode::conflict, "too many nodes that are no members");
  }
  const PeerPointer peer = is_new ? add_peer(hello.node_id, hello.address) : known->second;
  peer->feature_level = hello.feature_level;
  peer->version = hello.version;
  if (!peer->is_member || peer->address.empty()) peer->address = hello.address;
  PeerLink& link = peer->link(hello.channel);
  // Who dials again has lost the one before.
  if (link.incoming) link.incoming->close();
  link.incoming = connection;
  connection->set_frame_bytes_max(frame_bytes_max);
  connection->allow(options_.limits.silence_max);
  // It is there: no reason to wait longer before dialling it.
  for (PeerLink& each : peer->links) each.pause.cancel();
  return Guest{peer, hello.channel};
}

Awaited<Status> Peers::Impl::hear(Connection connection, Guest guest) {
  PeerLink& link = guest.peer->link(guest.channel);
  while (true) {
    const Result<Frame> frame = co_await connection->read();
    if (!frame) co_return frame.error();
    if (link.incoming != connection || guest.peer->is_gone || is_stopped_)
      co_return make_error(ErrorCode::io, "closed");
    if (connection->has_outlived_its_certificates())
      co_return make_error(ErrorCode::permission, "a certificate has ended");
    connection->allow(options_.limits.silence_max);
    if (frame->type == FrameType::ping) {
      std::string pong = encode_frame(FrameType::pong, {});
      const Status written = co_await connection->write(std::move(pong));
      if (!written) co_return written;
    } else if (frame->type == FrameType::raft || frame->type == FrameType::node) {
      ++link.status.received;
      if (callbacks_.message) callbacks_.message(guest.peer->id, frame->type, frame->payload);
    } else {
      co_return make_error(ErrorCode::invalid_argument,
                           "a frame of type " + std::to_string(static_cast<int>(frame->type)) + " out of place");
    }
  }
}

void Peers::Impl::count_refusal(const Connection& connection, const Error& why) {
  if (connection->is_late()) {
    ++statistics_.refused_late;
  } else if (why.code == ErrorCode::invalid_argument) {
    ++statistics_.refused_frame;
  } else if (why.code == ErrorCode::conflict) {
    ++statistics_.refused_identity;
  } else {
    ++statistics_.refused_tls;
  }
  // Anybody can knock; the log is not theirs to fill.
  const auto now = std::chrono::steady_clock::now();
  if (now - refusal_logged_at_ < refusal_log_interval) return;
  refusal_logged_at_ = now;
  log("a connection was refused: " + why.context);
}

void Peers::Impl::leave(const Connection& connection, const Guest& guest) {
  connection->close();
  PeerLink& link = guest.peer->link(guest.channel);
  if (link.incoming == connection) link.incoming.reset();
  const auto known = peers_.find(guest.peer->id);
  const bool is_known = known != peers_.end() && known->second == guest.peer;
  if (is_known && !guest.peer->is_member && !guest.peer->is_heard()) drop_peer(guest.peer);
}

}  // namespace sluice::io
