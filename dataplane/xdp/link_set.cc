// SPDX-License-Identifier: Apache-2.0
#include "link_set.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "errno_error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

// bpffs keeps names with dots for itself.
std::string pin_name(const std::string& interface) {
  std::string name;
  for (const char c : interface) {
    if (c == '.')
      name += "%2e";
    else if (c == '%')
      name += "%25";
    else
      name += c;
  }
  return name;
}

// The program a pinned link runs now, to put it back.
UniqueFd program_of_link(const fs::path& pin) {
  const UniqueFd link(bpf_obj_get(pin.c_str()));
  bpf_link_info info{};
  std::uint32_t size = sizeof info;
  if (!link.is_open() || bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) return UniqueFd();
  return UniqueFd(bpf_prog_get_fd_by_id(info.prog_id));
}

struct Made {
  Attachment attachment;
  fs::path pin;
  UniqueFd program_before;
};

void undo(std::vector<Made>& made) {
  for (Made& one : made) {
    if (one.attachment.taken_over && one.program_before.is_open())
      bpf_link_update(one.attachment.link.get(), one.program_before.get(), nullptr);
    else [[maybe_unused]]
      const Status ignored = detach_xdp(one.attachment.link, one.pin);
  }
}

}  // namespace

fs::path LinkSet::pin_of(const std::string& name) const {
  return directory_ / pin_name(name);
}

Status LinkSet::attach(const std::vector<std::string>& names, PlaneMode mode, int program_fd) {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
    return errno_error("cannot make " + directory_.string(), errno);
  std::vector<Interface> interfaces;
  for (const std::string& name : names) {
    Result<Interface> interface = find_interface(name);
    if (!interface) return interface.error();
    interfaces.push_back(std::move(*interface));
  }
  // New ones first: they are what can go wrong, and then nothing else has been touched.
  std::stable_partition(interfaces.begin(), interfaces.end(),
                        [this](const Interface& one) { return !fs::exists(pin_of(one.name)); });
  std::vector<Made> made;
  for (Interface& interface : interfaces) {
    const fs::path pin = pin_of(interface.name);
    UniqueFd before = program_of_link(pin);
    Result<Attachment> attachment = attach_xdp({interface, program_fd, mode, pin.string()});
    if (!attachment) {
      undo(made);
      return attachment.error();
    }
    made.push_back({std::move(*attachment), pin, std::move(before)});
  }
  for (Made& one : made) {
    const auto known = std::find_if(attachments_.begin(), attachments_.end(), [&one](const Attachment& attachment) {
      return attachment.interface.name == one.attachment.interface.name;
    });
    if (known == attachments_.end()) {
      attachments_.push_back(std::move(one.attachment));
      continue;
    }
    // What the first attachment found out about the driver is still true.
    if (one.attachment.taken_over) one.attachment.note = known->note;
    *known = std::move(one.attachment);
  }
  return {};
}

void LinkSet::keep_only(const std::vector<std::string>& names) {
  std::vector<std::string> pins;
  for (const std::string& name : names) pins.push_back(pin_name(name));
  const auto is_kept = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  std::vector<fs::path> gone;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, failed)) {
    if (!is_kept(pins, entry.path().filename())) gone.push_back(entry.path());
  }
  for (const fs::path& pin : gone) {
    if (!detach_pinned_xdp(pin.string())) ::unlink(pin.c_str());
  }
  std::erase_if(attachments_, [&](const Attachment& one) { return !is_kept(names, one.interface.name); });
}

std::vector<std::string> LinkSet::lost() const {
  std::vector<std::string> names;
  for (const Attachment& one : attachments_) {
    if (if_nametoindex(one.interface.name.c_str()) != one.interface.index) names.push_back(one.interface.name);
  }
  return names;
}

}  // namespace sluice
