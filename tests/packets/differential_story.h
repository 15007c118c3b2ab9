// SPDX-License-Identifier: Apache-2.0
// What the differential tests run: groups of configurations, and what happens between frames. Same seed, same story.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "frame_source.h"
#include "packet_site.h"

namespace sluice {

// Configurations that follow each other on one balancer: they differ in weights and backends only.
struct StoryGroup {
  std::string name;
  std::vector<std::string> variants;
};
[[nodiscard]] const std::vector<StoryGroup>& story_groups();

struct StorySites {
  std::vector<std::vector<PacketSite>> of_group;  // by story_groups(), then by variant
  std::vector<PacketSite> all;
};
// `directory` of configurations. Throws std::runtime_error.
[[nodiscard]] StorySites read_story_sites(const std::string& directory);

// SLUICE_SEED, or the clock's.
[[nodiscard]] std::uint64_t chosen_seed();

class Story {
 public:
  Story(std::uint64_t seed, std::size_t variants) : random_(seed), variants_(variants) {}

  struct Event {
    std::optional<std::uint32_t> tick;
    std::optional<std::size_t> variant;
  };
  Event before_frame();

 private:
  Random random_;
  std::size_t variants_;
  std::uint32_t tick_ = 10;
};

}  // namespace sluice
