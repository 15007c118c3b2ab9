// SPDX-License-Identifier: Apache-2.0
// What the kernel runs for this plane: the image's maps, the programs over them, the links that put them on interfaces.
// Every step of a change leaves something pinned that forwards, so the process may die at any moment.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "error.h"
#include "grace_period.h"
#include "image_writer.h"
#include "link_set.h"
#include "map_set.h"
#include "pin_directory.h"
#include "xdp_object.h"

namespace sluice {

class XdpForwarding {
 public:
  // Takes the pin directory. Nothing in it is changed before start().
  static Result<XdpForwarding> open(const std::string& pin_directory);

  // Publishes the model, into what an earlier process left if that can hold it, and puts the program of this executable
  // on the interfaces. On error nothing is left behind but what was there before.
  Result<PublishReport> start(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                              const std::vector<std::string>& interfaces, PlaneMode mode);
  // Moves to larger arrays if the present ones are full. On error the running generation stays.
  Result<PublishReport> publish(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of);

  // Puts the running program on these interfaces too.
  Status attach(const std::vector<std::string>& interfaces);
  // Takes it off the others.
  void keep_only(const std::vector<std::string>& interfaces) { links_.keep_only(interfaces); }
  // Takes the program off everywhere and removes every pin.
  void detach();

  [[nodiscard]] ImageWriter& writer() { return *live_->writer; }
  [[nodiscard]] const ImageWriter& writer() const { return *live_->writer; }
  [[nodiscard]] const LinkSet& links() const { return links_; }
  [[nodiscard]] std::uint64_t memory_bytes() const { return live_->maps.sizes().bytes(); }
  [[nodiscard]] std::uint32_t tick_shift() const { return tick_shift_; }
  // An earlier process had left an image, and it is in use.
  [[nodiscard]] bool has_adopted() const { return has_adopted_; }

 private:
  // One set of arrays with its writer and the program loaded over it. The writer points into the maps.
  struct Image {
    explicit Image(MapSet arrays) : maps(std::move(arrays)) {}
    MapSet maps;
    std::unique_ptr<ImageWriter> writer;
    std::optional<XdpObject> program;
    std::uint32_t set = 0;  // its pins
  };

  XdpForwarding(PinDirectory pins, GracePeriod grace, std::uint32_t tick_shift, std::uint32_t workers);
  [[nodiscard]] std::optional<std::uint32_t> running_set() const;
  std::unique_ptr<Image> open_image(std::uint32_t set);
  Result<std::unique_ptr<Image>> new_image(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                           PublishReport& report);
  void give_writer(Image& image);
  Status load_program(Image& image);
  Status run(Image& image, const std::vector<std::string>& interfaces, PlaneMode mode);
  void absorb_older(Image& image, const ForwardingModel& model);
  void clean_up_after_failure();

  PinDirectory pins_;
  std::shared_ptr<GracePeriod> grace_;
  LinkSet links_;
  std::uint32_t tick_shift_;
  std::uint32_t workers_;
  PlaneMode mode_ = PlaneMode::automatic;
  std::unique_ptr<Image> live_;
  bool has_adopted_ = false;
};

}  // namespace sluice
