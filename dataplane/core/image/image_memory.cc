// SPDX-License-Identifier: Apache-2.0
#include "image_memory.h"

namespace sluice {

ImageMemory::ImageMemory(const ImageSizes& sizes) : lines_(new Line[sizes.bytes() / SLUICE_LINE_BYTES]()) {
  Line* next = lines_.get();
  const auto take = [&next](auto*& array, std::uint32_t lines) {
    array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(next);
    next += lines;
    return lines;
  };
  take(tables_.control, sizeof(sluice_control) / SLUICE_LINE_BYTES);
  tables_.vips_lines = take(tables_.vips, sizes.vips);
  tables_.slots_lines = take(tables_.slots, sizes.slots);
  tables_.past_lines = take(tables_.past, sizes.past);
  tables_.members_lines = take(tables_.members, sizes.members);
  tables_.backends_lines = take(tables_.backends, sizes.backends);
  tables_.flows_lines = take(tables_.flows, sizes.flows);
  tables_.counters_lines = take(tables_.counters, sizes.counters);
}

}  // namespace sluice
