// SPDX-License-Identifier: Apache-2.0
// Random frames through the XDP program and through the same headers in user space: same verdict, same bytes, same
// counters, same flow tables. Or, for model_differential.py, through user space alone with a trace of it.
//
//   packet_differential compare xdp|xdp-lookup OBJECT CONFIGS FRAMES
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
#include "replay_plane.h"
#include "xdp_plane.h"

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

bool same_verdict(const PacketVerdict& xdp, const PacketVerdict& replay) {
  if (xdp.reason != replay.reason || xdp.sent != replay.sent) return false;
  if ((xdp.interface != 0) != (replay.interface != 0)) return false;
  return std::equal(xdp.output.begin(), xdp.output.end(), replay.output.begin(), replay.output.end());
}

class Comparison {
 public:
  Comparison(TableForm form, const std::string& object, const std::string& directory)
      : sites_(read_story_sites(directory)),
        sizes_(sizes_for_all(sites_.all, XdpPlane::workers())),
        xdp_(object, form, sizes_),
        replay_(sizes_, XdpPlane::workers(), XdpPlane::used_worker) {}

  int run(std::uint64_t seed, std::uint64_t frames) {
    std::cout << "seed " << seed << '\n' << std::flush;
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t round = 0; compared_ < frames && differences_ == 0; ++round)
      this->round(seed + round, round % story_groups().size(), frames);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::cout << compared_ << " frames on XDP and replay in " << took.count() << " s, " << differences_
              << " differences\n";
    return report_reasons() && compared_ >= frames && differences_ == 0 ? 0 : 1;
  }

 private:
  void both(const std::function<void(PacketPlane&)>& act) {
    act(xdp_);
    act(replay_);
  }

  void round(std::uint64_t seed, std::size_t group, std::uint64_t frames) {
    const std::vector<PacketSite>& variants = sites_.of_group[group];
    both([&](PacketPlane& plane) {
      plane.reset();
      plane.set_tick(10);
      must(plane.publish(variants.front()));
    });
    Story story(~seed, variants.size());
    FrameSource source(seed, variants.front().model);
    for (std::uint32_t i = 0; i < frames_per_round && compared_ < frames; ++i) {
      const Story::Event event = story.before_frame();
      if (event.tick) both([&](PacketPlane& plane) { plane.set_tick(*event.tick); });
      if (event.variant) both([&](PacketPlane& plane) { must(plane.publish(variants[*event.variant])); });
      compare(source.next(), story_groups()[group].name, seed, i);
      if (differences_ >= differences_shown) return;
    }
    compare_state(story_groups()[group].name, seed);
    // Backends that left took their counters with them.
    if (story_groups()[group].name != "tracked") check_accounts(story_groups()[group].name, seed);
    for (std::size_t reason = 0; reason < reasons_.size(); ++reason)
      reasons_[reason] += read_totals(replay_.tables()).reasons[reason];
  }

  void compare(std::span<const std::uint8_t> frame, const std::string& group, std::uint64_t seed, std::uint32_t i) {
    // Neither is shorter known to XDP's test run nor do its counters then move.
    if (frame.size() < xdp_.frame_bytes_min()) return;
    ++compared_;
    const PacketVerdict xdp = xdp_.run(frame);
    const PacketVerdict replay = replay_.run(frame);
    if (same_verdict(xdp, replay)) return;
    ++differences_;
    std::cout << "round seed " << seed << ", " << group << ", frame " << i << ": " << to_hex(frame) << "\n  xdp    "
              << verdict_text(xdp) << "\n  replay " << verdict_text(replay) << '\n';
  }

  void difference(const std::string& what) {
    ++differences_;
    std::cout << what << '\n';
  }

  void compare_state(const std::string& group, std::uint64_t seed) {
    const std::string where = group + ", round seed " + std::to_string(seed);
    const auto xdp = xdp_.counters();
    const auto replay = replay_.counters();
    if (xdp.size() != replay.size()) return difference(where + ": counters of different sizes");
    for (std::size_t line = 0; line < xdp.size(); ++line) {
      for (std::size_t word = 0; word < 8; ++word) {
        // The ticks of the two rate limits: the XDP program's clock stands still.
        if (line == 0 && (word == 2 || word == 3)) continue;
        if (xdp[line].words[word] != replay[line].words[word])
          difference(where + ": counter line " + std::to_string(line) + " word " + std::to_string(word) + " is " +
                     std::to_string(xdp[line].words[word]) + " on XDP, " + std::to_string(replay[line].words[word]) +
                     " on replay");
      }
    }
    if (xdp_.flows() != replay_.flows()) difference(where + ": different flow tables");
  }

  void check_accounts(const std::string& group, std::uint64_t seed) {
    for (const PacketPlane* plane : {static_cast<const PacketPlane*>(&xdp_), static_cast<const PacketPlane*>(&replay_)})
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

  StorySites sites_;
  ImageSizes sizes_;
  XdpPlane xdp_;
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
  if (given.size() == 5 && given[0] == "compare") {
    const auto form = given[1] == "xdp-lookup" ? sluice::TableForm::by_lookup : sluice::TableForm::whole;
    return sluice::Comparison(form, given[2], given[3]).run(sluice::chosen_seed(), std::stoull(given[4]));
  }
  if (given.size() == 4 && given[0] == "trace")
    return sluice::trace(given[1], given[2], std::stoull(given[3]), sluice::chosen_seed());
  std::cerr << "usage: packet_differential compare xdp|xdp-lookup OBJECT CONFIGS FRAMES | trace CONFIGS GROUP FRAMES\n";
  return 2;
} catch (const std::exception& error) {
  std::cerr << "packet_differential: " << error.what() << '\n';
  return 1;
}
