// SPDX-License-Identifier: Apache-2.0
// Messages of any content, in small numbers so that they come close to what is possible. The core may not abort, and
// what it must never do it does not do: take back a term, a vote, a commit or an applied entry, or run past its own
// log.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "raft.h"
#include "raft_codec.h"
#include "raft_text.h"
#include "test_seed.h"

namespace sluice::raft {
namespace {

class Hostile {
 public:
  explicit Hostile(std::uint64_t seed) : random_(seed) {
    RaftOptions options;
    options.id = NodeId(1);
    options.heartbeat_ticks = 2;
    options.election_ticks = 5;
    options.trailing_entries = static_cast<std::uint32_t>(below(4));
    options.snapshot_chunk_bytes = 3;
    options.messages_in_flight = 2;
    options.entries_per_message = 2;
    Configuration configuration;
    for (std::uint64_t id = 1; id <= 1 + seed % 4; ++id)
      configuration.members.push_back({NodeId(id), MemberRole::voter, "", ""});
    StoredState stored = bootstrap_state(configuration, std::make_shared<const std::string>("s"));
    if (seed % 5 == 0) stored = {};
    applied_ = stored.snapshot ? LogIndex(1) : LogIndex();
    raft_ = Raft::make(options, stored, [this](std::uint32_t bound) {
              return static_cast<std::uint32_t>(below(bound));
            }).value();
  }

  void step() {
    switch (below(8)) {
      case 0:
        raft_->tick();
        break;
      case 1:
        use();
        break;
      case 2:
        if (raft_->has_ready()) take();
        break;
      case 3:
        if (persisted_ < taken_) raft_->persisted(persisted_ += 1 + below(taken_ - persisted_));
        break;
      default:
        raft_->step(message());
    }
    check();
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  // Mostly near what the node has, sometimes anything.
  std::uint64_t number() { return below(50) == 0 ? random_() : below(8); }
  LogIndex index() {
    const RaftStatus status = raft_->status();
    const LogIndex places[] = {status.first, status.last, status.commit, status.stable};
    return below(20) == 0 ? LogIndex(random_()) : LogIndex(places[below(4)].value() + below(4) - 1);
  }
  Term term() { return below(50) == 0 ? Term(random_()) : Term(raft_->status().term.value() + below(4) - 2); }

  Configuration configuration() {
    Configuration made;
    for (std::uint64_t id = 1; id < 6; ++id)
      if (below(2) == 0)
        made.members.push_back({NodeId(id), MemberRole{static_cast<std::uint8_t>(1 + below(2))}, "", ""});
    return made;
  }

  std::vector<Entry> some_entries(LogIndex from, Term first_term) {
    std::vector<Entry> made;
    for (std::uint64_t left = below(4); left > 0; --left) {
      from = next(from);
      first_term = Term(first_term.value() + (below(4) == 0 ? 1 : 0));
      const auto type = static_cast<EntryType>(1 + below(3));
      made.push_back({below(20) == 0 ? term() : first_term, below(20) == 0 ? index() : from, type,
                      type == EntryType::configuration && below(9) != 0 ? encode_configuration(configuration()) : "d"});
    }
    return made;
  }

  MessageBody body() {
    const std::string data(below(5), 'x');
    switch (below(9)) {
      case 0:
        return VoteRequest{below(2) == 0, below(4) == 0, index(), term()};
      case 1:
        return VoteReply{below(2) == 0, below(2) == 0};
      case 2: {
        AppendRequest request{index(), term(), index(), {}, number()};
        request.entries = some_entries(request.previous_index, request.previous_term);
        return request;
      }
      case 3:
      case 4:
        return AppendReply{below(2) == 0, index(), index(), term(), number(), index()};
      case 5:
        return SnapshotChunk{{index(), term(), configuration()},
                             0,
                             below(4) == 0 ? number() : data.size(),
                             snapshot_digest(data),
                             data,
                             number()};
      case 6:
        return SnapshotReply{index(), number(), below(2) == 0, number()};
      case 7:
        return TransferRequest{};
      default:
        return below(2) == 0 ? MessageBody(ReadRequest{ReadId(number())})
                             : MessageBody(ReadReply{ReadId(number()), index()});
    }
  }

  Message message() { return {NodeId(below(6)), NodeId(below(20) == 0 ? 2 : 1), term(), body()}; }

  void use() {
    const NodeId other(below(7));
    switch (below(7)) {
      case 0:
        (void)raft_->add_learner({other, MemberRole::learner, "", ""});
        break;
      case 1:
        (void)raft_->promote(other);
        break;
      case 2:
        (void)raft_->remove(other);
        break;
      case 3:
        (void)raft_->transfer_to(other);
        break;
      case 4:
        raft_->read(ReadId(number()));
        break;
      case 5:
        (void)raft_->compact(raft_->status().applied, std::make_shared<const std::string>("snapshot"));
        break;
      default:
        (void)raft_->propose("p");
    }
  }

  void take() {
    const Ready ready = raft_->take_ready();
    taken_ = ready.sequence;
    if (ready.truncate_from) {
      ASSERT_GT(*ready.truncate_from, applied_);
    }
    if (ready.install) applied_ = ready.install->meta.index;
    for (const Entry& entry : ready.committed) {
      ASSERT_EQ(entry.index, next(applied_)) << text_of(entry);
      applied_ = entry.index;
    }
    raft_->applied(applied_);
    for (const Message& message : ready.send_now) (void)encode_message(message);
  }

  void check() {
    const RaftStatus now = raft_->status();
    ASSERT_GE(now.term, before_.term);
    if (now.term == before_.term && before_.vote != NodeId()) {
      ASSERT_EQ(now.vote, before_.vote);
    }
    ASSERT_GE(now.commit, before_.commit);
    ASSERT_LE(now.commit, now.last);
    ASSERT_LE(now.applied, now.commit);
    ASSERT_LE(now.stable, now.last);
    ASSERT_LE(now.first, next(now.commit));
    before_ = now;
  }

  std::mt19937_64 random_;
  std::unique_ptr<Raft> raft_;
  RaftStatus before_;
  LogIndex applied_;
  std::uint64_t taken_ = 0;
  std::uint64_t persisted_ = 0;
};

TEST(RaftHostile, AnyMessageIsSurvived) {
  const std::uint64_t seed = testing::seed();
  for (std::uint64_t round = 0; round < 300; ++round) {
    Hostile hostile(seed + round);
    for (int step = 0; step < 1000; ++step) {
      hostile.step();
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "round " << round << " step " << step;
    }
  }
}

}  // namespace
}  // namespace sluice::raft
