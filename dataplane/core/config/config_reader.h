// SPDX-License-Identifier: Apache-2.0
// One TOML table, key by key: types, ranges, and what nobody asked for. Internal to core/config; the only header that
// knows toml++.
#pragma once

#include <toml++/toml.h>

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config_findings.h"
#include "config_rules.h"

namespace sluice::config_detail {

Place place_of(const toml::source_region& region);

// "a string", "an integer", ...: for `must be X, not Y`.
std::string_view type_text(const toml::node& node);

[[nodiscard]] bool is_interface_name(std::string_view name);
[[nodiscard]] std::string interface_name_fault(std::string_view name);

// Keys of the top of the file that are no tables: what follows a [table] by mistake.
inline constexpr std::string_view top_values[] = {"hash_key"};

struct IntegerRule {
  // Left alone: any integer, for a rule that is a list of values and checked by the caller.
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view note = {};  // shown after the range, e.g. "0 = any port"; of a list, the list

  [[nodiscard]] bool is_list() const { return min == std::numeric_limits<std::int64_t>::min(); }
};

// or_none: "" says that there is none.
enum class PathRule : std::uint8_t { required, or_none };

class TableReader {
 public:
  // `context` begins every message: `pool "web"`. Empty at the top of the file.
  TableReader(const toml::table& table, Place place, std::string context, Findings& findings);

  // A key that was asked for is a known key; each is asked for once. nullptr if absent.
  const toml::node* find(std::string_view key);
  void missing(std::string_view key, std::string_view why_and_form);
  void fault(Place place, std::string_view message);

  Field<std::string> text(std::string_view key);
  Field<std::string> name(std::string_view key);
  Field<std::int64_t> integer(std::string_view key, const IntegerRule& rule);
  Field<bool> boolean(std::string_view key, bool absent);
  Field<IpAddress> address(std::string_view key, AddressKind kind);
  // `absent` stands for a key that is not there.
  Field<std::string> path(std::string_view key, std::string absent, std::size_t length_max,
                          PathRule rule = PathRule::required);
  // The one table [key]; what is none is reported, and an empty table read instead. Call it on the top of the file.
  TableReader section(std::string_view key);

  template <typename T>
  Field<T> integer_or(std::string_view key, const IntegerRule& rule, T absent) {
    const Field<std::int64_t> read = integer(key, rule);
    if (!present(key)) return {absent, place_};
    if (!read.value) return {std::nullopt, read.place};
    return {static_cast<T>(*read.value), read.place};
  }

  template <typename T>
  struct Choice {
    std::string_view text;
    T value;
  };

  template <typename T>
  Field<T> choice(std::string_view key, std::span<const Choice<T>> choices) {
    const Field<std::string> read = text(key);
    if (!read.value) return {std::nullopt, read.place};
    std::vector<std::string_view> texts;
    for (const Choice<T>& choice : choices) {
      if (choice.text == *read.value) return {choice.value, read.place};
      texts.push_back(choice.text);
    }
    unknown_choice(read.place, key, *read.value, texts);
    return {std::nullopt, read.place};
  }

  // The tables of an array (`[[key]]` or `key = [ {...} ]`); anything else in it is reported. `form` says how to write
  // it.
  std::vector<const toml::table*> tables(std::string_view key, std::string_view form);

  [[nodiscard]] bool present(std::string_view key) const { return table_.contains(key); }
  [[nodiscard]] bool is_table(std::string_view key) const {
    return table_.get(key) != nullptr && table_.get(key)->is_table();
  }
  [[nodiscard]] Place place() const { return place_; }
  [[nodiscard]] const std::string& context() const { return context_; }

  // Reports every key nobody asked for. Call last. `elsewhere`: keys that belong to the top of the file.
  void finish(std::span<const std::string_view> elsewhere = {});

 private:
  void unknown_choice(Place place, std::string_view key, std::string_view value,
                      std::span<const std::string_view> texts);
  void check_address(Field<IpAddress>& field, std::string_view key, AddressKind kind);

  const toml::table& table_;
  Place place_;
  std::string context_;
  Findings& findings_;
  std::vector<std::string_view> known_;
};

}  // namespace sluice::config_detail
