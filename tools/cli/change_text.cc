// SPDX-License-Identifier: Apache-2.0
#include "change_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "text_table.h"

namespace sluice::cli {
namespace {

// One line per change: `~ backend web/b2  weight 100 -> 50`.
std::string change_line(const ObjectChange& change, std::size_t name_width, bool color) {
  const bool changed = change.kind == ChangeKind::changed;
  const char sign = changed ? '~' : change.kind == ChangeKind::added ? '+' : '-';
  const Color tint = changed ? Color::yellow : change.kind == ChangeKind::added ? Color::green : Color::red;
  const std::string name = change.name.empty() ? change.object : change.object + ' ' + change.name;
  std::string fields;
  for (const FieldChange& field : change.fields) {
    // Empty defaults of a whole new object say nothing.
    if (!changed && field.before.empty() && field.after.empty()) continue;
    if (!fields.empty()) fields += ", ";
    const auto shown = [](const std::string& value) { return value.empty() ? std::string("(none)") : value; };
    fields +=
        field.field + ' ' + (changed ? shown(field.before) + " -> " + shown(field.after) : field.before + field.after);
  }
  std::string line = colored(color, tint, fmt::format("{} {}", sign, name));
  if (!fields.empty()) line += std::string(name_width - name.size() + 2, ' ') + fields;
  return line + '\n';
}

}  // namespace

void print_changes(const Context& context, const std::vector<ObjectChange>& changes) {
  if (changes.empty()) {
    print("no difference\n");
    return;
  }
  std::size_t width = 0;
  for (const ObjectChange& change : changes) {
    width = std::max(width, change.object.size() + (change.name.empty() ? 0 : change.name.size() + 1));
  }
  std::size_t counts[3] = {};
  for (const ObjectChange& change : changes) {
    print(change_line(change, width, context.color_out));
    ++counts[static_cast<std::size_t>(change.kind)];
  }
  print(fmt::format("\n{}: {} added, {} changed, {} removed\n", count_text(changes.size(), "difference"),
                    counts[static_cast<std::size_t>(ChangeKind::added)],
                    counts[static_cast<std::size_t>(ChangeKind::changed)],
                    counts[static_cast<std::size_t>(ChangeKind::removed)]));
}

}  // namespace sluice::cli
