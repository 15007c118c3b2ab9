// SPDX-License-Identifier: Apache-2.0
// Where the plane's kernel objects stay when its process goes:
//
//   set-N/control, vips, ...        the arrays of one image; N grows
//   set-N/program-K/balancer, ...   programs loaded over them; K grows
//   links/eth0                      the attachment of a program to an interface
//
// Whatever a link needs is pinned before the link is made or changed, and unpinned after: a process may die between any
// two steps. One process at a time holds the directory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "error.h"
#include "unique_fd.h"

namespace sluice {

struct ProgramPin {
  std::uint32_t set = 0;
  std::uint32_t program = 0;
  friend auto operator<=>(const ProgramPin&, const ProgramPin&) = default;
};

class PinDirectory {
 public:
  // Makes the directory, on /sys/fs/bpf the file system too, and takes the lock. conflict: another process has it.
  static Result<PinDirectory> open(const std::string& path);
  // Not a thing is made: not_found if there is no such directory.
  static Result<PinDirectory> open_existing(const std::string& path);
  PinDirectory(PinDirectory&&) noexcept = default;
  PinDirectory& operator=(PinDirectory&&) = delete;
  PinDirectory(const PinDirectory&) = delete;
  PinDirectory& operator=(const PinDirectory&) = delete;
  // Leaves no empty directories behind.
  ~PinDirectory();

  [[nodiscard]] std::filesystem::path set_path(std::uint32_t set) const;
  [[nodiscard]] std::filesystem::path program_path(const ProgramPin& pin) const;
  [[nodiscard]] std::filesystem::path links_path() const { return root_ / "links"; }

  [[nodiscard]] std::vector<std::uint32_t> sets() const;                       // ascending
  [[nodiscard]] std::vector<std::uint32_t> programs(std::uint32_t set) const;  // ascending

  // Fills a new directory by `pin_in` and gives it its name in one step: nobody ever sees half of it.
  using PinIn = std::function<Status(const std::filesystem::path&)>;
  Result<std::uint32_t> add_set(const PinIn& pin_in);
  Result<ProgramPin> add_program(std::uint32_t set, const PinIn& pin_in);

  // Programs that a pinned link runs, sets of such programs.
  [[nodiscard]] std::vector<ProgramPin> in_use() const;
  // Removes sets and programs that no pinned link runs, and what an interrupted add_... left. Sets older than those in
  // use may hold counts that nobody has taken over yet: they stay unless the caller has done that.
  enum class Older : std::uint8_t { keep, remove };
  void remove_unused(Older older) const;
  // Removes everything below, links included, and the directory.
  void remove_all();

 private:
  PinDirectory(std::filesystem::path root, UniqueFd lock) : root_(std::move(root)), lock_(std::move(lock)) {}

  std::filesystem::path root_;
  UniqueFd lock_;
};

}  // namespace sluice
