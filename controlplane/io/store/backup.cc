// SPDX-License-Identifier: Apache-2.0
// Backup files: what stands in them, and how they get onto the disk.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "byte_codec.h"
#include "crc32c.h"
#include "raft_codec.h"
#include "store_mark.h"
#include "store_tools.h"

namespace sluice::io {
namespace {

// A line of text first, so that "file" and people see what it is; the number is the format's version.
constexpr std::string_view magic = "sluice backup ";
constexpr std::string_view version_line = "1\n";

Error no_backup(const std::string& why) {
  return make_error(ErrorCode::invalid_argument, "this is no backup of a cluster, or it is damaged: " + why);
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error("cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

std::string encode_backup(const Backup& backup) {
  ByteWriter writer;
  writer.put_raw(magic);
  writer.put_raw(version_line);
  writer.put_text(backup.cluster_id);
  writer.put(backup.taken_unix_ms);
  writer.put(backup.snapshot.meta.index);
  writer.put(backup.snapshot.meta.term);
  writer.put_text(raft::encode_configuration(backup.snapshot.meta.configuration));
  writer.put(static_cast<std::uint64_t>(backup.snapshot.data->size()));
  writer.put_raw(*backup.snapshot.data);
  writer.put(crc32c(writer.view()));
  return writer.take();
}

Result<Backup> decode_backup(std::string_view bytes) {
  if (!bytes.starts_with(magic)) return no_backup("it does not begin like one");
  if (!bytes.substr(magic.size()).starts_with(version_line)) {
    return make_error(ErrorCode::unsupported,
                      "this backup was made by a newer version of Sluice; use that version to restore it");
  }
  constexpr std::size_t crc_bytes = sizeof(std::uint32_t);
  if (bytes.size() < magic.size() + version_line.size() + crc_bytes) return no_backup("it ends too early");
  ByteReader tail(bytes.substr(bytes.size() - crc_bytes));
  const std::string_view covered = bytes.substr(0, bytes.size() - crc_bytes);
  if (tail.get<std::uint32_t>() != crc32c(covered)) return no_backup("its checksum is wrong");
  ByteReader reader(covered.substr(magic.size() + version_line.size()));
  Backup backup;
  backup.cluster_id = reader.get_text();
  backup.taken_unix_ms = reader.get<std::uint64_t>();
  backup.snapshot.meta.index = reader.get<raft::LogIndex>();
  backup.snapshot.meta.term = reader.get<raft::Term>();
  Result<raft::Configuration> configuration = raft::decode_configuration(reader.get_text());
  const auto data_bytes = reader.get<std::uint64_t>();
  backup.snapshot.data = std::make_shared<const std::string>(reader.get_raw(data_bytes));
  if (!reader.is_finished() || !configuration) return no_backup("its contents do not fit together");
  backup.snapshot.meta.configuration = std::move(configuration.value());
  return backup;
}

Status write_backup_file(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("cannot make " + fresh);
  Status status = write_all(fd, bytes);
  if (status && ::fsync(fd) != 0) status = system_error("cannot synchronise");
  ::close(fd);
  // Unlike rename(2) this never replaces.
  if (status && ::link(fresh.c_str(), path.c_str()) != 0) {
    status = errno == EEXIST ? make_error(ErrorCode::conflict, "there is a file of this name; choose another one")
                             : system_error("cannot give it its name");
  }
  ::unlink(fresh.c_str());
  if (status) status = synchronise_folder_of(path);
  if (!status) return make_error(status.error().code, path + ": " + status.error().context);
  return {};
}

Result<std::string> read_backup_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open " + path);
  std::string bytes;
  std::array<char, 64 << 10> part;
  Status status;
  while (true) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = system_error("cannot read " + path);
    if (got <= 0) break;
    bytes.append(part.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  if (!status) return status.error();
  return bytes;
}

}  // namespace sluice::io
