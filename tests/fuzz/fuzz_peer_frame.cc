// SPDX-License-Identifier: Apache-2.0
// What another balancer sends, cut into pieces of any size: frames that encode to the same bytes, or an error, for
// good. The first byte says where the cuts are; the second, whether the sender is known already.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "peer_frame.h"

namespace {

// Not assert: the check must hold in every build type.
void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::io;
  if (size < 2) return 0;
  const std::size_t cut = std::size_t{data[0]} + 1;
  FrameReader reader((data[1] & 1) != 0 ? frame_bytes_max : hello_bytes_max);
  std::string_view left(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view whole = left;
  std::size_t used = 0;
  while (!left.empty()) {
    const std::span<char> room = reader.room();
    require(!room.empty());
    const std::size_t count = std::min({room.size(), left.size(), cut});
    std::memcpy(room.data(), left.data(), count);
    reader.filled(count);
    left.remove_prefix(count);
    while (true) {
      const auto next = reader.next();
      if (!next) {
        require(!reader.next());
        return 0;
      }
      if (!next->has_value()) break;
      const std::string again = encode_frame((*next)->type, (*next)->payload);
      require(whole.substr(used, again.size()) == again);
      used += again.size();
      const auto hello = decode_hello((*next)->payload);
      if (hello) require(decode_hello(encode_hello(hello.value())).value() == hello.value());
    }
    // A length by itself takes memory only up to what may come.
    require(reader.capacity() <= frame_bytes_max + frame_prefix_bytes);
  }
  return 0;
}
