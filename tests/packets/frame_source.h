// SPDX-License-Identifier: Apache-2.0
// Random frames for a site: valid packets of every kind the packet path knows, most of them for the site's services,
// and about half of them damaged in one to three places. The same seed and site give the same frames on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "forwarding_model.h"
#include "test_random.h"

namespace sluice {

class FrameSource {
 public:
  FrameSource(std::uint64_t seed, const ForwardingModel& model);

  // Valid until the next call. At most frame_bytes_max.
  std::span<const std::uint8_t> next();
  static constexpr std::size_t frame_bytes_max = 2048;

 private:
  using Bytes = std::vector<std::uint8_t>;
  using Address = std::array<std::uint8_t, 16>;
  enum class Fragment : std::uint8_t { none, atomic, first, later };

  struct Packet {
    bool is_v6 = false;
    Address source{};
    Address destination{};
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 6;
    Fragment fragment = Fragment::none;
    std::uint32_t options_words = 0;  // IPv4
    std::uint32_t extensions = 0;     // IPv6
    Bytes transport;
  };
  // Where things stand in bytes_, for the damage.
  struct Places {
    std::size_t l3 = 14;
    std::size_t l4 = 34;
    bool is_v6 = false;
  };

  const ForwardingService& any_service();
  Packet to_service();
  Packet from_service();
  Address client(bool is_v6);
  void shape(Packet& packet);
  void tcp(Packet& packet);
  void udp(Packet& packet);
  void icmp_echo(Packet& packet);
  void icmp_error(Packet& packet);
  void payload(Packet& packet);
  Packet any_packet();
  void garbage();
  void ethernet(bool is_v6);
  void append(Bytes& bytes, const Packet& packet, Places& places);
  void append_v4(Bytes& bytes, const Packet& packet, Places& places);
  void append_v6(Bytes& bytes, const Packet& packet, Places& places);
  void append_extensions(Bytes& bytes, const Packet& packet);
  void damage();
  void damage_once();
  void damage_ip();
  void damage_transport();
  void damage_length();
  void put16(std::size_t at, std::uint16_t value);
  void set(std::size_t at, std::uint8_t value);
  void mend_checksum();

  Random random_;
  const ForwardingModel& model_;
  std::vector<std::uint32_t> sizes_;  // packets of these many bytes just fit somewhere
  Bytes bytes_;
  Places places_;
};

}  // namespace sluice
