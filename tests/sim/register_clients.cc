// SPDX-License-Identifier: Apache-2.0
#include "register_clients.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::sim {

namespace {
constexpr std::uint32_t tries_max = 6;
}

RegisterClients::RegisterClients(SimWorld& world, SimCluster& cluster) : world_(world), cluster_(cluster) {
  clients_.resize(world.options.clients);
  for (std::uint32_t i = 0; i < world.options.clients; ++i) clients_[i].number = i + 1;
}

void RegisterClients::start() {
  for (Client& client : clients_) think(client);
}

void RegisterClients::think(Client& client) {
  world_.clock.after(Time(1) + world_.up_to(world_.options.think_max), [this, &client] {
    if (client.is_busy || is_final_) return;
    begin(client, world_.random.one_of({OperationKind::read, OperationKind::read, OperationKind::write,
                                        OperationKind::compare_and_set, OperationKind::compare_and_set}));
  });
}

void RegisterClients::begin(Client& client, OperationKind kind) {
  client.is_busy = true;
  client.key = world_.random.below(world_.options.keys);
  client.tries_left = tries_max;
  client.operation = {.kind = kind, .called = moment(), .client = client.number};
  if (kind != OperationKind::read) {
    ++client.request;
    client.operation.written = ++values_;
    client.operation.expected = last_seen_[client.key];
  }
  try_once(client);
}

void RegisterClients::try_once(Client& client) {
  if (client.tries_left == 0) {
    give_up(client);
    return;
  }
  if (!is_final_) --client.tries_left;
  const std::uint64_t attempt = ++client.attempt;
  SimNode* node = cluster_.find(client.node);
  if (node == nullptr || node->life() != Life::up) node = cluster_.any_running();
  client.node = node == nullptr ? raft::NodeId() : node->id();
  if (node != nullptr) send(client, *node);
  world_.clock.after(world_.between(milliseconds(200), milliseconds(1500)), [this, &client, attempt] {
    if (attempt != client.attempt) return;
    client.node = raft::NodeId();
    try_once(client);
  });
}

void RegisterClients::send(Client& client, SimNode& node) {
  const Operation& operation = client.operation;
  world_.trace.note([&] {
    return fmt::format("client {} asks {}: {} of key {}", client.number, world_.trace.name_of(node.id()),
                       text_of(operation), client.key);
  });
  const Answer answer = [this, &client, attempt = client.attempt](Outcome outcome, const std::string& bytes) {
    // The way back takes its time too.
    world_.clock.after(world_.between(milliseconds(0), milliseconds(5)), [this, &client, attempt, outcome, bytes] {
      if (attempt == client.attempt) answered(client, outcome, bytes);
    });
  };
  std::string question = encode_question(client.key);
  if (operation.kind != OperationKind::read) {
    question = encode(RegisterCommand{client.number, client.request, client.key,
                                      operation.kind == OperationKind::compare_and_set, operation.expected,
                                      operation.written});
  }
  const bool is_read = operation.kind == OperationKind::read;
  world_.clock.after(world_.between(milliseconds(0), milliseconds(5)), [&node, is_read, question, answer] {
    is_read ? node.read(question, answer) : node.propose(question, answer);
  });
}

void RegisterClients::answered(Client& client, Outcome outcome, const std::string& bytes) {
  const RegisterAnswer answer = decode_answer(bytes);
  if (outcome != Outcome::done || !answer.is_known) {
    client.node = raft::NodeId();
    ++client.attempt;
    world_.clock.after(world_.between(milliseconds(5), milliseconds(100)), [this, &client, attempt = client.attempt] {
      if (attempt == client.attempt) try_once(client);
    });
    return;
  }
  client.operation.found = answer.found;
  client.operation.returned = moment();
  last_seen_[client.key] =
      client.operation.kind == OperationKind::read ||
              (client.operation.kind == OperationKind::compare_and_set && answer.found != client.operation.expected)
          ? answer.found
          : client.operation.written;
  world_.trace.mix(answer.found);
  world_.trace.note([&] { return "answered: " + text_of(client.operation); });
  finish(client);
}

// Whatever it wrote may yet take effect; a read that brought nothing says nothing.
void RegisterClients::give_up(Client& client) {
  world_.trace.note([&] { return "gives up: " + text_of(client.operation); });
  finish(client);
}

void RegisterClients::finish(Client& client) {
  if (client.operation.returned || client.operation.kind != OperationKind::read)
    history_[client.key].push_back(client.operation);
  client.is_busy = false;
  ++client.attempt;
  if (!is_final_) {
    think(client);
  } else if (client.operation.returned && client.operation.kind == OperationKind::read) {
    --final_left_;
  } else {
    // First a write that must succeed, then a read that must see it or a later one.
    begin(client, client.operation.returned ? OperationKind::read : OperationKind::write);
  }
}

void RegisterClients::begin_final_round() {
  is_final_ = true;
  final_left_ = clients_.size();
  for (Client& client : clients_)
    if (!client.is_busy) begin(client, OperationKind::write);
}

bool RegisterClients::is_final_round_done() const {
  return is_final_ && final_left_ == 0;
}

std::string RegisterClients::final_round_left() const {
  std::string text;
  for (const Client& client : clients_)
    if (client.is_busy) text += fmt::format("\n    no answer: {} of key {}", text_of(client.operation), client.key);
  return text;
}

std::string RegisterClients::judge_history() const {
  for (const auto& [key, finished] : history_) {
    std::vector<Operation> operations = finished;
    // Still open at the end: as if given up.
    for (const Client& client : clients_)
      if (client.is_busy && client.key == key && client.operation.kind != OperationKind::read)
        operations.push_back(client.operation);
    const Judgement judgement = judge(operations);
    if (judgement.verdict != Verdict::linearizable)
      return fmt::format("LINEARIZABILITY: key {}: {}", key, text_of(judgement));
  }
  return {};
}

std::uint64_t RegisterClients::operations() const {
  std::uint64_t count = 0;
  for (const auto& [key, operations] : history_)
    count += static_cast<std::uint64_t>(std::count_if(operations.begin(), operations.end(),
                                                      [](const Operation& one) { return one.returned.has_value(); }));
  return count;
}

}  // namespace sluice::sim
