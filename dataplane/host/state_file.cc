// SPDX-License-Identifier: Apache-2.0
#include "state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "errno_error.h"
#include "saved_state.h"

namespace sluice {
namespace {

// Changes follow each other into one file until the state file has been written anew. Where that fails for good, it
// must not fill the disk.
constexpr std::uint64_t change_file_bytes_max = state_bytes_max;

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
  return {};
}

Error damaged(const std::string& path, std::string_view what) {
  return make_error(ErrorCode::invalid_argument, fmt::format("{}: {}", path, what));
}

Status write_new(const std::string& path, std::string_view content) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_open()) return errno_error("cannot make " + path, errno);
  if (Status written = write_whole(file.get(), path, content); !written) return written;
  if (fsync(file.get()) != 0) return errno_error("cannot write " + path, errno);
  return {};
}

void make_directory_of(const std::string& path) {
  std::error_code ignored;  // whoever opens a file there gets the error
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
}

std::string change_path(const std::string& path, std::uint64_t number) {
  return fmt::format("{}.changes-{}", path, number);
}

// Empty if the kernel does not say: then no boot is this one.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::uint64_t modified_ns(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1000000000 +
         static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
}

Status apply_change_file(const std::string& path, const std::string& boot, std::optional<SavedState>& saved) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.is_open() || fstat(file.get(), &status) != 0) return errno_error("cannot read " + path, errno);
  const Result<std::string> content = read_whole(file.get(), path, static_cast<std::size_t>(status.st_size));
  if (!content) return content.error();
  std::string_view rest = *content;
  if (boot.empty() || !rest.starts_with(boot)) return {};
  rest.remove_prefix(boot.size());
  ChangedState changed = apply_saved_changes(saved ? std::optional(std::move(saved->state)) : std::nullopt, rest);
  if (!changed.state) return {};
  const bool is_whole = changed.is_whole && (!saved || saved->is_whole);
  saved = SavedState{std::move(*changed.state), modified_ns(status), is_whole};
  return {};
}

Result<std::optional<SavedState>> read_base(const std::string& path) {
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
  return std::optional(SavedState{std::move(*state), modified_ns(status)});
}

}  // namespace

Result<std::optional<SavedState>> read_state_file(const std::string& path) {
  Result<std::optional<SavedState>> saved = read_base(path);
  if (!saved) return saved;
  const std::string boot = boot_id();
  for (const std::uint64_t number : change_files_of(path)) {
    if (Status applied = apply_change_file(change_path(path, number), boot, *saved); !applied) return applied.error();
  }
  return saved;
}

Status write_state_file(const std::string& path, const ForwardingState& state) {
  const Result<std::string> content = encode_saved_state(state);
  if (!content) return content.error();
  make_directory_of(path);
  const std::string temporary = path + ".new";
  if (Status written = write_new(temporary, *content); !written) {
    unlink(temporary.c_str());
    return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return errno_error("cannot replace " + path, errno);
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  const UniqueFd folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || fsync(folder.get()) != 0) return errno_error("cannot write " + directory.string(), errno);
  return {};
}

std::vector<std::uint64_t> change_files_of(const std::string& path) {
  std::vector<std::uint64_t> numbers;
  const std::filesystem::path base(path);
  const std::string prefix = base.filename().string() + ".changes-";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(base.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    std::uint64_t number = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, number);
    if (error == std::errc() && stop == end) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void remove_change_file(const std::string& path, std::uint64_t number) {
  unlink(change_path(path, number).c_str());
}

Result<ChangeFile> ChangeFile::create(const std::string& path, std::uint64_t number) {
  make_directory_of(path);
  const std::string own = change_path(path, number);
  UniqueFd file(open(own.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_open()) return errno_error("cannot make " + own, errno);
  const std::string boot = boot_id();
  if (Status written = write_whole(file.get(), own, boot); !written) return written.error();
  return ChangeFile(std::move(file), own, boot.size());
}

Status ChangeFile::append(std::string_view told) {
  const std::string head = saved_change_head(told);
  const std::uint64_t bytes = bytes_ + head.size() + told.size();
  if (!file_.is_open() || bytes > change_file_bytes_max)
    return make_error(ErrorCode::out_of_capacity, path_ + " takes no more changes");
  Status written = write_whole(file_.get(), path_, head);
  if (written) written = write_whole(file_.get(), path_, told);
  if (!written) {
    // What follows half a record could not be read.
    const auto before = static_cast<off_t>(bytes_);
    if (ftruncate(file_.get(), before) != 0 || lseek(file_.get(), before, SEEK_SET) != before) file_.reset();
    return written;
  }
  bytes_ = bytes;
  ++records_;
  return {};
}

}  // namespace sluice
