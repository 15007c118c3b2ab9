// SPDX-License-Identifier: Apache-2.0
#include "cert_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace sluice::io {
namespace {

constexpr std::size_t file_bytes_max = 1 << 20;

Error file_error(const std::string& what) {
  const int number = errno;
  const ErrorCode code = number == ENOENT                      ? ErrorCode::not_found
                         : number == EACCES || number == EPERM ? ErrorCode::permission
                                                               : ErrorCode::io;
  return make_error(code, what + ": " + std::strerror(number));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Status write_and_synchronise(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return file_error("cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return file_error("cannot synchronise");
  return {};
}

Status synchronise_folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return file_error("cannot synchronise the folder of " + path);
  return {};
}

Result<std::string> read_bytes(const std::string& path, bool (*is_allowed)(const struct stat&)) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return file_error("cannot open " + path);
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return file_error("cannot read " + path);
  if (!S_ISREG(found.st_mode) || static_cast<std::size_t>(found.st_size) > file_bytes_max) {
    return make_error(ErrorCode::invalid_argument, path + " is no file of a key or certificate");
  }
  if (!is_allowed(found)) {
    return make_error(ErrorCode::permission,
                      path +
                          " is a secret that others may read; allow only its owner (chmod 600), and think of whether " +
                          "somebody has read it");
  }
  std::string bytes(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + at, bytes.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("cannot read " + path);
    if (got == 0) break;
    at += static_cast<std::size_t>(got);
  }
  bytes.resize(at);
  return bytes;
}

}  // namespace

Status write_file_whole(const std::string& path, std::string_view bytes, FileKind kind, Existing existing) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const mode_t mode = kind == FileKind::secret ? 0600 : 0644;
  Status status;
  {
    const Descriptor fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (fd.get() < 0) return file_error("cannot make " + fresh);
    // Not the umask's to decide.
    if (::fchmod(fd.get(), mode) != 0) status = file_error("cannot change the mode");
    if (status) status = write_and_synchronise(fd.get(), bytes);
  }
  if (status && existing == Existing::replace && ::rename(fresh.c_str(), path.c_str()) != 0) {
    status = file_error("cannot give it its name");
  }
  // link(2) does not replace, whoever else may be at work.
  if (status && existing == Existing::keep && ::link(fresh.c_str(), path.c_str()) != 0) {
    status = errno == EEXIST ? Status(make_error(ErrorCode::conflict, "there is such a file already, and it is kept"))
                             : Status(file_error("cannot give it its name"));
  }
  ::unlink(fresh.c_str());
  if (!status) return make_error(status.error().code, path + ": " + status.error().context);
  return synchronise_folder(path);
}

Result<std::string> read_small_file(const std::string& path) {
  return read_bytes(path, [](const struct stat&) { return true; });
}

Result<std::string> read_secret_file(const std::string& path) {
  return read_bytes(path, [](const struct stat& found) { return (found.st_mode & (S_IRWXG | S_IRWXO)) == 0; });
}

}  // namespace sluice::io
