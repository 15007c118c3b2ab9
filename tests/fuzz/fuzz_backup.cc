// SPDX-License-Identifier: Apache-2.0
// A backup file of any bytes. The checksum would keep the fuzzer out, so it is put right first.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "byte_codec.h"
#include "crc32c.h"
#include "store_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.size() > sizeof(std::uint32_t)) {
    bytes.resize(bytes.size() - sizeof(std::uint32_t));
    ByteWriter writer;
    writer.put(io::crc32c(bytes));
    bytes += writer.view();
  }
  const Result<io::Backup> backup = io::decode_backup(bytes);
  if (backup && io::encode_backup(backup.value()) != bytes) std::abort();
  return 0;
}
