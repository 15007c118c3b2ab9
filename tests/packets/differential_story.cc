// SPDX-License-Identifier: Apache-2.0
#include "differential_story.h"

#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace sluice {

const std::vector<StoryGroup>& story_groups() {
  static const std::vector<StoryGroup> groups = {
      {"main", {"main"}},
      {"tracked", {"tracked", "tracked-right", "tracked-none", "tracked-gone", "tracked"}},
      {"limited", {"limited"}},
      {"chain", {"chain", "chain-moved"}},
  };
  return groups;
}

StorySites read_story_sites(const std::string& directory) {
  StorySites sites;
  for (const StoryGroup& group : story_groups()) {
    std::vector<PacketSite> variants;
    for (const std::string& name : group.variants) {
      auto site = read_packet_site(directory + "/" + name + ".toml");
      if (!site) throw std::runtime_error(site.error().context);
      variants.push_back(*site);
      sites.all.push_back(std::move(*site));
    }
    sites.of_group.push_back(std::move(variants));
  }
  return sites;
}

std::uint64_t chosen_seed() {
  const char* given = std::getenv("SLUICE_SEED");
  if (given != nullptr && *given != '\0') return std::strtoull(given, nullptr, 0);
  return static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
}

Story::Event Story::before_frame() {
  Event event;
  if (random_.below(300) == 0) event.tick = tick_ += random_.one_of<std::uint32_t>({1, 1, 1, 2, 29, 31});
  if (variants_ > 1 && random_.below(1500) == 0) event.variant = random_.below(static_cast<std::uint32_t>(variants_));
  return event;
}

}  // namespace sluice
