// SPDX-License-Identifier: Apache-2.0
// The image's arrays as BPF maps, mapped into this process: made new, or opened where an earlier process pinned them.
#pragma once

#include <array>
#include <filesystem>
#include <string_view>

#include "error.h"
#include "image_writer.h"
#include "sluice_tables.h"
#include "unique_fd.h"

namespace sluice {

// Names of the maps without "sluice_", which are the names of the pins too.
inline constexpr std::array<std::string_view, 8> map_names = {"control", "vips",     "slots", "past",
                                                              "members", "backends", "flows", "counters"};

// How the programs reach a line; bpf/tables.h has the reasons.
enum class TableForm : std::uint8_t { whole, by_lookup };

class MapSet {
 public:
  // The whole form if the kernel and the sizes allow it.
  static Result<MapSet> create(const ImageSizes& sizes);
  // Refuses maps that do not look like an image's. What is in them is the caller's to judge.
  static Result<MapSet> open_pinned(const std::filesystem::path& directory);

  Status pin_in(const std::filesystem::path& directory) const;

  [[nodiscard]] const sluice_tables& tables() const { return tables_; }
  [[nodiscard]] ImageSizes sizes() const;
  [[nodiscard]] TableForm form() const { return form_; }
  // By position in map_names: is the whole array the map's one element?
  [[nodiscard]] bool is_whole(std::size_t map) const;
  [[nodiscard]] int fd(std::size_t map) const { return maps_[map].fd.get(); }

  // Can this program's writer take over what is there? False: nothing published yet, another image version, or made for
  // another number of workers.
  [[nodiscard]] bool is_adoptable(std::uint32_t workers) const;

 private:
  class Mapping {
   public:
    Mapping() = default;
    Mapping(void* address, std::size_t bytes) : address_(address), bytes_(bytes) {}
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();
    [[nodiscard]] void* address() const { return address_; }

   private:
    void* address_ = nullptr;
    std::size_t bytes_ = 0;
  };
  struct Map {
    UniqueFd fd;
    Mapping mapping;
    std::uint32_t lines = 0;
  };

  explicit MapSet(TableForm form) : form_(form) {}
  static Result<MapSet> create_as(TableForm form, const ImageSizes& sizes);
  Status take(std::size_t position, UniqueFd fd, std::uint32_t lines);
  void fill_tables();

  TableForm form_;
  std::array<Map, map_names.size()> maps_;
  sluice_tables tables_{};
};

}  // namespace sluice
