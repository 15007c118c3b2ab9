// SPDX-License-Identifier: Apache-2.0
#include "xdp_forwarding.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <chrono>

#include "image_carry.h"
#include "kernel_tick.h"
#include "realtime.h"

namespace sluice {
namespace {

constexpr const char* detached_text = "detached: the program is off all interfaces and every pin is removed";

Status check_config(const Config& config) {
  if (!config.plane.interfaces.empty()) return {};
  return make_error(ErrorCode::invalid_argument,
                    "plane: \"interfaces\" is missing or empty; sluice-xdp needs at least one; write interfaces = "
                    "[\"eth0\"] under [plane]");
}

}  // namespace

const PlaneKind xdp_plane = {
    .name = "xdp",
    .title = "The XDP plane of Sluice: balances packets by one configuration file, in the foreground.",
    .end_help = "SIGTERM and SIGINT end the process and leave the packets' road as it is.",
    .detach_help = "take the program off all interfaces and remove what is pinned",
    .restart_note = "no packet is lost",
    .end_note = "the XDP programs stay attached and forward on",
    .detach_note = "takes them off",
    .settle_at_start = std::chrono::milliseconds(1000),
    .check = check_config,
    .open = XdpForwarding::open,
    .detach_left = XdpForwarding::detach_left,
};

Result<std::unique_ptr<Forwarding>> XdpForwarding::open(const Config& config, const ForwardingModel&, const Log& log) {
  for (const std::string& name : config.plane.interfaces) {
    if (const Result<Interface> interface = find_interface(name); !interface) return interface.error();
  }
  Result<PinDirectory> pins = PinDirectory::open(config.plane.pin_directory);
  if (!pins) return pins.error();
  const Result<std::uint32_t> hz = kernel_hz();
  if (!hz) return hz.error();
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return make_error(ErrorCode::unsupported, "cannot learn the number of CPUs");
  Result<GracePeriod> grace = GracePeriod::create();
  if (!grace) {
    if (pins->sets().empty()) pins->remove_all();
    return grace.error();
  }
  const std::uint32_t tick_shift = tick_shift_for(*hz);
  Result<TickClock> ticks = TickClock::create(tick_shift);
  if (!ticks) return ticks.error();
  // One more than there are CPUs: what earlier, smaller sets had counted (image_carry.h).
  const auto workers = static_cast<std::uint32_t>(cpus) + 1;
  return std::unique_ptr<Forwarding>(
      new XdpForwarding(log, std::move(*pins), std::move(*grace), std::move(*ticks), tick_shift, workers));
}

XdpForwarding::XdpForwarding(Log log, PinDirectory pins, GracePeriod grace, TickClock ticks, std::uint32_t tick_shift,
                             std::uint32_t workers)
    : log_(std::move(log)),
      pins_(std::move(pins)),
      grace_(std::make_shared<GracePeriod>(std::move(grace))),
      links_(pins_.links_path()),
      ticks_(std::move(ticks)),
      tick_shift_(tick_shift),
      workers_(workers) {}

// The newest set that packets go through; if no interface has a program, the newest of all.
std::optional<std::uint32_t> XdpForwarding::running_set() const {
  const std::vector<ProgramPin> used = pins_.in_use();
  if (!used.empty()) return std::max_element(used.begin(), used.end())->set;
  const std::vector<std::uint32_t> sets = pins_.sets();
  if (sets.empty()) return std::nullopt;
  return sets.back();
}

void XdpForwarding::give_writer(Image& image) {
  image.writer =
      std::make_unique<ImageWriter>(image.maps.tables(), ImageOptions{workers_}, [grace = grace_] { grace->wait(); });
}

Status XdpForwarding::load_program(Image& image) {
  Result<XdpObject> program = XdpObject::load(image.maps, tick_shift_);
  if (!program) return program.error();
  image.program.emplace(std::move(*program));
  return {};
}

// nullptr: there is no such set, or this program cannot take it over.
std::unique_ptr<XdpForwarding::Image> XdpForwarding::open_image(std::uint32_t set) {
  Result<MapSet> maps = MapSet::open_pinned(pins_.set_path(set));
  if (!maps || !maps->is_adoptable(workers_)) return nullptr;
  auto image = std::make_unique<Image>(std::move(*maps));
  image->set = set;
  give_writer(*image);
  return image;
}

Result<std::unique_ptr<XdpForwarding::Image>> XdpForwarding::new_image(const ForwardingModel& model,
                                                                       const ImageWriter::NextHopOf& next_hop_of,
                                                                       PublishReport& report) {
  Result<MapSet> maps = MapSet::create(image_sizes_for(model, ImageOptions{workers_}));
  if (!maps) return maps.error();
  auto image = std::make_unique<Image>(std::move(*maps));
  if (live_) continue_numbering(image->maps.tables(), live_->writer->generation());
  give_writer(*image);
  if (Status loaded = load_program(*image); !loaded) return loaded.error();
  const Result<PublishReport> published = image->writer->publish(model, next_hop_of, now_realtime_ns());
  if (!published) return published.error();
  report = *published;
  const Result<std::uint32_t> set =
      pins_.add_set([&image](const std::filesystem::path& place) { return image->maps.pin_in(place); });
  if (!set) return set.error();
  image->set = *set;
  if (live_) ImageCarry(*live_->writer, *image->writer, model).copy_flows();
  return image;
}

// From here on packets of all interfaces go through `image`. What they went through before stays pinned.
Status XdpForwarding::run(Image& image) {
  const Result<ProgramPin> pin = pins_.add_program(
      image.set, [&image](const std::filesystem::path& place) { return image.program->pin_in(place); });
  if (!pin) return pin.error();
  return links_.attach(interfaces_, mode_, image.program->balancer_fd());
}

// Nobody runs on the older sets any more: their counts are final.
void XdpForwarding::absorb_older(Image& image, const ForwardingModel& model) {
  // Also what the tail calls of a packet under way still need: the older program's pins go only after this.
  grace_->wait();
  std::vector<std::unique_ptr<Image>> older;
  for (const std::uint32_t set : pins_.sets()) {
    if (set >= image.set) break;
    if (std::unique_ptr<Image> opened = open_image(set)) older.push_back(std::move(opened));
  }
  for (std::size_t i = 0; i < older.size(); ++i) {
    ImageCarry(*older[i]->writer, *image.writer, model).copy_late_flows();
    // From each to the next: one that came after may have counted too, before its process died at this point.
    const Image& next = i + 1 < older.size() ? *older[i + 1] : image;
    ImageCarry(*older[i]->writer, *next.writer, model).copy_counters();
  }
  pins_.remove_unused(PinDirectory::Older::remove);
}

void XdpForwarding::clean_up_after_failure() {
  live_.reset();
  pins_.remove_unused(PinDirectory::Older::keep);
  if (pins_.sets().empty()) pins_.remove_all();
}

Result<PublishReport> XdpForwarding::start(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                           const Config& config) {
  mode_ = config.plane.mode;
  interfaces_ = config.plane.interfaces;
  PublishReport report;
  const auto attempt = [&]() -> Status {
    if (const std::optional<std::uint32_t> set = running_set()) live_ = open_image(*set);
    bool fits = live_ != nullptr;
    if (fits) {
      if (Status loaded = load_program(*live_); !loaded) return loaded;
      const Result<PublishReport> published = live_->writer->publish(model, next_hop_of, now_realtime_ns());
      if (!published && published.error().code != ErrorCode::out_of_capacity) return published.error();
      fits = published.has_value();
      if (fits) report = *published;
    }
    if (!fits) {
      Result<std::unique_ptr<Image>> made = new_image(model, next_hop_of, report);
      if (!made) return made.error();
      if (Status running = run(**made); !running) return running;
      live_ = std::move(*made);
    } else if (Status running = run(*live_); !running) {
      return running;
    }
    links_.keep_only(interfaces_);
    absorb_older(*live_, model);
    return {};
  };
  if (Status started = attempt(); !started) {
    clean_up_after_failure();
    return started.error();
  }
  log_attachments();
  return report;
}

Result<PublishReport> XdpForwarding::publish(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                             const Config& wanted) {
  const std::vector<std::string> before = interfaces_;
  const bool is_moved = wanted.plane.interfaces != before;
  // Interfaces that come in forward by the running generation until the new one is published.
  if (is_moved) {
    if (Status attached = links_.attach(wanted.plane.interfaces, mode_, live_->program->balancer_fd()); !attached)
      return attached.error();
  }
  interfaces_ = wanted.plane.interfaces;
  const Result<PublishReport> published = publish_growing(model, next_hop_of);
  if (!published) interfaces_ = before;
  if (is_moved) links_.keep_only(interfaces_);
  return published;
}

Result<PublishReport> XdpForwarding::publish_growing(const ForwardingModel& model,
                                                     const ImageWriter::NextHopOf& next_hop_of) {
  Result<PublishReport> published = live_->writer->publish(model, next_hop_of, now_realtime_ns());
  if (published || published.error().code != ErrorCode::out_of_capacity) return published;
  log_(published.error().context + ": moves to larger ones");
  PublishReport report;
  Result<std::unique_ptr<Image>> larger = new_image(model, next_hop_of, report);
  if (!larger) {
    pins_.remove_unused(PinDirectory::Older::keep);
    return larger.error();
  }
  if (Status running = run(**larger); !running) {
    pins_.remove_unused(PinDirectory::Older::keep);
    return running.error();
  }
  live_ = std::move(*larger);
  absorb_older(*live_, model);
  return report;
}

// A link that goes takes its attachment along. When it is back, under the same name, so is the program.
bool XdpForwarding::tick(Clock::time_point) {
  bool is_any_back = false;
  for (const std::string& name : links_.lost()) {
    if (if_nametoindex(name.c_str()) == 0) continue;
    const Status attached = links_.attach({name}, mode_, live_->program->balancer_fd());
    log_(attached ? name + ": is back, XDP attached again" : attached.error().context);
    is_any_back = is_any_back || attached.has_value();
  }
  return is_any_back;
}

void XdpForwarding::detach() {
  links_.detach_all();
  pins_.remove_all();
  log_(detached_text);
}

Result<std::string> XdpForwarding::detach_left(const Config& config) {
  Result<PinDirectory> pins = PinDirectory::open_existing(config.plane.pin_directory);
  if (!pins && pins.error().code == ErrorCode::not_found) return "nothing to detach: " + pins.error().context;
  if (!pins) return pins.error();
  LinkSet(pins->links_path()).detach_all();
  pins->remove_all();
  return std::string(detached_text);
}

Result<std::uint32_t> XdpForwarding::interface_number(std::uint32_t kernel_index) const {
  // With one interface "out the way it came" is the same, and the cheaper verdict (XDP_TX).
  const bool is_the_only = interfaces_.size() == 1 && if_nametoindex(interfaces_.front().c_str()) == kernel_index;
  return is_the_only ? 0 : kernel_index;
}

std::string_view XdpForwarding::fixed_key_changed(const Config& running, const Config& wanted) const {
  if (wanted.plane.pin_directory != running.plane.pin_directory) return "pin_directory";
  if (wanted.plane.mode != running.plane.mode) return "mode";
  return {};
}

std::vector<InterfaceStatus> XdpForwarding::interfaces() const {
  std::vector<InterfaceStatus> interfaces;
  for (const Attachment& one : links_.attachments())
    interfaces.push_back({one.interface.name, std::string(to_text(one.mode)), one.note});
  return interfaces;
}

void XdpForwarding::log_attachments() const {
  for (const Attachment& one : links_.attachments()) {
    const std::string note = one.note.empty() ? "" : " (" + one.note + ")";
    log_(fmt::format("{}: {} XDP{}{}", one.interface.name, to_text(one.mode), note,
                     one.taken_over ? ", program replaced in place" : ""));
  }
}

}  // namespace sluice
