// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <gtest/gtest.h>

#include <random>

#include "model_values.h"
#include "test_seed.h"

namespace sluice::model {
namespace {

using namespace test;

Change every_operation() {
  Change made = change(
      {PutPool{pool("web", {backend("b1", "10.0.0.1", 7), backend("b6", "fd00::1")}), PutMode::create},
       SetPool{"web", Encapsulation::gue, PortHost(6081), 65537u, std::uint16_t{1400}}, SetPool{"web"},
       DeletePool{"old"}, PutService{service("www", "2001:db8::1", 443, "web"), PutMode::replace},
       DeleteService{"gone"}, PutBackend{"web", backend("b2", "10.0.0.2"), PutMode::create}, DeleteBackend{"web", "b3"},
       SetWeight{"web", "b1", 50}, PutBalancer{{"lb4", 14, "lb4:7001", 1}}, DeleteBalancer{"lb1"},
       SetPolicy{{50, 10, 4000}},
       ReplaceAll{{pool("a", {}), pool("b", {backend("x", "10.9.9.9")})}, {service("s", "203.0.113.1", 53, "a")}},
       Rollback{41}});
  made.request_id = {9, 8, 7};
  made.comment = "kernel upgrade";
  made.base_revision = 40;
  made.force = true;
  return made;
}

TEST(Command, EveryAlternativeComesBack) {
  EXPECT_EQ(std::variant_size_v<Operation>, 13u) << "add the new one to every_operation()";
  for (const Command& command : {Command(every_operation()), Command(Prepare{7}), Command(Activate{7, {11, 12}}),
                                 Command(SetFeatureLevel{2}), Command(Change{})}) {
    const std::string bytes = encode_command(command);
    const Result<Command> again = decode_command(bytes);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(*again, command);
    EXPECT_EQ(encode_command(*again), bytes);
  }
}

TEST(Command, EveryShorterAndEveryLongerOneIsRefused) {
  const std::string bytes = encode_command(every_operation());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_command(std::string_view(bytes).substr(0, size)).has_value()) << size;
  EXPECT_FALSE(decode_command(bytes + '\0').has_value());
}

// What a flipped bit leaves readable must still be one value's only encoding.
TEST(Command, FlippedBitsGiveAnErrorOrAnotherCommand) {
  const std::string bytes = encode_command(every_operation());
  std::size_t readable = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const Result<Command> command = decode_command(flipped);
    if (!command) continue;
    ++readable;
    EXPECT_EQ(encode_command(*command), flipped);
  }
  EXPECT_GT(readable, 0u);
}

TEST(Command, ANewerLevelIsNamed) {
  std::string bytes = encode_command(Prepare{1});
  bytes[0] = static_cast<char>(feature_level_supported + 1);
  const Result<Command> command = decode_command(bytes);
  ASSERT_FALSE(command.has_value());
  EXPECT_EQ(command.error().code, ErrorCode::unsupported);
  EXPECT_EQ(decode_head(bytes)->level, feature_level_supported + 1);
}

TEST(Command, SummariesAreOneLineWhateverTheNames) {
  EXPECT_EQ(summary_of(change({SetWeight{"web", "b1", 50}, DeletePool{"old"}})),
            "set weight web/b1 50; delete pool old");
  EXPECT_EQ(summary_of(change({DeletePool{"a\nb"}})).find('\n'), std::string::npos);
  EXPECT_EQ(summary_of(every_operation()).substr(0, 30), "create pool web (2 backends); ");
}

}  // namespace
}  // namespace sluice::model
