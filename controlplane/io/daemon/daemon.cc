// SPDX-License-Identifier: Apache-2.0
#include "daemon.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <optional>
#include <utility>

#include "api_service.h"
#include "cluster_setup.h"
#include "hex_number.h"
#include "http_server.h"
#include "node_runtime.h"
#include "tls_files.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;

// Raft's ticks: a fifth of a heartbeat, so that timeouts are drawn finely enough.
constexpr std::uint32_t ticks_per_heartbeat = 5;
// A leader that is told to stop hands over first, so that nobody waits for an election. An answer takes one round trip.
constexpr std::chrono::milliseconds handover_limit{500};
// What a shutdown waits for connections to end by themselves.
constexpr std::chrono::milliseconds drain_limit{1000};

RuntimeOptions runtime_options(const DaemonConfig& config, const StoreIdentity& identity) {
  RuntimeOptions options;
  options.node.name = config.name;
  options.node.version = SLUICE_VERSION;
  if (config.api_listen) options.node.api_address = config.api_listen->to_string();
  const std::uint32_t tick_ms = std::max(1U, config.heartbeat_ms / ticks_per_heartbeat);
  options.node.tick = node::Uptime(tick_ms);
  options.node.replica.raft.id = identity.node_id;
  options.node.replica.raft.heartbeat_ticks = std::max(1U, config.heartbeat_ms / tick_ms);
  options.node.replica.raft.election_ticks = std::max(2U, config.election_ms / tick_ms);
  options.peers.cluster_id = identity.cluster_id;
  options.peers.self = identity.node_id;
  options.peers.feature_level = model::feature_level_supported;
  options.peers.listen_address = config.listen.to_string();
  options.peers.own_address = config.advertise.to_string();
  options.peers.files = {config.authority, config.certificate, config.key};
  options.plane_socket = config.plane_socket;
  return options;
}

class Daemon {
 public:
  Daemon(const DaemonConfig& config, DaemonLog log)
      : config_(config), log_(std::move(log)), signals_(context_, SIGTERM, SIGINT, SIGHUP), deadline_(context_) {}

  ~Daemon() {
    // The coroutines of connections hold what they use: they end by themselves once their sockets are closed.
    if (http_) http_->stop();
    if (runtime_) runtime_->stop();
    signals_.cancel();
    deadline_.cancel();
    context_.restart();
    context_.run_for(drain_limit);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  Status run(const std::function<void(const std::string&)>& ready) {
    if (Status started = start(); !started) return started;
    wait_for_signal();
    ready(summary());
    context_.run();
    if (!failure_.empty()) return make_error(ErrorCode::io, failure_);
    return {};
  }

 private:
  Status start() {
    const Result<StoreIdentity> identity = identity_of(config_);
    if (!identity) return identity.error();
    Result<OpenedStore> store = open_or_make_store(config_, *identity);
    if (!store) return store.error();
    node_id_ = identity->node_id;
    is_waiting_ = store->state.snapshot == std::nullopt;
    NodeRuntime::Callbacks callbacks;
    callbacks.log = log_;
    callbacks.failed = [this](const std::string& why) {
      failure_ = why;
      context_.stop();
    };
    auto runtime =
        NodeRuntime::start(context_, runtime_options(config_, *identity), std::move(*store), std::move(callbacks));
    if (!runtime) return runtime.error();
    runtime_ = std::move(*runtime);
    service_.emplace(runtime_->node());
    http_.emplace(context_, *service_);
    return open_api(*identity);
  }

  [[nodiscard]] TlsFiles tls_files() const { return {config_.certificate, config_.key, config_.authority}; }

  Status open_api(const StoreIdentity& identity) {
    UnixListener unix_listener;
    unix_listener.path = config_.api_socket;
    unix_listener.policy.owner_uid = geteuid();
    if (Status listens = http_->listen_unix(unix_listener); !listens) return listens;
    if (!config_.api_listen) return {};
    auto tls = make_server_tls(tls_files());
    if (!tls) return tls.error();
    tls_ = *tls;
    const Result<std::uint16_t> port = http_->listen_tls(
        {config_.api_listen->address.to_string(), config_.api_listen->port.value(), identity.cluster_id}, tls_);
    if (!port) return port.error();
    return {};
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& failed, int number) {
      if (failed) return;
      if (number == SIGHUP) {
        reload();
        return wait_for_signal();
      }
      hand_over();
    });
  }

  void reload() {
    Status read = runtime_->reload_certificates();
    if (read && tls_) read = reload_server_tls(*tls_, tls_files());
    log_(read ? "certificates read again" : read.error().context + "; the old certificates stay");
  }

  void hand_over() {
    node::Node& node = runtime_->node();
    const std::optional<std::string> heir = heir_of(node.status());
    if (!heir) return context_.stop();
    log_(fmt::format("stops; {} is asked to lead", *heir));
    node.transfer_leadership(*heir, [this](const node::ApiResult<raft::LogIndex>&) { context_.stop(); });
    deadline_.expires_after(handover_limit);
    deadline_.async_wait([this](const boost::system::error_code& failed) {
      if (!failed) context_.stop();
    });
  }

  // The voter that has most, if this node leads and another is there.
  [[nodiscard]] static std::optional<std::string> heir_of(const node::ClusterStatus& status) {
    if (status.leader != status.self) return std::nullopt;
    const node::NodeStatus* heir = nullptr;
    for (const node::NodeStatus& one : status.nodes) {
      if (one.id == status.self || one.role != node::NodeRole::voter || !one.is_live) continue;
      if (heir == nullptr || one.applied > heir->applied) heir = &one;
    }
    if (heir == nullptr) return std::nullopt;
    return heir->name;
  }

  [[nodiscard]] std::string summary() const {
    std::string text =
        fmt::format("{} listens on {}, API on {}", config_.name, runtime_->listens_on(), config_.api_socket);
    if (is_waiting_)
      text +=
          fmt::format("; waits to be added to its cluster, on one of its balancers: sluice cluster add {} {} --id {}",
                      config_.name, config_.advertise.to_string(), hex_text(node_id_.value()));
    return text;
  }

  const DaemonConfig& config_;
  DaemonLog log_;
  asio::io_context context_{1};
  asio::signal_set signals_;
  asio::steady_timer deadline_;
  std::unique_ptr<NodeRuntime> runtime_;
  std::optional<api::ApiService> service_;
  std::shared_ptr<asio::ssl::context> tls_;
  std::optional<HttpServer> http_;
  std::string failure_;
  raft::NodeId node_id_;
  bool is_waiting_ = false;
};

}  // namespace

Status run_daemon(const DaemonConfig& config, const DaemonLog& log,
                  const std::function<void(const std::string& summary)>& ready) {
  return Daemon(config, log).run(ready);
}

}  // namespace sluice::io
