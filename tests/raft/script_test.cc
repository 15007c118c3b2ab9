// SPDX-License-Identifier: Apache-2.0
// The scripts of scripts/*.txt: commands, a line of dashes, what must happen. SLUICE_REGENERATE=1 writes down what does
// happen instead; the difference in the file is then the review of a change of protocol.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "script_cluster.h"

namespace sluice::raft {
namespace {

constexpr const char* separator = "----";

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The script as it would read if everything in it were so. Expected output ends at an empty line.
std::string performed(const std::vector<std::string>& lines) {
  ScriptCluster cluster;
  std::string text;
  std::string happened;
  bool is_output = false;
  for (const std::string& line : lines) {
    if (is_output) {
      is_output = !line.empty();
      if (line.empty()) text += '\n';
    } else if (line == separator) {
      text += line + '\n' + happened;
      happened.clear();
      is_output = true;
    } else {
      text += line + '\n';
      if (!line.empty() && line[0] != '#') happened += cluster.run(line);
    }
  }
  return text;
}

std::vector<std::filesystem::path> scripts() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_SCRIPTS)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

class Script : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(Script, DoesWhatItSays) {
  const std::vector<std::string> lines = lines_of(GetParam());
  ASSERT_FALSE(lines.empty());
  const std::string text = performed(lines);
  if (std::getenv("SLUICE_REGENERATE") != nullptr) {
    std::ofstream(GetParam()) << text;
    return;
  }
  std::ostringstream expected;
  for (const std::string& line : lines) expected << line << '\n';
  EXPECT_EQ(text, expected.str());
}

INSTANTIATE_TEST_SUITE_P(All, Script, ::testing::ValuesIn(scripts()),
                         [](const auto& script) { return script.param.stem().string(); });

}  // namespace
}  // namespace sluice::raft
