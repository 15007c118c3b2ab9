// SPDX-License-Identifier: Apache-2.0
// The static configuration of one balancer, whichever plane it runs, as checked values. parse_config() is the only door
// from text to a Config: whoever holds one from there may rely on every invariant named below. Format:
// docs/configuration.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ip_address.h"
#include "strong_types.h"

namespace sluice {

enum class PlaneMode : std::uint8_t { automatic, native, generic };
enum class Encapsulation : std::uint8_t { ipip, gue, l2 };
enum class Protocol : std::uint8_t { tcp = 6, udp = 17 };  // IANA numbers
enum class IdleMode : std::uint8_t { spin, adaptive };
enum class ControlSource : std::uint8_t { file, cluster };
enum class PacketMemory : std::uint8_t { automatic, huge, ordinary };

// As written in the file: "auto", "ipip", "tcp".
std::string_view to_text(PlaneMode mode);
std::string_view to_text(Encapsulation encapsulation);
std::string_view to_text(Protocol protocol);
std::string_view to_text(IdleMode idle);
std::string_view to_text(PacketMemory memory);
std::string_view to_text(ControlSource control);

using HashKeyBytes = std::array<std::uint8_t, 16>;

// Bounds of single values; those of counts are in sluice_limits.h or beside them.
namespace config_limits {
inline constexpr std::size_t pools_max = 4096;
inline constexpr std::size_t services_max = 32768;
// An image line names its members in 15 bits, a flow entry its backend in 20 (sluice_limits.h).
inline constexpr std::size_t members_max = 32767;
inline constexpr std::size_t backends_max = 1048575;
inline constexpr std::size_t name_length_max = 63;
inline constexpr std::size_t interfaces_max = 64;
inline constexpr std::size_t interface_length_max = 15;    // IFNAMSIZ less its terminator
inline constexpr std::size_t socket_length_max = 107;      // sun_path less its terminator
inline constexpr std::size_t directory_length_max = 3800;  // PATH_MAX less room for the names of the pins
inline constexpr std::uint32_t flows_per_cpu_min = 1024;
inline constexpr std::uint32_t flows_per_cpu_max = 16777216;
inline constexpr std::uint32_t new_flows_per_second_max = 1000000000;
inline constexpr std::uint32_t icmp_per_second_max = 1000000000;
inline constexpr std::uint16_t mtu_v4_min = 576;   // RFC 791: what every IPv4 host accepts
inline constexpr std::uint16_t mtu_v6_min = 1280;  // RFC 8200 section 5
inline constexpr std::uint16_t mtu_max = 9216;     // the largest jumbo frame in common use
inline constexpr std::array<std::uint32_t, 3> slots_allowed = {16381, 65537, 655373};
// DPDK as Debian builds it has room for 32 ports, and each of ours may need another one towards the kernel.
inline constexpr std::size_t dpdk_ports_max = 16;
inline constexpr std::size_t dpdk_device_length_max = 255;
inline constexpr std::size_t dpdk_device_name_length_max = 63;  // RTE_DEV_NAME_MAX_LEN less its terminator
inline constexpr std::uint16_t dpdk_queues_max = 1024;          // RTE_MAX_QUEUES_PER_PORT
inline constexpr std::uint16_t dpdk_workers_max = 64;
inline constexpr std::uint16_t cpu_max = 1023;  // CPU_SETSIZE - 1
inline constexpr std::uint32_t packet_buffers_min = 1024;
inline constexpr std::uint32_t packet_buffers_max = 8388608;
}  // namespace config_limits

struct DpdkPortConfig {
  std::string device;        // as EAL takes it, "net_tap0,iface=x" or "0000:03:00.0"; unique up to the comma
  std::uint16_t queues = 0;  // 0 = one per worker
  std::optional<std::string> kernel_interface = std::nullopt;  // unique
  std::uint16_t mtu = 1500;

  friend bool operator==(const DpdkPortConfig&, const DpdkPortConfig&) = default;
};

// "net_tap0" of "net_tap0,iface=x": what stands before the driver's arguments.
[[nodiscard]] std::string_view device_name(std::string_view device);
// `[domain:]bus:device.function`, as lspci and EAL write it. Of a name, without arguments.
[[nodiscard]] bool is_pci_address(std::string_view name);

struct DpdkConfig {
  std::vector<DpdkPortConfig> ports = {};  // at least one
  std::uint16_t workers = 1;
  std::vector<std::uint16_t> cpus = {};  // each once, as many as workers; empty: the plane chooses
  IdleMode idle = IdleMode::adaptive;
  PacketMemory memory = PacketMemory::automatic;
  std::uint32_t packet_buffers = 16384;

  friend bool operator==(const DpdkConfig&, const DpdkConfig&) = default;
};

struct PlaneConfig {
  std::vector<std::string> interfaces;  // may be empty: sluice-xdp asks for one, offline tools do not
  PlaneMode mode = PlaneMode::automatic;
  // Present if any ipip or gue pool has a backend of that family.
  std::optional<IpAddress> source_ipv4;
  std::optional<IpAddress> source_ipv6;
  std::string control_socket = "/run/sluice/plane.sock";
  std::string pin_directory = "/sys/fs/bpf/sluice";
  std::uint32_t flows_per_cpu = 262144;  // a power of two
  std::uint32_t new_flows_per_second = 200000;
  std::uint32_t icmp_per_second = 1000;
  // Where pools, services and the hash key come from. cluster: the Config of the file has none of them.
  ControlSource control = ControlSource::file;
  std::string state_file = "/var/lib/sluice/plane-state";  // of control = cluster
  std::optional<DpdkConfig> dpdk = std::nullopt;           // sluice-dpdk asks for it, others pass it by

  friend bool operator==(const PlaneConfig&, const PlaneConfig&) = default;
};

struct MemberConfig {
  std::string name;            // unique in its pool
  IpAddress address;           // unique in its pool; unicast, no service's address
  std::uint16_t weight = 100;  // 0 = gets no new flows

  friend bool operator==(const MemberConfig&, const MemberConfig&) = default;
};

struct PoolConfig {
  std::string name;  // unique
  Encapsulation encapsulation = Encapsulation::ipip;
  PortHost gue_port{6080};  // means something with gue only
  std::uint32_t slots_count = 65537;
  std::uint16_t mtu = 1500;  // of the outer packet; one value per (address, encapsulation, gue_port) over all pools
  std::vector<MemberConfig> members;  // in the file's order; may be empty; with weight > 0 at most slots_count

  friend bool operator==(const PoolConfig&, const PoolConfig&) = default;
};

struct ServiceConfig {
  std::string name;   // unique
  IpAddress address;  // (address, port, protocol) is unique
  PortHost port{};    // 0 = any
  Protocol protocol = Protocol::tcp;
  std::uint32_t pool_index = 0;  // into Config::pools
  bool track = true;
  bool fragments = false;  // such services of one (address, protocol) share one pool
  bool unreachable = false;

  friend bool operator==(const ServiceConfig&, const ServiceConfig&) = default;
};

struct Config {
  HashKeyBytes hash_key{};
  PlaneConfig plane;
  std::vector<PoolConfig> pools;
  std::vector<ServiceConfig> services;

  friend bool operator==(const Config&, const Config&) = default;
};

// One finding in a file; line and column count from 1, columns in characters.
struct Diagnostic {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string message;  // what, why, what is allowed; one line

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

// `file:line:column: message`
std::string to_string(const Diagnostic& diagnostic, std::string_view file_name);

struct ConfigOutcome {
  std::string file_name;             // as given; for messages only
  std::optional<Config> config;      // present exactly if `errors` is empty
  std::vector<Diagnostic> errors;    // in the file's order
  std::vector<Diagnostic> warnings;  // allowed, but likely not meant

  [[nodiscard]] bool ok() const { return config.has_value(); }
};

// Never throws on any input (std::bad_alloc aside). Finds every fault of meaning at once; a fault of TOML syntax hides
// what stands after it.
[[nodiscard]] ConfigOutcome parse_config(std::string_view text, std::string_view file_name);

// `file:line:column: message` per error, one per line, with a newline after each.
std::string errors_text(const ConfigOutcome& outcome);

// nullptr if there is none of this name.
const PoolConfig* find_pool(const Config& config, std::string_view name);
const ServiceConfig* find_service(const Config& config, std::string_view name);

// Canonical TOML: fixed key order, every default written out, order of pools, members and services kept.
// parse_config(print_config(c)) gives c again. What comes from the cluster is not in it.
std::string print_config(const Config& config);

}  // namespace sluice
