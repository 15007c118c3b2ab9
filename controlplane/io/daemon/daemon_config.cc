// SPDX-License-Identifier: Apache-2.0
#include "daemon_config.h"

#include <fmt/format.h>

#include <charconv>

#include "config_reader.h"

namespace sluice {

Result<TcpEndpoint> TcpEndpoint::parse(std::string_view text) {
  const auto wrong = [text] {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("\"{}\" is no address and port; 192.0.2.1:7471 or [2001:db8::1]:7471", text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const Result<IpAddress> address = IpAddress::parse(host);
  if (!address || address->is_v4() == is_bracketed) return wrong();
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || port == 0) return wrong();
  return TcpEndpoint{*address, PortHost(port)};
}

std::string TcpEndpoint::to_string() const {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port.value())
                         : fmt::format("[{}]:{}", address.to_string(), port.value());
}

namespace {

using config_detail::Field;
using config_detail::Findings;
using config_detail::PathRule;
using config_detail::Place;
using config_detail::TableReader;

class Reader {
 public:
  Reader(const toml::table& table, Findings& findings)
      : top_(table, Place{}, "", findings), node_(top_.section("node")) {}

  DaemonConfig read() {
    DaemonConfig config;
    if (!top_.present("node"))
      top_.missing("node", "every balancer has a name; write [node] and below it name = \"lb1\"");
    if (const Field<std::string> name = node_.name("name"); name.value) config.name = *name.value;
    path("data_directory", config.data_directory);
    path("certificate", config.certificate);
    path("key", config.key);
    path("authority", config.authority);
    socket("plane_socket", config.plane_socket, PathRule::or_none);
    socket("api_socket", config.api_socket, PathRule::required);
    read_endpoints(config);
    read_times(config);
    node_.finish();
    top_.finish();
    return config;
  }

 private:
  void path(std::string_view key, std::string& into) {
    read_path(key, into, config_limits::directory_length_max, PathRule::required);
  }
  void socket(std::string_view key, std::string& into, PathRule rule) {
    read_path(key, into, config_limits::socket_length_max, rule);
  }
  void read_path(std::string_view key, std::string& into, std::size_t length_max, PathRule rule) {
    if (const Field<std::string> field = node_.path(key, into, length_max, rule); field.value) into = *field.value;
  }

  std::optional<TcpEndpoint> endpoint(std::string_view key) {
    const Field<std::string> read = node_.text(key);
    if (!node_.present(key) || !read.value) return std::nullopt;
    const Result<TcpEndpoint> parsed = TcpEndpoint::parse(*read.value);
    if (parsed) return *parsed;
    node_.fault(read.place, fmt::format("{}: {}", key, parsed.error().context));
    return std::nullopt;
  }

  void read_endpoints(DaemonConfig& config) {
    if (!node_.present("listen"))
      node_.missing("listen",
                    "the other balancers connect to it; an address of this host and a port, \"192.0.2.1:7471\"");
    config.listen = endpoint("listen").value_or(TcpEndpoint{});
    config.advertise = endpoint("advertise").value_or(config.listen);
    config.api_listen = endpoint("api_listen");
    if (node_.present("listen") && config.advertise.address.is_unspecified())
      node_.fault(node_.place(),
                  "advertise must name an address that the other balancers reach, not the unspecified one");
  }

  void read_times(DaemonConfig& config) {
    using namespace daemon_limits;
    const auto heartbeat = node_.integer_or<std::uint32_t>("heartbeat_ms", {heartbeat_ms_min, election_ms_max, {}}, 50);
    const auto election = node_.integer_or<std::uint32_t>("election_ms", {heartbeat_ms_min, election_ms_max, {}}, 200);
    config.heartbeat_ms = heartbeat.value.value_or(config.heartbeat_ms);
    config.election_ms = election.value.value_or(config.election_ms);
    if (config.election_ms < heartbeats_per_election_min * config.heartbeat_ms)
      node_.fault(election.place, fmt::format("election_ms must be at least {} times heartbeat_ms ({})",
                                              heartbeats_per_election_min, config.heartbeat_ms));
  }

  TableReader top_;
  TableReader node_;
};

}  // namespace

DaemonConfigOutcome parse_daemon_config(std::string_view text) {
  using namespace config_detail;
  DaemonConfigOutcome outcome;
  Findings findings;
  if (check_text(text, findings)) {
    try {
      const toml::table document = toml::parse(text);
      check_cut_number(text, findings);
      DaemonConfig config = Reader(document, findings).read();
      if (!findings.has_errors()) outcome.config = std::move(config);
    } catch (const toml::parse_error& error) {
      findings.error(place_of(error.source()), syntax_message(error.description()));
    }
  }
  outcome.errors = findings.take_errors();
  return outcome;
}

}  // namespace sluice
