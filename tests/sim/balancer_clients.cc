// SPDX-License-Identifier: Apache-2.0
#include "balancer_clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace sluice::sim {
namespace {

// The rules allow 16,381 slots at least; for this program they allow this prime as well (meson.build): a generation
// then costs microseconds on every balancer, and a slot is as good as another.
constexpr std::uint32_t slots_count = 61;
constexpr const char* pool_name = "web";

}  // namespace

BalancerClients::BalancerClients(SimWorld& world, const BalancerOptions& options, BalancerCluster& cluster)
    : world_(world), options_(options), cluster_(cluster), clients_(options.base.clients) {}

void BalancerClients::start() {
  for (Client& client : clients_) think(client);
}

void BalancerClients::think(Client& client) {
  world_.clock.after(Time(1) + world_.up_to(options_.base.think_max), [this, &client] {
    if (!client.is_busy && !is_final_) begin(client);
  });
}

MemberConfig BalancerClients::backend(std::uint32_t number, std::uint16_t weight) const {
  const auto moves = moves_.find(number);
  const std::uint32_t moved = moves == moves_.end() ? 0 : moves->second;
  return {fmt::format("b{}", number), IpAddress::parse(fmt::format("10.0.{}.{}", moved % 250, number)).value(), weight};
}

std::vector<model::Operation> BalancerClients::first_operations() {
  PoolConfig pool;
  pool.name = pool_name;
  pool.encapsulation = Encapsulation::gue;
  pool.slots_count = slots_count;
  for (std::uint32_t i = 1; i <= options_.backends; ++i) pool.members.push_back(backend(i, 100));
  model::ServiceRecord service;
  service.config.name = pool_name;
  service.config.address = IpAddress::parse("203.0.113.10").value();
  service.config.port = PortHost(80);
  service.pool = pool_name;
  return {model::PutPool{pool, model::PutMode::create}, model::PutService{service, model::PutMode::any}};
}

model::Operation BalancerClients::any_operation() {
  const std::uint32_t number = 1 + world_.random.below(options_.backends_most);
  const std::string name = fmt::format("b{}", number);
  const auto weight = world_.random.one_of<std::uint16_t>({0, 1, 50, 100, 100, 300});
  const std::uint32_t kind = world_.random.below(10);
  if (kind < 5) return model::SetWeight{pool_name, name, weight};
  if (kind < 7) return model::DeleteBackend{pool_name, name};
  if (kind == 9) ++moves_[number];
  return model::PutBackend{pool_name, backend(number, weight), model::PutMode::any};
}

void BalancerClients::begin(Client& client) {
  client.is_busy = true;
  client.is_final = is_final_;
  client.change = {};
  client.change.author = {"client", "admin", "unix"};
  const std::uint64_t half[2] = {world_.random.next(), world_.random.next() | 1};
  std::memcpy(client.change.request_id.data(), half, sizeof(half));
  if (!is_founded_) {
    client.change.operations = first_operations();
  } else {
    const std::uint32_t count = world_.random.percent(20) ? 1 + world_.random.below(4) : 1;
    for (std::uint32_t i = 0; i < count; ++i) client.change.operations.push_back(any_operation());
  }
  try_once(client);
}

void BalancerClients::try_once(Client& client) {
  const std::uint64_t attempt = ++client.attempt;
  // Nothing comes of asking one that has been removed and does not know: not in the time that there is in the end.
  if (SimBalancer* balancer = is_final_ ? cluster_.any_member() : cluster_.any_running()) {
    balancer->write(client.change, [this, &client, attempt](const node::ApiResult<node::WriteReceipt>& result) {
      answered(client, attempt, result);
    });
  }
  world_.clock.after(world_.between(milliseconds(500), seconds(3)), [this, &client, attempt] {
    if (client.is_busy && attempt == client.attempt) try_once(client);
  });
}

void BalancerClients::answered(Client& client, std::uint64_t attempt,
                               const node::ApiResult<node::WriteReceipt>& result) {
  // Late answers say what is true as well.
  if (!client.is_busy) return;
  if (result) {
    const bool was_founding = std::holds_alternative<model::PutPool>(client.change.operations.front());
    is_founded_ = is_founded_ || was_founding;
    // An answer to an earlier request of this client comes with the number of another attempt.
    if (attempt != client.attempt) return;
    acknowledged_.emplace(client.change.request_id, result->index.value());
    return ended(client);
  }
  if (attempt != client.attempt) return;
  const node::ApiCode code = result.error().code;
  if (code == node::ApiCode::no_leader || code == node::ApiCode::timeout || code == node::ApiCode::overloaded) return;
  is_founded_ = is_founded_ || code == node::ApiCode::conflict;
  if (code == node::ApiCode::internal || code == node::ApiCode::unsupported)
    world_.oracle.fail("WRITE: " + result.error().message);
  ended(client);
}

void BalancerClients::ended(Client& client) {
  client.is_busy = false;
  ++client.attempt;
  if (client.is_final) client.is_done = true;
  if (!is_final_) return think(client);
  if (!client.is_done) world_.clock.after(Time(1), [this, &client] { begin(client); });
}

void BalancerClients::begin_final_round() {
  is_final_ = true;
  for (Client& client : clients_) {
    client.is_done = false;
    if (!client.is_busy) begin(client);
  }
}

bool BalancerClients::is_final_round_done() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const Client& client) { return client.is_done; });
}

std::string BalancerClients::judge(const model::ClusterState& state) const {
  std::map<model::RequestId, std::vector<std::uint64_t>> written;
  for (const model::AuditEntry& entry : state.audit()) written[entry.request_id].push_back(entry.index);
  if (state.audit_count() > state.audit().size()) return {};  // not all of it can be looked up
  for (const auto& [request, index] : acknowledged_) {
    const auto found = written.find(request);
    if (found == written.end()) return fmt::format("LOST WRITE: what was acknowledged at {} is not there", index);
    if (found->second != std::vector{index})
      return fmt::format("LOST WRITE: what was acknowledged at {} is at {}, {} times", index, found->second.front(),
                         found->second.size());
  }
  if (!state.verify_audit()) return "AUDIT: the chain is broken";
  return {};
}

}  // namespace sluice::sim
