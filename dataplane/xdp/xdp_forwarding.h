// SPDX-License-Identifier: Apache-2.0
// What the kernel runs for this plane: the image's maps, the programs over them, the links that put them on interfaces.
// Every step of a change leaves something pinned that forwards, so the process may die at any moment.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "error.h"
#include "forwarding.h"
#include "grace_period.h"
#include "image_writer.h"
#include "link_set.h"
#include "map_set.h"
#include "pin_directory.h"
#include "tick_clock.h"
#include "xdp_object.h"

namespace sluice {

class XdpForwarding final : public Forwarding {
 public:
  // Takes the pin directory. Nothing in it is changed before start().
  static Result<std::unique_ptr<Forwarding>> open(const Config& config, const ForwardingModel& model, const Log& log);
  // What an earlier process left on interfaces and in the pin directory.
  static Result<std::string> detach_left(const Config& config);

  [[nodiscard]] std::string_view fixed_key_changed(const Config& running, const Config& wanted) const override;

  // Publishes the model into what an earlier process left, if that can hold it, and puts the program of this executable
  // on the interfaces.
  Result<PublishReport> start(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                              const Config& config) override;
  // Moves to larger arrays if the present ones are full.
  Result<PublishReport> publish(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                const Config& wanted) override;
  // Puts the program on interfaces that went and have come back.
  bool tick(Clock::time_point now) override;
  // Takes the program off everywhere and removes every pin.
  void detach() override;

  [[nodiscard]] Result<std::uint32_t> interface_number(std::uint32_t kernel_index) const override;
  [[nodiscard]] ImageWriter& writer() override { return *live_->writer; }
  [[nodiscard]] const ImageWriter& writer() const override { return *live_->writer; }
  [[nodiscard]] std::uint64_t memory_bytes() const override { return live_->maps.sizes().bytes(); }
  [[nodiscard]] std::vector<InterfaceStatus> interfaces() const override;
  [[nodiscard]] Result<std::uint32_t> now_tick() const override { return ticks_.now(); }

 private:
  // One set of arrays with its writer and the program loaded over it. The writer points into the maps.
  struct Image {
    explicit Image(MapSet arrays) : maps(std::move(arrays)) {}
    MapSet maps;
    std::unique_ptr<ImageWriter> writer;
    std::optional<XdpObject> program;
    std::uint32_t set = 0;  // its pins
  };

  XdpForwarding(Log log, PinDirectory pins, GracePeriod grace, TickClock ticks, std::uint32_t tick_shift,
                std::uint32_t workers);
  [[nodiscard]] std::optional<std::uint32_t> running_set() const;
  std::unique_ptr<Image> open_image(std::uint32_t set);
  Result<std::unique_ptr<Image>> new_image(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                           PublishReport& report);
  void give_writer(Image& image);
  Status load_program(Image& image);
  Status run(Image& image);
  Result<PublishReport> publish_growing(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of);
  void absorb_older(Image& image, const ForwardingModel& model);
  void clean_up_after_failure();
  void log_attachments() const;

  Log log_;
  PinDirectory pins_;
  std::shared_ptr<GracePeriod> grace_;
  LinkSet links_;
  TickClock ticks_;
  std::uint32_t tick_shift_;
  std::uint32_t workers_;
  PlaneMode mode_ = PlaneMode::automatic;
  std::vector<std::string> interfaces_;  // by configuration; the wanted ones while publish() is under way
  std::unique_ptr<Image> live_;
};

extern const PlaneKind xdp_plane;

}  // namespace sluice
