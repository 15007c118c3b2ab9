// SPDX-License-Identifier: Apache-2.0
// Damaged files: whatever happens to the text, the outcome is a valid Config or at least one error with a place.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

#include "config.h"

namespace sluice {
namespace {

// Between them they have every key.
constexpr const char* examples[] = {"site.toml", "dpdk.toml"};

std::string example(const char* name) {
  std::ifstream in(std::filesystem::path(SLUICE_EXAMPLES) / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::uint64_t seed() {
  const char* given = std::getenv("SLUICE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::cout << "SLUICE_SEED=" << seed << '\n';
  return seed;
}

// Returns whether the text was a valid configuration.
bool check_outcome(const std::string& text) {
  const ConfigOutcome outcome = parse_config(text, "mutated.toml");
  EXPECT_EQ(outcome.ok(), outcome.errors.empty());
  const auto lines = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const Diagnostic& error : outcome.errors) {
    EXPECT_GE(error.line, 1U);
    EXPECT_LE(error.line, lines) << error.message;
    EXPECT_GE(error.column, 1U);
    EXPECT_LE(error.column, text.size() + 1) << error.message;
    EXPECT_FALSE(error.message.empty());
    EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
  }
  if (outcome.ok()) {
    const ConfigOutcome again = parse_config(print_config(*outcome.config), "printed");
    EXPECT_TRUE(again.ok()) << errors_text(again);
    if (again.ok()) {
      EXPECT_EQ(*outcome.config, *again.config);
    }
  }
  return outcome.ok();
}

class ConfigMutation : public testing::TestWithParam<const char*> {};

TEST_P(ConfigMutation, CutAtEveryByte) {
  const std::string text = example(GetParam());
  const Config whole = parse_config(text, GetParam()).config.value();
  for (std::size_t length = 0; length < text.size(); ++length) {
    const std::string cut = text.substr(0, length);
    const bool valid = check_outcome(cut);
    ASSERT_FALSE(testing::Test::HasFailure()) << "cut at byte " << length;
    if (!valid) continue;
    // What a cut leaves valid may lack whole lines, but every value it has is the file's own: no `port = 8` for 80.
    const Config part = parse_config(cut, "cut.toml").config.value();
    ASSERT_LE(part.services.size(), whole.services.size());
    EXPECT_EQ(part.plane, whole.plane) << "cut at byte " << length;
    EXPECT_EQ(part.pools, whole.pools) << "cut at byte " << length;
    for (std::size_t i = 0; i < part.services.size(); ++i) {
      EXPECT_EQ(part.services[i].name, whole.services[i].name);
      EXPECT_EQ(part.services[i].port, whole.services[i].port) << "cut at byte " << length;
      EXPECT_EQ(part.services[i].pool_index, whole.services[i].pool_index);
    }
  }
}

// What damage may insert: syntax, wrong types, and pieces that are good elsewhere.
const std::vector<std::string> tokens = {"[",
                                         "]",
                                         "[[",
                                         "]]",
                                         "{",
                                         "}",
                                         "=",
                                         ",",
                                         ".",
                                         "\"",
                                         "\"\"\"",
                                         "'",
                                         "'''",
                                         "#",
                                         "\n",
                                         "\r\n",
                                         "0",
                                         "-1",
                                         "65536",
                                         "99999999999999999999",
                                         "1e999",
                                         "nan",
                                         "true",
                                         "0x1F",
                                         "\\u0000",
                                         "\xff",
                                         "\xef\xbb\xbf",
                                         "2024-01-01",
                                         "pool.backend",
                                         "[service]",
                                         "backends = []\n",
                                         "weight = 1\n",
                                         "[plane.dpdk]\n",
                                         "ports = [ { device = \"net_null0\" } ]\n",
                                         "cpus = [1]\n",
                                         "\x00\x01",
                                         "203.0.113.10",
                                         "::",
                                         "name = \"web\"\n"};

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::string mutate(std::string text) {
    for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) change_once(text);
    return text;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void change_once(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, 1 + below(40));
        break;
      case 2:
        text.insert(at, tokens[below(tokens.size())]);
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), below(200)));
        break;
      case 4: {  // a digit becomes another: values out of range, duplicate addresses
        const std::size_t digit = text.find_first_of("0123456789", at);
        if (digit != std::string::npos) text[digit] = static_cast<char>('0' + below(10));
        break;
      }
      default: {  // a line twice, or gone
        const std::size_t start = text.rfind('\n', at == 0 ? 0 : at - 1) + 1;
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const std::string line = text.substr(start, end - start) + '\n';
        if (below(2) == 0) {
          text.insert(start, line);
        } else {
          text.erase(start, line.size());
        }
      }
    }
  }

  std::mt19937_64 random_;
};

TEST_P(ConfigMutation, RandomDamage) {
  Mutator mutator(seed());
  const std::string text = example(GetParam());
  int valid = 0;
  constexpr int rounds = 30000;
  for (int i = 0; i < rounds; ++i) {
    const std::string mutated = mutator.mutate(text);
    valid += check_outcome(mutated) ? 1 : 0;
    ASSERT_FALSE(testing::Test::HasFailure()) << "round " << i << ":\n" << mutated;
  }
  // Both kinds must occur, or the mutations test nothing.
  EXPECT_GT(valid, rounds / 50);
  EXPECT_LT(valid, rounds * 9 / 10);
}

INSTANTIATE_TEST_SUITE_P(Examples, ConfigMutation, testing::ValuesIn(examples));

}  // namespace
}  // namespace sluice
