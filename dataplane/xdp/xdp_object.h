// SPDX-License-Identifier: Apache-2.0
// The balancer's BPF programs, from the object inside this executable, loaded over a given set of maps.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "error.h"
#include "map_set.h"

namespace sluice {

class XdpObject {
 public:
  // `tick_shift` as of tick_shift_for(). `object`: another build of the same programs for maps of the same form, for
  // tests; the one inside this executable if empty.
  static Result<XdpObject> load(const MapSet& maps, std::uint32_t tick_shift,
                                std::span<const unsigned char> object = {});

  // Programs and the array of tail calls, which the kernel empties when its last pin and descriptor go.
  Status pin_in(const std::filesystem::path& directory) const;

  // What an interface carries.
  [[nodiscard]] int balancer_fd() const;

 private:
  struct Close {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  using Object = std::unique_ptr<bpf_object, Close>;
  explicit XdpObject(Object object) : object_(std::move(object)) {}

  Object object_;
};

}  // namespace sluice
