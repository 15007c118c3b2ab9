// SPDX-License-Identifier: Apache-2.0
// One connection: requests in, answers out, one after the other. Internal to controlplane/io/api; http_server.cc makes
// it for unix sockets and for TLS.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "event_text.h"
#include "http_exchange.h"
#include "http_listener.h"
#include "tls_files.h"

namespace sluice::io {

template <typename T>
using Await = boost::asio::awaitable<T>;

using TlsStream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

template <typename Stream>
class HttpSession : public Closable, public std::enable_shared_from_this<HttpSession<Stream>> {
  using ErrorCodeOf = boost::system::error_code;

 public:
  // `identity`: of the unix peer; of TLS it is read from the certificate.
  HttpSession(std::shared_ptr<HttpServer::Listener> listener, Stream stream, api::Identity identity,
              std::string cluster_id)
      : listener_(std::move(listener)),
        stream_(std::move(stream)),
        identity_(std::move(identity)),
        cluster_id_(std::move(cluster_id)) {}

  void close() override {
    is_closed_ = true;
    boost::beast::get_lowest_layer(stream_).close();
    if (wake_) wake_();
  }

  // Runs until the connection is over. The caller keeps this object alive.
  Await<void> run() {
    id_ = listener_->enter(this->shared_from_this());
    if (id_ != 0) {
      expires_after(listener_->limits.header_deadline);
      const bool is_proved = co_await prove();
      if (is_proved) co_await serve();
    }
    boost::beast::get_lowest_layer(stream_).close();
    listener_->leave(id_);
  }

 private:
  auto into(ErrorCodeOf& error) { return boost::asio::redirect_error(boost::asio::use_awaitable, error); }
  void expires_after(std::chrono::milliseconds limit) { boost::beast::get_lowest_layer(stream_).expires_after(limit); }

  // The TLS handshake, and the role that the certificate names. False: it failed.
  Await<bool> prove() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      ErrorCodeOf error;
      co_await stream_.async_handshake(boost::asio::ssl::stream_base::server, into(error));
      if (error) co_return false;
      const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(stream_.native_handle()),
                                                             &X509_free);
      identity_ = identity_of_certificate(peer.get(), cluster_id_);
    }
    co_return true;
  }

  Await<void> serve() {
    boost::beast::flat_buffer buffer(2 * std::size_t{listener_->limits.header_bytes} + 65536);
    bool goes_on = true;
    while (goes_on && !is_closed_) {
      goes_on = co_await serve_one(buffer);
      if (!goes_on || buffer.size() != 0) continue;
      // An idle connection holds no buffer: it waits with a few bytes of its own.
      buffer = boost::beast::flat_buffer(buffer.max_size());
      listener_->table.became_idle(id_);
      expires_after(listener_->limits.idle);
      ErrorCodeOf error;
      const std::size_t count = co_await stream_.async_read_some(buffer.prepare(64), into(error));
      buffer.commit(count);
      if (error) co_return;
      expires_after(listener_->limits.header_deadline);
    }
  }

  // False: the connection ends here.
  Await<bool> serve_one(boost::beast::flat_buffer& buffer) {
    RequestParser parser;
    parser.header_limit(listener_->limits.header_bytes);
    parser.body_limit(listener_->limits.body_bytes);
    ErrorCodeOf error;
    co_await boost::beast::http::async_read_header(stream_, buffer, parser, into(error));
    if (error) {
      if (const auto refused = refusal_of(error)) co_await refuse(*refused);
      co_return false;
    }
    listener_->table.became_busy(id_);
    expires_after(listener_->limits.request_deadline);
    const bool is_head = parser.get().method() == boost::beast::http::verb::head;
    if (auto refused = refusal_of_head(parser, identity_)) {
      co_await refuse(*refused);
      co_return false;
    }
    const BodyReservation reservation(listener_->bodies_bytes, body_bytes_of(parser, listener_->limits));
    if (listener_->bodies_bytes > listener_->limits.bodies_bytes) {
      const api::ApiResponse refusal = too_busy();
      co_await refuse(refusal);
      co_return false;
    }
    const bool has_body = co_await read_body(buffer, parser);
    if (!has_body) co_return false;
    const bool keep_alive = parser.get().keep_alive();
    api::ApiRequest request = request_of(parser.release(), identity_);
    api::ApiResponse response;
    co_await handle(request, response);
    if (response.events) {
      co_await follow(*response.events);
      co_return false;
    }
    const Answering answering{keep_alive, is_head};
    const bool is_written = co_await write(response, answering);
    co_return is_written&& keep_alive;
  }

  Await<bool> read_body(boost::beast::flat_buffer& buffer, RequestParser& parser) {
    ErrorCodeOf error;
    if (expects_continue(parser)) {
      constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await boost::asio::async_write(stream_, boost::asio::buffer(go_on), into(error));
      if (error) co_return false;
    }
    if (!parser.is_done()) co_await boost::beast::http::async_read(stream_, buffer, parser, into(error));
    if (!error) co_return true;
    if (const auto refused = refusal_of(error)) co_await refuse(*refused);
    co_return false;
  }

  struct Waiting {
    explicit Waiting(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    std::optional<api::ApiResponse> response;
  };

  // In and out by reference: g++ 12 destroys temporaries of aggregates in a co_await expression twice.
  Await<void> handle(api::ApiRequest& request, api::ApiResponse& response) {
    const auto waiting = std::make_shared<Waiting>(stream_.get_executor());
    waiting->timer.expires_after(listener_->limits.request_deadline + listener_->handler.patience(request));
    listener_->handler.handle(std::move(request), [weak = std::weak_ptr(waiting)](api::ApiResponse answer) {
      const auto kept = weak.lock();
      if (!kept) return;
      kept->response = std::move(answer);
      kept->timer.cancel();
    });
    if (!waiting->response) {
      wake_ = [timer = &waiting->timer] { timer->cancel(); };
      ErrorCodeOf error;
      co_await waiting->timer.async_wait(into(error));
      wake_ = nullptr;
    }
    if (!waiting->response) waiting->response = unanswered();
    response = std::move(*waiting->response);
  }

  Await<bool> write(const api::ApiResponse& response, const Answering& answering) {
    expires_after(listener_->limits.request_deadline);
    WireResponse wire = wire_response(response, answering);
    boost::beast::http::response_serializer<WireBody> serializer(wire);
    ErrorCodeOf error;
    if (answering.is_head) {
      co_await boost::beast::http::async_write_header(stream_, serializer, into(error));
    } else {
      co_await boost::beast::http::async_write(stream_, serializer, into(error));
    }
    co_return !error;
  }

  // Answers although not all of the request was read, and lets the answer arrive: closing with unread bytes would reset
  // the connection under it (RFC 9112, section 9.6).
  Await<void> refuse(const api::ApiResponse& response) {
    const Answering last;
    const bool is_written = co_await write(response, last);
    if (!is_written) co_return;
    auto& lowest = boost::beast::get_lowest_layer(stream_);
    ErrorCodeOf error;
    lowest.socket().shutdown(boost::asio::socket_base::shutdown_send, error);
    expires_after(std::chrono::seconds(1));
    char waste[1024];
    for (std::size_t count = 0; !error && count < listener_->limits.body_bytes;) {
      count += co_await lowest.async_read_some(boost::asio::buffer(waste), into(error));
    }
  }

  struct Following {
    explicit Following(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    std::string waiting;
    std::size_t events = 0;
  };

  node::EventFeed feed_into(const std::weak_ptr<Following>& weak) {
    const auto push = [weak](std::string text) {
      const auto following = weak.lock();
      if (!following) return;
      following->waiting += text;
      ++following->events;
      following->timer.cancel();
    };
    return event_feed(push);
  }

  Await<void> follow(const api::EventsFrom& from) {
    const CountHolder holder(listener_->followers);
    if (listener_->followers > listener_->limits.followers) {
      const api::ApiResponse refusal = too_busy();
      co_await refuse(refusal);
      co_return;
    }
    const auto following = std::make_shared<Following>(stream_.get_executor());
    following->waiting = stream_head();
    const auto subscription = listener_->handler.follow(from, feed_into(following));
    following->waiting += api::now_text();
    following->events = 0;  // what was remembered is as much as the node keeps, not a sign of being slow
    wake_ = [timer = &following->timer] { timer->cancel(); };
    // A proxy or client that hears nothing for this long may think that we are gone.
    constexpr auto silence_max = std::chrono::seconds(15);
    ErrorCodeOf error;
    while (!error && !is_closed_ && following->events <= listener_->limits.events_waiting) {
      if (following->waiting.empty()) {
        ErrorCodeOf woken;
        following->timer.expires_after(silence_max);
        co_await following->timer.async_wait(into(woken));
        if (following->waiting.empty()) following->waiting = ": still here\n\n";
        if (is_closed_) break;
      }
      const std::string text = std::exchange(following->waiting, {});
      following->events = 0;
      expires_after(listener_->limits.request_deadline);
      co_await boost::asio::async_write(stream_, boost::asio::buffer(text), into(error));
    }
    wake_ = nullptr;
  }

  std::shared_ptr<HttpServer::Listener> listener_;
  Stream stream_;
  api::Identity identity_;
  std::string cluster_id_;
  api::ConnectionId id_ = 0;
  bool is_closed_ = false;
  std::function<void()> wake_;  // ends the wait that is not for bytes
};

}  // namespace sluice::io
