// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice {

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

std::string to_string(const Diagnostic& diagnostic, std::string_view file_name) {
  return fmt::format("{}:{}:{}: {}", file_name, diagnostic.line, diagnostic.column, diagnostic.message);
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
