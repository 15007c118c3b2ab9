// SPDX-License-Identifier: Apache-2.0
#include "config_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "suggest.h"

namespace sluice::config_detail {
namespace {

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

Place place_of(const toml::source_region& region) {
  return {std::max<std::uint32_t>(1, region.begin.line), std::max<std::uint32_t>(1, region.begin.column)};
}

std::string_view type_text(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() > config_limits::interface_length_max || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7f && c != '/' && c != ':';
  });
}

std::string interface_name_fault(std::string_view name) {
  return fmt::format("{} cannot be the name of an interface; allowed: 1 to {} characters, no space, '/' or ':'",
                     in_quotes(name), config_limits::interface_length_max);
}

TableReader::TableReader(const toml::table& table, Place place, std::string context, Findings& findings)
    : table_(table), place_(place), context_(std::move(context)), findings_(findings) {}

const toml::node* TableReader::find(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

void TableReader::fault(Place place, std::string_view message) {
  findings_.error(place, context_.empty() ? std::string(message) : fmt::format("{}: {}", context_, message));
}

void TableReader::missing(std::string_view key, std::string_view why_and_form) {
  fault(place_, fmt::format("\"{}\" is missing; {}", key, why_and_form));
}

Field<std::string> TableReader::path(std::string_view key, std::string absent, std::size_t length_max, PathRule rule) {
  Field<std::string> field = text(key);
  if (!present(key)) return {std::move(absent), place_};
  if (!field.value || (rule == PathRule::or_none && field.value->empty())) return field;
  if (field.value->size() > length_max || !field.value->starts_with('/')) {
    fault(field.place,
          fmt::format("{} {} is not usable; allowed: an absolute path of at most {} bytes{}", key,
                      in_quotes(*field.value), length_max, rule == PathRule::or_none ? ", or \"\" for none" : ""));
    field.value.reset();
  }
  return field;
}

TableReader TableReader::section(std::string_view key) {
  static const toml::table none;
  const toml::node* node = find(key);
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && table == nullptr)
    fault(place_of(node->source()), fmt::format("{0} must be one table [{0}], not {1}", key, type_text(*node)));
  if (table == nullptr) return {none, Place{}, std::string(key), findings_};
  return {*table, place_of(table->source()), std::string(key), findings_};
}

Field<std::string> TableReader::text(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return {std::nullopt, place_};
  const Place place = place_of(node->source());
  const toml::value<std::string>* value = node->as_string();
  if (value == nullptr) {
    fault(place, fmt::format("{} must be a string in double quotes, not {}", key, type_text(*node)));
    return {std::nullopt, place};
  }
  if (has_control_character(value->get())) {
    // Without the value: it may be the hash key.
    fault(place, fmt::format("{} contains a control character; allowed: printable characters", key));
    return {std::nullopt, place};
  }
  // The text of the file is ASCII (config_text.cc), but an escape may still say otherwise.
  if (!is_ascii(value->get())) {
    fault(place, fmt::format("{} contains a non-ASCII character (\\u); allowed: ASCII", key));
    return {std::nullopt, place};
  }
  return {value->get(), place};
}

Field<std::string> TableReader::name(std::string_view key) {
  if (!present(key)) missing(key, "every one needs a name for commands and messages");
  Field<std::string> field = text(key);
  if (!field.value) return field;
  if (const std::string wrong = name_fault(*field.value); !wrong.empty()) {
    fault(field.place, wrong);
    field.value.reset();
  }
  return field;
}

Field<std::int64_t> TableReader::integer(std::string_view key, const IntegerRule& rule) {
  const toml::node* node = find(key);
  if (node == nullptr) return {std::nullopt, place_};
  const Place place = place_of(node->source());
  const std::string note = rule.note.empty() ? std::string() : fmt::format(" ({})", rule.note);
  const std::string allowed = rule.is_list() ? fmt::format("allowed: {}", rule.note)
                                             : fmt::format("allowed: {} to {}{}", rule.min, rule.max, note);
  const toml::value<std::int64_t>* value = node->as_integer();
  if (value == nullptr) {
    const std::string_view hint = node->is_string() ? " (write it without quotes)" : "";
    fault(place, fmt::format("{} must be an integer, not {}{}; {}", key, type_text(*node), hint, allowed));
    return {std::nullopt, place};
  }
  if (value->get() < rule.min || value->get() > rule.max) {
    fault(place, fmt::format("{} {} is out of range; {}", key, value->get(), allowed));
    return {std::nullopt, place};
  }
  return {value->get(), place};
}

Field<bool> TableReader::boolean(std::string_view key, bool absent) {
  const toml::node* node = find(key);
  if (node == nullptr) return {absent, place_};
  const Place place = place_of(node->source());
  const toml::value<bool>* value = node->as_boolean();
  if (value == nullptr) {
    const std::string_view hint = node->is_string() ? " (write it without quotes)" : "";
    fault(place, fmt::format("{} must be true or false, not {}{}", key, type_text(*node), hint));
    return {std::nullopt, place};
  }
  return {value->get(), place};
}

Field<IpAddress> TableReader::address(std::string_view key, AddressKind kind) {
  const Field<std::string> read = text(key);
  Field<IpAddress> field{std::nullopt, read.place};
  if (!read.value) return field;
  const Result<IpAddress> parsed = IpAddress::parse(*read.value);
  if (!parsed) {
    const bool has_prefix = read.value->find('/') != std::string::npos;
    fault(field.place,
          fmt::format(
              "{} {} is not an IPv4 or IPv6 address; allowed: one address {}", key, in_quotes(*read.value),
              has_prefix ? "without a prefix length" : "in digits, such as \"203.0.113.10\" or \"2001:db8::10\""));
    return field;
  }
  field.value = parsed.value();
  check_address(field, key, kind);
  return field;
}

void TableReader::check_address(Field<IpAddress>& field, std::string_view key, AddressKind kind) {
  const std::string wrong = address_fault(*field.value, kind);
  if (wrong.empty()) return;
  fault(field.place, fmt::format("{} {}", key, wrong));
  field.value.reset();
}

void TableReader::unknown_choice(Place place, std::string_view key, std::string_view value,
                                 std::span<const std::string_view> texts) {
  fault(place,
        fmt::format("{} {} is unknown{} allowed: {}", key, in_quotes(value),
                    did_you_mean(value, texts).empty() ? ";" : did_you_mean(value, texts), fmt::join(texts, ", ")));
}

std::vector<const toml::table*> TableReader::tables(std::string_view key, std::string_view form) {
  std::vector<const toml::table*> found;
  const toml::node* node = find(key);
  if (node == nullptr) return found;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    fault(place_of(node->source()),
          fmt::format("{} must be an array of tables, not {}; {}", key, type_text(*node), form));
    return found;
  }
  for (const toml::node& element : *array) {
    if (const toml::table* table = element.as_table()) {
      found.push_back(table);
    } else {
      fault(place_of(element.source()),
            fmt::format("{} must hold tables only, not {}; {}", key, type_text(element), form));
    }
  }
  return found;
}

void TableReader::finish(std::span<const std::string_view> elsewhere) {
  for (const auto& [key, node] : table_) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    const Place place = place_of(key.source());
    if (std::find(elsewhere.begin(), elsewhere.end(), key.str()) != elsewhere.end()) {
      fault(place, fmt::format("\"{}\" belongs to the top of the file: write it before the first [table]", key.str()));
      continue;
    }
    const std::string nearest = did_you_mean(key.str(), known_);
    fault(place, fmt::format("unknown key {}{} allowed: {}", in_quotes(key.str()), nearest.empty() ? ";" : nearest,
                             fmt::join(known_, ", ")));
  }
}

}  // namespace sluice::config_detail
