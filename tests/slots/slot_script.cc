// SPDX-License-Identifier: Apache-2.0
// Reads commands on standard input, one per line, and prints what they did: tables as text that people can review and
// that tests/slots/reference.py must print as well.
//
//   pool slots=13 owners=3       a new table
//   fill a=1 b=2                 the plain Maglev fill of these members; the table stays as it is
//   step a=1 b=2                 one step of the table
//   forget a                     prune a name
//   table | unstable | ids | hash
#include <charconv>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>

#include "maglev.h"
#include "slot_table.h"

namespace sluice {
namespace {

using Words = std::vector<std::string>;

std::uint32_t number(const std::string& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) throw std::runtime_error("not a number: " + text);
  return value;
}

std::vector<SlotMember> assignments(const Words& words) {
  std::vector<SlotMember> members;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) throw std::runtime_error("not name=number: " + word);
    members.push_back({word.substr(0, equals), number(word.substr(equals + 1))});
  }
  return members;
}

template <typename T>
T value_of(const Result<T>& result) {
  if (!result) throw std::runtime_error(result.error().context);
  return *result;
}

class Script {
 public:
  void run(std::istream& in, std::ostream& out);

 private:
  void pool(const Words& words, std::ostream& out);
  void fill(const Words& words, std::ostream& out);
  void step(const Words& words, std::ostream& out);
  void forget(const Words& words, std::ostream& out);
  void print_table(std::ostream& out) const;
  void print_unstable(std::ostream& out) const;
  void print_ids(std::ostream& out) const;
  void print_hash(std::ostream& out) const;
  void print_owners(std::uint32_t slot, const SlotOwners& owners, std::ostream& out) const;
  void dispatch(const std::string& command, const Words& words, std::ostream& out);

  SlotTable table_ = SlotTable::make({.slots_count = 13, .owners_max = 3}).value();
};

void Script::pool(const Words& words, std::ostream& out) {
  SlotTableOptions options;
  for (const SlotMember& setting : assignments(words)) {
    if (setting.identity == "slots") options.slots_count = setting.weight;
    if (setting.identity == "owners") options.owners_max = setting.weight;
  }
  table_ = value_of(SlotTable::make(options));
  out << "empty\n";
}

void Script::fill(const Words& words, std::ostream& out) {
  const std::vector<SlotMember> members = assignments(words);
  const MaglevFill fill = value_of(maglev_fill(members, table_.slots_count()));
  if (fill.empty()) out << "empty\n";
  for (std::size_t slot = 0; slot < fill.owners.size(); ++slot)
    out << slot << ": " << members[fill.owners[slot]].identity << "\n";
}

void Script::step(const Words& words, std::ostream& out) {
  const StepReport report = value_of(table_.step(assignments(words)));
  if (table_.empty()) {
    out << "empty\n";
    return;
  }
  out << "moved " << report.moved << ", returned " << report.returned << ", minimum " << report.minimum << "\n";
}

void Script::forget(const Words& words, std::ostream& out) {
  const Status status = table_.forget(words.at(0));
  if (!status) throw std::runtime_error(status.error().context);
  out << "forgotten\n";
}

void Script::print_owners(std::uint32_t slot, const SlotOwners& owners, std::ostream& out) const {
  out << slot << ":";
  for (const std::uint16_t id : owners.all()) {
    out << (id == owners.current() ? " " : " < ") << table_.members()[id].identity;
  }
  out << "\n";
}

void Script::print_table(std::ostream& out) const {
  if (table_.empty()) out << "empty\n";
  for (std::uint32_t slot = 0; slot < table_.owners().size(); ++slot) print_owners(slot, table_.owners_of(slot), out);
}

void Script::print_unstable(std::ostream& out) const {
  for (const UnstableSlot& unstable : table_.unstable()) print_owners(unstable.slot, unstable.owners, out);
}

void Script::print_ids(std::ostream& out) const {
  for (std::size_t id = 0; id < table_.members().size(); ++id) {
    const SlotTable::Member& member = table_.members()[id];
    if (member.identity.empty()) continue;
    out << id << " " << member.identity << " weight " << member.weight << " slots " << member.slots << " remembered "
        << member.remembered << (member.present ? "" : " gone") << "\n";
  }
}

void Script::print_hash(std::ostream& out) const {
  out << std::hex << std::setw(16) << std::setfill('0') << table_.hash() << std::dec << "\n";
}

void Script::dispatch(const std::string& command, const Words& words, std::ostream& out) {
  const std::map<std::string, std::function<void()>> commands = {
      {"pool", [&] { pool(words, out); }},  {"fill", [&] { fill(words, out); }},
      {"step", [&] { step(words, out); }},  {"forget", [&] { forget(words, out); }},
      {"table", [&] { print_table(out); }}, {"unstable", [&] { print_unstable(out); }},
      {"ids", [&] { print_ids(out); }},     {"hash", [&] { print_hash(out); }},
  };
  commands.at(command)();
}

void Script::run(std::istream& in, std::ostream& out) {
  for (std::string line; std::getline(in, line);) {
    std::istringstream text(line);
    std::string command;
    if (!(text >> command) || command[0] == '#') continue;
    Words words;
    for (std::string word; text >> word;) words.push_back(word);
    out << "> " << line << "\n";
    try {
      dispatch(command, words, out);
    } catch (const std::exception& error) {
      out << "error: " << error.what() << "\n";
    }
  }
}

}  // namespace
}  // namespace sluice

int main() {
  sluice::Script script;
  script.run(std::cin, std::cout);
}
