// SPDX-License-Identifier: Apache-2.0
#include "decap_cases.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

namespace sluice::backend::testing {
namespace {

constexpr sluice_reason delivered = SLUICE_REASON_delivered;
constexpr sluice_reason not_tunnel = SLUICE_REASON_not_tunnel;
constexpr sluice_reason source = SLUICE_REASON_tunnel_source;
constexpr sluice_reason inner = SLUICE_REASON_tunnel_inner;
constexpr sluice_reason malformed = SLUICE_REASON_tunnel_malformed;

using Bend = std::function<void(TunnelFrame&)>;

std::string shape_name(const TunnelSpec& spec) {
  std::string name = spec.outer_v6 ? "v6 " : "v4 ";
  name += spec.gue ? "gue" + (spec.private_words ? std::to_string(spec.private_words) : std::string()) : "ipip";
  return name + (spec.inner_v6 ? " v6" : " v4") + " tags" + std::to_string(spec.tags);
}

// Outer and inner family, IPIP, GUE, GUE with a chain, 0 to 2 tags.
std::vector<TunnelSpec> shapes() {
  std::vector<TunnelSpec> all;
  for (const bool outer_v6 : {false, true})
    for (const bool inner_v6 : {false, true})
      for (const int form : {0, 1, 2, 3})
        for (const unsigned tags : {0U, 1U, 2U}) {
          TunnelSpec spec;
          spec.outer_v6 = outer_v6;
          spec.inner_v6 = inner_v6;
          spec.gue = form > 0;
          spec.private_words = form == 2 ? 5 : form == 3 ? 31 : 0;
          spec.tags = tags;
          all.push_back(spec);
        }
  return all;
}

class Table {
 public:
  void add(const std::string& name, const TunnelSpec& spec, sluice_reason reason, const Bend& bend = {}) {
    TunnelFrame frame = build(spec);
    if (bend) bend(frame);
    const Bytes& output = reason == delivered ? frame.delivered : frame.bytes;
    cases.push_back({name + " [" + shape_name(spec) + "]", frame.bytes, reason, output});
  }
  // Over every shape that `which` picks.
  void add_each(const std::string& name, sluice_reason reason, const std::function<bool(const TunnelSpec&)>& which,
                const Bend& bend) {
    for (const TunnelSpec& spec : shapes())
      if (which(spec)) add(name, spec, reason, bend);
  }
  std::vector<DecapCase> cases;
};

bool any(const TunnelSpec&) {
  return true;
}
bool outer_v4(const TunnelSpec& spec) {
  return !spec.outer_v6;
}
bool gue(const TunnelSpec& spec) {
  return spec.gue;
}
bool ipip(const TunnelSpec& spec) {
  return !spec.gue;
}
bool inner_v4(const TunnelSpec& spec) {
  return !spec.inner_v6;
}
bool inner_v6(const TunnelSpec& spec) {
  return spec.inner_v6;
}

void set16(Bytes& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8U);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
unsigned get16(const Bytes& bytes, std::size_t at) {
  return static_cast<unsigned>(bytes[at] << 8U | bytes[at + 1]);
}

// The outer length field (IPv4: total, with the checksum fixed; IPv6: payload).
void change_outer_length(TunnelFrame& frame, int by) {
  const bool v6 = frame.bytes[frame.l3] >> 4U == 6;
  const std::size_t at = frame.l3 + (v6 ? 4 : 2);
  set16(frame.bytes, at, static_cast<unsigned>(static_cast<int>(get16(frame.bytes, at)) + by));
  if (!v6) fix_checksum(frame.bytes, frame.l3);
}

void set_outer(TunnelFrame& frame, std::size_t offset, std::uint8_t value) {
  frame.bytes[frame.l3 + offset] = value;
  fix_checksum(frame.bytes, frame.l3);
}

void add_delivered(Table& table) {
  table.add_each("plain", delivered, any, {});
  for (TunnelSpec spec : shapes()) {
    spec.trailer_bytes = 11;
    table.add("bytes behind the outer packet stay", spec, delivered);
    spec.inner_slack = 5;
    table.add("bytes behind the inner packet stay", spec, delivered);
    spec.payload_bytes = 0;
    spec.trailer_bytes = spec.inner_slack = 0;
    table.add("inner packet without payload", spec, delivered);
    spec.payload_bytes = 1400;
    table.add("long inner packet", spec, delivered);
    if (!spec.inner_v6) {
      spec.inner_options_words = 10;
      table.add("inner options", spec, delivered);
    }
  }
  table.add_each("non-zero UDP checksum is not looked at", delivered, gue,
                 [](TunnelFrame& frame) { set16(frame.bytes, frame.udp + 6, 0xbeef); });
  table.add_each("inner checksum is the stack's business", delivered, inner_v4, [](TunnelFrame& frame) {
    frame.bytes[frame.inner + 10] ^= 0x55;
    frame.delivered[frame.delivered.size() - (frame.bytes.size() - frame.inner) + 10] ^= 0x55;
  });
}

void add_not_tunnel(Table& table) {
  for (const unsigned protocol : {0U, 1U, 6U, 43U, 44U, 47U, 50U, 60U, 255U})
    table.add_each("protocol " + std::to_string(protocol), not_tunnel, any, [protocol](TunnelFrame& frame) {
      const bool v6 = frame.bytes[frame.l3] >> 4U == 6;
      frame.bytes[frame.l3 + (v6 ? 6 : 9)] = static_cast<std::uint8_t>(protocol);
      if (!v6) fix_checksum(frame.bytes, frame.l3);
    });
  table.add_each("other UDP port", not_tunnel, gue, [](TunnelFrame& f) { set16(f.bytes, f.udp + 2, 6081); });
  table.add_each(
      "UDP behind options", not_tunnel, [](const TunnelSpec& s) { return gue(s) && outer_v4(s); },
      [](TunnelFrame& frame) { set_outer(frame, 0, 0x46); });
  table.add_each(
      "later fragment of UDP", not_tunnel, [](const TunnelSpec& s) { return gue(s) && outer_v4(s); },
      [](TunnelFrame& frame) { set_outer(frame, 7, 1); });
  table.add_each("version does not fit the ethertype", not_tunnel, any,
                 [](TunnelFrame& frame) { frame.bytes[frame.l3] ^= 0x70; });
  table.add_each("ARP", not_tunnel, any, [](TunnelFrame& frame) { set16(frame.bytes, frame.l3 - 2, 0x0806); });
  table.add_each(
      "three tags", not_tunnel, [](const TunnelSpec& s) { return s.tags == 2; },
      [](TunnelFrame& frame) {
        frame.bytes.insert(frame.bytes.begin() + 12, {0x81, 0x00, 0x00, 0x05});
      });
  for (TunnelSpec spec : shapes()) {
    spec.outer_destination = spec.outer_v6 ? "fd00:3::3" : "10.3.0.3";
    table.add("another host's address", spec, not_tunnel);
    spec.outer_destination = spec.outer_v6 ? "2001:db8:203::10" : "203.0.113.10";
    table.add("a VIP is no tunnel end", spec, not_tunnel);
  }
}

void add_source(Table& table) {
  for (TunnelSpec spec : shapes()) {
    for (const char* v4 : {"10.1.255.255", "10.3.0.0", "10.3.0.1", "192.0.2.6", "192.0.2.8", "198.51.100.7",
                           "203.0.113.10", "0.0.0.0", "255.255.255.255", "253.0.0.2"})
      if (!spec.outer_v6) spec.outer_source = v4, table.add(std::string("source ") + v4, spec, source);
    for (const char* v6 : {"fd00:1:ffff:ffff:ffff:ffff:ffff:ffff", "fd00:3::", "2001:db8:7::6", "2001:db8:7::8",
                           "a02:100::", "::ffff:10.2.0.1", "::10.2.0.1", "::"})
      if (spec.outer_v6) spec.outer_source = v6, table.add(std::string("source ") + v6, spec, source);
    for (const char* v4 : {"10.2.0.0", "10.2.255.255", "192.0.2.7"})
      if (!spec.outer_v6) spec.outer_source = v4, table.add(std::string("allowed ") + v4, spec, delivered);
    for (const char* v6 : {"fd00:2::", "fd00:2:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:7::7"})
      if (spec.outer_v6) spec.outer_source = v6, table.add(std::string("allowed ") + v6, spec, delivered);
    spec.outer_source = spec.outer_v6 ? "fd00:9::1" : "10.9.0.1";
    // What a stranger's packet looks like inside is not looked at.
    table.add("stranger, wrong lengths", spec, source, [](TunnelFrame& frame) { change_outer_length(frame, 500); });
    table.add("stranger, broken inner version", spec, source, [](TunnelFrame& f) { f.bytes[f.inner] ^= 0xf0; });
  }
}

void add_malformed_outer(Table& table) {
  for (const int by : {1, 500, -1, -20}) {
    // Shorter by so little that the inner packet would no longer fit, or longer than the frame.
    table.add_each("outer length " + std::to_string(by), malformed, any,
                   [by](TunnelFrame& frame) { change_outer_length(frame, by); });
  }
  table.add_each("outer length zero", malformed, any, [](TunnelFrame& frame) {
    const bool v6 = frame.bytes[frame.l3] >> 4U == 6;
    set16(frame.bytes, frame.l3 + (v6 ? 4 : 2), 0);
    if (!v6) fix_checksum(frame.bytes, frame.l3);
  });
  table.add_each("outer checksum", malformed, outer_v4, [](TunnelFrame& f) { f.bytes[f.l3 + 10] ^= 1; });
  table.add_each("outer TTL changed without the checksum", malformed, outer_v4,
                 [](TunnelFrame& f) { f.bytes[f.l3 + 8] -= 1; });
  table.add_each("first fragment", malformed, outer_v4, [](TunnelFrame& frame) { set_outer(frame, 6, 0x20); });
  table.add_each(
      "later fragment", malformed, [](const TunnelSpec& s) { return ipip(s) && outer_v4(s); },
      [](TunnelFrame& frame) { set_outer(frame, 7, 2); });
  for (const int words : {0, 1, 4, 6, 15})
    table.add_each(
        "outer header of " + std::to_string(words) + " words", malformed,
        [](const TunnelSpec& s) { return ipip(s) && outer_v4(s); },
        [words](TunnelFrame& f) { set_outer(f, 0, static_cast<std::uint8_t>(0x40 + words)); });
}

void add_malformed_gue(Table& table) {
  for (const int by : {-1, 1, 8})
    table.add_each("UDP length " + std::to_string(by), malformed, gue, [by](TunnelFrame& frame) {
      set16(frame.bytes, frame.udp + 4,
            static_cast<unsigned>(static_cast<int>(get16(frame.bytes, frame.udp + 4)) + by));
    });
  for (const unsigned bits : {0x20U, 0x40U, 0x80U, 0xc0U, 0xe0U})
    table.add_each("GUE version or control bit " + std::to_string(bits), malformed, gue,
                   [bits](TunnelFrame& f) { f.bytes[f.gue] |= static_cast<std::uint8_t>(bits); });
  for (const unsigned bit : {0U, 7U, 8U, 15U})
    table.add_each("GUE flag " + std::to_string(bit), malformed, gue,
                   [bit](TunnelFrame& f) { set16(f.bytes, f.gue + 2, 1U << bit); });
  for (const unsigned protocol : {0U, 6U, 17U, 59U, 47U})
    table.add_each("GUE protocol " + std::to_string(protocol), malformed, gue,
                   [protocol](TunnelFrame& f) { f.bytes[f.gue + 1] = static_cast<std::uint8_t>(protocol); });
  table.add_each("GUE protocol of the other family", malformed, gue,
                 [](TunnelFrame& f) { f.bytes[f.gue + 1] = f.bytes[f.gue + 1] == 4 ? 41 : 4; });
  table.add_each(
      "GUE header longer than the packet", malformed,
      [](const TunnelSpec& s) { return gue(s) && s.private_words < 10; },
      [](TunnelFrame& frame) { frame.bytes[frame.gue] = 31; });
}

void add_malformed_inner(Table& table) {
  table.add_each("inner version", malformed, any, [](TunnelFrame& f) { f.bytes[f.inner] ^= 0x20; });
  table.add_each("inner header of 4 words", malformed, inner_v4, [](TunnelFrame& f) { f.bytes[f.inner] = 0x44; });
  table.add_each("inner header longer than the inner packet", malformed, inner_v4, [](TunnelFrame& frame) {
    frame.bytes[frame.inner] = 0x4f;
    set16(frame.bytes, frame.inner + 2, 59);
  });
  table.add_each("inner length below its header", malformed, inner_v4,
                 [](TunnelFrame& frame) { set16(frame.bytes, frame.inner + 2, 19); });
  table.add_each("inner IPv4 longer than the tunnel", malformed, inner_v4, [](TunnelFrame& frame) {
    set16(frame.bytes, frame.inner + 2, get16(frame.bytes, frame.inner + 2) + 1);
  });
  table.add_each("inner IPv6 longer than the tunnel", malformed, inner_v6, [](TunnelFrame& frame) {
    set16(frame.bytes, frame.inner + 4, get16(frame.bytes, frame.inner + 4) + 1);
  });
  for (TunnelSpec spec : shapes()) {
    // In the frame, but not in the tunnel: trailing bytes must not be taken for the inner packet's.
    spec.trailer_bytes = 40;
    table.add("inner packet reaches into the trailer", spec, malformed, [](TunnelFrame& frame) {
      change_outer_length(frame, -4);
      if (frame.udp) set16(frame.bytes, frame.udp + 4, get16(frame.bytes, frame.udp + 4) - 4);
    });
  }
}

void add_inner(Table& table) {
  for (TunnelSpec spec : shapes()) {
    for (const char* v4 : {"203.0.113.11", "10.3.0.2", "127.0.0.1", "0.0.0.0", "224.0.0.1"})
      if (!spec.inner_v6) spec.inner_destination = v4, table.add(std::string("inner to ") + v4, spec, inner);
    for (const char* v6 : {"2001:db8:203::11", "fd00:3::2", "::1", "::", "cb00:710a::", "::ffff:203.0.113.10"})
      if (spec.inner_v6) spec.inner_destination = v6, table.add(std::string("inner to ") + v6, spec, inner);
  }
}

// RFC 6040, figure 4, row by row; -1: dropped.
void add_ecn(Table& table) {
  constexpr int result[4][4] = {
      // outer: Not-ECT, ECT(1), ECT(0), CE
      {0, 0, 0, -1},  // inner Not-ECT
      {1, 1, 1, 3},   // ECT(1)
      {2, 1, 2, 3},   // ECT(0)
      {3, 3, 3, 3},   // CE
  };
  for (const TunnelSpec& shape : shapes())
    for (unsigned in = 0; in < 4; ++in)
      for (unsigned out = 0; out < 4; ++out) {
        TunnelSpec spec = shape;
        spec.inner_traffic_class = 0xb8U | in;
        spec.outer_traffic_class = 0x28U | out;
        const std::string name = "ECN inner " + std::to_string(in) + " outer " + std::to_string(out);
        const int ecn = result[in][out];
        if (ecn < 0) {
          table.add(name, spec, malformed);
          continue;
        }
        table.add(name, spec, delivered, [&](TunnelFrame& frame) {
          const std::size_t l3 = frame.delivered.size() - (frame.bytes.size() - frame.inner);
          if (spec.inner_v6) {
            frame.delivered[l3 + 1] = static_cast<std::uint8_t>((frame.delivered[l3 + 1] & 0xcf) | ecn << 4);
          } else {
            frame.delivered[l3 + 1] = static_cast<std::uint8_t>(0xb8 | ecn);
            fix_checksum(frame.delivered, l3);
          }
        });
      }
}

}  // namespace

std::vector<DecapCase> decap_cases() {
  Table table;
  add_delivered(table);
  add_not_tunnel(table);
  add_source(table);
  add_malformed_outer(table);
  add_malformed_gue(table);
  add_malformed_inner(table);
  add_inner(table);
  add_ecn(table);
  return std::move(table.cases);
}

std::vector<DecapCase> truncation_cases() {
  std::vector<DecapCase> cases;
  for (const TunnelSpec& spec : shapes()) {
    const TunnelFrame frame = build(spec);
    // Recognised as a tunnel packet as soon as addresses and, for GUE, ports are there.
    const std::size_t known = spec.gue ? frame.udp + 8 : frame.l3 + (spec.outer_v6 ? 40 : 20);
    for (std::size_t length = 0; length < frame.bytes.size(); ++length) {
      const Bytes cut(frame.bytes.begin(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(length));
      cases.push_back({"cut to " + std::to_string(length) + " [" + shape_name(spec) + "]", cut,
                       length < known ? not_tunnel : malformed, cut});
    }
  }
  return cases;
}

std::vector<DecapCase> forged_cases(std::mt19937_64& random, std::size_t count) {
  const std::vector<TunnelSpec> all = shapes();
  std::vector<DecapCase> cases;
  while (cases.size() < count) {
    TunnelFrame frame = build(all[random() % all.size()]);
    const bool v6 = frame.bytes[frame.l3] >> 4U == 6;
    const std::size_t at = frame.l3 + (v6 ? 8 : 12);
    // Half of them differ from an allowed source in a single bit of its prefix.
    if (random() % 2) {
      const std::size_t bit = random() % (v6 ? 32 : 16);
      frame.bytes[at + bit / 8] ^= static_cast<std::uint8_t>(0x80U >> (bit % 8));
    } else {
      for (std::size_t i = 0; i < (v6 ? 16U : 4U); ++i) frame.bytes[at + i] = static_cast<std::uint8_t>(random());
    }
    const bool allowed =
        v6 ? get16(frame.bytes, at) == 0xfd00 && get16(frame.bytes, at + 2) == 2 : get16(frame.bytes, at) == 0x0a02;
    const bool lone = !v6 && get16(frame.bytes, at) == 0xc000 && get16(frame.bytes, at + 2) == 0x0207;
    if (allowed || lone) continue;
    if (!v6) fix_checksum(frame.bytes, frame.l3);
    cases.push_back({"forged", frame.bytes, source, frame.bytes});
  }
  return cases;
}

Bytes random_frame(std::mt19937_64& random) {
  const auto below = [&random](std::uint64_t limit) { return random() % limit; };
  static const std::vector<TunnelSpec> all = shapes();
  TunnelSpec spec = all[below(all.size())];
  spec.payload_bytes = static_cast<unsigned>(below(4) == 0 ? below(1200) : below(40));
  spec.inner_traffic_class = static_cast<unsigned>(below(256));
  spec.outer_traffic_class = static_cast<unsigned>(below(256));
  spec.private_words = spec.gue ? static_cast<unsigned>(below(3) ? below(6) : below(32)) : 0;
  spec.inner_options_words = static_cast<unsigned>(below(5) ? 0 : below(11));
  spec.trailer_bytes = static_cast<unsigned>(below(3) ? 0 : below(50));
  spec.inner_slack = static_cast<unsigned>(below(4) ? 0 : below(30));
  if (below(12) == 0) spec.outer_source = spec.outer_v6 ? "fd00:9::9" : "10.9.9.9";
  if (below(12) == 0) spec.outer_destination = spec.outer_v6 ? "fd00:9::9" : "10.9.9.9";
  if (below(12) == 0) spec.inner_destination = spec.inner_v6 ? "fd00:9::9" : "10.9.9.9";
  TunnelFrame frame = build(spec);
  static constexpr std::uint8_t telling[] = {0, 1, 4, 5, 6, 17, 41, 44, 0x45, 0x46, 0x60, 0x7f, 0x80, 0xff};
  const std::size_t headers = std::min(frame.bytes.size(), frame.inner + 40);
  for (std::uint64_t changes = below(4); changes > 0; --changes) {
    std::uint8_t& byte = frame.bytes[12 + below(headers - 12)];
    byte = below(2) ? telling[below(sizeof telling)] : static_cast<std::uint8_t>(byte ^ (1U << below(8)));
  }
  if (!spec.outer_v6 && below(4)) fix_checksum(frame.bytes, frame.l3);
  // Test runs refuse frames below 14 bytes.
  if (below(5) == 0) frame.bytes.resize(14 + below(frame.bytes.size() - 14));
  return frame.bytes;
}

std::uint64_t test_seed() {
  const char* given = std::getenv("SLUICE_SEED");
  const std::uint64_t seed = given ? std::strtoull(given, nullptr, 0) : std::random_device()();
  std::printf("SLUICE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

DecapOutcome decapsulate_in_user_space(const Bytes& frame, const DecapTables& tables) {
  const auto copy = std::make_unique<std::uint8_t[]>(frame.size());
  std::copy(frame.begin(), frame.end(), copy.get());
  const sluice_decap_tables view = tables.view();
  sluice_frame moving{copy.get(), copy.get() + frame.size(), copy.get()};
  const sluice_reason reason = sluice_decapsulate(&moving, &view);
  return {reason, Bytes(moving.data, moving.end)};
}

const char* name_of(sluice_reason reason) {
  switch (reason) {
#define SLUICE_REASON_NAME(name, class_, text) \
  case SLUICE_REASON_##name:                   \
    return #name;
    SLUICE_REASONS(SLUICE_REASON_NAME)
#undef SLUICE_REASON_NAME
    case SLUICE_REASON_COUNT:
      break;
  }
  return "?";
}

std::string hex(const Bytes& bytes) {
  std::string text;
  char two[3];
  for (const std::uint8_t byte : bytes) {
    std::snprintf(two, sizeof two, "%02x", byte);
    text += two;
  }
  return text;
}

}  // namespace sluice::backend::testing
