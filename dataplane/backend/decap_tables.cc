// SPDX-License-Identifier: Apache-2.0
#include "decap_tables.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <map>

#include "suggest.h"

namespace sluice::backend {
namespace {

bool has_bits_beyond(const IpAddress& address, unsigned length) {
  const unsigned total = address.is_v4() ? 32 : 128;
  for (unsigned bit = length; bit < total; ++bit)
    if (address.bytes()[bit / 8] & (0x80U >> (bit % 8))) return true;
  return false;
}

sluice_u32 family_of(const IpAddress& address) {
  return address.is_v4() ? 4 : 6;
}

sluice_host_address key_of(const IpAddress& address) {
  sluice_host_address key{};
  const auto words = address.words();
  std::memcpy(key.address, words.data(), sizeof key.address);
  key.family = family_of(address);
  return key;
}

}  // namespace

Result<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const Result<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address)
    return make_error(ErrorCode::invalid_argument,
                      in_quotes(text) + " is no address range; write 10.2.0.0/16 or fd00:2::/32");
  const unsigned total = address->is_v4() ? 32 : 128;
  unsigned length = total;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (fault != std::errc() || end != digits.data() + digits.size() || length > total)
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("{}: the length of the range must be 0 to {}", in_quotes(text), total));
  }
  if (has_bits_beyond(*address, length))
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{}: the address has bits beyond /{}; write the first address of the range",
                                  in_quotes(text), length));
  return Prefix{*address, static_cast<std::uint8_t>(length)};
}

std::string Prefix::to_string() const {
  return fmt::format("{}/{}", address.to_string(), length);
}

sluice_decap_tables DecapTables::view() const {
  return {addresses.data(), sources.data(), static_cast<sluice_u32>(addresses.size()),
          static_cast<sluice_u32>(sources.size()), gue_port};
}

std::vector<sluice_host_entry> host_entries(std::span<const IpAddress> own, std::span<const IpAddress> vips) {
  std::map<IpAddress, sluice_u32> meanings;
  for (const IpAddress& address : own) meanings[address] |= SLUICE_HOST_TUNNEL_END;
  for (const IpAddress& address : vips) meanings[address] |= SLUICE_HOST_VIP;
  std::vector<sluice_host_entry> entries;
  for (const auto& [address, meaning] : meanings) entries.push_back({key_of(address), meaning});
  return entries;
}

std::vector<sluice_source_range> source_ranges(std::span<const Prefix> allowed) {
  std::vector<sluice_source_range> ranges;
  for (const Prefix& prefix : allowed) {
    sluice_source_range range{};
    range.bits = 32U + prefix.length;
    range.family = family_of(prefix.address);
    const auto words = prefix.address.words();
    std::memcpy(range.address, words.data(), sizeof range.address);
    ranges.push_back(range);
  }
  return ranges;
}

}  // namespace sluice::backend
