// SPDX-License-Identifier: Apache-2.0
// Values as bytes: little-endian integers, strings behind their u32 length. For the log, the wire and snapshots; the
// packet path has its own structs.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "strong_types.h"

namespace sluice {

class ByteWriter {
 public:
  template <std::unsigned_integral T>
  void put(T value) {
    std::array<char, sizeof(T)> raw{};
    for (std::size_t i = 0; i < sizeof(T); ++i)
      raw[i] = static_cast<char>(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i)));
    bytes_.append(raw.data(), raw.size());
  }
  template <typename Tag, typename Rep>
  void put(Strong<Tag, Rep> value) {
    put(value.value());
  }
  void put_flag(bool value) { put(std::uint8_t{value}); }
  // At most 2^32 - 1 bytes.
  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
  }
  // Without a length in front.
  void put_raw(std::string_view bytes) { bytes_.append(bytes); }
  // Room for so many bytes, to be written before anything else is put.
  [[nodiscard]] char* extend(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return bytes_.data() + bytes_.size() - count;
  }

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string_view view() const { return bytes_; }
  [[nodiscard]] std::string take() { return std::move(bytes_); }
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }

 private:
  std::string bytes_;
};

// Reads what a ByteWriter wrote. After the first thing that does not fit every read gives zero or nothing, and ok() is
// false: check once, at the end. Never reads outside, never allocates more than the input is long.
class ByteReader {
 public:
  // `bytes` must outlive the reader and whatever view it gave.
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <std::unsigned_integral T>
  [[nodiscard]] T get() {
    std::uint64_t value = 0;
    const std::string_view raw = get_raw(sizeof(T));
    for (std::size_t i = 0; i < raw.size(); ++i) value |= std::uint64_t{static_cast<std::uint8_t>(raw[i])} << (8 * i);
    return static_cast<T>(value);
  }
  template <typename S>
  requires requires { typename S::rep; }
  [[nodiscard]] S get() { return S(get<typename S::rep>()); }
  // Only 0 and 1 are flags: every value has one encoding.
  [[nodiscard]] bool get_flag() {
    const auto value = get<std::uint8_t>();
    if (value > 1) fail();
    return value == 1;
  }
  [[nodiscard]] std::string_view get_text() { return get_raw(get<std::uint32_t>()); }
  [[nodiscard]] std::string_view get_raw(std::size_t count) {
    if (!ok_ || count > bytes_.size()) {
      fail();
      return {};
    }
    const std::string_view raw = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return raw;
  }
  // A u32 count of items of at least `item_bytes_min` bytes each; 0 and a failure if so many cannot follow.
  [[nodiscard]] std::uint32_t get_count(std::size_t item_bytes_min) {
    const auto count = get<std::uint32_t>();
    if (item_bytes_min == 0 || count <= bytes_.size() / item_bytes_min) return count;
    fail();
    return 0;
  }

  void fail() {
    ok_ = false;
    bytes_ = {};
  }
  [[nodiscard]] bool ok() const { return ok_; }
  // ok(), and nothing is left over.
  [[nodiscard]] bool is_finished() const { return ok_ && bytes_.empty(); }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace sluice
