// SPDX-License-Identifier: Apache-2.0
// Random frames in random bursts: the staged burst of dataplane/core/packet against one sluice_process() after the
// other. Same verdict, same bytes, same counters, same flow tables.
//
//   burst_differential CONFIGS FRAMES      SLUICE_SEED repeats a run
#include <array>
#include <cstring>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "differential_story.h"
#include "hex_text.h"
#include "image_memory.h"
#include "packet_burst.h"
#include "packet_plane.h"

namespace sluice {
namespace {

constexpr std::uint32_t frames_per_round = 20000;
constexpr std::uint32_t headroom_bytes = 128;  // RTE_PKTMBUF_HEADROOM
constexpr int differences_shown = 5;

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
              << " differences, " << whole_bursts_ << " full bursts, " << at_once_ << " told at once\n";
    return differences_ == 0 && compared_ >= frames && whole_bursts_ > 0 && at_once_ > 0 ? 0 : 1;
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
    std::uint32_t tick = 10;
    for (std::uint32_t done = 0; done < frames_per_round && differences_ < differences_shown;) {
      const std::uint32_t count = random.percent(30) ? burst_frames_max : 1 + random.below(burst_frames_max);
      const std::uint32_t repeats = random.percent(30) ? 98 : 25;
      for (std::uint32_t i = 0; i < count; ++i) {
        const Story::Event event = story.before_frame();
        if (event.tick) tick = *event.tick;
        if (event.variant) {
          staged.publish(variants[*event.variant]);
          plain.publish(variants[*event.variant]);
        }
        // A flow's next packet is often in the same burst; and some bursts are of one kind and few flows.
        if (i > 0 && random.percent(repeats)) {
          originals_[i] = originals_[random.below(i)];
        } else {
          const auto frame = source.next();
          originals_[i].assign(frame.begin(), frame.end());
        }
      }
      compare(staged.tables(), plain.tables(), tick, count, where);
      done += count;
    }
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
    burst_(&staged, 0, tick, &frames);
    at_once_ += frames.outer_bytes != 0;
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
    whole_bursts_ += count == burst_frames_max;
    if (!same_lines(staged.counters, plain.counters, staged.counters_lines)) difference(where + ": other counters");
    if (!same_lines(staged.flows, plain.flows, staged.flows_lines)) difference(where + ": other flow tables");
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
  std::uint64_t compared_ = 0;
  std::uint64_t whole_bursts_ = 0;
  std::uint64_t at_once_ = 0;
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
