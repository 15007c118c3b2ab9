// SPDX-License-Identifier: Apache-2.0
#include "store_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "byte_codec.h"
#include "crc32c.h"

namespace sluice::io {
namespace {

constexpr std::string_view magic = "SLMARK01";
// Within one sector, which disks write whole or not at all.
constexpr std::size_t mark_bytes = 8 + 8 + 8 + 4;

std::string encode(const StoreMark::Values& values) {
  ByteWriter writer;
  writer.put_raw(magic);
  writer.put(values.node_id);
  writer.put(values.sequence);
  writer.put(crc32c(writer.view()));
  return writer.take();
}

}  // namespace

Error system_error(const std::string& what) {
  const int number = errno;
  return make_error(number == ENOENT ? ErrorCode::not_found : ErrorCode::io, what + ": " + std::strerror(number));
}

Status synchronise_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open " + path);
  const bool is_done = fsync(fd) == 0;
  const Error error = system_error("cannot synchronise " + path);
  ::close(fd);
  if (!is_done) return error;
  return {};
}

Status synchronise_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return synchronise_file(folder.empty() ? "." : folder);
}

StoreMark::StoreMark(StoreMark&& other) noexcept : fd_(std::exchange(other.fd_, -1)), values_(other.values_) {}

StoreMark& StoreMark::operator=(StoreMark&& other) noexcept {
  std::swap(fd_, other.fd_);
  values_ = other.values_;
  return *this;
}

StoreMark::~StoreMark() {
  if (fd_ >= 0) ::close(fd_);
}

Status StoreMark::create(const std::string& path, const Values& values) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("cannot make " + path);
  StoreMark mark(fd);
  mark.values_ = values;
  if (Status status = mark.write(values.sequence); !status) return status;
  return mark.synchronise();
}

Result<StoreMark> StoreMark::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open " + path);
  StoreMark mark(fd);
  std::array<char, mark_bytes + 1> raw{};
  const ssize_t got = ::pread(fd, raw.data(), raw.size(), 0);
  if (got < 0) return system_error("cannot read " + path);
  ByteReader reader(std::string_view(raw.data(), static_cast<std::size_t>(got)));
  const std::string_view head = reader.get_raw(magic.size());
  mark.values_.node_id = reader.get<raft::NodeId>();
  mark.values_.sequence = reader.get<std::uint64_t>();
  const auto crc = reader.get<std::uint32_t>();
  if (!reader.is_finished() || head != magic || crc != crc32c(std::string_view(raw.data(), mark_bytes - sizeof(crc)))) {
    return make_error(ErrorCode::io, path + " is damaged");
  }
  return mark;
}

Status StoreMark::write(std::uint64_t sequence) {
  values_.sequence = sequence;
  const std::string raw = encode(values_);
  if (::pwrite(fd_, raw.data(), raw.size(), 0) != static_cast<ssize_t>(raw.size())) {
    return system_error("cannot write the store's mark");
  }
  return {};
}

Status StoreMark::synchronise() const {
  if (::fdatasync(fd_) != 0) return system_error("cannot synchronise the store's mark");
  return {};
}

}  // namespace sluice::io
