// SPDX-License-Identifier: Apache-2.0
#include "image_memory.h"

#include <type_traits>

namespace sluice {

sluice_tables tables_in(void* memory, const ImageSizes& sizes) {
  sluice_tables tables{};
  auto* next = static_cast<sluice_line*>(memory);
  const auto take = [&next](auto*& array, std::uint32_t lines) {
    array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(next);
    next += lines;
    return lines;
  };
  take(tables.control, sizeof(sluice_control) / SLUICE_LINE_BYTES);
  tables.vips_lines = take(tables.vips, sizes.vips);
  tables.slots_lines = take(tables.slots, sizes.slots);
  tables.past_lines = take(tables.past, sizes.past);
  tables.members_lines = take(tables.members, sizes.members);
  tables.backends_lines = take(tables.backends, sizes.backends);
  tables.flows_lines = take(tables.flows, sizes.flows);
  tables.counters_lines = take(tables.counters, sizes.counters);
  return tables;
}

ImageMemory::ImageMemory(const ImageSizes& sizes)
    : lines_(new Line[sizes.bytes() / SLUICE_LINE_BYTES]()), tables_(tables_in(lines_.get(), sizes)) {}

}  // namespace sluice
