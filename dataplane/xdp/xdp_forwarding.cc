// SPDX-License-Identifier: Apache-2.0
#include "xdp_forwarding.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <chrono>

#include "image_carry.h"
#include "kernel_tick.h"

namespace sluice {
namespace {

std::uint64_t now_realtime_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

std::vector<std::string> names_of(const LinkSet& links) {
  std::vector<std::string> names;
  for (const Attachment& one : links.attachments()) names.push_back(one.interface.name);
  return names;
}

// Numbering goes on where the smaller image was: an empty generation that nobody has ever seen.
void continue_numbering(const sluice_tables& tables, Generation generation) {
  tables.control->active.image_version = SLUICE_IMAGE_VERSION;
  tables.control->generations[generation.value() & 1].generation = generation.value();
  tables.control->active.generation = generation.value();
}

}  // namespace

Result<XdpForwarding> XdpForwarding::open(const std::string& pin_directory) {
  Result<PinDirectory> pins = PinDirectory::open(pin_directory);
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
  // One more than there are CPUs: what earlier, smaller sets had counted (image_carry.h).
  const auto workers = static_cast<std::uint32_t>(cpus) + 1;
  return XdpForwarding(std::move(*pins), std::move(*grace), tick_shift_for(*hz), workers);
}

XdpForwarding::XdpForwarding(PinDirectory pins, GracePeriod grace, std::uint32_t tick_shift, std::uint32_t workers)
    : pins_(std::move(pins)),
      grace_(std::make_shared<GracePeriod>(std::move(grace))),
      links_(pins_.links_path()),
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

// From here on packets go through `image`. What they went through before stays pinned.
Status XdpForwarding::run(Image& image, const std::vector<std::string>& interfaces, PlaneMode mode) {
  const Result<ProgramPin> pin = pins_.add_program(
      image.set, [&image](const std::filesystem::path& place) { return image.program->pin_in(place); });
  if (!pin) return pin.error();
  return links_.attach(interfaces, mode, image.program->balancer_fd());
}

// Nobody runs on the older sets any more: their counts are final.
void XdpForwarding::absorb_older(Image& image, const ForwardingModel& model) {
  // Also what the tail calls of a packet under way still need: the older program's pins go only after this.
  grace_->wait();
  for (const std::uint32_t set : pins_.sets()) {
    if (set >= image.set) break;
    const std::unique_ptr<Image> older = open_image(set);
    if (!older) continue;
    ImageCarry carry(*older->writer, *image.writer, model);
    carry.copy_late_flows();
    carry.copy_counters();
  }
  pins_.remove_unused();
}

void XdpForwarding::clean_up_after_failure() {
  live_.reset();
  pins_.remove_unused();
  if (pins_.sets().empty()) pins_.remove_all();
}

Result<PublishReport> XdpForwarding::start(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                           const std::vector<std::string>& interfaces, PlaneMode mode) {
  mode_ = mode;
  PublishReport report;
  const auto attempt = [&]() -> Status {
    for (const std::string& name : interfaces) {
      if (Result<Interface> interface = find_interface(name); !interface) return interface.error();
    }
    if (const std::optional<std::uint32_t> set = running_set()) live_ = open_image(*set);
    bool fits = live_ && live_->maps.sizes().holds(image_sizes_for(model, ImageOptions{workers_}));
    if (fits) {
      if (Status loaded = load_program(*live_); !loaded) return loaded;
      const Result<PublishReport> published = live_->writer->publish(model, next_hop_of, now_realtime_ns());
      if (!published && published.error().code != ErrorCode::out_of_capacity) return published.error();
      fits = published.has_value();
      if (fits) report = *published;
    }
    has_adopted_ = live_ != nullptr;
    if (!fits) {
      Result<std::unique_ptr<Image>> made = new_image(model, next_hop_of, report);
      if (!made) return made.error();
      if (Status running = run(**made, interfaces, mode); !running) return running;
      live_ = std::move(*made);
    } else if (Status running = run(*live_, interfaces, mode); !running) {
      return running;
    }
    links_.keep_only(interfaces);
    absorb_older(*live_, model);
    return {};
  };
  if (Status started = attempt(); !started) {
    clean_up_after_failure();
    return started.error();
  }
  return report;
}

Result<PublishReport> XdpForwarding::publish(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of) {
  Result<PublishReport> published = live_->writer->publish(model, next_hop_of, now_realtime_ns());
  if (published || published.error().code != ErrorCode::out_of_capacity) return published;
  PublishReport report;
  Result<std::unique_ptr<Image>> larger = new_image(model, next_hop_of, report);
  if (!larger) {
    pins_.remove_unused();
    return larger.error();
  }
  if (Status running = run(**larger, names_of(links_), mode_); !running) {
    pins_.remove_unused();
    return running.error();
  }
  live_ = std::move(*larger);
  absorb_older(*live_, model);
  return report;
}

Status XdpForwarding::attach(const std::vector<std::string>& interfaces) {
  return links_.attach(interfaces, mode_, live_->program->balancer_fd());
}

void XdpForwarding::detach() {
  links_.detach_all();
  pins_.remove_all();
}

}  // namespace sluice
