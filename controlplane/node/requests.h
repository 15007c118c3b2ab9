// SPDX-License-Identifier: Apache-2.0
// What clients of this node want written, from the moment they ask to the answer: through this node's log if it leads,
// by way of the leader if not, and again if the leader changes in between. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api_error.h"
#include "node_messages.h"
#include "replica.h"
#include "uptime.h"

namespace sluice::node {

// What came of a request: applied here.
struct Applied {
  raft::LogIndex index;
  std::optional<model::Outcome> outcome;  // of a command
};
using AppliedDone = std::function<void(ApiResult<Applied>)>;

class Requests {
 public:
  struct Options {
    // Silence from there on is a timeout: the write may still happen.
    Uptime deadline{10000};
    // How long a request waits for a leader to be known. Above an election, below a second.
    Uptime leader_wait{800};
    // A command given to the leader is given again after so long without an answer: connections that have just been
    // made anew lose what was sent. Several disk stalls long, and well below the deadline.
    Uptime give_again{1000};
    // Random: an answer to a request of this node's life before must not answer one of this life.
    std::uint64_t first_number = 0;
  };
  using Send = std::function<void(raft::NodeId to, const NodeMessage& message)>;
  // Why there is no leader, for people.
  using Reason = std::function<std::string()>;

  Requests(const Options& options, Replica& replica, Send send, Reason reason);

  // A command must be harmless when repeated (it has a request id).
  void submit(ForwardKind kind, std::string payload, AppliedDone done, Uptime now);

  void on_forward(raft::NodeId from, const Forward& forward);
  void on_forward_reply(const ForwardReply& reply);
  // In the order of the log; the replica may be further already.
  void on_applied(const Place& place, const std::optional<model::Outcome>& outcome);
  void on_replaced();
  void on_tick(Uptime now);
  [[nodiscard]] std::size_t open_count() const { return requests_.size(); }

 private:
  struct Request {
    std::uint64_t number = 0;
    ForwardKind kind = ForwardKind::command;
    std::string payload;
    AppliedDone done;
    Uptime asked{0};
    Uptime given{0};
    raft::NodeId sent_to;               // whom it was given to; 0: nobody yet
    raft::Term sent_in;                 // in which term
    std::optional<ForwardReply> reply;  // the leader has applied it; this node has not yet
  };
  // A proposal of this node: its own client's (number), or another node's.
  struct Proposal {
    raft::Term term;
    raft::NodeId from;  // 0: our own
    std::uint64_t number = 0;
  };

  void give(Request& request);
  [[nodiscard]] bool is_lost(const Request& request, const raft::RaftStatus& status, Uptime now) const;
  [[nodiscard]] Result<Place> propose(ForwardKind kind, const std::string& payload);
  void answer(std::uint64_t number, ApiResult<Applied> result);
  void finish_replied();

  Options options_;
  Replica& replica_;
  Send send_;
  Reason reason_;
  std::uint64_t last_number_;
  std::map<std::uint64_t, Request> requests_;
  std::multimap<raft::LogIndex, Proposal> proposals_;
};

}  // namespace sluice::node
