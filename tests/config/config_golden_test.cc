// SPDX-License-Identifier: Apache-2.0
// Each bad/*.toml against the exact text of its bad/*.expect: every message is reviewed as text, in one place.
// SLUICE_REGENERATE=1 rewrites the expectations; read the difference before committing it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <vector>

#include "config.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<fs::path> bad_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(SLUICE_BAD_CONFIGS)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(ConfigGolden, EveryBadFileGivesExactlyItsMessages) {
  const bool regenerate = std::getenv("SLUICE_REGENERATE") != nullptr;
  const auto files = bad_files();
  ASSERT_GE(files.size(), 30U);
  for (const fs::path& file : files) {
    const ConfigOutcome outcome = parse_config(read_file(file), file.filename().string());
    EXPECT_FALSE(outcome.ok()) << file;
    EXPECT_FALSE(outcome.errors.empty()) << file;
    const std::string text = errors_text(outcome);
    const fs::path expect = fs::path(file).replace_extension(".expect");
    if (regenerate) std::ofstream(expect, std::ios::binary) << text;
    EXPECT_EQ(text, read_file(expect)) << file;
  }
}

TEST(ConfigGolden, EveryMessageNamesItsPlaceAndWhatIsAllowed) {
  const std::regex place("^[a-z0-9_]+\\.toml:[1-9][0-9]*:[1-9][0-9]*: .+$");
  const std::regex remedy(
      "allowed: |; write |; make one |; add |needs a name|belongs to|packets go to|clients connect|"
      "name the \\[\\[pool|must be ");
  for (const fs::path& file : bad_files()) {
    const ConfigOutcome outcome = parse_config(read_file(file), file.filename().string());
    for (const Diagnostic& error : outcome.errors) {
      const std::string line = to_string(error, outcome.file_name);
      EXPECT_TRUE(std::regex_match(line, place)) << line;
      EXPECT_TRUE(std::regex_search(line, remedy)) << line;
    }
  }
}

}  // namespace
}  // namespace sluice
