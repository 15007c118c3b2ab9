// SPDX-License-Identifier: Apache-2.0
#include "frame_source.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::uint8_t icmp4 = 1, tcp_protocol = 6, udp_protocol = 17, icmp6 = 58;
constexpr std::uint8_t hop_by_hop = 0, routing = 43, fragment_header = 44, authentication = 51,
                       destination_options = 60;

void push16(std::vector<std::uint8_t>& bytes, std::uint32_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

std::uint16_t header_checksum(const std::uint8_t* header, std::size_t bytes) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < bytes; at += 2) sum += static_cast<std::uint32_t>(header[at] << 8 | header[at + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

FrameSource::FrameSource(std::uint64_t seed, const ForwardingModel& model) : random_(seed), model_(model) {
  for (const ForwardingBackend& backend : model.backends) sizes_.push_back(backend.inner_mtu);
  bytes_.reserve(frame_bytes_max);
}

std::span<const std::uint8_t> FrameSource::next() {
  bytes_.clear();
  if (random_.percent(1)) {
    garbage();
    return bytes_;
  }
  const Packet packet = any_packet();
  ethernet(packet.is_v6);
  append(bytes_, packet, places_);
  if (random_.percent(10)) bytes_.insert(bytes_.end(), 1 + random_.below(40), 0xa5);
  if (random_.percent(45)) damage();
  return bytes_;
}

const ForwardingService& FrameSource::any_service() {
  return model_.services[random_.below(static_cast<std::uint32_t>(model_.services.size()))];
}

// Half of the packets come from a few clients, so that flows are met again.
FrameSource::Address FrameSource::client(bool is_v6) {
  Address address{};
  const std::uint8_t last = random_.percent(50) ? static_cast<std::uint8_t>(random_.below(8)) : random_.byte();
  if (is_v6) {
    address = {0x20, 0x01, 0x0d, 0xb8, 0, 0x0c};
    address[15] = last;
  } else {
    address = {198, 51, 100, last};
  }
  return address;
}

FrameSource::Packet FrameSource::to_service() {
  const ForwardingService& service = any_service();
  Packet packet;
  packet.is_v6 = !service.key.address.is_v4();
  packet.source = client(packet.is_v6);
  packet.destination = service.key.address.bytes();
  packet.protocol = service.key.protocol;
  packet.source_port = static_cast<std::uint16_t>(40000 + random_.below(random_.percent(50) ? 4 : 4096));
  packet.destination_port = service.key.port.value();
  if (packet.destination_port == 0) packet.destination_port = static_cast<std::uint16_t>(random_.below(1024));
  if (random_.percent(4)) packet.destination_port = random_.word();
  if (random_.percent(3)) packet.destination[packet.is_v6 ? 15 : 3] ^= 1;
  if (random_.percent(3)) packet.protocol = packet.protocol == tcp_protocol ? udp_protocol : tcp_protocol;
  return packet;
}

FrameSource::Packet FrameSource::from_service() {
  Packet packet = to_service();
  std::swap(packet.source, packet.destination);
  std::swap(packet.source_port, packet.destination_port);
  return packet;
}

void FrameSource::payload(Packet& packet) {
  const std::uint32_t kind = random_.below(100);
  std::uint32_t bytes = random_.below(40);
  if (kind >= 88 && !sizes_.empty()) {
    // Around what just fits, whatever headers there are.
    const std::uint32_t size = sizes_[random_.below(static_cast<std::uint32_t>(sizes_.size()))];
    const std::uint32_t headers = (packet.is_v6 ? 40 : 20 + 4 * packet.options_words) + 20;
    bytes = std::max(size + random_.below(5), headers + 2) - headers - 2;
  } else if (kind >= 70) {
    bytes = random_.below(600);
  }
  const std::uint8_t filling = random_.byte();
  for (std::uint32_t i = 0; i < bytes; ++i) packet.transport.push_back(static_cast<std::uint8_t>(filling + 7 * i));
}

void FrameSource::tcp(Packet& packet) {
  Bytes& bytes = packet.transport;
  push16(bytes, packet.source_port);
  push16(bytes, packet.destination_port);
  for (int i = 0; i < 8; ++i) bytes.push_back(random_.byte());
  const std::uint32_t words = random_.percent(20) ? 5 + random_.below(11) : 5;
  bytes.push_back(static_cast<std::uint8_t>(words << 4));
  bytes.push_back(random_.one_of<std::uint8_t>({0x02, 0x02, 0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0x00, 0xc2}));
  for (std::uint32_t i = 14; i < 4 * words; ++i) bytes.push_back(random_.byte());
  payload(packet);
}

void FrameSource::udp(Packet& packet) {
  push16(packet.transport, packet.source_port);
  push16(packet.transport, packet.destination_port);
  push16(packet.transport, 0);
  push16(packet.transport, random_.word());
  payload(packet);
  const auto length = static_cast<std::uint32_t>(packet.transport.size());
  packet.transport[4] = static_cast<std::uint8_t>(length >> 8);
  packet.transport[5] = static_cast<std::uint8_t>(length);
}

void FrameSource::icmp_echo(Packet& packet) {
  packet.protocol = packet.is_v6 ? icmp6 : icmp4;
  packet.transport.push_back(packet.is_v6 ? 128 : 8);
  packet.transport.push_back(0);
  for (int i = 0; i < 6; ++i) packet.transport.push_back(random_.byte());
  payload(packet);
}

// About a packet that one of the services sent.
void FrameSource::icmp_error(Packet& packet) {
  Packet quoted = from_service();
  for (int tries = 0; quoted.is_v6 != packet.is_v6 && tries < 8; ++tries) quoted = from_service();
  packet.is_v6 = quoted.is_v6;
  packet.source = client(packet.is_v6);
  packet.destination = quoted.source;
  packet.protocol = packet.is_v6 ? icmp6 : icmp4;
  if (random_.percent(12)) quoted.fragment = random_.percent(50) ? Fragment::first : Fragment::later;
  shape(quoted);
  if (quoted.protocol == udp_protocol)
    udp(quoted);
  else
    tcp(quoted);
  Bytes quote;
  Places unused;
  append(quote, quoted, unused);
  if (random_.percent(60)) quote.resize(std::min<std::size_t>(quote.size(), 28 + random_.below(60)));
  packet.transport.push_back(packet.is_v6 ? static_cast<std::uint8_t>(1 + random_.below(4))
                                          : random_.one_of<std::uint8_t>({3, 3, 11, 12}));
  packet.transport.push_back(static_cast<std::uint8_t>(random_.below(6)));
  for (int i = 0; i < 6; ++i) packet.transport.push_back(random_.byte());
  packet.transport.insert(packet.transport.end(), quote.begin(), quote.end());
}

// Options, extension headers, fragments.
void FrameSource::shape(Packet& packet) {
  if (packet.is_v6 && random_.percent(18)) packet.extensions = 1 + random_.below(random_.percent(20) ? 9 : 3);
  if (!packet.is_v6 && random_.percent(10)) packet.options_words = 1 + random_.below(10);
}

FrameSource::Packet FrameSource::any_packet() {
  Packet packet = to_service();
  shape(packet);
  const std::uint32_t kind = random_.below(100);
  if (kind < 10) {
    icmp_echo(packet);
    return packet;
  }
  if (kind < 25) {
    icmp_error(packet);
    return packet;
  }
  if (kind < 35)
    packet.fragment = random_.one_of({Fragment::first, Fragment::later, Fragment::later, Fragment::atomic});
  if (kind == 99) packet.protocol = random_.byte();
  if (packet.fragment == Fragment::later)
    payload(packet);
  else if (packet.protocol == udp_protocol)
    udp(packet);
  else
    tcp(packet);
  return packet;
}

void FrameSource::garbage() {
  const std::uint32_t bytes = random_.below(120);
  for (std::uint32_t i = 0; i < bytes; ++i) bytes_.push_back(random_.byte());
  if (bytes < 14 || random_.percent(30)) return;
  put16(12, random_.one_of<std::uint16_t>({0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806}));
  if (bytes > 14 && random_.percent(70)) bytes_[14] = random_.one_of<std::uint8_t>({0x45, 0x4f, 0x60, 0x44});
}

void FrameSource::ethernet(bool is_v6) {
  for (int i = 0; i < 12; ++i) bytes_.push_back(random_.byte());
  const std::uint32_t kind = random_.below(100);
  const std::uint32_t tags = kind < 70 ? 0 : kind < 84 ? 1 : kind < 98 ? 2 : 3;
  for (std::uint32_t i = 0; i < tags; ++i) {
    push16(bytes_, random_.one_of<std::uint32_t>({0x8100, 0x88a8}));
    push16(bytes_, random_.word());
  }
  push16(bytes_, random_.percent(99) ? (is_v6 ? 0x86dd : 0x0800) : random_.word());
}

void FrameSource::append(Bytes& bytes, const Packet& packet, Places& places) {
  places.l3 = bytes.size();
  places.is_v6 = packet.is_v6;
  if (packet.is_v6)
    append_v6(bytes, packet, places);
  else
    append_v4(bytes, packet, places);
  bytes.insert(bytes.end(), packet.transport.begin(), packet.transport.end());
}

void FrameSource::append_v4(Bytes& bytes, const Packet& packet, Places& places) {
  const std::uint32_t header_bytes = 20 + 4 * packet.options_words;
  std::uint32_t fragment = random_.percent(50) ? 0x4000 : 0;
  if (packet.fragment == Fragment::first) fragment |= 0x2000;
  if (packet.fragment == Fragment::later) fragment |= 1 + random_.below(0x1fff) + (random_.percent(50) ? 0x2000 : 0);
  bytes.push_back(static_cast<std::uint8_t>(0x40 | header_bytes / 4));
  bytes.push_back(random_.percent(70) ? 0 : random_.byte());
  push16(bytes, header_bytes + static_cast<std::uint32_t>(packet.transport.size()));
  push16(bytes, random_.word());
  push16(bytes, fragment);
  bytes.push_back(random_.percent(90) ? random_.one_of<std::uint8_t>({64, 61, 128, 255, 2}) : random_.byte());
  bytes.push_back(packet.protocol);
  push16(bytes, 0);
  bytes.insert(bytes.end(), packet.source.begin(), packet.source.begin() + 4);
  bytes.insert(bytes.end(), packet.destination.begin(), packet.destination.begin() + 4);
  for (std::uint32_t i = 20; i < header_bytes; ++i) bytes.push_back(random_.byte());
  const std::uint16_t checksum = header_checksum(bytes.data() + places.l3, header_bytes);
  bytes[places.l3 + 10] = static_cast<std::uint8_t>(checksum >> 8);
  bytes[places.l3 + 11] = static_cast<std::uint8_t>(checksum);
  places.l4 = bytes.size();
}

void FrameSource::append_extensions(Bytes& bytes, const Packet& packet) {
  const bool has_fragment = packet.fragment != Fragment::none;
  const std::uint32_t count = packet.extensions + (has_fragment ? 1 : 0);
  const std::uint32_t fragment_at = has_fragment ? random_.below(count) : count;
  // The first next-header field is the one in the fixed header, later ones are each header's first byte.
  std::size_t next_field = bytes.size() - 34;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t at = bytes.size();
    if (i == fragment_at) {
      bytes[next_field] = fragment_header;
      std::uint32_t offset = 0;
      if (packet.fragment == Fragment::first) offset = 1;
      if (packet.fragment == Fragment::later) offset = (1 + random_.below(0x1fff)) << 3 | random_.below(2);
      push16(bytes, 0);
      push16(bytes, offset);
      push16(bytes, random_.word());
      push16(bytes, random_.word());
    } else {
      const auto kind = random_.one_of({hop_by_hop, routing, authentication, destination_options, destination_options});
      const std::uint32_t extra = random_.percent(60) ? 0 : random_.below(random_.percent(90) ? 4 : 40);
      bytes[next_field] = kind;
      const std::uint32_t length = kind == authentication ? 8 + 4 * extra : 8 + 8 * extra;
      bytes.resize(at + length, 0);
      bytes[at + 1] = static_cast<std::uint8_t>(extra);
      if (kind == routing && random_.percent(10)) bytes[at + 3] = 1;
    }
    next_field = at;
  }
  bytes[next_field] = packet.protocol;
}

void FrameSource::append_v6(Bytes& bytes, const Packet& packet, Places& places) {
  push16(bytes, 0x6000 | (random_.percent(70) ? 0 : random_.below(0x1000)));
  push16(bytes, random_.percent(50) ? 0 : random_.word());
  push16(bytes, 0);
  bytes.push_back(packet.protocol);
  bytes.push_back(random_.percent(90) ? random_.one_of<std::uint8_t>({64, 61, 255, 2}) : random_.byte());
  bytes.insert(bytes.end(), packet.source.begin(), packet.source.end());
  bytes.insert(bytes.end(), packet.destination.begin(), packet.destination.end());
  append_extensions(bytes, packet);
  places.l4 = bytes.size();
  const std::size_t payload_bytes = places.l4 - places.l3 - 40 + packet.transport.size();
  bytes[places.l3 + 4] = static_cast<std::uint8_t>(payload_bytes >> 8);
  bytes[places.l3 + 5] = static_cast<std::uint8_t>(payload_bytes);
}

void FrameSource::set(std::size_t at, std::uint8_t value) {
  if (at < bytes_.size()) bytes_[at] = value;
}

void FrameSource::put16(std::size_t at, std::uint16_t value) {
  set(at, static_cast<std::uint8_t>(value >> 8));
  set(at + 1, static_cast<std::uint8_t>(value));
}

void FrameSource::damage() {
  const std::uint32_t times = random_.percent(75) ? 1 : 2 + random_.below(2);
  for (std::uint32_t i = 0; i < times; ++i) damage_once();
  // Or a wrong checksum would hide most of what was done to IPv4.
  if (!places_.is_v6 && random_.percent(80)) mend_checksum();
}

void FrameSource::damage_once() {
  const auto size = static_cast<std::uint32_t>(bytes_.size());
  if (size == 0) return;
  const auto headers = std::min<std::uint32_t>(size, static_cast<std::uint32_t>(places_.l4) + 24);
  const auto l4 = static_cast<std::uint32_t>(places_.l4);
  switch (random_.below(9)) {
    case 0:
      bytes_[random_.below(headers)] ^= static_cast<std::uint8_t>(1u << random_.below(8));
      break;
    case 1:
      bytes_[random_.below(headers)] = random_.byte();
      break;
    case 2:
      bytes_.resize(random_.percent(50) ? random_.below(size + 1) : std::min(size, l4 + random_.below(21)));
      break;
    case 3:
      // Within an extension header, the options, or what an ICMP error quotes.
      if (l4 > places_.l3 && random_.percent(50))
        set(places_.l3 + random_.below(l4 - static_cast<std::uint32_t>(places_.l3)), random_.byte());
      else
        set(l4 + 8 + random_.below(60), random_.byte());
      break;
    case 4:
    case 5:
      damage_ip();
      break;
    case 6:
      damage_length();
      break;
    default:
      damage_transport();
  }
}

void FrameSource::damage_ip() {
  const std::size_t l3 = places_.l3;
  const bool is_v6 = places_.is_v6;
  const std::size_t source = l3 + (is_v6 ? 8 : 12);
  const std::size_t address_bytes = is_v6 ? 16 : 4;
  switch (random_.below(6)) {
    case 0:
      set(l3 + (is_v6 ? 7 : 8), random_.one_of<std::uint8_t>({0, 1, 1, 2, 255}));
      break;
    case 1:
      set(l3 + (is_v6 ? 6 : 9), random_.one_of<std::uint8_t>({0, 1, 6, 17, 43, 44, 47, 50, 51, 58, 59, 60, 132}));
      break;
    case 2:  // the source is the destination
      for (std::size_t i = 0; i < address_bytes && source + address_bytes + i < bytes_.size(); ++i)
        bytes_[source + i] = bytes_[source + address_bytes + i];
      break;
    case 3:
      set(source, random_.one_of<std::uint8_t>({0, 127, 223, 224, 239, 255, 254}));
      if (is_v6 && random_.percent(50))
        for (std::size_t i = 0; i < 16; ++i) set(source + i, static_cast<std::uint8_t>(i == 15 ? random_.below(3) : 0));
      break;
    case 4:
      if (!is_v6) put16(l3 + 6, random_.one_of<std::uint16_t>({0, 0x2000, 0x4000, 0x6000, 0x8000, 1, 0x1fff, 0x2001}));
      break;
    default:
      if (is_v6)
        set(l3, random_.byte());
      else if (random_.percent(50))
        set(l3, static_cast<std::uint8_t>(0x40 | random_.below(16)));
      else
        put16(l3 + 10, random_.one_of<std::uint16_t>({0, 0xffff, random_.word()}));
  }
}

void FrameSource::damage_length() {
  const std::size_t at = places_.l3 + (places_.is_v6 ? 4 : 2);
  const std::size_t fixed = places_.l3 + (places_.is_v6 ? 40 : 0);
  const auto room = static_cast<std::uint32_t>(bytes_.size() > fixed ? bytes_.size() - fixed : 0);
  const auto l4 = static_cast<std::uint32_t>(places_.l4 > fixed ? places_.l4 - fixed : 0);
  const std::uint32_t near = random_.percent(50) ? room : l4 + random_.one_of<std::uint32_t>({0, 8, 20});
  const std::uint32_t length = near + random_.below(5) - 2;
  put16(at, static_cast<std::uint16_t>(random_.percent(85) ? length : random_.word()));
}

void FrameSource::damage_transport() {
  const std::size_t l4 = places_.l4;
  switch (random_.below(5)) {
    case 0:  // TCP: data offset. UDP: payload
      set(l4 + 12, static_cast<std::uint8_t>(random_.below(16) << 4));
      break;
    case 1:
      set(l4 + 13, random_.byte());
      break;
    case 2:  // UDP: length
      put16(l4 + 4, static_cast<std::uint16_t>(bytes_.size() - l4 + random_.below(5) - 2));
      break;
    case 3:
      put16(l4 + 4, random_.one_of<std::uint16_t>({0, 7, 8, 0xffff}));
      break;
    default:  // ICMP: type and code. TCP, UDP: source port
      set(l4, random_.one_of<std::uint8_t>({0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 127, 128, 129, 135}));
      set(l4 + 1, static_cast<std::uint8_t>(random_.below(3)));
  }
}

void FrameSource::mend_checksum() {
  const std::size_t l3 = places_.l3;
  if (bytes_.size() < l3 + 20) return;
  const std::size_t header_bytes = std::size_t{bytes_[l3]} % 16 * 4;
  if (header_bytes < 20 || bytes_.size() < l3 + header_bytes) return;
  put16(l3 + 10, 0);
  put16(l3 + 10, header_checksum(bytes_.data() + l3, header_bytes));
}

}  // namespace sluice
