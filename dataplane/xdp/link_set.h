// SPDX-License-Identifier: Apache-2.0
// The program on all configured interfaces: all or none of a change.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "error.h"
#include "xdp_attach.h"

namespace sluice {

class LinkSet {
 public:
  explicit LinkSet(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // Puts `program_fd` on these interfaces: on those that carry a program of ours already by exchanging it in one step.
  // On error every interface is as it was before. Other interfaces are left alone.
  Status attach(const std::vector<std::string>& names, PlaneMode mode, int program_fd);
  // Takes our program off every interface but these.
  void keep_only(const std::vector<std::string>& names);
  // Takes it off all of them, also those only an earlier process knows.
  void detach_all() { keep_only({}); }

  [[nodiscard]] const std::vector<Attachment>& attachments() const { return attachments_; }
  // Interfaces that were removed, or removed and made again, since they were attached to.
  [[nodiscard]] std::vector<std::string> lost() const;

 private:
  [[nodiscard]] std::filesystem::path pin_of(const std::string& name) const;

  std::filesystem::path directory_;
  std::vector<Attachment> attachments_;
};

}  // namespace sluice
