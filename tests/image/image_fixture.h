// SPDX-License-Identifier: Apache-2.0
// A small model to publish, and one packet through it. For the tests of the image.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "image_memory.h"
#include "image_reader.h"
#include "image_writer.h"

namespace sluice::testing {

inline IpAddress address(const std::string& text) {
  return IpAddress::parse(text).value();
}

inline ForwardingBackend backend(const std::string& text, std::uint8_t encapsulation = SLUICE_ENCAP_IPIP_V4) {
  ForwardingBackend backend;
  backend.key = {address(text), encapsulation, 0};
  backend.source = address("10.0.0.1");
  backend.inner_mtu = 1480;
  return backend;
}

// One pool "web" of `backends`, slots dealt in turn; one service 203.0.113.10:80/tcp.
inline ForwardingModel model_of(const std::vector<ForwardingBackend>& backends, std::uint32_t slots_count = 13) {
  ForwardingModel model;
  model.hash_secret = {1, 2, 3};
  model.backends = backends;
  model.inserts_per_tick = 1000;
  model.icmp_per_tick = 1000;
  ForwardingPool pool;
  pool.name = "web";
  for (std::uint32_t i = 0; i < backends.size(); ++i) pool.members.push_back(i);
  for (std::uint32_t slot = 0; slot < slots_count && !backends.empty(); ++slot)
    pool.slots.push_back(static_cast<std::uint16_t>(slot % backends.size()));
  model.pools.push_back(pool);
  ForwardingService service;
  service.name = "web";
  service.key = {address("203.0.113.10"), 6, PortHost(80)};
  model.services.push_back(service);
  return model;
}

inline std::optional<NextHop> any_next_hop(const ForwardingBackend&) {
  return NextHop{{2, 0, 0, 0, 0, 9}, {2, 0, 0, 0, 0, 1}, 0};
}

inline FlowQuery query(std::uint16_t source_port, std::uint16_t destination_port = 80) {
  return {address("198.51.100.7"), PortHost(source_port), address("203.0.113.10"), PortHost(destination_port), 6};
}

}  // namespace sluice::testing
