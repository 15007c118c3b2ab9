// SPDX-License-Identifier: Apache-2.0
// Random frames in random bursts: the staged burst of dataplane/core/packet against one sluice_process() after the
// other. Same verdict, same bytes, same counters, same flow tables.
//
//   burst_differential CONFIGS FRAMES      SLUICE_SEED repeats a run
#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "differential_story.h"
#include "hex_text.h"
#include "image_memory.h"
#include "image_reader.h"
#include "packet_burst.h"
#include "packet_plane.h"

namespace sluice {
namespace {

constexpr std::uint32_t frames_per_round = 20000;
constexpr std::uint32_t headroom_bytes = 128;  // RTE_PKTMBUF_HEADROOM
constexpr int differences_shown = 5;
// Lanes of the widest level that the several-at-once stages know.
constexpr std::uint32_t group_frames = 8;

// A frame in a room of its own, exactly as long as it is: AddressSanitizer sees a read beyond.
class Room {
 public:
  void put(std::span<const std::uint8_t> bytes) {
    bytes_ = std::vector<std::uint8_t>(headroom_bytes + bytes.size());
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + headroom_bytes);
  }
  [[nodiscard]] sluice_frame frame() {
    return {bytes_.data() + headroom_bytes, bytes_.data() + bytes_.size(), bytes_.data()};
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

// One image and its writer.
class Side {
 public:
  explicit Side(const ImageSizes& sizes) : memory_(sizes), writer_(memory_.tables(), ImageOptions{1}, [] {}) {}
  void publish(const PacketSite& site) {
    const auto next_hop_of = [&site](const ForwardingBackend& backend) { return site.next_hop_of(backend); };
    if (auto published = writer_.publish(site.model, next_hop_of, 1); !published)
      throw std::runtime_error(published.error().context);
  }
  [[nodiscard]] sluice_tables tables() const { return memory_.tables(); }

 private:
  ImageMemory memory_;
  ImageWriter writer_;
};

// What has been compared, by the roads of packet_burst_level.cc that can be told from outside. A road that no burst
// took has not been tested.
struct Coverage {
  std::uint64_t full_bursts = 0;
  std::uint64_t groups_v4 = 0;  // neighbours of one family, looked at together
  std::uint64_t groups_v6 = 0;
  std::uint64_t mixed_bursts = 0;
  std::uint64_t at_once_v4 = 0;  // PacketBurst::outer_bytes
  std::uint64_t at_once_v6 = 0;
  std::uint64_t at_once_tracked = 0;  // with a hit in the flow table

  [[nodiscard]] bool is_complete() const {
    return full_bursts && groups_v4 && groups_v6 && mixed_bursts && at_once_v4 && at_once_v6 && at_once_tracked;
  }
};

std::ostream& operator<<(std::ostream& out, const Coverage& seen) {
  return out << seen.full_bursts << " full bursts, groups of one family: " << seen.groups_v4 << " IPv4, "
             << seen.groups_v6 << " IPv6; told one by one: " << seen.mixed_bursts
             << " bursts, at once: " << seen.at_once_v4 << " IPv4, " << seen.at_once_v6 << " IPv6, of those "
             << seen.at_once_tracked << " by the flow table";
}

bool is_of(const std::vector<std::uint8_t>& frame, std::uint16_t ethertype, std::size_t bytes) {
  return frame.size() >= bytes && (frame[12] << 8 | frame[13]) == ethertype;
}

bool is_tcp(const std::vector<std::uint8_t>& frame) {
  return frame[is_of(frame, SLUICE_ETHERTYPE_IPV4, 54) ? 23 : 20] == SLUICE_PROTO_TCP;
}

// Where the transport header of a common frame begins; 0: it is not common.
std::size_t transport_at(const std::vector<std::uint8_t>& frame) {
  const bool is_v4 = is_of(frame, SLUICE_ETHERTYPE_IPV4, 54) && frame[14] == 0x45;
  const bool is_v6 = is_of(frame, SLUICE_ETHERTYPE_IPV6, 74) && frame[14] >> 4 == 6;
  if (!is_v4 && !is_v6) return 0;
  const std::uint8_t protocol = frame[is_v4 ? 23 : 20];
  if (protocol != SLUICE_PROTO_TCP && protocol != SLUICE_PROTO_UDP) return 0;
  return is_v4 ? 34 : 54;
}

// An identification that gives an IPv4 header this checksum, instead of the one it has (RFC 1624): the rare ones, at
// which a decremented TTL carries.
void set_checksum(std::vector<std::uint8_t>& frame, std::uint16_t wanted) {
  std::uint32_t id = sluice_load16_be(&frame[18]) + sluice_load16_be(&frame[24]) + static_cast<std::uint16_t>(~wanted);
  id = (id & 0xffff) + (id >> 16);
  sluice_store16_be(&frame[18], static_cast<std::uint16_t>((id & 0xffff) + (id >> 16)));
  sluice_store16_be(&frame[24], wanted);
}

// What only the last of several questions sees: a checksum off by little, an address that begins like
// the VIP's, a source that nobody has.
void make_near_miss(std::vector<std::uint8_t>& frame, Random& random) {
  if (is_of(frame, SLUICE_ETHERTYPE_IPV6, 74)) {
    const std::uint32_t kind = random.below(3);
    if (kind == 0) frame[42 + random.below(12)] = random.byte();
    if (kind == 1) frame[21] = 1;  // hop limit
    if (kind == 2) {               // ::1
      std::fill(frame.begin() + 22, frame.begin() + 38, std::uint8_t{0});
      frame[37] = 1;
    }
  } else {
    // As many as carries may be forgotten, in either order of the bytes.
    const auto off = random.one_of<std::uint16_t>({1, 0x100, 0x200, 0x300});
    sluice_store16_be(&frame[24], static_cast<std::uint16_t>(sluice_load16_be(&frame[24]) + off));
  }
}

template <typename Line>
bool same_lines(const Line* one, const Line* other, std::uint32_t count) {
  return std::memcmp(one, other, count * sizeof(Line)) == 0;
}

class Comparison {
 public:
  Comparison(BurstFunction burst, const std::string& directory)
      : burst_(burst), sites_(read_story_sites(directory)), sizes_(sizes_for_all(sites_.all, 1)) {}

  int run(std::uint64_t seed, std::uint64_t frames) {
    for (std::uint64_t round = 0; compared_ < frames && differences_ == 0; ++round)
      this->round(seed + round, round % story_groups().size());
    std::cout << compared_ << " frames in bursts of up to " << burst_frames_max << ": " << differences_
              << " differences; " << seen_ << '\n';
    return differences_ == 0 && compared_ >= frames && seen_.is_complete() ? 0 : 1;
  }

 private:
  void round(std::uint64_t seed, std::size_t group) {
    const std::vector<PacketSite>& variants = sites_.of_group[group];
    const std::string where = story_groups()[group].name + ", round seed " + std::to_string(seed);
    Side staged(sizes_);
    Side plain(sizes_);
    staged.publish(variants.front());
    plain.publish(variants.front());
    Story story(~seed, variants.size());
    FrameSource source(seed, variants.front().model);
    Random random(seed ^ 0x5bd1e995);
    steady_.clear();
    std::uint32_t tick = 10;
    for (std::uint32_t done = 0; done < frames_per_round && differences_ < differences_shown;) {
      const std::uint32_t count = random.percent(30) ? burst_frames_max : 1 + random.below(burst_frames_max);
      const bool is_steady = random.percent(40);
      const std::uint32_t repeats = random.percent(30) ? 98 : 25;
      for (std::uint32_t i = 0; i < count; ++i) {
        const Story::Event event = story.before_frame();
        if (event.tick) tick = *event.tick;
        if (event.variant) {
          staged.publish(variants[*event.variant]);
          plain.publish(variants[*event.variant]);
        }
        // A flow's next packet is often in the same burst; and some bursts are of one kind and few flows.
        if (i > 0 && !is_steady && random.percent(repeats)) {
          originals_[i] = originals_[random.below(i)];
        } else {
          const auto frame = source.next();
          originals_[i].assign(frame.begin(), frame.end());
        }
      }
      if (is_steady) make_steady(source, random, count);
      compare(staged.tables(), plain.tables(), tick, count, where);
      done += count;
    }
  }

  // What a busy service sees: a burst of few flows, alike but for their source ports, nearly all in the middle of their
  // connections; sometimes with one frame that is not. The same flows come again in several such bursts.
  void make_steady(FrameSource& source, Random& random, std::uint32_t count) {
    if (transport_at(steady_) == 0 || random.percent(20)) steady_ = originals_[0];
    for (int tries = 0; tries < 50 && transport_at(steady_) == 0; ++tries) {
      const auto frame = source.next();
      steady_.assign(frame.begin(), frame.end());
    }
    const std::size_t at = transport_at(steady_);
    if (at == 0) return;
    const std::uint32_t misses_percent = random.one_of<std::uint32_t>({0, 0, 20});
    const std::uint32_t opens_percent = random.one_of<std::uint32_t>({0, 0, 10});
    for (std::uint32_t i = 0; i < count; ++i) {
      std::vector<std::uint8_t>& frame = originals_[i] = steady_;
      frame[at + 1] = static_cast<std::uint8_t>(frame[at + 1] + random.below(6));
      if (at == 34 && random.percent(20)) set_checksum(frame, random.one_of<std::uint16_t>({0xfefe, 0xfeff, 0xffff}));
      if (random.percent(misses_percent)) make_near_miss(frame, random);
      if (is_tcp(frame)) frame[at + 13] = random.percent(opens_percent) ? SLUICE_TCP_SYN : SLUICE_TCP_ACK;
    }
    if (random.percent(50)) return;
    std::vector<std::uint8_t>& odd = originals_[random.below(count)];
    odd[12 + random.below(static_cast<std::uint32_t>(at) + 8)] = random.byte();
  }

  void compare(sluice_tables staged, sluice_tables plain, std::uint32_t tick, std::uint32_t count,
               const std::string& where) {
    PacketBurst frames;
    frames.count = count;
    frames.headroom_bytes = headroom_bytes;
    for (std::uint32_t i = 0; i < count; ++i) {
      staged_[i].put(originals_[i]);
      plain_[i].put(originals_[i]);
      frames.data[i] = staged_[i].frame().data;
      frames.bytes[i] = originals_[i].size();
    }
    const std::uint64_t hits = read_totals(staged).flow_hits;
    burst_(&staged, 0, tick, &frames);
    note(count, frames.outer_bytes != 0, read_totals(staged).flow_hits > hits);
    settle(&frames);
    for (std::uint32_t i = 0; i < count; ++i) {
      sluice_frame frame = plain_[i].frame();
      const sluice_verdict verdict = frames.verdicts[i];
      const sluice_verdict wanted = sluice_process(&frame, &plain, 0, tick);
      const std::span<const std::uint8_t> got(frames.data[i], frames.bytes[i]);
      const std::span<const std::uint8_t> right(frame.data, static_cast<std::size_t>(frame.end - frame.data));
      const bool same_bytes = std::equal(got.begin(), got.end(), right.begin(), right.end());
      if (verdict.reason == wanted.reason && verdict.interface == wanted.interface && same_bytes) continue;
      difference(where + ", frame " + std::to_string(i) + " of " + std::to_string(count) + ": " +
                 to_hex(originals_[i]) + "\n  burst " + std::string(reason_texts()[verdict.reason].name) + ' ' +
                 to_hex(got) + "\n  plain " + std::string(reason_texts()[wanted.reason].name) + ' ' + to_hex(right));
    }
    compared_ += count;
    if (!same_lines(staged.counters, plain.counters, staged.counters_lines)) difference(where + ": other counters");
    if (!same_lines(staged.flows, plain.flows, staged.flows_lines)) difference(where + ": other flow tables");
  }

  void note(std::uint32_t count, bool is_at_once, bool has_hits) {
    const auto all_of = [this](std::uint32_t first, std::uint32_t size, std::uint16_t ethertype, std::size_t bytes) {
      return std::all_of(originals_.begin() + first, originals_.begin() + first + size,
                         [&](const auto& frame) { return is_of(frame, ethertype, bytes); });
    };
    seen_.full_bursts += count == burst_frames_max;
    for (std::uint32_t first = 0; first + group_frames <= count; first += group_frames) {
      seen_.groups_v4 += all_of(first, group_frames, SLUICE_ETHERTYPE_IPV4, 54);
      seen_.groups_v6 += all_of(first, group_frames, SLUICE_ETHERTYPE_IPV6, 74);
    }
    const bool is_v6 = is_of(originals_[0], SLUICE_ETHERTYPE_IPV6, 74);
    seen_.mixed_bursts += !is_at_once;
    seen_.at_once_v4 += is_at_once && !is_v6;
    seen_.at_once_v6 += is_at_once && is_v6;
    seen_.at_once_tracked += is_at_once && has_hits;
  }

  void difference(const std::string& what) {
    if (++differences_ <= differences_shown) std::cout << what << '\n';
  }

  BurstFunction burst_;
  StorySites sites_;
  ImageSizes sizes_;
  std::array<std::vector<std::uint8_t>, burst_frames_max> originals_;
  std::array<Room, burst_frames_max> staged_;
  std::array<Room, burst_frames_max> plain_;
  std::vector<std::uint8_t> steady_;
  std::uint64_t compared_ = 0;
  Coverage seen_;
  int differences_ = 0;
};

}  // namespace
}  // namespace sluice

int main(int count, char** arguments) try {
  if (count != 3) {
    std::cerr << "usage: burst_differential CONFIGS FRAMES\n";
    return 2;
  }
  const std::uint64_t seed = sluice::chosen_seed();
  std::cout << "seed " << seed << '\n' << std::flush;
  int result = 0;
  for (const auto level : {sluice::BurstLevel::v2, sluice::BurstLevel::v3, sluice::BurstLevel::v4}) {
    std::cout << sluice::burst_level_text(level) << ": ";
    sluice::Comparison comparison(sluice::burst_function(sluice::BurstForm::staged, level), arguments[1]);
    result |= comparison.run(seed, std::stoull(arguments[2]) / 3);
  }
  return result;
} catch (const std::exception& error) {
  std::cerr << "burst_differential: " << error.what() << '\n';
  return 1;
}
