// SPDX-License-Identifier: Apache-2.0
// Connections that this node dials and sends on.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "peers_impl.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
constexpr auto with_error = asio::as_tuple(asio::use_awaitable);

// Small frames leave together; a ping waits for one write at most.
constexpr std::size_t write_bytes = 256 << 10;

}  // namespace

// Half of it fixed, half by chance, so that nodes that were cut off together do not come back together.
std::chrono::milliseconds Peers::Impl::redial_delay(std::uint32_t tries) {
  const auto doubled = options_.limits.redial_min * (1U << std::min(tries, 16U));
  const auto delay = std::min<std::chrono::milliseconds>(doubled, options_.limits.redial_max).count();
  return std::chrono::milliseconds(delay / 2 + static_cast<std::int64_t>(jitter_()) % (delay / 2 + 1));
}

Awaited<void> Peers::Impl::keep_dialled(PeerPointer peer, Channel channel) {
  const std::shared_ptr<Impl> self = shared_from_this();
  PeerLink& link = peer->link(channel);
  while (!peer->is_gone) {
    const Clock::time_point start = Clock::now();
    const Status ended = co_await run_link(peer, channel);
    const bool was_welcomed = std::exchange(link.is_welcomed, false);
    if (link.outgoing) link.outgoing->close();
    link.outgoing.reset();
    // What is old is not sent to who comes back: Raft has said it again by then.
    link.status.dropped += link.queue.size();
    link.status.queued_bytes = 0;
    link.queue.clear();
    if (peer->is_gone) break;
    const std::string why = ended ? "closed" : ended.error().context;
    if (why != link.status.problem) log_of(*peer, why);
    link.status.problem = why;
    if (was_welcomed && Clock::now() - start > options_.limits.redial_max) link.tries = 0;
    link.pause.expires_after(redial_delay(link.tries++));
    co_await link.pause.async_wait(with_error);
  }
}

Awaited<Status> Peers::Impl::run_link(PeerPointer peer, Channel channel) {
  PeerLink& link = peer->link(channel);
  if (peer->address.empty()) co_return make_error(ErrorCode::not_found, "its address is not known");
  const Connection connection = std::make_shared<PeerConnection>(asio::ip::tcp::socket(context_), tls_);
  link.outgoing = connection;
  connection->allow(options_.limits.handshake_deadline);
  Status status = co_await connection->connect(peer->address);
  if (status) status = co_await greet(connection, peer, channel);
  if (!status) co_return status;
  if (peer->is_gone || !connection->is_open()) co_return make_error(ErrorCode::io, "closed");
  link.is_welcomed = true;
  link.status.problem.clear();
  connection->allow(options_.limits.silence_max);
  spawn(hear_pongs(connection, peer, channel));
  status = co_await send_queued(connection, link);
  if (!link.status.problem.empty()) co_return make_error(ErrorCode::io, link.status.problem);
  co_return status;
}

Awaited<Status> Peers::Impl::greet(Connection connection, PeerPointer peer, Channel channel) {
  const Result<CertName> name = co_await connection->shake_hands(TlsSide::dials);
  if (!name) co_return name.error();
  const CertName wanted{CertKind::node, options_.cluster_id, peer->id.value(), CertRole::viewer, {}};
  if (name.value() != wanted) {
    co_return make_error(ErrorCode::permission,
                         peer->address + " is " + to_uri(name.value()) + ", not " + to_uri(wanted));
  }
  std::string hello = encode_frame(FrameType::hello, encode_hello(hello_to(peer->id, channel)));
  const Status sent = co_await connection->write(std::move(hello));
  if (!sent) co_return sent;
  const Result<Frame> answer = co_await connection->read();
  if (!answer) co_return answer.error();
  if (answer->type == FrameType::refusal) {
    co_return make_error(ErrorCode::permission, "refused: " + std::string(answer->payload));
  }
  if (answer->type != FrameType::welcome) co_return make_error(ErrorCode::invalid_argument, "no welcome");
  const Result<Hello> welcome = decode_hello(answer->payload);
  if (!welcome) co_return welcome.error();
  if (welcome->node_id != peer->id || welcome->cluster_id != options_.cluster_id) {
    co_return make_error(ErrorCode::permission, "it says to be another one than its certificate");
  }
  peer->feature_level = welcome->feature_level;
  peer->version = welcome->version;
  co_return Status();
}

Awaited<Status> Peers::Impl::send_queued(Connection connection, PeerLink& link) {
  Clock::time_point ping_at = Clock::now() + options_.limits.ping_interval;
  while (connection->is_open()) {
    if (link.queue.empty()) {
      link.wake.expires_at(ping_at);
      co_await link.wake.async_wait(with_error);
      if (!connection->is_open()) break;
    }
    std::string bytes;
    if (Clock::now() >= ping_at) {
      if (connection->has_outlived_its_certificates())
        co_return make_error(ErrorCode::permission, "a certificate has ended");
      bytes = encode_frame(FrameType::ping, {});
      ping_at = Clock::now() + options_.limits.ping_interval;
    }
    while (!link.queue.empty() && (bytes.empty() || bytes.size() + link.queue.front().size() <= write_bytes)) {
      link.status.queued_bytes -= link.queue.front().size();
      ++link.status.sent;
      bytes += link.queue.front();
      link.queue.pop_front();
    }
    if (bytes.empty()) continue;
    const Status written = co_await connection->write(std::move(bytes));
    if (!written) co_return written;
  }
  co_return make_error(ErrorCode::io, connection->is_late() ? "silent for too long" : "closed");
}

Awaited<void> Peers::Impl::hear_pongs(Connection connection, PeerPointer peer, Channel channel) {
  const std::shared_ptr<Impl> self = shared_from_this();
  PeerLink& link = peer->link(channel);
  Result<Frame> frame = co_await connection->read();
  while (frame && frame->type == FrameType::pong) {
    connection->allow(options_.limits.silence_max);
    frame = co_await connection->read();
  }
  // Nobody sends anything else on a connection that we have dialled.
  if (link.outgoing == connection) {
    link.status.problem = frame ? "an answer that is none" : frame.error().context;
    link.wake.cancel();
  }
  connection->close();
}

}  // namespace sluice::io
