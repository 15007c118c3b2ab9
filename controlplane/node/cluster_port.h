// SPDX-License-Identifier: Apache-2.0
// What the API needs of the node, and all that it knows of it. controlplane/node and sluiced implement it; tests put a
// cluster of one, in memory, behind it.
//
// One thread: every call and every callback happens on the node's. Nothing blocks: an answer comes by `done`, exactly
// once, now or later; references given to it are good until it returns. A caller that has gone away by then ignores the
// answer, which its callback must know by itself (a weak pointer).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api_error.h"
#include "raft_types.h"
#include "strong_types.h"

namespace sluice::model {
class ClusterState;
struct Change;
}  // namespace sluice::model

namespace sluice::node {

template <typename T>
using Done = std::function<void(ApiResult<T>)>;

// The place of a write in the order of writes: counts applied changes, the same on every node. An ETag is one.
using Revision = std::uint64_t;

struct WriteReceipt {
  Revision revision = 0;  // of the state with this write in it
  raft::LogIndex index;
  Generation generation;      // the one that will have it; 0 if the write moves no packet
  bool is_repeated = false;   // a write of this request id was there before; its receipt
  bool is_unchanged = false;  // the state was like that already
};

// consistent: everything acknowledged before the call is in (ReadIndex). local: what this node has, however old; works
// without a quorum.
enum class Consistency : std::uint8_t { consistent, local };

struct StateView {
  const model::ClusterState& state;
  raft::LogIndex applied;
  std::chrono::milliseconds age{};  // since this node last heard from a leader; 0 on the leader
};

enum class NodeRole : std::uint8_t { leader, voter, learner };

// What is known of one node, by the node that is asked.
struct NodeStatus {
  raft::NodeId id;
  std::string name;
  std::string address;
  NodeRole role = NodeRole::voter;
  raft::LogIndex applied;
  Generation generation;         // active in its plane
  std::uint64_t table_hash = 0;  // of that generation
  std::string plane;             // "xdp", "dpdk", "replay"; empty: none
  bool is_live = false;          // holds its lease
  bool is_fenced = false;        // has withdrawn its services
  std::uint64_t lag = 0;         // entries behind the newest committed one that is known here
  std::string version;           // of its sluiced; empty: unknown
};

struct ClusterStatus {
  std::string cluster_id;
  std::string cluster_name;
  raft::NodeId self;
  raft::NodeId leader;  // 0: none known
  raft::Term term;
  raft::LogIndex commit;
  Generation generation;  // the newest that was activated
  Revision revision = 0;
  std::uint32_t voters = 0;
  std::uint32_t quorum = 0;         // voters needed
  std::uint32_t reachable = 0;      // voters heard from within an election timeout, this node included
  bool is_plane_published = false;  // this node's own plane forwards by a generation
  std::string reason;               // why there is no quorum; empty: there is one
  std::vector<NodeStatus> nodes;    // ascending by name
};

// How far a generation has come. Fenced nodes do not count as planes, unless all are.
struct LiveProgress {
  Generation generation;
  std::uint32_t live = 0;
  std::uint32_t planes = 0;
  std::uint32_t awaited = 0;  // of those without it: how many hold a lease, and will have it soon
};

// Something that happened, for people and programs to follow.
struct Event {
  std::uint64_t index = 0;  // ascending by one on this node; where a follower of the events goes on
  std::chrono::system_clock::time_point time;
  std::string kind;  // "generation", "health", "member", "leader", "write", "fence"
  std::string text;  // one line
  std::vector<std::pair<std::string, std::string>> fields;
};

// Ends the subscription when it goes.
class Subscription {
 public:
  Subscription() = default;
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  virtual ~Subscription() = default;
};

struct EventFeed {
  // Called in order, the remembered ones within subscribe_events(). Must not end the subscription.
  std::function<void(const Event&)> event;
  // The ring no longer has what was asked for: events from `asked` to before `oldest` are lost to this follower.
  std::function<void(std::uint64_t asked, std::uint64_t oldest)> gap;
};

// A measurement for /metrics, in Prometheus' terms. The name has its unit, and _total if it only grows.
struct Metric {
  std::string name;
  std::string help;
  enum class Kind : std::uint8_t { counter, gauge } kind = Kind::gauge;
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
  };
  std::vector<Sample> samples;
};

struct ExplainQuery {
  std::string source;  // 198.51.100.7:41234
  std::string destination;
  std::string protocol;  // "tcp", "udp"
};

class ClusterPort {
 public:
  ClusterPort() = default;
  ClusterPort(const ClusterPort&) = delete;
  ClusterPort& operator=(const ClusterPort&) = delete;
  virtual ~ClusterPort() = default;

  // Done once the change is committed and applied here; the node that proposes it fills in its `time_ms`. A follower
  // passes it on to the leader. Without a quorum it is refused at once, with the reason; a deadline of the node's own
  // turns silence into a timeout.
  virtual void write(model::Change change, Done<WriteReceipt> done) = 0;
  virtual void read(Consistency consistency, Done<StateView> done) = 0;
  [[nodiscard]] virtual ClusterStatus status() const = 0;

  // Done when every plane that counts has `generation` or a later one; a timeout when `limit` is over. `progress` may
  // be empty; it is called whenever the count changes.
  virtual void wait_live(Generation generation, std::chrono::milliseconds limit,
                         std::function<void(const LiveProgress&)> progress, Done<LiveProgress> done) = 0;

  // Events after `after`; nothing: from now on. The feed is not called after the subscription has gone.
  [[nodiscard]] virtual std::unique_ptr<Subscription> subscribe_events(std::optional<std::uint64_t> after,
                                                                       EventFeed feed) = 0;

  // Membership, by name. Done when the change is committed.
  virtual void add_member(raft::Member member, Done<raft::LogIndex> done) = 0;
  virtual void promote_member(std::string name, Done<raft::LogIndex> done) = 0;
  virtual void remove_member(std::string name, Done<raft::LogIndex> done) = 0;
  virtual void transfer_leadership(std::string to, Done<raft::LogIndex> done) = 0;
  // The whole state as it is applied here, as a backup file (docs/storage.md).
  virtual void snapshot(Done<std::shared_ptr<const std::string>> done) = 0;

  // Calls `then` once, after `delay`; not any more once what is returned has gone.
  [[nodiscard]] virtual std::unique_ptr<Subscription> call_after(std::chrono::milliseconds delay,
                                                                 std::function<void()> then) = 0;
  [[nodiscard]] virtual std::chrono::system_clock::time_point now() const = 0;

  // Asks the plane on this host: its answer, a JSON object without "ok" (docs/control-socket.md).
  virtual void explain(ExplainQuery query, Done<std::string> done) = 0;
  [[nodiscard]] virtual std::vector<Metric> metrics() const = 0;
};

}  // namespace sluice::node
