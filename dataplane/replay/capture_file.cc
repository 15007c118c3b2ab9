// SPDX-License-Identifier: Apache-2.0
#include "capture_file.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sluice {
namespace {

// The largest length libpcap's readers take.
constexpr int snap_bytes = 262144;

Error open_error(const std::string& path, const char* what, int number) {
  return make_error(number == ENOENT || number == ENOTDIR ? ErrorCode::not_found : ErrorCode::io,
                    fmt::format("{}: cannot {}: {}", path, what, std::strerror(number)));
}

std::string link_type_text(int link_type) {
  const char* name = pcap_datalink_val_to_name(link_type);
  return name != nullptr ? fmt::format("{} ({})", name, link_type) : std::to_string(link_type);
}

}  // namespace

void CaptureReader::Close::operator()(pcap* handle) const {
  pcap_close(handle);
}

Result<CaptureReader> CaptureReader::open(const std::string& path) {
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return open_error(path, "open it", errno);
  char reason[PCAP_ERRBUF_SIZE] = "";
  Handle handle(pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, reason));
  if (!handle) {
    if (file != stdin) std::fclose(file);
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{}: not a capture file ({}); give a pcap or pcapng file, such as tcpdump -w writes",
                                  path, reason));
  }
  if (const int link_type = pcap_datalink(handle.get()); link_type != DLT_EN10MB)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{}: link type {}, but the packet path takes Ethernet frames; capture on one "
                                  "interface (tcpdump -i eth0) instead of \"any\"",
                                  path, link_type_text(link_type)));
  return CaptureReader(path, std::move(handle));
}

Error CaptureReader::damaged() const {
  const long position = std::ftell(pcap_file(handle_.get()));
  const std::string place = position < 0 ? "" : fmt::format(" (at byte {})", position);
  return make_error(ErrorCode::io,
                    fmt::format("{}: damaged after frame {}{}: {}; the frames before that were taken, capture the rest "
                                "again",
                                path_, frames_read_, place, pcap_geterr(handle_.get())));
}

Result<std::optional<CapturedFrame>> CaptureReader::next() {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int answer = pcap_next_ex(handle_.get(), &header, &bytes);
  if (answer == PCAP_ERROR_BREAK) return std::optional<CapturedFrame>();
  if (answer != 1) return damaged();
  ++frames_read_;
  // With nanosecond precision tv_usec holds nanoseconds.
  const CaptureTime time{header->ts.tv_sec, static_cast<std::uint32_t>(header->ts.tv_usec)};
  return std::optional<CapturedFrame>({time, {bytes, header->caplen}, header->len});
}

void CaptureWriter::Close::operator()(pcap* handle) const {
  pcap_close(handle);
}
void CaptureWriter::Close::operator()(pcap_dumper* dumper) const {
  pcap_dump_close(dumper);
}

Result<CaptureWriter> CaptureWriter::create(const std::string& path) {
  Handle handle(pcap_open_dead_with_tstamp_precision(DLT_EN10MB, snap_bytes, PCAP_TSTAMP_PRECISION_NANO));
  std::FILE* file = handle ? std::fopen(path.c_str(), "wbe") : nullptr;
  if (file == nullptr) return open_error(path, "write to it", errno);
  Dumper dumper(pcap_dump_fopen(handle.get(), file));
  if (!dumper) {
    std::fclose(file);
    return make_error(ErrorCode::io, fmt::format("{}: cannot write to it: {}", path, pcap_geterr(handle.get())));
  }
  return CaptureWriter(path, std::move(handle), std::move(dumper));
}

void CaptureWriter::write(CaptureTime time, std::span<const std::uint8_t> frame) {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<decltype(header.ts.tv_sec)>(time.seconds);
  header.ts.tv_usec = static_cast<decltype(header.ts.tv_usec)>(time.nanoseconds);
  header.len = static_cast<bpf_u_int32>(frame.size());
  header.caplen = std::min<bpf_u_int32>(header.len, snap_bytes);
  pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header, frame.data());
}

Status CaptureWriter::finish() {
  // pcap_dump() tells nobody of a full disk; the stream remembers.
  errno = 0;
  if (pcap_dump_flush(dumper_.get()) == 0 && std::ferror(pcap_dump_file(dumper_.get())) == 0) return {};
  return make_error(ErrorCode::io, fmt::format("{}: cannot write to it: {}; what is there is not complete", path_,
                                               errno != 0 ? std::strerror(errno) : "an earlier write failed"));
}

}  // namespace sluice
