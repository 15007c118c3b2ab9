// SPDX-License-Identifier: Apache-2.0
#include "state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include "errno_error.h"

namespace sluice {
namespace {

// A file of changes that was listed is gone once the state file has it: whoever reads beside the writer starts over.
// The writer pauses for seconds after each; so many in a row are something else.
constexpr int readings_max = 100;

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

std::filesystem::path directory_of(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  return directory.empty() ? "." : directory;
}

void make_directory_of(const std::string& path) {
  std::error_code ignored;  // whoever opens a file there gets the error
  std::filesystem::create_directories(directory_of(path), ignored);
}

std::string change_path(const std::string& path, std::uint64_t number) {
  return fmt::format("{}.changes-{}", path, number);
}

bool is_gone(const UniqueFd& file) {
  return !file.is_open() && errno == ENOENT;
}

// False: it is gone.
Result<bool> apply_change_file(const std::string& path, SavedState& saved) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (is_gone(file)) return false;
  struct stat status {};
  if (!file.is_open() || fstat(file.get(), &status) != 0) return errno_error("cannot read " + path, errno);
  const Result<std::string> content = read_whole(file.get(), path, static_cast<std::size_t>(status.st_size));
  if (!content) return content.error();
  apply_saved_changes(saved, *content);
  return true;
}

// What a name stands for, 0 for nothing. A file that replaces another one is another one.
ino_t inode_of(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

Result<SavedState> read_base(const std::string& path, const UniqueFd& file, ino_t& inode) {
  if (is_gone(file)) return SavedState();
  struct stat status {};
  if (!file.is_open() || fstat(file.get(), &status) != 0) return errno_error("cannot read " + path, errno);
  inode = status.st_ino;
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > saved_state_bytes_max)
    return damaged(path, "this is no saved state");
  const Result<std::string> content = read_whole(file.get(), path, static_cast<std::size_t>(status.st_size));
  if (!content) return content.error();
  Result<SavedState> saved = decode_saved_state(*content);
  if (!saved) return damaged(path, saved.error().context);
  return saved;
}

// Nothing: it changed meanwhile.
Result<std::optional<SavedState>> read_once(const std::string& path) {
  // Open until the end: its inode cannot be another file's meanwhile.
  const UniqueFd base(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ino_t inode = 0;
  Result<SavedState> saved = read_base(path, base, inode);
  if (!saved) return saved.error();
  const Result<std::vector<ChangeFileEntry>> changes = change_files_of(path);
  if (!changes) return changes.error();
  for (const ChangeFileEntry& one : *changes) {
    const Result<bool> applied = apply_change_file(change_path(path, one.number), *saved);
    if (!applied) return applied.error();
    if (!*applied) return std::optional<SavedState>();
  }
  return inode_of(path) == inode ? std::optional(std::move(*saved)) : std::nullopt;
}

}  // namespace

Result<StateFileLock> StateFileLock::take(const std::string& path) {
  make_directory_of(path);
  const std::string name = path + ".lock";
  UniqueFd file(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.is_open()) return errno_error("cannot make " + name, errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error("cannot lock " + name, errno);
    return make_error(ErrorCode::conflict,
                      path + " is in use by another process; each plane needs a state_file of its own");
  }
  return StateFileLock(std::move(file));
}

Result<SavedState> read_state_file(const std::string& path) {
  for (int i = 0; i < readings_max; ++i) {
    Result<std::optional<SavedState>> saved = read_once(path);
    if (!saved) return saved.error();
    if (*saved) return std::move(**saved);
  }
  return make_error(ErrorCode::io, path + ": its changes went while they were read, again and again");
}

Status write_state_file(const std::string& path, const ForwardingState& state, std::uint64_t sequence,
                        std::uint64_t told_realtime_ns) {
  const Result<std::string> content = encode_saved_state(state, sequence, told_realtime_ns);
  if (!content) return content.error();
  make_directory_of(path);
  const std::string temporary = path + ".new";
  if (Status written = write_new(temporary, *content); !written) {
    unlink(temporary.c_str());
    return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return errno_error("cannot replace " + path, errno);
  const std::filesystem::path directory = directory_of(path);
  const UniqueFd folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || fsync(folder.get()) != 0) return errno_error("cannot write " + directory.string(), errno);
  return {};
}

Result<std::vector<ChangeFileEntry>> change_files_of(const std::string& path) {
  std::vector<ChangeFileEntry> found;
  const std::filesystem::path directory = directory_of(path);
  const std::string prefix = std::filesystem::path(path).filename().string() + ".changes-";
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return found;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    ChangeFileEntry one;
    const char* const end = name.data() + name.size();
    const auto [stop, problem] = std::from_chars(name.data() + prefix.size(), end, one.number);
    if (problem != std::errc() || stop != end) continue;
    std::error_code gone;  // then it is found to be when it is read
    const auto bytes = entry->file_size(gone);
    if (!gone) one.bytes = bytes;
    found.push_back(one);
  }
  if (error) return errno_error("cannot read " + directory.string(), error.value());
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return found;
}

void remove_change_file(const std::string& path, std::uint64_t number) {
  unlink(change_path(path, number).c_str());
}

Result<ChangeFile> ChangeFile::create(const std::string& path, std::uint64_t number) {
  make_directory_of(path);
  const std::string own = change_path(path, number);
  UniqueFd file(open(own.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_open()) return errno_error("cannot make " + own, errno);
  return ChangeFile(std::move(file), own);
}

Status ChangeFile::append(std::string_view told, std::uint64_t sequence, std::uint64_t told_realtime_ns) {
  if (!file_.is_open()) return make_error(ErrorCode::io, path_ + " takes no more changes");
  const std::string head = saved_change_head(told, sequence, told_realtime_ns);
  Status written = write_whole(file_.get(), path_, head);
  if (written) written = write_whole(file_.get(), path_, told);
  if (!written) {
    // What follows half a record could not be read.
    const auto before = static_cast<off_t>(bytes_);
    if (ftruncate(file_.get(), before) != 0 || lseek(file_.get(), before, SEEK_SET) != before) file_.reset();
    return written;
  }
  bytes_ += head.size() + told.size();
  return {};
}

}  // namespace sluice
