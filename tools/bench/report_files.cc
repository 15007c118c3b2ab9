// SPDX-License-Identifier: Apache-2.0
#include "report_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "report_svg.h"

namespace sluice::bench {
namespace {

namespace fs = std::filesystem;

// The largest result of ours has some 60 kB: what is larger is no result, and would only fill the memory.
constexpr std::uintmax_t file_bytes_max = 4U << 20;

Error file_error(const std::string& path, const std::string& why) {
  return make_error(ErrorCode::invalid_argument, path + ": " + why);
}

Result<std::string> read_text(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    return file_error(path, "cannot be read: no such file; allowed is a file that sluice-bench ... -o json wrote");
  if (fs::is_directory(status)) return file_error(path, "is a folder; name the result files in it");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, 1 << 16> part{};
  // Read and not asked for its size: it may be a pipe.
  while (file && text.size() <= file_bytes_max) {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad())
    return file_error(path, fmt::format("cannot be read: {}; it must be readable to you", std::strerror(errno)));
  if (text.size() > file_bytes_max)
    return file_error(
        path, fmt::format("is larger than {} MiB, which no result is; name a result file", file_bytes_max >> 20));
  return text;
}

// The file's own name where it is the only one so called, else as it was given, else with its number.
std::vector<std::string> names_of(const std::vector<std::string>& paths) {
  const auto count = [](const std::vector<std::string>& all, const std::string& one) {
    return std::count(all.begin(), all.end(), one);
  };
  std::vector<std::string> stems;
  for (const std::string& path : paths) stems.push_back(fs::path(path).stem().string());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    std::string name = count(stems, stems[i]) == 1 ? stems[i] : paths[i];
    if (count(paths, paths[i]) > 1) name += fmt::format(" #{}", i + 1);
    names.push_back(name);
  }
  return names;
}

// Which results share a plot.
std::size_t kind_of(const BenchResult& result) {
  const auto* kernel = std::get_if<KernelResult>(&result);
  return result.index() * 2 + (kernel != nullptr && kernel->bench == KernelBench::veth ? 1 : 0);
}

}  // namespace

Result<std::vector<NamedResult>> read_result_files(const std::vector<std::string>& paths) {
  std::vector<NamedResult> results;
  const std::vector<std::string> names = names_of(paths);
  std::array<std::size_t, 2 * std::variant_size_v<BenchResult>> kinds{};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Result<std::string> text = read_text(paths[i]);
    if (!text) return text.error();
    Result<BenchResult> result = read_bench_result(*text);
    if (!result) return file_error(paths[i], result.error().context);
    if (++kinds.at(kind_of(*result)) > series_max)
      return file_error(paths[i],
                        fmt::format("is the {}th of its kind, and more colours nobody can tell apart; {} of a "
                                    "kind are allowed on a page",
                                    series_max + 1, series_max));
    results.push_back({names[i], std::move(*result)});
  }
  return results;
}

Status write_page(const std::string& path, const std::string& page, const std::vector<std::string>& sources) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  // Renaming would put a file in the place of /dev/null.
  if (fs::exists(status) && !fs::is_regular_file(status))
    return file_error(path, "is not a regular file; name a file, or leave out -o for standard output");
  for (const std::string& source : sources)
    if (fs::equivalent(source, path, error))
      return file_error(path, "is one of the results, and would be overwritten; name another file for the page");
  // A symbolic link stays one: what it points to is renewed.
  const fs::path place = fs::exists(status) ? fs::canonical(path, error) : fs::path(path);
  const fs::path fresh = place.string() + ".new";
  errno = 0;
  std::ofstream file(fresh, std::ios::trunc | std::ios::binary);
  const bool is_open = file.is_open();
  file << page;
  file.close();
  if (file && std::rename(fresh.c_str(), place.c_str()) == 0) return {};
  const std::string why = std::strerror(errno);
  if (is_open) ::unlink(fresh.c_str());
  return file_error(path, fmt::format("cannot be written: {}; name a place that is yours and has room", why));
}

}  // namespace sluice::bench
