// SPDX-License-Identifier: Apache-2.0
// Places in a file and what was found there. Internal to core/config.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config.h"

namespace sluice::config_detail {

struct Place {
  std::uint32_t line = 1;  // 0: the value stands in no file
  std::uint32_t column = 1;
};

// config_limits::slots_allowed, for messages.
inline constexpr std::string_view slots_text = "16381, 65537 or 655373";

// A value from the file. Empty if it was missing without a default, or faulty; then its fault is already noted, and
// later checks pass it by.
template <typename T>
struct Field {
  std::optional<T> value;
  Place place;
};

class Findings {
 public:
  void error(Place place, std::string message) { note(errors_, place, std::move(message)); }
  void warning(Place place, std::string message) { note(warnings_, place, std::move(message)); }
  [[nodiscard]] bool has_errors() const { return !errors_.empty(); }

  std::vector<Diagnostic> take_errors() { return sorted(std::move(errors_)); }
  std::vector<Diagnostic> take_warnings() { return sorted(std::move(warnings_)); }

 private:
  // A file of the wrong kind can break a rule on every line; nobody reads more than this.
  static constexpr std::size_t kept_max = 1000;

  static void note(std::vector<Diagnostic>& kept, Place place, std::string message) {
    if (kept.size() < kept_max) kept.push_back({place.line, place.column, std::move(message)});
  }
  static std::vector<Diagnostic> sorted(std::vector<Diagnostic> found) {
    std::stable_sort(found.begin(), found.end(), [](const Diagnostic& a, const Diagnostic& b) {
      return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    return found;
  }

  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> warnings_;
};

// The file's content with places, before the checks that look across tables.
struct PlacedMember {
  Place place;
  std::string context;  // `pool "web", backend "b1"`
  Field<std::string> name;
  Field<IpAddress> address;
  Field<std::uint16_t> weight;
};

struct PlacedPool {
  Place place;
  std::string context;  // `pool "web"`
  Field<std::string> name;
  Field<Encapsulation> encapsulation;
  Field<std::uint16_t> gue_port;
  Field<std::uint32_t> slots_count;
  Field<std::uint16_t> mtu;
  Place members_place;
  std::vector<PlacedMember> members;
};

struct PlacedService {
  Place place;
  std::string context;
  Field<std::string> name;
  Field<IpAddress> address;
  Field<std::uint16_t> port;
  Field<Protocol> protocol;
  Field<std::string> pool;
  Field<bool> track;
  Field<bool> fragments;
  Field<bool> unreachable;
};

struct PlacedPlane {
  Place place;          // of [plane]; the start of the file if there is none
  bool faulty = false;  // no table at all: nothing to be said of its keys
  Field<std::vector<std::string>> interfaces;
  Field<PlaneMode> mode;
  Field<IpAddress> source_ipv4;
  Field<IpAddress> source_ipv6;
  Field<std::string> control_socket;
  Field<std::string> pin_directory;
  Field<std::uint32_t> flows_per_cpu;
  Field<std::uint32_t> new_flows_per_second;
  Field<std::uint32_t> icmp_per_second;
  Field<ControlSource> control;
  Field<std::string> state_file;
  std::optional<DpdkConfig> dpdk;  // whole if there is no error: nothing outside of it asks for its places
};

struct PlacedConfig {
  Field<HashKeyBytes> hash_key;
  PlacedPlane plane;
  std::vector<PlacedPool> pools;
  std::vector<PlacedService> services;
};

// What must hold of the text before toml++ may see it; false if it must not. config_text.cc
bool check_text(std::string_view text, Findings& findings);

// What good TOML may still hide: a number cut short by the end of the file. config_text.cc
void check_cut_number(std::string_view text, Findings& findings);

// toml++'s own words for a syntax error, as one of our lines. config_text.cc
std::string syntax_message(std::string_view description);

// What one table cannot tell about itself: duplicates, references, families. config_check.cc
void check_across(const PlacedConfig& config, Findings& findings);

}  // namespace sluice::config_detail
