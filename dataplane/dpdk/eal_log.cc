// SPDX-License-Identifier: Apache-2.0
#include "eal_log.h"

#include <dlfcn.h>
#include <rte_errno.h>
#include <rte_log.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <sstream>
#include <utility>

namespace sluice {
namespace {

// More than any failure's account; a port that complains all day must not fill the memory.
constexpr std::size_t log_bytes_max = 4096;

// DPDK's log is one per process, and so is this. Its threads write too.
struct LogStore {
  std::mutex mutex;
  std::string text;
};
LogStore& log_store() {
  static LogStore store;
  return store;
}

ssize_t keep(void*, const char* bytes, std::size_t count) {
  LogStore& store = log_store();
  const std::lock_guard lock(store.mutex);
  store.text.append(bytes, count);
  if (store.text.size() > log_bytes_max) store.text.erase(0, store.text.size() - log_bytes_max);
  return static_cast<ssize_t>(count);
}

// Written after the cause, whatever that was.
bool is_consequence(const std::string& line) {
  return line.find("Driver cannot attach the device") != std::string::npos ||
         line.find("Failed to attach device on primary process") != std::string::npos ||
         line.find("Failed to init internals") != std::string::npos;
}

// As in <xdp/libxdp.h>; level 0 is a warning, what is above tells of its inner life.
using LibxdpPrint = int (*)(int level, const char* format, va_list arguments);

int keep_libxdp(int level, const char* format, va_list arguments) {
  if (level > 0) return 0;
  std::array<char, 512> line{};
  const int count = std::vsnprintf(line.data(), line.size(), format, arguments);
  if (count > 0) keep(nullptr, line.data(), std::min(static_cast<std::size_t>(count), line.size() - 1));
  return 0;
}

}  // namespace

void collect_eal_log() {
  cookie_io_functions_t functions{};
  functions.write = keep;
  std::FILE* stream = fopencookie(nullptr, "w", functions);
  if (stream == nullptr) return;
  std::setvbuf(stream, nullptr, _IOLBF, 0);
  rte_openlog_stream(stream);
  rte_log_set_global_level(RTE_LOG_WARNING);
}

void collect_libxdp_log() {
  // Only if a driver of EAL's has loaded it: not a library of ours. Its default is to write to standard error.
  void* library = dlopen("libxdp.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return;
  using SetPrint = LibxdpPrint (*)(LibxdpPrint);
  if (const auto set_print = reinterpret_cast<SetPrint>(dlsym(library, "libxdp_set_print")); set_print != nullptr)
    set_print(keep_libxdp);
  dlclose(library);
}

std::string take_eal_log() {
  LogStore& store = log_store();
  const std::lock_guard lock(store.mutex);
  std::string whole;
  std::istringstream lines(std::exchange(store.text, {}));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || is_consequence(line)) continue;
    if (whole.empty())
      whole = line;
    else
      whole += "; " + line;
  }
  return whole;
}

std::string eal_reason(int number) {
  const std::string said = take_eal_log();
  return said.empty() ? std::string(rte_strerror(number)) : said + " (" + rte_strerror(number) + ")";
}

}  // namespace sluice
