// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "image_fixture.h"

namespace sluice {
namespace {

using testing::any_next_hop;
using testing::backend;
using testing::model_of;
using testing::query;

class ImageWriterTest : public ::testing::Test {
 protected:
  void start(const ForwardingModel& model) {
    memory.emplace(image_sizes_for(model, {}));
    writer.emplace(memory->tables(), ImageOptions{}, [this] { ++waits; });
    publish(model);
  }
  PublishReport publish(const ForwardingModel& model) {
    const auto report = writer->publish(model, any_next_hop, 0);
    EXPECT_TRUE(report.has_value()) << report.error().context;
    return report.value();
  }
  std::string chosen(std::uint16_t source_port) {
    const FlowAnswer answer = explain_flow(memory->tables(), query(source_port), 0);
    if (!answer.backend) return std::string(reason_texts()[answer.reason].name);
    for (const auto* text : {"10.1.0.1", "10.1.0.2", "10.1.0.3"})
      if (writer->find_backend(backend(text).key) == answer.backend) return text;
    return "unknown";
  }
  std::optional<ImageMemory> memory;
  std::optional<ImageWriter> writer;
  int waits = 0;
};

TEST_F(ImageWriterTest, FlowsReachEveryBackend) {
  start(model_of({backend("10.1.0.1"), backend("10.1.0.2")}));
  std::set<std::string> seen;
  for (std::uint16_t port = 1000; port < 1100; ++port) seen.insert(chosen(port));
  EXPECT_EQ(seen, (std::set<std::string>{"10.1.0.1", "10.1.0.2"}));
  EXPECT_EQ(writer->generation(), Generation(1));
}

TEST_F(ImageWriterTest, AnEmptyPoolIsAStateOfItsOwn) {
  start(model_of({backend("10.1.0.1")}));
  publish(model_of({}));
  EXPECT_EQ(chosen(1000), "no_backend");
}

TEST_F(ImageWriterTest, ABackendKeepsItsLineWhileItStays) {
  start(model_of({backend("10.1.0.1"), backend("10.1.0.2")}));
  const auto before = writer->find_backend(backend("10.1.0.2").key);
  publish(model_of({backend("10.1.0.2"), backend("10.1.0.3")}));
  EXPECT_EQ(writer->find_backend(backend("10.1.0.2").key), before);
  EXPECT_FALSE(writer->find_backend(backend("10.1.0.1").key).has_value());
}

TEST_F(ImageWriterTest, UnchangedTablesAreNotWrittenAgain) {
  const auto model = model_of({backend("10.1.0.1"), backend("10.1.0.2")}, 65537);
  start(model);
  EXPECT_EQ(publish(model).slots_lines_written, 0U);
}

TEST_F(ImageWriterTest, NothingLeaksOverManyGenerations) {
  const auto one = model_of({backend("10.1.0.1"), backend("10.1.0.2")}, 16381);
  const auto two = model_of({backend("10.1.0.2"), backend("10.1.0.3")}, 65537);
  memory.emplace(image_sizes_for(two, {}));
  writer.emplace(memory->tables(), ImageOptions{}, [] {});
  for (int i = 0; i < 200; ++i) publish(i % 2 ? one : two);
  EXPECT_EQ(writer->generation(), Generation(200));
}

TEST_F(ImageWriterTest, AFullImageRefusesAndChangesNothing) {
  start(model_of({backend("10.1.0.1")}));
  const std::string before = chosen(1000);
  const auto report = writer->publish(model_of({backend("10.1.0.2")}, 655373), any_next_hop, 0);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, ErrorCode::out_of_capacity);
  EXPECT_EQ(chosen(1000), before);
  EXPECT_EQ(writer->generation(), Generation(1));
  publish(model_of({backend("10.1.0.2")}));
  EXPECT_EQ(chosen(1000), "10.1.0.2");
}

// Services 203.0.113.10, ports 1000 and up, each with a pool of its own that sends all of it but one slot to `owner`:
// tables that no two pools share.
ForwardingModel many_pools(std::size_t count, std::uint16_t owner, const ForwardingModel* alike = nullptr) {
  ForwardingModel model = model_of({backend("10.1.0.1"), backend("10.1.0.2")});
  if (alike != nullptr) model = *alike;
  model.pools.clear();
  if (alike == nullptr) model.services.edit().clear();
  for (std::size_t i = 0; i < count; ++i) {
    ForwardingPool& pool = model.pools.emplace_back();
    pool.name = "pool" + std::to_string(i);
    pool.members = std::vector<std::uint32_t>{0, 1};
    std::vector<std::uint16_t> slots(16381, owner);
    slots[i] = static_cast<std::uint16_t>(1 - owner);
    pool.slots = std::move(slots);
    if (alike != nullptr) continue;
    ForwardingService service;
    service.name = pool.name;
    service.key = {testing::address("203.0.113.10"), 6, PortHost(static_cast<std::uint16_t>(1000 + i))};
    service.pool = static_cast<std::uint32_t>(i);
    model.services.push_back(service);
  }
  return model;
}

// How many of the services' flows go to 10.1.0.2; every packet is answered, by one of the two tables of its pool.
std::size_t count_second(const ImageWriter& writer, std::size_t services) {
  std::size_t second = 0;
  for (std::size_t i = 0; i < services; ++i) {
    const FlowAnswer answer = explain_flow(writer.tables(), query(4321, static_cast<std::uint16_t>(1000 + i)), 0);
    EXPECT_TRUE(answer.backend.has_value()) << i;
    if (answer.backend == writer.find_backend(backend("10.1.0.2").key)) ++second;
  }
  return second;
}

TEST_F(ImageWriterTest, MoreNewTablesThanThereIsRoomForGoInParts) {
  constexpr std::size_t count = 48;
  const ForwardingModel old = many_pools(count, 0);
  memory.emplace(image_sizes_for(old, {}));
  std::vector<std::size_t> seen;
  writer.emplace(memory->tables(), ImageOptions{}, [&] { seen.push_back(count_second(*writer, count)); });
  publish(old);
  ASSERT_EQ(seen, std::vector<std::size_t>{0});
  for (int round = 0; round < 20; ++round) {
    seen.clear();
    const std::uint16_t owner = round % 2 == 0 ? 1 : 0;
    const PublishReport report = publish(many_pools(count, owner, &old));
    EXPECT_EQ(report.slots_lines_written, count * 512);
    EXPECT_EQ(writer->generation(), report.generation);
    // Two pools at a time: a 24th of them.
    EXPECT_EQ(seen.size(), count / 2);
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], owner == 1 ? 2 * (i + 1) : count - 2 * (i + 1));
  }
}

TEST_F(ImageWriterTest, PartsAreForTablesOnly) {
  const ForwardingModel old = many_pools(24, 0);
  start(old);
  ForwardingModel other_services = many_pools(24, 1, &old);
  other_services.services.edit()[0].unreachable = true;
  ForwardingModel other_backends = many_pools(24, 1, &old);
  other_backends.backends.edit().push_back(backend("10.1.0.3"));
  ForwardingModel other_key = many_pools(24, 1, &old);
  other_key.hash_secret[0] = 9;
  ForwardingModel other_pools = many_pools(24, 1, &old);
  std::swap(other_pools.pools[0].name, other_pools.pools[1].name);
  for (const ForwardingModel& model : {other_services, other_backends, other_key, other_pools}) {
    const auto refused = writer->publish(model, any_next_hop, 0);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::out_of_capacity);
    EXPECT_EQ(writer->generation(), Generation(1));
    EXPECT_EQ(count_second(*writer, 24), 0U);
  }
}

TEST_F(ImageWriterTest, PartsEndWithATableThatNeverFits) {
  const ForwardingModel old = many_pools(24, 0);
  start(old);
  ForwardingModel model = many_pools(24, 1, &old);
  model.pools[20].slots = std::vector<std::uint16_t>(655373, 1);
  const auto refused = writer->publish(model, any_next_hop, 0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_capacity);
  // Those before it have moved on, the others are as they were; a larger image takes them all.
  EXPECT_EQ(count_second(*writer, 24), 20U);
  publish(old);
  EXPECT_EQ(count_second(*writer, 24), 0U);
}

TEST_F(ImageWriterTest, ALaterWriterAdoptsWhatIsThere) {
  start(model_of({backend("10.1.0.1"), backend("10.1.0.2")}, 65537));
  const auto line = writer->find_backend(backend("10.1.0.2").key);
  const auto counters = writer->find_service(model_of({}).services[0].key);
  writer.emplace(memory->tables(), ImageOptions{}, [] {});
  EXPECT_EQ(writer->find_backend(backend("10.1.0.2").key), line);
  EXPECT_EQ(writer->find_service(model_of({}).services[0].key), counters);
  const auto report = publish(model_of({backend("10.1.0.1"), backend("10.1.0.2")}, 65537));
  EXPECT_EQ(report.slots_lines_written, 0U);
  EXPECT_EQ(report.backends_added, 0U);
  EXPECT_EQ(report.generation, Generation(2));
}

TEST_F(ImageWriterTest, RememberedFlowsFollowABackendWhoseWayChanged) {
  auto model = model_of({backend("10.1.0.1")});
  model.services.edit()[0].track = true;
  model.flows_per_worker = 1024;
  start(model);
  const auto before = writer->find_backend(backend("10.1.0.1").key);
  memory->tables().flows[3].entry[2] = sluice_u64{7} << 32 | sluice_u64{before->value()} << 12 | 5;
  model.backends.edit()[0].inner_mtu = 1400;
  publish(model);
  const auto after = writer->find_backend(backend("10.1.0.1").key);
  EXPECT_NE(after, before);
  EXPECT_EQ(memory->tables().flows[3].entry[2], sluice_u64{7} << 32 | sluice_u64{after->value()} << 12 | 5);
  publish(model_of({backend("10.1.0.2")}));
  EXPECT_EQ(memory->tables().flows[3].entry[2], 0U);
}

TEST_F(ImageWriterTest, ManyServicesAreAllFound) {
  ForwardingModel model = model_of({backend("10.1.0.1")});
  model.services = {};
  for (std::uint16_t i = 0; i < 10000; ++i) {
    ForwardingService service;
    service.key = {IpAddress::from_v4_bytes({203, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}),
                   6, PortHost(static_cast<std::uint16_t>(1 + i % 7))};
    model.services.push_back(service);
  }
  start(model);
  for (const ForwardingService& service : model.services) {
    const FlowQuery flow{testing::address("198.51.100.7"), PortHost(5), service.key.address, service.key.port, 6};
    const FlowAnswer answer = explain_flow(memory->tables(), flow, 0);
    ASSERT_EQ(answer.service, writer->find_service(service.key)) << service.key.address.to_string();
    ASSERT_EQ(answer.reason, SLUICE_REASON_forwarded);
  }
}

TEST_F(ImageWriterTest, PreviousOwnersAreCandidatesInOrder) {
  ForwardingModel model = model_of({backend("10.1.0.1"), backend("10.1.0.2"), backend("10.1.0.3")}, 65537);
  for (std::uint32_t slot = 0; slot < 65537; slot += 3)
    model.pools[0].past.push_back({SlotIndex(slot), {1, 2, SLUICE_MEMBER_NONE}});
  start(model);
  int unstable = 0;
  for (std::uint16_t port = 1000; port < 1300; ++port) {
    const FlowAnswer answer = explain_flow(memory->tables(), query(port), 0);
    ASSERT_EQ(answer.unstable, *answer.slot % 3 == 0);
    ASSERT_EQ(answer.candidates.size(), answer.unstable ? 3U : 1U);
    unstable += answer.unstable;
    if (answer.unstable) {
      EXPECT_EQ(answer.candidates[0], writer->find_backend(backend("10.1.0.1").key));
      EXPECT_EQ(answer.candidates[1], writer->find_backend(backend("10.1.0.2").key));
      EXPECT_EQ(answer.candidates[2], writer->find_backend(backend("10.1.0.3").key));
    }
  }
  EXPECT_GT(unstable, 50);
}

TEST_F(ImageWriterTest, APoolsFirstHistoryNeedsNoNewImage) {
  ForwardingModel model = model_of({backend("10.1.0.1"), backend("10.1.0.2"), backend("10.1.0.3")}, 65537);
  start(model);
  // Fuller and fuller: each history takes about twice the room of the one before, and two stand side by side.
  for (const std::uint32_t step : {32U, 16U, 8U, 4U, 2U, 1U, 1U, 2U, 1U}) {
    model.pools[0].past = {};
    for (std::uint32_t slot = step - 1; slot < 65537; slot += step)
      model.pools[0].past.push_back({SlotIndex(slot), {1, 2, SLUICE_MEMBER_NONE}});
    publish(model);
    model.pools[0].past.edit()[7].members[0] = 2;
    publish(model);
  }
}

TEST(ImageSizes, FiveHundredTwelvePoolsFitSeventyTwoMebibytes) {
  ForwardingModel model = testing::model_of({backend("10.1.0.1")}, 65537);
  model.pools.resize(512, model.pools[0]);
  EXPECT_LE(image_sizes_for(model, {}).bytes(), 72ULL << 20);
}

TEST(ImageSizes, OneSmallServiceFitsSixteenMebibytes) {
  ForwardingModel model = testing::model_of({backend("10.1.0.1")}, 65537);
  model.services.edit()[0].track = true;
  model.flows_per_worker = 262144;
  EXPECT_LE(image_sizes_for(model, {.workers = 2}).bytes(), 16ULL << 20);
}

}  // namespace
}  // namespace sluice
