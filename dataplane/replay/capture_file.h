// SPDX-License-Identifier: Apache-2.0
// Ethernet frames from and to capture files. The only user of libpcap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "error.h"

struct pcap;
struct pcap_dumper;

namespace sluice {

// Since the epoch. Not std::chrono: a damaged file may hold seconds that overflow as nanoseconds.
struct CaptureTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
};

struct CapturedFrame {
  CaptureTime time;
  std::span<const std::uint8_t> bytes;  // valid until the next one is read
  std::uint32_t original_bytes = 0;     // as it was on the wire

  // By the capture's snap length: the rest of the frame is not in the file.
  [[nodiscard]] bool is_cut() const { return bytes.size() < original_bytes; }
};

class CaptureReader {
 public:
  // Classic pcap of either precision and byte order, and pcapng; "-" is standard input.
  //   not_found         there is no such file
  //   invalid_argument  not a capture file, or not one of Ethernet frames
  static Result<CaptureReader> open(const std::string& path);

  // Nothing: the end. An error: the file is damaged from here on; what came before is good.
  [[nodiscard]] Result<std::optional<CapturedFrame>> next();

 private:
  struct Close {
    void operator()(pcap* handle) const;
  };
  using Handle = std::unique_ptr<pcap, Close>;
  CaptureReader(std::string path, Handle handle) : path_(std::move(path)), handle_(std::move(handle)) {}
  [[nodiscard]] Error damaged() const;

  std::string path_;
  Handle handle_;
  std::uint64_t frames_read_ = 0;
};

// Classic pcap, nanoseconds: no timestamp of any input loses digits.
class CaptureWriter {
 public:
  static Result<CaptureWriter> create(const std::string& path);

  void write(CaptureTime time, std::span<const std::uint8_t> frame);
  // Tells of every write that failed before. Without it the file may end anywhere.
  [[nodiscard]] Status finish();

 private:
  struct Close {
    void operator()(pcap* handle) const;
    void operator()(pcap_dumper* dumper) const;
  };
  using Handle = std::unique_ptr<pcap, Close>;
  using Dumper = std::unique_ptr<pcap_dumper, Close>;
  CaptureWriter(std::string path, Handle handle, Dumper dumper)
      : path_(std::move(path)), handle_(std::move(handle)), dumper_(std::move(dumper)) {}

  std::string path_;
  Handle handle_;
  Dumper dumper_;
};

}  // namespace sluice
