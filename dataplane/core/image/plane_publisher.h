// SPDX-License-Identifier: Apache-2.0
// sluiced's half of `publish` on a plane's control socket (docs/control-socket.md): what to send, given what the plane
// is believed to have, and what its answers mean. Pure: whoever has the connection sends and reads.
//
//   want(state) -> next() gives a request -> send it -> answered(line) -> next() ... until it gives nothing
//
// One request is under way at a time. States that are wanted meanwhile replace each other: only the last one is sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "error.h"
#include "forwarding_state.h"

namespace sluice {

class PlanePublisher {
 public:
  struct Request {
    std::string line;     // with its end
    std::string payload;  // goes right behind it
  };
  // What all packets of the plane go by, as it has said itself.
  struct Live {
    std::uint64_t generation = 0;
    StatePhase phase = StatePhase::active;
    std::uint64_t table_hash = 0;
    friend bool operator==(const Live&, const Live&) = default;
  };

  // Every pool made by make_state_pool() or seal_state_pool(). Also tries again what was refused.
  void want(ForwardingState state);
  // Nothing: an answer is due, or there is nothing (more) to be told.
  [[nodiscard]] std::optional<Request> next();
  // The line that came back, without its end. An error is the plane's refusal, or an answer that is none: the state is
  // not sent again until want() or disconnected().
  Status answered(std::string_view line);
  // The plane may be another one by now: nothing is live until it has said so again. What it is believed to have stays
  // a guess that costs one more request if it is wrong.
  void disconnected();

  [[nodiscard]] const std::optional<Live>& live() const { return live_; }
  [[nodiscard]] bool is_waiting() const { return sent_.has_value(); }

 private:
  enum class Effort : std::uint8_t { by_digest, with_what_it_needs, in_full };

  std::optional<ForwardingState> wanted_;
  bool is_due_ = false;                  // wanted_ is to be sent
  std::optional<ForwardingState> sent_;  // under way
  std::optional<Live> live_;
  // What the next request may name by digest. Unknown at first: the plane may still have all of it from before.
  std::optional<ForwardingState> known_;
  Effort effort_ = Effort::by_digest;
};

}  // namespace sluice
