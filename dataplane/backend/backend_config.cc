// SPDX-License-Identifier: Apache-2.0
#include "backend_config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <set>

#include "config_findings.h"
#include "suggest.h"

namespace sluice::backend {
namespace {

constexpr std::array<std::string_view, 10> known_keys = {
    "interfaces", "vips", "allow", "local", "gue_port", "tunnels", "mss", "mode", "pin_directory", "state_directory"};

Result<std::string> parse_directory(std::string_view text, bool may_be_none) {
  if (may_be_none && text == "none") return std::string(text);
  if (text.empty() || text.front() != '/' || text.size() > config_limits::directory_length_max)
    return make_error(ErrorCode::invalid_argument, in_quotes(text) + " is no absolute path");
  return std::string(text);
}

Result<std::string> parse_interface(std::string_view text) {
  const bool odd = text.find_first_of("/ \t\n:") != std::string_view::npos || text == "." || text == "..";
  if (text.empty() || text.size() > config_limits::interface_length_max || odd)
    return make_error(ErrorCode::invalid_argument, in_quotes(text) + " is no interface name");
  return std::string(text);
}

Result<PlaneMode> parse_mode(std::string_view text) {
  for (const PlaneMode mode : {PlaneMode::automatic, PlaneMode::native, PlaneMode::generic})
    if (text == to_text(mode)) return mode;
  return make_error(ErrorCode::invalid_argument, in_quotes(text) + " is no mode; auto, native or generic");
}

class FileReader {
 public:
  explicit FileReader(const toml::table& table) : table_(table) {}

  template <typename T>
  void list(std::string_view key, const std::function<Result<T>(std::string_view)>& parse, std::vector<T>& into) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return fault(*node, key, "must be a list of texts, [\"...\"]");
    into.clear();
    for (const toml::node& element : *array) {
      const auto text = element.value_exact<std::string_view>();
      if (!text) {
        fault(element, key, "must be a list of texts");
        continue;
      }
      const Result<T> value = parse(*text);
      if (!value)
        fault(element, key, value.error().context);
      else if (std::find(into.begin(), into.end(), *value) != into.end())
        fault(element, key, "is named twice: " + in_quotes(*text));
      else
        into.push_back(*value);
    }
  }

  template <typename T>
  void text(std::string_view key, const std::function<Result<T>(std::string_view)>& parse, T& into) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    // An integer is welcome where its digits are: mss = 1400.
    const auto written =
        node->is_integer() ? std::to_string(node->as_integer()->get()) : node->value_exact<std::string>().value_or("");
    if (!node->is_integer() && !node->is_string()) return fault(*node, key, "must be a text");
    const Result<T> value = parse(written);
    if (!value) return fault(*node, key, value.error().context);
    into = *value;
  }

  void port(std::string_view key, std::uint16_t& into) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < 1 || *value > std::numeric_limits<std::uint16_t>::max())
      return fault(*node, key, "must be an integer, 1 to 65535");
    into = static_cast<std::uint16_t>(*value);
  }

  void boolean(std::string_view key, bool& into) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) return fault(*node, key, "must be true or false");
    into = node->as_boolean()->get();
  }

  void unknown_keys() {
    for (const auto& [key, node] : table_) {
      if (std::find(known_keys.begin(), known_keys.end(), key.str()) != known_keys.end()) continue;
      note(key.source(), fmt::format("unknown key {}{}", in_quotes(key.str()), did_you_mean(key.str(), known_keys)));
    }
  }

  std::vector<Diagnostic> errors;

 private:
  void fault(const toml::node& node, std::string_view key, const std::string& message) {
    note(node.source(), fmt::format("{}: {}", key, message));
  }
  void note(const toml::source_region& region, std::string message) {
    errors.push_back({region.begin.line, region.begin.column, std::move(message)});
  }

  const toml::table& table_;
};

BackendConfigOutcome read_table(const toml::table& table, BackendConfig config) {
  FileReader reader(table);
  const auto vip = [](std::string_view value) { return parse_unicast(value, "VIP"); };
  const auto own = [](std::string_view value) { return parse_unicast(value, "address of this host"); };
  const auto none_allowed = [](std::string_view value) { return parse_directory(value, true); };
  const auto directory = [](std::string_view value) { return parse_directory(value, false); };
  reader.list<std::string>("interfaces", parse_interface, config.interfaces);
  reader.list<IpAddress>("vips", vip, config.vips);
  reader.list<Prefix>("allow", Prefix::parse, config.allow);
  reader.list<IpAddress>("local", own, config.local);
  reader.port("gue_port", config.gue_port);
  reader.boolean("tunnels", config.tunnels);
  reader.text<MssChoice>("mss", MssChoice::parse, config.mss);
  reader.text<PlaneMode>("mode", parse_mode, config.mode);
  reader.text<std::string>("pin_directory", none_allowed, config.pin_directory);
  reader.text<std::string>("state_directory", directory, config.state_directory);
  reader.unknown_keys();
  BackendConfigOutcome outcome{std::nullopt, std::move(reader.errors)};
  std::stable_sort(outcome.errors.begin(), outcome.errors.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (outcome.errors.empty()) outcome.config = std::move(config);
  return outcome;
}

}  // namespace

Result<MssChoice> MssChoice::parse(std::string_view text) {
  if (text == "auto") return MssChoice{};
  if (text == "none") return MssChoice{Kind::none, 0};
  unsigned bytes = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (fault != std::errc() || end != text.data() + text.size() || bytes < mss_min || bytes > mss_max)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{} is no MSS; auto, none, or {} to {}", in_quotes(text), mss_min, mss_max));
  return MssChoice{Kind::fixed, static_cast<std::uint16_t>(bytes)};
}

Result<IpAddress> parse_unicast(std::string_view text, std::string_view what) {
  const Result<IpAddress> address = IpAddress::parse(text);
  if (!address)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{} is no {}: not an IPv4 or IPv6 address", in_quotes(text), what));
  if (address->is_unspecified() || address->is_multicast() || address->is_loopback())
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{} is no {}: not a unicast address of a network", in_quotes(text), what));
  return address;
}

BackendConfigOutcome parse_backend_config(std::string_view text, std::string_view file_name, BackendConfig base) {
  config_detail::Findings findings;
  if (!config_detail::check_text(text, findings)) return {std::nullopt, findings.take_errors()};
  try {
    const toml::table table = toml::parse(text, file_name);
    config_detail::check_cut_number(text, findings);
    if (findings.has_errors()) return {std::nullopt, findings.take_errors()};
    return read_table(table, std::move(base));
  } catch (const toml::parse_error& error) {
    const auto& begin = error.source().begin;
    return {std::nullopt, {{std::max(begin.line, 1U), std::max(begin.column, 1U), std::string(error.description())}}};
  }
}

// Through a table as well: each value has one reader.
Result<BackendConfig> apply_options(const BackendOptions& options, BackendConfig base) {
  toml::table table;
  const auto add_text = [&table](std::string_view key, const std::string& value) {
    if (!value.empty()) table.insert(key, value);
  };
  const auto add_list = [&table](std::string_view key, const std::vector<std::string>& values) {
    toml::array array;
    for (const std::string& value : values) array.push_back(value);
    if (!values.empty()) table.insert(key, std::move(array));
  };
  add_list("interfaces", options.interfaces);
  add_list("vips", options.vips);
  add_list("allow", options.allow);
  add_list("local", options.local);
  add_text("mode", options.mode);
  add_text("mss", options.mss);
  add_text("pin_directory", options.pin_directory);
  add_text("state_directory", options.state_directory);
  if (options.gue_port != 0) table.insert("gue_port", std::int64_t{options.gue_port});
  if (options.no_tunnels) table.insert("tunnels", false);
  BackendConfigOutcome outcome = read_table(table, std::move(base));
  if (!outcome.config) return make_error(ErrorCode::invalid_argument, outcome.errors.front().message);
  return std::move(*outcome.config);
}

Status check_backend_config(const BackendConfig& config) {
  const auto missing = [](std::string_view what) { return make_error(ErrorCode::invalid_argument, std::string(what)); };
  if (config.interfaces.empty())
    return missing("no interface: name those that tunnel packets arrive on, --interface eth0");
  if (config.vips.empty()) return missing("no VIP: name the addresses this host serves, --vip 203.0.113.10");
  if (config.tunnels && config.allow.empty())
    return missing(
        "no balancer is allowed: name their outer source addresses, --allow 10.2.0.0/16; or --no-tunnels "
        "if this host is reached by L2 only");
  for (const IpAddress& address : config.local) {
    if (std::find(config.vips.begin(), config.vips.end(), address) != config.vips.end())
      return make_error(ErrorCode::conflict, address.to_string() +
                                                 " cannot be a VIP and a tunnel end at once: "
                                                 "balancers reach this host by an address of its own");
  }
  return {};
}

}  // namespace sluice::backend
