// SPDX-License-Identifier: Apache-2.0
#include "script_cluster.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "raft_codec.h"
#include "raft_text.h"

namespace sluice::raft {
namespace {

// No chance in scripts: every election timeout is 15 ticks. After 10 without a leader a node gives votes.
std::uint32_t middle(std::uint32_t bound) {
  return bound / 2;
}

std::string word(std::istringstream& words) {
  std::string text;
  words >> text;
  return text;
}

std::uint64_t number(std::istringstream& words) {
  std::uint64_t value = 0;
  if (!(words >> value)) throw std::invalid_argument("a number is missing");
  return value;
}

std::uint64_t number_or(std::istringstream& words, std::uint64_t other) {
  std::uint64_t value = 0;
  return words >> value ? value : other;
}

// "1->2"
std::pair<NodeId, NodeId> path_of(const std::string& text) {
  const std::size_t arrow = text.find("->");
  if (arrow == std::string::npos) throw std::invalid_argument("a path is written 1->2");
  return {NodeId(std::stoull(text.substr(0, arrow))), NodeId(std::stoull(text.substr(arrow + 2)))};
}

Configuration voters(std::uint64_t count) {
  Configuration configuration;
  for (std::uint64_t id = 1; id <= count; ++id)
    configuration.members.push_back({NodeId(id), MemberRole::voter, "", ""});
  return configuration;
}

StoredState founding_state(std::uint64_t voters_count) {
  return bootstrap_state(voters(voters_count), std::make_shared<const std::string>());
}

void write_to(StoredState& disk, const WriteBatch& batch) {
  if (batch.hard_state) disk.hard_state = *batch.hard_state;
  if (batch.install) {
    disk.snapshot = batch.install;
    disk.entries.clear();
  }
  if (batch.truncate_from)
    std::erase_if(disk.entries, [&](const Entry& entry) { return entry.index >= *batch.truncate_from; });
  disk.entries.insert(disk.entries.end(), batch.append.begin(), batch.append.end());
  if (!batch.compact) return;
  disk.snapshot = batch.compact;
  std::erase_if(disk.entries, [&](const Entry& entry) { return entry.index < batch.first_kept; });
}

}  // namespace

ScriptCluster::ScriptCluster() {
  options_.heartbeat_ticks = 3;
  options_.election_ticks = 10;
  options_.trailing_entries = 0;
  options_.snapshot_chunk_bytes = 4;
  add_words_about_nodes();
  add_words_about_members();
}

std::string ScriptCluster::run(const std::string& command) {
  out_.str("");
  // silently ...: how a situation came about is not what the script is about.
  constexpr std::string_view silently = "silently ";
  if (command.starts_with(silently)) return (void)run(command.substr(silently.size())), "";
  std::istringstream words(command);
  const auto found = words_.find(word(words));
  if (found == words_.end()) throw std::invalid_argument("no such command: " + command);
  found->second(words);
  settle();
  return out_.str();
}

void ScriptCluster::add_words_about_nodes() {
  words_["nodes"] = [this](Words& words) { run_nodes(words); };
  words_["node"] = [this](Words& words) { run_node(words); };
  words_["options"] = [this](Words& words) { run_options(words); };
  words_["campaign"] = [this](Words& words) { run_campaign(words); };
  words_["deliver"] = [this](Words& words) { run_deliver(words); };
  words_["cut"] = [this](Words& words) { run_cut(words); };
  words_["heal"] = [this](Words&) { cut_.clear(); };
  words_["drop"] = [this](Words& words) { run_drop(words); };
  words_["disk"] = [this](Words& words) { run_disk(words); };
  words_["snapshot"] = [this](Words& words) { run_snapshot(words); };
  words_["inject"] = [this](Words& words) { run_inject(words); };
  words_["tick"] = [this](Words& words) {
    Node& ticking = node(words);
    for (std::uint64_t left = number_or(words, 1); left > 0; --left) {
      ticking.raft->tick();
      settle();
    }
  };
  words_["write"] = [this](Words& words) { write(node(words)); };
  words_["written"] = [this](Words& words) { written(node(words)); };
  words_["persist"] = [this](Words& words) {
    Node& one = node(words);
    while (write(one)) written(one);
  };
  words_["crash"] = [this](Words& words) { node(words).raft.reset(); };
  words_["restart"] = [this](Words& words) { start(node(words)); };
  words_["status"] = [this](Words& words) {
    const std::uint64_t wanted = number_or(words, 0);
    for (const auto& [id, one] : nodes_)
      if (one.raft != nullptr && (wanted == 0 || id == NodeId(wanted))) say(text_of(one.raft->status()));
  };
  words_["state"] = [this](Words& words) { say(node(words).state); };
}

void ScriptCluster::add_words_about_members() {
  words_["propose"] = [this](Words& words) {
    Node& one = node(words);
    say_result(one.raft->propose(word(words)));
  };
  words_["learner"] = [this](Words& words) {
    Node& one = node(words);
    say_result(one.raft->add_learner({NodeId(number(words)), MemberRole::learner, "", ""}));
  };
  words_["promote"] = [this](Words& words) {
    Node& one = node(words);
    say_result(one.raft->promote(NodeId(number(words))));
  };
  words_["remove"] = [this](Words& words) {
    Node& one = node(words);
    say_result(one.raft->remove(NodeId(number(words))));
  };
  words_["transfer"] = [this](Words& words) {
    Node& one = node(words);
    say_result(one.raft->transfer_to(NodeId(number(words))));
  };
  words_["read"] = [this](Words& words) {
    Node& one = node(words);
    one.raft->read(ReadId(number(words)));
  };
}

template <typename T>
void ScriptCluster::say_result(const Result<T>& result) {
  if (!result) return say("refused: " + result.error().context);
  if constexpr (!std::is_void_v<T>) say("at " + std::to_string(result->value()));
}

ScriptCluster::Node& ScriptCluster::node(Words& words) {
  return nodes_.at(NodeId(number(words)));
}

void ScriptCluster::add_node(NodeId id, StoredState stored) {
  Node& fresh = nodes_[id];
  fresh.options = options_;
  fresh.options.id = id;
  fresh.disk = std::move(stored);
  start(fresh);
}

void ScriptCluster::start(Node& node) {
  node.raft = Raft::make(node.options, node.disk, middle).value();
  node.queue = PersistQueue();
  node.role = Role::follower;
  node.term = node.disk.hard_state.term;
  node.state = node.disk.snapshot ? *node.disk.snapshot->data : "";
}

void ScriptCluster::settle() {
  for (bool is_quiet = false; !is_quiet;) {
    is_quiet = true;
    for (auto& [id, one] : nodes_) {
      if (one.raft == nullptr) continue;
      say_role(one);
      if (one.raft->has_ready()) {
        take_ready(one);
        is_quiet = false;
      }
      if (!one.is_disk_manual && write(one)) {
        written(one);
        is_quiet = false;
      }
    }
  }
}

void ScriptCluster::say_role(Node& node) {
  const RaftStatus status = node.raft->status();
  if (status.role == node.role && status.term == node.term) return;
  node.role = status.role;
  node.term = status.term;
  say(std::to_string(status.id.value()) + " is " + text_of(status.role) + " t" + std::to_string(status.term.value()));
}

void ScriptCluster::take_ready(Node& node) {
  Ready ready = node.raft->take_ready();
  network_.insert(network_.end(), ready.send_now.begin(), ready.send_now.end());
  apply(node, ready);
  node.queue.add(ready.sequence, ready.hard_state, ready.truncate_from, std::move(ready.append), ready.install,
                 std::move(ready.send_after_persist));
}

void ScriptCluster::apply(Node& node, const Ready& ready) {
  const std::string name = std::to_string(node.options.id.value());
  if (ready.install) {
    node.state = *ready.install->data;
    say(name + " state from snapshot " + std::to_string(ready.install->meta.index.value()));
  }
  for (const Entry& entry : ready.committed) {
    if (applied_.try_emplace(entry.index, entry).first->second != entry)
      throw std::logic_error("another node has applied something else at index " + std::to_string(entry.index.value()));
    if (entry.type == EntryType::command) node.state += entry.data;
    say(name + " applies " + text_of(entry));
    node.raft->applied(entry.index);
  }
  for (const ReadResult& read : ready.reads)
    say(name + " read " + std::to_string(read.id.value()) +
        (read.index ? " at " + std::to_string(read.index->value()) : std::string(" refused")));
}

bool ScriptCluster::write(Node& node) {
  const std::optional<WriteBatch> batch = node.queue.next_batch();
  if (!batch) return false;
  write_to(node.disk, *batch);
  if (!batch->is_empty()) say(std::to_string(node.options.id.value()) + " writes" + text_of(*batch));
  return true;
}

void ScriptCluster::written(Node& node) {
  PersistQueue::Done done = node.queue.written();
  node.raft->persisted(done.sequence);
  network_.insert(network_.end(), done.send.begin(), done.send.end());
  if (done.compacted) node.raft->compact(*done.compacted, node.snapshot_data).value();
}

void ScriptCluster::deliver(const std::function<bool(const Message&)>& is_wanted) {
  std::deque<Message> kept;
  for (Message& message : std::exchange(network_, {})) {
    if (!is_wanted(message)) {
      kept.push_back(std::move(message));
      continue;
    }
    const auto found = nodes_.find(message.to);
    const bool is_lost =
        cut_.contains({message.from, message.to}) || found == nodes_.end() || found->second.raft == nullptr;
    // As bytes, as in life.
    Message received = decode_message(encode_message(message)).value();
    say(text_of(received) + (is_lost ? " (lost)" : ""));
    if (is_lost) continue;
    found->second.raft->step(std::move(received));
    settle();
  }
  network_.insert(network_.begin(), kept.begin(), kept.end());
}

void ScriptCluster::run_nodes(Words& words) {
  const std::uint64_t count = number(words);
  for (std::uint64_t id = 1; id <= count; ++id) add_node(NodeId(id), founding_state(count));
}

// node 4: an empty one. node 2 of 3 term 3 log 2 2 3: a founding member whose entries from index 2 on have these terms.
void ScriptCluster::run_node(Words& words) {
  const NodeId id(number(words));
  if (word(words) != "of") return add_node(id, {});
  StoredState stored = founding_state(number(words));
  if (word(words) == "term") stored.hard_state = {Term(number(words)), NodeId()};
  if (word(words) == "log")
    for (std::uint64_t term = 0; words >> term;) {
      const LogIndex index(stored.entries.size() + 2);
      stored.entries.push_back(
          {Term(term), index, EntryType::command, std::to_string(term) + static_cast<char>('a' + index.value() - 2)});
    }
  add_node(id, std::move(stored));
}

void ScriptCluster::run_options(Words& words) {
  const std::map<std::string, std::uint32_t*> names = {{"trailing", &options_.trailing_entries},
                                                       {"chunk", &options_.snapshot_chunk_bytes},
                                                       {"entries", &options_.entries_per_message},
                                                       {"in-flight", &options_.messages_in_flight},
                                                       {"uncommitted", &options_.uncommitted_bytes_max}};
  for (std::string name = word(words); !name.empty(); name = word(words))
    *names.at(name) = static_cast<std::uint32_t>(number(words));
}

void ScriptCluster::run_campaign(Words& words) {
  Node& one = node(words);
  const Role before = one.raft->status().role;
  const std::uint64_t term = one.raft->status().term.value();
  for (std::uint32_t left = 2 * options_.election_ticks; left > 0; --left) {
    one.raft->tick();
    if (one.raft->status().role != before || one.raft->status().term.value() != term) return;
  }
}

// deliver: until nothing is under way. deliver 1->2 2->1: until nothing is on these paths. once: what is there now.
void ScriptCluster::run_deliver(Words& words) {
  std::set<Path> wanted;
  std::string what = word(words);
  const bool is_once = what == "once";
  if (is_once) what = word(words);
  for (; !what.empty(); what = word(words)) wanted.insert(path_of(what));
  const auto is_wanted = [&](const Message& message) {
    return wanted.empty() || wanted.contains({message.from, message.to});
  };
  constexpr int rounds_max = 200;
  for (int round = 0; std::any_of(network_.begin(), network_.end(), is_wanted); ++round) {
    if (round == rounds_max) throw std::logic_error("messages without end");
    deliver(is_wanted);
    if (is_once) return;
  }
}

// cut 1->2: one direction. cut 3: both, of everybody.
void ScriptCluster::run_cut(Words& words) {
  for (std::string what = word(words); !what.empty(); what = word(words)) {
    if (what.find("->") != std::string::npos) {
      cut_.insert(path_of(what));
      continue;
    }
    const NodeId id(std::stoull(what));
    for (const auto& [other, unused] : nodes_) {
      cut_.insert({id, other});
      cut_.insert({other, id});
    }
  }
}

// drop: everything under way. drop 1->2.
void ScriptCluster::run_drop(Words& words) {
  const std::string what = word(words);
  std::erase_if(network_, [&](const Message& message) {
    if (!what.empty() && path_of(what) != Path{message.from, message.to}) return false;
    say(text_of(message) + " (lost)");
    return true;
  });
}

// disk 2 manual: nothing is written before "persist 2", or "write 2" and, when the disk says so, "written 2".
void ScriptCluster::run_disk(Words& words) {
  Node& one = node(words);
  one.is_disk_manual = word(words) == "manual";
}

void ScriptCluster::run_snapshot(Words& words) {
  Node& one = node(words);
  const LogIndex index = one.raft->status().applied;
  Result<SnapshotMeta> meta = one.raft->snapshot_meta(index);
  if (!meta) return say("refused: " + meta.error().context);
  one.snapshot_data = std::make_shared<const std::string>(one.state);
  const std::uint64_t kept = std::min<std::uint64_t>(one.options.trailing_entries, index.value());
  one.queue.add_compaction({std::move(*meta), one.snapshot_data}, LogIndex(index.value() - kept + 1));
}

// inject 1->2 t5 append 3/2 commit 3 4/5 ...: a message as somebody else might send it.
void ScriptCluster::run_inject(Words& words) {
  const auto [from, to] = path_of(word(words));
  const Term term(std::stoull(word(words).substr(1)));
  const auto place = [&] {
    const std::uint64_t index = number(words);
    words.ignore();
    return std::pair(LogIndex(index), Term(number(words)));
  };
  const std::string kind = word(words);
  Message message{from, to, term, {}};
  if (kind == "append") {
    AppendRequest request;
    std::tie(request.previous_index, request.previous_term) = place();
    word(words);  // commit
    request.commit = LogIndex(number(words));
    while (words >> std::ws && !words.eof()) {
      const auto [index, entry_term] = place();
      request.entries.push_back({entry_term, index, EntryType::command, "!"});
    }
    message.body = std::move(request);
  } else if (kind == "vote?") {
    VoteRequest request;
    std::tie(request.last_index, request.last_term) = place();
    message.body = request;
  } else if (kind == "chunk") {
    SnapshotChunk chunk;
    std::tie(chunk.meta.index, chunk.meta.term) = place();
    chunk.data = word(words);
    chunk.total_bytes = chunk.data.size();
    chunk.digest = snapshot_digest(chunk.data);
    message.body = std::move(chunk);
  } else if (kind == "has") {
    message.body = AppendReply{true, LogIndex(number(words)), {}, {}, 0, {}};
  } else {
    throw std::invalid_argument("no such message: " + kind);
  }
  network_.push_back(std::move(message));
}

}  // namespace sluice::raft
