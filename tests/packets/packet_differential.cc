// SPDX-License-Identifier: Apache-2.0
// Random frames through a plane and one by one through the same headers in user space: same verdict, same bytes, same
// counters, same flow tables. Or, for model_differential.py, through user space alone with a trace of it.
//
//   packet_differential compare PLANE OBJECT CONFIGS FRAMES           PLANE, OBJECT: plane_by_name.h
//   packet_differential trace CONFIGS GROUP FRAMES    lines: `tick N`, `publish NAME`, `frame HEX REASON INTERFACE HEX`
//
// CONFIGS is the directory of configurations. SLUICE_SEED repeats a run.
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <stdexcept>

#include "accounts.h"
#include "differential_story.h"
#include "hex_text.h"
#include "packet_plane.h"
#include "plane_by_name.h"
#include "replay_plane.h"

namespace sluice {
namespace {

constexpr std::uint32_t frames_per_round = 20000;
constexpr int differences_shown = 5;
// Share of the balancer's reasons that a run has to meet to count.
constexpr double reasons_share_min = 0.9;
// Those of the balancer: no_headroom and internal cannot be met by frames alone, the rest is the backend agent's.
constexpr int reasons_met_max = SLUICE_REASON_icmp_malformed + 1;

void must(const Status& status) {
  if (!status) throw std::runtime_error(status.error().context);
}

std::string verdict_text(const PacketVerdict& verdict) {
  std::string text(reason_texts()[verdict.reason].name);
  text += verdict.interface == some_interface ? " other" : " " + std::to_string(verdict.interface);
  return text + " " + (verdict.sent ? to_hex(verdict.output) : "-");
}

bool same_verdict(const PacketVerdict& plane, const PacketVerdict& replay) {
  if (plane.reason != replay.reason || plane.sent != replay.sent) return false;
  if (plane.interface != replay.interface && (plane.interface != some_interface || replay.interface == 0)) return false;
  return std::equal(plane.output.begin(), plane.output.end(), replay.output.begin(), replay.output.end());
}

class Comparison {
 public:
  Comparison(const std::string& name, const std::string& object, const std::string& directory)
      : name_(name),
        sites_(read_story_sites(directory)),
        workers_(plane_workers(name)),
        sizes_(sizes_for_all(sites_.all, workers_.count)),
        plane_(make_plane(name, object, sizes_)),
        replay_(sizes_, workers_.count, workers_.used) {}

  int run(std::uint64_t seed, std::uint64_t frames) {
    std::cout << "seed " << seed << '\n' << std::flush;
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t round = 0; compared_ < frames && differences_ == 0; ++round)
      this->round(seed + round, round % story_groups().size(), frames);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::cout << compared_ << " frames on " << name_ << " and replay in " << took.count() << " s, " << differences_
              << " differences\n";
    return report_reasons() && compared_ >= frames && differences_ == 0 ? 0 : 1;
  }

 private:
  // Where a frame is in the story.
  struct Place {
    std::string group;
    std::uint64_t seed;
    std::uint32_t frame;
  };

  void both(const std::function<void(PacketPlane&)>& act) {
    act(*plane_);
    act(replay_);
  }

  void round(std::uint64_t seed, std::size_t group, std::uint64_t frames) {
    const std::vector<PacketSite>& variants = sites_.of_group[group];
    const std::string& name = story_groups()[group].name;
    both([&](PacketPlane& plane) {
      plane.reset();
      plane.set_tick(10);
      must(plane.publish(variants.front()));
    });
    Story story(~seed, variants.size());
    FrameSource source(seed, variants.front().model);
    Random lengths(seed);
    std::vector<Frame> burst;
    std::size_t wanted = 1;
    for (std::uint32_t i = 0; i < frames_per_round && compared_ + burst.size() < frames; ++i) {
      const Story::Event event = story.before_frame();
      if (event.tick || event.variant) compare(burst, {name, seed, i});
      if (event.tick) both([&](PacketPlane& plane) { plane.set_tick(*event.tick); });
      if (event.variant) both([&](PacketPlane& plane) { must(plane.publish(variants[*event.variant])); });
      const auto frame = source.next();
      // Neither is shorter known to XDP's test run nor do its counters then move.
      if (frame.size() >= plane_->frame_bytes_min()) burst.emplace_back(frame.begin(), frame.end());
      if (burst.size() >= wanted) {
        compare(burst, {name, seed, i});
        wanted = 1 + lengths.below(static_cast<std::uint32_t>(plane_->burst_frames()));
      }
      if (differences_ >= differences_shown) return;
    }
    compare(burst, {name, seed, frames_per_round});
    compare_state(name, seed);
    // Backends that left took their counters with them.
    if (name != "tracked") check_accounts(name, seed);
    for (std::size_t reason = 0; reason < reasons_.size(); ++reason)
      reasons_[reason] += read_totals(replay_.tables()).reasons[reason];
  }

  // At once on the plane, one after the other on replay. The burst is empty afterwards.
  void compare(std::vector<Frame>& burst, const Place& place) {
    if (burst.empty()) return;
    const std::vector<PacketVerdict> verdicts = plane_->run_burst(burst);
    for (std::size_t i = 0; i < burst.size(); ++i) {
      ++compared_;
      const PacketVerdict replay = replay_.run(burst[i]);
      if (same_verdict(verdicts.at(i), replay)) continue;
      ++differences_;
      std::cout << "round seed " << place.seed << ", " << place.group << ", frame " << i + 1 << " of " << burst.size()
                << " up to " << place.frame << ": " << to_hex(burst[i]) << "\n  " << name_ << ' '
                << verdict_text(verdicts[i]) << "\n  replay " << verdict_text(replay) << '\n';
    }
    burst.clear();
  }

  void difference(const std::string& what) {
    ++differences_;
    std::cout << what << '\n';
  }

  void compare_state(const std::string& group, std::uint64_t seed) {
    const std::string where = group + ", round seed " + std::to_string(seed);
    const auto plane = plane_->counters();
    const auto replay = replay_.counters();
    if (plane.size() != replay.size()) return difference(where + ": counters of different sizes");
    for (std::size_t line = 0; line < plane.size(); ++line) {
      for (std::size_t word = 0; word < 8; ++word) {
        // The ticks of the two rate limits: the XDP program's clock stands still.
        if (line == 0 && (word == 2 || word == 3) && name_.starts_with("xdp")) continue;
        if (plane[line].words[word] != replay[line].words[word])
          difference(where + ": counter line " + std::to_string(line) + " word " + std::to_string(word) + " is " +
                     std::to_string(plane[line].words[word]) + " on " + name_ + ", " +
                     std::to_string(replay[line].words[word]) + " on replay");
      }
    }
    if (plane_->flows() != replay_.flows()) difference(where + ": different flow tables");
  }

  void check_accounts(const std::string& group, std::uint64_t seed) {
    for (const PacketPlane* plane :
         {static_cast<const PacketPlane*>(plane_.get()), static_cast<const PacketPlane*>(&replay_)})
      if (const std::string text = accounts_text(*plane); text != "exact")
        difference(group + ", round seed " + std::to_string(seed) + ": " + text);
  }

  [[nodiscard]] bool report_reasons() const {
    int met = 0;
    for (int reason = 0; reason < SLUICE_REASON_COUNT; ++reason) {
      const std::uint64_t count = reasons_[static_cast<std::size_t>(reason)];
      if (reason < reasons_met_max) met += count != 0;
      if (reason < reasons_met_max || count != 0)
        std::cout << "  " << reason_texts()[static_cast<std::size_t>(reason)].name << ' ' << count << '\n';
    }
    std::cout << met << " of " << reasons_met_max << " reasons met\n";
    return met >= reasons_share_min * reasons_met_max;
  }

  std::string name_;
  StorySites sites_;
  PlaneWorkers workers_;
  ImageSizes sizes_;
  std::unique_ptr<PacketPlane> plane_;
  ReplayPlane replay_;
  std::uint64_t compared_ = 0;
  int differences_ = 0;
  std::array<std::uint64_t, SLUICE_REASON_COUNT> reasons_{};
};

int trace(const std::string& directory, const std::string& wanted, std::uint64_t frames, std::uint64_t seed) {
  const StorySites sites = read_story_sites(directory);
  for (std::size_t group = 0; group < story_groups().size(); ++group) {
    if (story_groups()[group].name != wanted) continue;
    const std::vector<PacketSite>& variants = sites.of_group[group];
    ReplayPlane plane(sizes_for_all(variants, 1), 1, 0);
    plane.set_tick(10);
    must(plane.publish(variants.front()));
    Story story(~seed, variants.size());
    FrameSource source(seed, variants.front().model);
    std::cout << "tick 10\npublish " << story_groups()[group].variants.front() << '\n';
    for (std::uint64_t i = 0; i < frames; ++i) {
      const Story::Event event = story.before_frame();
      if (event.tick) {
        plane.set_tick(*event.tick);
        std::cout << "tick " << *event.tick << '\n';
      }
      if (event.variant) {
        must(plane.publish(variants[*event.variant]));
        std::cout << "publish " << story_groups()[group].variants[*event.variant] << '\n';
      }
      const auto frame = source.next();
      std::cout << "frame " << to_hex(frame) << ' ' << verdict_text(plane.run(frame)) << '\n';
    }
    return 0;
  }
  throw std::runtime_error("no such group: " + wanted);
}

}  // namespace
}  // namespace sluice

int main(int count, char** arguments) try {
  const std::vector<std::string> given(arguments + 1, arguments + count);
  std::ios::sync_with_stdio(false);
  if (given.size() == 5 && given[0] == "compare")
    return sluice::Comparison(given[1], given[2], given[3]).run(sluice::chosen_seed(), std::stoull(given[4]));
  if (given.size() == 4 && given[0] == "trace")
    return sluice::trace(given[1], given[2], std::stoull(given[3]), sluice::chosen_seed());
  std::cerr << "usage: packet_differential compare " << sluice::plane_names()
            << " OBJECT CONFIGS FRAMES | trace CONFIGS GROUP FRAMES\n";
  return 2;
} catch (const std::exception& error) {
  std::cerr << "packet_differential: " << error.what() << '\n';
  return 1;
}
