// SPDX-License-Identifier: Apache-2.0
#include "state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "errno_error.h"
#include "saved_state.h"
#include "unique_fd.h"

namespace sluice {
namespace {

Result<std::string> read_whole(int fd, const std::string& path, std::size_t bytes) {
  std::string content(bytes, '\0');
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t count = read(fd, content.data() + done, bytes - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("cannot read " + path, errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  content.resize(done);
  return content;
}

Status write_whole(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("cannot write " + path, errno);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (fsync(fd) != 0) return errno_error("cannot write " + path, errno);
  return {};
}

Error damaged(const std::string& path, std::string_view what) {
  return make_error(ErrorCode::conflict,
                    fmt::format("{}: {}; it is left as it is. Move it away to start without services until sluiced "
                                "sends a state",
                                path, what));
}

Status write_new(const std::string& path, std::string_view content) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_open()) return errno_error("cannot make " + path, errno);
  return write_whole(file.get(), path, content);
}

}  // namespace

Result<std::optional<SavedState>> read_state_file(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) return std::optional<SavedState>();
  struct stat status {};
  if (!file.is_open() || fstat(file.get(), &status) != 0) return errno_error("cannot read " + path, errno);
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > saved_state_bytes_max)
    return damaged(path, "this is no saved state");
  const Result<std::string> content = read_whole(file.get(), path, static_cast<std::size_t>(status.st_size));
  if (!content) return content.error();
  Result<ForwardingState> state = decode_saved_state(*content);
  if (!state) return damaged(path, state.error().context);
  const std::uint64_t saved = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1000000000 +
                              static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  return std::optional(SavedState{std::move(*state), saved});
}

Status write_state_file(const std::string& path, const ForwardingState& state) {
  const Result<std::string> content = encode_saved_state(state);
  if (!content) return content.error();
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  const std::string temporary = path + ".new";
  if (Status written = write_new(temporary, *content); !written) {
    unlink(temporary.c_str());
    return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return errno_error("cannot replace " + path, errno);
  const UniqueFd folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || fsync(folder.get()) != 0) return errno_error("cannot write " + directory.string(), errno);
  return {};
}

}  // namespace sluice
