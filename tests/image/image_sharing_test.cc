// SPDX-License-Identifier: Apache-2.0
// What a model shares with the one before is recognised and passed by. That may only save work: the same models without
// any sharing must leave the same bytes.
#include <cstring>
#include <random>

#include "image_fixture.h"
#include "test_seed.h"

namespace sluice {
namespace {

using testing::any_next_hop;

class Changes {
 public:
  explicit Changes(std::uint64_t seed) : random_(seed) {
    model_.hash_secret = {1, 2, 3};
    for (std::uint32_t i = 0; i < 12; ++i) model_.backends.push_back(backend(i));
    for (std::uint32_t i = 0; i < 4; ++i) model_.pools.push_back(pool(i));
    for (std::uint16_t i = 0; i < 20; ++i) model_.services.push_back(service(i));
  }

  [[nodiscard]] const ForwardingModel& model() const { return model_; }

  void step() {
    switch (below(9)) {
      case 0:
        break;
      case 1:
        if (ForwardingPool& pool = model_.pools[below(4)]; !pool.slots.empty())
          pool.slots.edit()[below(13)] = static_cast<std::uint16_t>(below(3));
        break;
      case 2:
        model_.backends.edit()[below(12)] = backend(below(40));
        deduplicate();
        break;
      case 3:
        model_.backends.edit()[below(12)].inner_mtu = static_cast<std::uint16_t>(1400 + below(3));
        break;
      case 4: {
        const auto place = static_cast<std::uint16_t>(below(20));
        model_.services.edit()[place] = service(static_cast<std::uint16_t>(place + 20 * below(3)));
        break;
      }
      case 5:
        make_unstable(model_.pools[below(4)]);
        break;
      case 6:
        std::swap(model_.pools[below(4)], model_.pools[below(4)]);
        break;
      case 7:
        model_.pools[below(4)] = model_.pools[below(4)];
        break;
      default:
        replace_pool(model_.pools[below(4)]);
    }
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  static ForwardingBackend backend(std::uint32_t number) {
    return testing::backend("10.1.0." + std::to_string(number));
  }

  void deduplicate() {
    std::vector<ForwardingBackend>& backends = model_.backends.edit();
    for (std::uint32_t i = 0; i < backends.size(); ++i)
      for (std::uint32_t k = 0; k < i; ++k)
        if (backends[i].key == backends[k].key) backends[i] = testing::backend("10.2.0." + std::to_string(i));
  }

  ForwardingPool pool(std::uint32_t number) {
    ForwardingPool pool;
    pool.name = "pool" + std::to_string(number);
    for (std::uint32_t i = 0; i < 3; ++i) pool.members.push_back((number * 3 + i) % 12);
    for (std::uint32_t slot = 0; slot < 13; ++slot) pool.slots.push_back(static_cast<std::uint16_t>(below(3)));
    return pool;
  }

  ForwardingService service(std::uint16_t number) {
    ForwardingService service;
    service.name = "service" + std::to_string(number);
    service.key = {testing::address("203.0.113." + std::to_string(number % 7)), 6, PortHost(number)};
    service.pool = below(4);
    service.track = number % 2 == 0;
    service.fragments = number % 5 == 0;
    return service;
  }

  void make_unstable(ForwardingPool& pool) {
    pool.past = {};
    for (std::uint32_t slot = below(4); slot < pool.slots.size(); slot += 1 + below(5))
      pool.past.push_back({SlotIndex(slot), {1, SLUICE_MEMBER_NONE, SLUICE_MEMBER_NONE}});
  }

  void replace_pool(ForwardingPool& pool) {
    pool.slots = below(4) == 0 ? SharedVector<std::uint16_t>() : SharedVector<std::uint16_t>(this->pool(0).slots);
    pool.past = {};
    pool.members = this->pool(below(4)).members;
    pool.chain = !pool.chain;
  }

  std::mt19937_64 random_;
  ForwardingModel model_;
};

ForwardingModel unshared(const ForwardingModel& model) {
  ForwardingModel copy = model;
  copy.backends = SharedVector<ForwardingBackend>(model.backends.items());
  copy.services = SharedVector<ForwardingService>(model.services.items());
  for (ForwardingPool& pool : copy.pools) {
    pool.members = SharedVector<std::uint32_t>(pool.members.items());
    pool.slots = SharedVector<std::uint16_t>(pool.slots.items());
    pool.past = SharedVector<PreviousOwners>(pool.past.items());
  }
  return copy;
}

bool same_bytes(const void* a, const void* b, std::size_t lines) {
  return std::memcmp(a, b, lines * SLUICE_LINE_BYTES) == 0;
}

void expect_same_image(const sluice_tables& a, const sluice_tables& b) {
  ASSERT_EQ(std::memcmp(a.control, b.control, sizeof *a.control), 0);
  ASSERT_TRUE(same_bytes(a.vips, b.vips, a.vips_lines));
  ASSERT_TRUE(same_bytes(a.slots, b.slots, a.slots_lines));
  ASSERT_TRUE(same_bytes(a.past, b.past, a.past_lines));
  ASSERT_TRUE(same_bytes(a.members, b.members, a.members_lines));
  ASSERT_TRUE(same_bytes(a.backends, b.backends, a.backends_lines));
}

TEST(ImageSharing, SavesWorkAndChangesNoByte) {
  const std::uint64_t seed = testing::seed();
  Changes changes(seed);
  ImageSizes sizes = image_sizes_for(changes.model(), {});
  sizes.slots = sizes.past = sizes.members = sizes.backends = 64;
  const ImageMemory shared_memory(sizes);
  const ImageMemory plain_memory(sizes);
  ImageWriter shared(shared_memory.tables(), {}, [] {});
  ImageWriter plain(plain_memory.tables(), {}, [] {});
  for (int i = 0; i < 3000; ++i) {
    const auto one = shared.publish(changes.model(), any_next_hop, 0);
    const auto two = plain.publish(unshared(changes.model()), any_next_hop, 0);
    ASSERT_EQ(one.has_value(), two.has_value()) << "step " << i;
    if (one) {
      ASSERT_EQ(one->slots_lines_written, two->slots_lines_written);
    }
    ASSERT_NO_FATAL_FAILURE(expect_same_image(shared_memory.tables(), plain_memory.tables())) << "step " << i;
    for (int k = 0; k < 1 + i % 3; ++k) changes.step();
  }
}

TEST(SharedVector, IsCopiedOnlyWhenChangedBesideACopy) {
  SharedVector<int> one{1, 2, 3};
  const void* storage = one.storage();
  one.edit()[0] = 4;
  EXPECT_EQ(one.storage(), storage);
  const SharedVector<int> two = one;
  EXPECT_TRUE(two.is_same(one));
  one.edit()[0] = 5;
  EXPECT_FALSE(two.is_same(one));
  EXPECT_EQ(two[0], 4);
  EXPECT_EQ(one[0], 5);
  SharedVector<int> foreign(std::make_shared<const std::vector<int>>(std::vector<int>{7}));
  foreign.push_back(8);
  EXPECT_EQ(foreign.items(), (std::vector<int>{7, 8}));
}

}  // namespace
}  // namespace sluice
