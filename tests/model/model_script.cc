// SPDX-License-Identifier: Apache-2.0
// Reads commands on standard input, one per line, and prints what came of them, so that guards, outcomes and
// generations can be reviewed as text. The clock stands still; three balancers, lb1 to lb3, are there from the start.
//
//   [force] [base=N] [id=N] [replace] OPERATION [; OPERATION]...   a change; its outcome
//   plan [force] [base=N] OPERATION [; OPERATION]...     what it would do
//   prepare N | activate N [LAGGARD...] | level N
//   show pools | services | generation | forwarding POOL | history | audit
// Operations:
//   pool NAME [slots=N] [mtu=N] [encapsulation=E] [BACKEND=ADDRESS[*WEIGHT]...]    set-pool NAME [slots=..]...
//   service NAME ADDRESS PORT POOL     backend POOL/NAME ADDRESS[*WEIGHT]     weight POOL/NAME N
//   delete pool|service|backend|balancer NAME     balancer NAME ID LEVEL     policy DELETIONS
//   new-backend POOL/NAME ADDRESS[*WEIGHT]     rollback N
// `replace` before the first operation makes one ReplaceAll of the pools and services that follow.
#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>

#include "cluster_state.h"

namespace sluice::model {
namespace {

using Words = std::vector<std::string>;

[[noreturn]] void wrong(const std::string& what) {
  std::cerr << "not a command: " << what << "\n";
  std::exit(2);
}

std::uint64_t number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) wrong(text);
  return std::stoull(text);
}

IpAddress address(const std::string& text) {
  const Result<IpAddress> parsed = IpAddress::parse(text);
  if (!parsed) wrong(text);
  return *parsed;
}

std::pair<std::string, std::string> split(const std::string& text, char at) {
  const std::size_t place = text.find(at);
  if (place == std::string::npos) return {text, ""};
  return {text.substr(0, place), text.substr(place + 1)};
}

Encapsulation encapsulation(const std::string& text) {
  for (const Encapsulation one : {Encapsulation::ipip, Encapsulation::gue, Encapsulation::l2})
    if (to_text(one) == text) return one;
  wrong(text);
}

MemberConfig member(const std::string& name, const std::string& value) {
  const auto [where, weight] = split(value, '*');
  return {name, address(where), static_cast<std::uint16_t>(weight.empty() ? 100 : number(weight))};
}

PoolConfig pool(const Words& words) {
  PoolConfig made;
  made.name = words.at(1);
  made.slots_count = 16381;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto [key, value] = split(words[i], '=');
    if (key == "slots") {
      made.slots_count = static_cast<std::uint32_t>(number(value));
    } else if (key == "mtu") {
      made.mtu = static_cast<std::uint16_t>(number(value));
    } else if (key == "encapsulation") {
      made.encapsulation = encapsulation(value);
    } else {
      made.members.push_back(member(key, value));
    }
  }
  return made;
}

SetPool set_pool(const Words& words) {
  SetPool op;
  op.name = words.at(1);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto [key, value] = split(words[i], '=');
    if (key == "slots") op.slots_count = static_cast<std::uint32_t>(number(value));
    if (key == "mtu") op.mtu = static_cast<std::uint16_t>(number(value));
    if (key == "encapsulation") op.encapsulation = encapsulation(value);
  }
  return op;
}

ServiceRecord service(const Words& words) {
  ServiceRecord made;
  made.config.name = words.at(1);
  made.config.address = address(words.at(2));
  made.config.port = PortHost(static_cast<std::uint16_t>(number(words.at(3))));
  made.pool = words.at(4);
  return made;
}

Operation deletion(const Words& words) {
  const std::string& noun = words.at(1);
  if (noun == "pool") return DeletePool{words.at(2)};
  if (noun == "service") return DeleteService{words.at(2)};
  if (noun == "balancer") return DeleteBalancer{words.at(2)};
  const auto [in, name] = split(words.at(2), '/');
  return DeleteBackend{in, name};
}

Operation operation(const Words& words) {
  const std::string& verb = words.at(0);
  if (verb == "pool") return PutPool{pool(words)};
  if (verb == "set-pool") return set_pool(words);
  if (verb == "service") return PutService{service(words)};
  if (verb == "delete") return deletion(words);
  if (verb == "rollback") return Rollback{number(words.at(1))};
  if (verb == "balancer")
    return PutBalancer{{words.at(1), number(words.at(2)), "", static_cast<std::uint16_t>(number(words.at(3)))}};
  if (verb == "policy") return SetPolicy{{static_cast<std::uint8_t>(number(words.at(1))), 5, 3000}};
  const auto [in, name] = split(words.at(1), '/');
  if (verb == "weight") return SetWeight{in, name, static_cast<std::uint16_t>(number(words.at(2)))};
  if (verb == "backend") return PutBackend{in, member(name, words.at(2))};
  if (verb == "new-backend") return PutBackend{in, member(name, words.at(2)), PutMode::create};
  wrong(verb);
}

Change change(Words words) {
  Change made;
  made.author = {"alice", "operator", "unix"};
  made.time_ms = 1700000000000;
  bool is_replacing = false;
  while (!words.empty()) {
    const auto [key, value] = split(words.front(), '=');
    if (key == "force") {
      made.force = true;
    } else if (key == "base") {
      made.base_revision = number(value);
    } else if (key == "id") {
      made.request_id = {static_cast<std::uint8_t>(number(value))};
    } else if (key == "replace") {
      is_replacing = true;
    } else {
      break;
    }
    words.erase(words.begin());
  }
  ReplaceAll all;
  while (!words.empty()) {
    const auto end = std::find(words.begin(), words.end(), ";");
    const Operation op = operation(Words(words.begin(), end));
    words.erase(words.begin(), end == words.end() ? end : end + 1);
    if (!is_replacing) made.operations.push_back(op);
    if (const auto* put = std::get_if<PutPool>(&op)) all.pools.push_back(put->pool);
    if (const auto* put = std::get_if<PutService>(&op)) all.services.push_back(put->service);
  }
  if (is_replacing) made.operations.push_back(all);
  return made;
}

class Script {
 public:
  Script() {
    ClusterSeed seed;
    seed.cluster_id = "c1";
    seed.name = "script";
    seed.balancers = {{"lb1", 11, ""}, {"lb2", 12, ""}, {"lb3", 13, ""}};
    state_ = ClusterState::make(seed).value();
  }

  void run(const std::string& line) {
    std::istringstream in(line);
    Words words;
    for (std::string word; in >> word;) words.push_back(word);
    if (words.empty()) return;
    const std::string verb = words.front();
    if (verb == "show") {
      show(words);
    } else if (verb == "plan") {
      words.erase(words.begin());
      plan(change(words));
    } else if (verb == "prepare") {
      print(apply(Prepare{number(words.at(1))}));
    } else if (verb == "activate") {
      Activate activate{number(words.at(1)), {}};
      for (std::size_t i = 2; i < words.size(); ++i) activate.laggards.push_back(number(words[i]));
      print(apply(activate));
    } else if (verb == "level") {
      print(apply(SetFeatureLevel{static_cast<std::uint16_t>(number(words.at(1)))}));
    } else {
      print(apply(change(words)));
    }
  }

 private:
  Outcome apply(const Command& command) { return state_->apply(state_->applied_index() + 1, encode_command(command)); }

  static void print(const Outcome& outcome) {
    std::cout << to_text(outcome.code) << " revision " << outcome.revision;
    if (outcome.generation != 0) std::cout << " generation " << outcome.generation;
    if (outcome.is_repeated) std::cout << " (repeated)";
    std::cout << "\n";
    if (!outcome.message.empty()) std::cout << "  " << outcome.message << "\n";
    if (!outcome.hint.empty()) std::cout << "  next: " << outcome.hint << "\n";
  }

  void plan(const Change& wanted) {
    const Plan plan = state_->plan(wanted);
    print(plan.outcome);
    for (const std::string& guard : plan.guards) std::cout << "  guard: " << guard << "\n";
    for (const ObjectChange& one : plan.changes) {
      std::cout << "  " << to_text(one.kind) << " " << one.object << " " << one.name;
      if (one.kind == ChangeKind::changed)
        for (const FieldChange& field : one.fields)
          std::cout << " " << field.field << " " << field.before << " -> " << field.after;
      std::cout << "\n";
    }
    for (const PlannedPool& pool : plan.pools) {
      std::cout << "  " << to_text(pool.kind) << " table " << pool.name << ": moved " << pool.moved << ", returned "
                << pool.returned << ", minimum " << pool.minimum << " of " << pool.slots_count << "\n";
      for (const PlannedBackend& one : pool.backends)
        std::cout << "    " << one.name << " " << one.address.to_string() << " weight " << one.weight_before << " -> "
                  << one.weight_after << " slots " << one.slots_before << " -> " << one.slots_after << "\n";
    }
  }

  void show(const Words& words) {
    const std::string& what = words.at(1);
    if (what == "pools") return show_pools();
    if (what == "services") return show_services();
    if (what == "generation") return show_generation();
    if (what == "forwarding") return show_forwarding(words.at(2));
    if (what == "history") return show_history();
    if (what == "audit") return show_audit();
    wrong(what);
  }

  void show_pools() {
    for (const auto& [name, pool] : state_->pools()) {
      std::cout << "  " << name << " " << to_text(pool->encapsulation) << " slots " << pool->slots_count << " mtu "
                << pool->mtu << ":";
      for (const MemberConfig& member : pool->members)
        std::cout << " " << member.name << "=" << member.address.to_string() << "*" << member.weight;
      std::cout << "\n";
    }
  }

  void show_services() {
    for (const auto& [name, service] : state_->services())
      std::cout << "  " << name << " " << service->config.address.to_string() << " " << service->config.port.value()
                << " -> " << service->pool << "\n";
  }

  void show_generation() {
    std::cout << "  active " << state_->active()->number;
    if (state_->prepared()) std::cout << ", prepared " << state_->prepared()->number;
    if (state_->has_pending()) std::cout << ", more is waiting";
    for (const std::uint64_t laggard : state_->laggards()) std::cout << ", without " << laggard;
    std::cout << "\n";
  }

  // How many slots have which list of candidates, in both phases.
  void show_forwarding(const std::string& name) {
    for (const StatePhase phase : {StatePhase::active, StatePhase::prepared}) {
      const std::optional<ForwardingState> forwarding = state_->forwarding_state(phase);
      if (!forwarding) continue;
      std::cout << "  " << to_text(phase) << " " << forwarding->generation << "\n";
      for (const SharedPool& pool : forwarding->pools)
        if (pool->name == name) show_lists(*pool);
    }
  }

  static std::string shown(const StateMember& member) {
    return member.present ? member.name : member.name + '(' + member.address.to_string() + ')';
  }

  static void show_lists(const StatePool& pool) {
    std::map<std::string, std::size_t> lists;
    auto past = pool.column->past.begin();
    for (std::uint32_t slot = 0; slot < pool.column->owners.size(); ++slot) {
      std::string list = shown(pool.members.at(pool.column->owners[slot]));
      if (past != pool.column->past.end() && past->slot == SlotIndex(slot)) {
        for (const std::uint16_t one : past->members)
          if (one != SLUICE_MEMBER_NONE) list += " < " + shown(pool.members.at(one));
        ++past;
      }
      ++lists[list];
    }
    for (const auto& [list, count] : lists) std::cout << "    " << count << " slots: " << list << "\n";
    if (lists.empty()) std::cout << "    empty\n";
  }

  void show_history() {
    for (const RevisionInfo& info : state_->history())
      std::cout << "  " << info.revision << " " << info.author.name << ": " << info.summary << "\n";
  }

  void show_audit() {
    for (const AuditEntry& entry : state_->audit())
      std::cout << "  " << entry.sequence << " " << entry.author.name << " " << to_text(entry.code) << ": "
                << entry.summary << "\n";
    std::cout << "  chain " << (state_->verify_audit() ? "holds" : "is broken") << "\n";
  }

  std::optional<ClusterState> state_;
};

}  // namespace
}  // namespace sluice::model

int main() {
  sluice::model::Script script;
  for (std::string line; std::getline(std::cin, line);) {
    script.run(line);
    std::cout << "--\n";  // script_test.py tells outputs apart by it
  }
  return 0;
}
