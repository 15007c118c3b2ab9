// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice {
namespace {

bool is_hex(std::string_view text, std::size_t length_min, std::size_t length_max) {
  if (text.size() < length_min || text.size() > length_max) return false;
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

}  // namespace

std::string_view to_text(PlaneMode mode) {
  switch (mode) {
    case PlaneMode::automatic:
      return "auto";
    case PlaneMode::native:
      return "native";
    case PlaneMode::generic:
      return "generic";
  }
  return "?";
}

std::string_view to_text(Encapsulation encapsulation) {
  switch (encapsulation) {
    case Encapsulation::ipip:
      return "ipip";
    case Encapsulation::gue:
      return "gue";
    case Encapsulation::l2:
      return "l2";
  }
  return "?";
}

std::string_view to_text(Protocol protocol) {
  return protocol == Protocol::tcp ? "tcp" : "udp";
}

std::string_view to_text(IdleMode idle) {
  return idle == IdleMode::spin ? "spin" : "adaptive";
}

std::string_view to_text(PacketMemory memory) {
  switch (memory) {
    case PacketMemory::automatic:
      return "auto";
    case PacketMemory::huge:
      return "huge";
    case PacketMemory::ordinary:
      return "ordinary";
  }
  return "?";
}

std::string_view to_text(ControlSource control) {
  return control == ControlSource::file ? "file" : "cluster";
}

std::string_view device_name(std::string_view device) {
  return device.substr(0, device.find(','));
}

// Domains beyond four digits exist behind VMD bridges.
bool is_pci_address(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  const std::size_t colon = name.rfind(':', dot);
  if (dot == std::string_view::npos || colon == std::string_view::npos) return false;
  const std::string_view function = name.substr(dot + 1);
  if (function.size() != 1 || function[0] < '0' || function[0] > '7') return false;
  if (!is_hex(name.substr(colon + 1, dot - colon - 1), 2, 2)) return false;
  const std::string_view before = name.substr(0, colon);
  const std::size_t first = before.find(':');
  if (first == std::string_view::npos) return is_hex(before, 2, 2);
  return is_hex(before.substr(0, first), 4, 8) && is_hex(before.substr(first + 1), 2, 2);
}

std::string to_string(const Diagnostic& diagnostic, std::string_view file_name) {
  return fmt::format("{}:{}:{}: {}", file_name, diagnostic.line, diagnostic.column, diagnostic.message);
}

std::string errors_text(const ConfigOutcome& outcome) {
  std::string text;
  for (const Diagnostic& error : outcome.errors) text += to_string(error, outcome.file_name) + '\n';
  return text;
}

const PoolConfig* find_pool(const Config& config, std::string_view name) {
  const auto found =
      std::find_if(config.pools.begin(), config.pools.end(), [&](const PoolConfig& pool) { return pool.name == name; });
  return found == config.pools.end() ? nullptr : &*found;
}

const ServiceConfig* find_service(const Config& config, std::string_view name) {
  const auto found = std::find_if(config.services.begin(), config.services.end(),
                                  [&](const ServiceConfig& service) { return service.name == name; });
  return found == config.services.end() ? nullptr : &*found;
}

}  // namespace sluice
