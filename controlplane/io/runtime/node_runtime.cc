// SPDX-License-Identifier: Apache-2.0
#include "node_runtime.h"

#include <sys/random.h>

#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "plane_answer.h"
#include "raft_codec.h"
#include "store_tools.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;

// Ids of reads and requests must not come twice, in this process or after it: a seed of the kernel's.
std::mt19937_64 seeded() {
  std::array<std::uint32_t, 16> words{};
  for (std::size_t got = 0; got < sizeof words;) {
    const ssize_t more = getrandom(reinterpret_cast<char*>(words.data()) + got, sizeof words - got, 0);
    if (more > 0) got += static_cast<std::size_t>(more);
  }
  std::seed_seq seed(words.begin(), words.end());
  return std::mt19937_64(seed);
}

class Timer final : public node::Subscription {
 public:
  Timer(asio::io_context& context, std::chrono::milliseconds delay, std::function<void()> then)
      : timer_(std::make_shared<asio::steady_timer>(context, delay)) {
    // The handler keeps the timer, so that `then` may end the subscription.
    timer_->async_wait([timer = timer_, then = std::move(then)](const boost::system::error_code& failed) {
      if (!failed) then();
    });
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() override { timer_->cancel(); }

 private:
  std::shared_ptr<asio::steady_timer> timer_;
};

}  // namespace

NodeRuntime::NodeRuntime(asio::io_context& context, RuntimeOptions options, Callbacks callbacks)
    : context_(context),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      random_(seeded()),
      ticks_(context),
      self_(std::make_shared<NodeRuntime*>(this)) {}

NodeRuntime::~NodeRuntime() {
  stop();
  *self_ = nullptr;
  if (snapshot_thread_.joinable()) snapshot_thread_.join();
  if (backup_thread_.joinable()) backup_thread_.join();
}

Result<std::unique_ptr<NodeRuntime>> NodeRuntime::start(asio::io_context& context, RuntimeOptions options,
                                                        OpenedStore store, Callbacks callbacks) {
  std::unique_ptr<NodeRuntime> runtime(new NodeRuntime(context, std::move(options), std::move(callbacks)));
  NodeRuntime* raw = runtime.get();
  runtime->storage_ = std::make_unique<StorageThread>(std::move(store.store), context.get_executor(),
                                                      [self = runtime->self_](const Error& error) {
                                                        if (*self != nullptr)
                                                          (*self)->fail("the disk: " + error.context);
                                                      });
  if (Status opened = runtime->open_peers(); !opened) return opened.error();
  if (!raw->options_.plane_socket.empty()) runtime->open_plane();
  runtime->options_.node.has_plane = runtime->plane_ != nullptr;
  auto node = node::Node::make(runtime->options_.node, std::move(store.state), *runtime);
  if (!node) return node.error();
  runtime->node_ = std::move(*node);
  Result<std::string> listens = runtime->peers_->start();
  if (!listens) return listens.error();
  runtime->listens_on_ = *listens;
  if (runtime->plane_) runtime->plane_->start();
  runtime->next_tick_ = std::chrono::steady_clock::now();
  runtime->schedule_tick();
  return runtime;
}

void NodeRuntime::stop() {
  is_stopped_ = true;
  ticks_.cancel();
  if (peers_) peers_->stop();
  plane_.reset();
}

Status NodeRuntime::open_peers() {
  Peers::Callbacks callbacks;
  callbacks.message = [this](raft::NodeId from, FrameType type, std::string_view bytes) {
    received(from, type, bytes);
  };
  callbacks.log = callbacks_.log;
  Result<std::unique_ptr<Peers>> peers = Peers::create(context_, options_.peers, std::move(callbacks));
  if (!peers) return peers.error();
  peers_ = std::move(*peers);
  peers_->set_members({}, Strangers::accept);
  return {};
}

void NodeRuntime::open_plane() {
  PlaneLink::Callbacks callbacks;
  callbacks.connected = [this](std::string kind, std::uint64_t generation, StatePhase phase) {
    node_->on_plane_connected(std::move(kind), Generation(generation), phase);
  };
  callbacks.lost = [this](const std::string& why) {
    callbacks_.log(why);
    node_->on_plane_lost();
  };
  callbacks.published = [this] { node_->on_published(); };
  callbacks.refused = [this](const std::string& why) {
    callbacks_.log("the plane refuses: " + why);
    node_->on_publish_refused(why);
  };
  plane_ = std::make_unique<PlaneLink>(context_, options_.plane_socket, std::move(callbacks));
}

// By the time that has passed, but not more than one tick for a pause: after a stop nobody may start an election before
// it has heard whether there is a leader.
void NodeRuntime::schedule_tick() {
  next_tick_ = std::max(next_tick_ + options_.node.tick, std::chrono::steady_clock::now());
  ticks_.expires_at(next_tick_);
  ticks_.async_wait([this](const boost::system::error_code& failed) {
    if (failed || is_stopped_) return;
    node_->on_tick();
    schedule_tick();
  });
}

void NodeRuntime::received(raft::NodeId from, FrameType type, std::string_view bytes) {
  if (is_stopped_ || !node_) return;
  if (type == FrameType::raft) {
    Result<raft::Message> message = raft::decode_message(bytes);
    // A certificate names the sender; a message cannot name another.
    if (message && message->from == from && message->to == options_.peers.self) node_->on_raft(std::move(*message));
  } else if (type == FrameType::node) {
    const Result<node::NodeMessage> message = node::decode_node_message(bytes);
    if (message) node_->on_node_message(from, *message);
  }
}

void NodeRuntime::later(std::function<void(node::Node&)> event) {
  asio::post(context_, [self = self_, event = std::move(event)] {
    if (*self != nullptr && !(*self)->is_stopped_) event(*(*self)->node_);
  });
}

void NodeRuntime::send(const raft::Message& message) {
  peers_->send(message.to, Peers::channel_of(message), FrameType::raft, raft::encode_message(message));
}

void NodeRuntime::write(raft::WriteBatch batch) {
  storage_->write(std::move(batch), [self = self_] {
    if (*self != nullptr && !(*self)->is_stopped_) (*self)->node_->on_written();
  });
}

void NodeRuntime::make_snapshot(node::SnapshotOrder order) {
  if (snapshot_thread_.joinable()) snapshot_thread_.join();
  // As in back_up().
  snapshot_thread_ = std::thread([this, order = std::move(order)]() mutable {
    auto data = std::make_shared<const std::string>(order.state->snapshot());
    later([order = std::move(order), data = std::move(data)](node::Node& node) {
      node.on_snapshot_made(order.meta, data);
    });
  });
}

void NodeRuntime::fail(const std::string& why) {
  if (std::exchange(is_stopped_, true)) return;
  callbacks_.failed(why);
}

void NodeRuntime::send_node(raft::NodeId to, const node::NodeMessage& message) {
  peers_->send(to, Channel::control, FrameType::node, node::encode_node_message(message));
}

void NodeRuntime::publish(std::shared_ptr<const ForwardingState> state) {
  if (plane_) plane_->publish(std::move(state));
}

void NodeRuntime::fence() {
  if (plane_) plane_->fence();
}

// By the same clock as uptime().
void NodeRuntime::unfence_until(node::Uptime lease_end) {
  if (plane_) plane_->unfence_until(std::chrono::steady_clock::time_point(lease_end));
}

void NodeRuntime::set_members(const raft::Configuration& configuration) {
  peers_->set_members(configuration, Strangers::accept);
}

void NodeRuntime::explain(node::ExplainQuery query, node::Done<std::string> done) {
  if (!plane_)
    return done(
        node::api_error(node::ApiCode::unsupported, "this balancer has no plane; ask one that forwards packets"));
  boost::json::object request;
  request["op"] = "explain";
  request["source"] = query.source;
  request["destination"] = query.destination;
  request["protocol"] = query.protocol;
  plane_->ask(boost::json::serialize(request), [done = std::move(done)](Result<std::string> answer) {
    if (!answer) return done(node::api_error(node::ApiCode::no_leader, answer.error().context));
    Result<boost::json::object> object = parse_plane_answer(*answer);
    if (!object) return done(node::api_error(node::ApiCode::internal, object.error().context));
    if (const std::string error = text_of(*object, "error"); !error.empty())
      return done(node::api_error(node::ApiCode::invalid, error));
    object->erase("ok");
    done(boost::json::serialize(*object));
  });
}

void NodeRuntime::back_up(node::SnapshotOrder order, node::Done<std::shared_ptr<const std::string>> done) {
  if (std::exchange(is_backing_up_, true))
    return done(node::api_error(node::ApiCode::conflict, "another backup is being made; try again when it is there"));
  if (backup_thread_.joinable()) backup_thread_.join();
  Backup backup;
  backup.cluster_id = options_.peers.cluster_id;
  backup.taken_unix_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(wall_clock().time_since_epoch()).count());
  // What was handed over comes back to this thread before it goes: only here may a state become the only one again.
  backup_thread_ = std::thread([this, backup = std::move(backup), order = std::move(order),
                                done = std::move(done)]() mutable {
    backup.snapshot = {order.meta, std::make_shared<const std::string>(order.state->snapshot())};
    auto bytes = std::make_shared<const std::string>(encode_backup(backup));
    asio::post(context_, [self = self_, order = std::move(order), bytes = std::move(bytes), done = std::move(done)] {
      if (*self == nullptr) return;
      (*self)->is_backing_up_ = false;
      done(bytes);
    });
  });
}

std::unique_ptr<node::Subscription> NodeRuntime::call_after(std::chrono::milliseconds delay,
                                                            std::function<void()> then) {
  return std::make_unique<Timer>(context_, delay, std::move(then));
}

node::Uptime NodeRuntime::uptime() const {
  return std::chrono::duration_cast<node::Uptime>(std::chrono::steady_clock::now().time_since_epoch());
}

std::chrono::system_clock::time_point NodeRuntime::wall_clock() const {
  return std::chrono::system_clock::now();
}

std::uint64_t NodeRuntime::random() {
  return random_();
}

}  // namespace sluice::io
