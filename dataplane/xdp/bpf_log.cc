// SPDX-License-Identifier: Apache-2.0
#include "bpf_log.h"

#include <bpf/libbpf.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <deque>
#include <string_view>

namespace sluice {
namespace {

// The verifier's verdict is at the end of its log; the instruction it is about stands before it.
constexpr std::size_t lines_max = 3;

std::deque<std::string>& lines() {
  static std::deque<std::string> kept;
  return kept;
}

// Frames of a verifier's log, and what says no more than the errno.
bool is_noise(std::string_view line) {
  return line.empty() || line.find("PROG LOAD LOG --") != std::string_view::npos || line.starts_with("processed ") ||
         line.starts_with("verification time ") || line.starts_with("stack depth ") ||
         line.starts_with("libbpf: failed to load object");
}

void keep(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (is_noise(line)) continue;
    lines().emplace_back(line.substr(0, 300));
    if (lines().size() > lines_max) lines().pop_front();
  }
}

__attribute__((format(printf, 2, 0))) int on_print(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  // A verifier's log comes as one message of up to 16 MiB; its end is what is wanted.
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  keep(text);
  return 0;
}

}  // namespace

void collect_bpf_log() {
  libbpf_set_print(on_print);
}

std::string take_bpf_log() {
  std::string joined;
  for (const std::string& line : lines()) joined += (joined.empty() ? "" : " | ") + line;
  lines().clear();
  return joined;
}

}  // namespace sluice
