// SPDX-License-Identifier: Apache-2.0
// No line that one worker writes while packets flow is written by another: by what the layout says, and by what the
// packet path has really written.
#include <gtest/gtest.h>

#include <set>

#include "image_fixture.h"
#include "packet_burst.h"
#include "reader_epochs.h"
#include "tcp_frame.h"
#include "worker.h"

namespace sluice {
namespace {

constexpr std::size_t line_bytes = SLUICE_LINE_BYTES;
static_assert(line_bytes == RTE_CACHE_LINE_SIZE, "the image's lines are the processor's");

// A worker: nothing else on its lines, and its counts, which the control thread reads, apart from what it works with.
static_assert(worker_alignment % (2 * line_bytes) == 0);
// What a worker counts in the image begins and ends with a line.
static_assert(sizeof(sluice_worker_head) % line_bytes == 0);
static_assert(alignof(Worker) == worker_alignment && sizeof(Worker) % worker_alignment == 0);
// What workers tell the writer (ReaderEpochs): a line each, behind a head of whole lines.
static_assert(alignof(rte_rcu_qsbr_cnt) % line_bytes == 0 && sizeof(rte_rcu_qsbr_cnt) % line_bytes == 0);
static_assert(alignof(rte_rcu_qsbr) % line_bytes == 0 && sizeof(rte_rcu_qsbr) % line_bytes == 0);

using Lines = std::set<std::size_t>;  // places in the image

// Services that track and that do not, of several backends, and one without any: every kind of counter moves.
ForwardingModel model_of_everything() {
  std::vector<ForwardingBackend> backends;
  for (int i = 1; i <= 37; ++i) backends.push_back(testing::backend("10.3.1." + std::to_string(i)));
  ForwardingModel model = testing::model_of(backends, 101);
  model.flows_per_worker = 64;
  for (std::uint16_t i = 1; i < 19; ++i) {
    ForwardingService service = model.services[0];
    service.name += std::to_string(i);
    service.key.port = PortHost(static_cast<std::uint16_t>(80 + i));
    service.track = i % 2 == 1;
    model.services.push_back(service);
  }
  ForwardingPool empty;
  empty.name = "empty";
  model.pools.push_back(empty);
  model.services.edit().back().pool = 1;
  return model;
}

// To any of the services, or, every eighth, to none.
class Frame {
 public:
  Frame(std::uint32_t number, std::uint8_t flags) {
    testing::put_tcp_frame(data(), static_cast<std::uint16_t>(number),
                           static_cast<std::uint16_t>(number % 8 == 7 ? 9 : 80 + number % 19), flags);
  }
  [[nodiscard]] std::uint8_t* data() { return room_.data() + headroom_bytes; }

  static constexpr std::uint32_t headroom_bytes = 128;
  static constexpr std::uint32_t bytes = testing::tcp_frame_bytes;

 private:
  std::array<std::uint8_t, headroom_bytes + bytes> room_{};
};

class LayoutTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] std::uint32_t workers() const { return GetParam(); }
  LayoutTest() { EXPECT_TRUE(writer_.publish(model_, testing::any_next_hop, 1)); }

  [[nodiscard]] const std::uint8_t* begin() const { return reinterpret_cast<const std::uint8_t*>(tables().control); }
  [[nodiscard]] const sluice_tables& tables() const { return memory_.tables(); }
  [[nodiscard]] const sluice_generation& generation() const {
    return tables().control->generations[tables().control->active.generation & 1];
  }

  // Every line that the array's `count` elements from `first` on touch.
  template <typename Element>
  [[nodiscard]] Lines lines_of(const Element* first, std::size_t count) const {
    const auto from = static_cast<std::size_t>(reinterpret_cast<const std::uint8_t*>(first) - begin());
    Lines lines;
    for (std::size_t byte = from; byte < from + count * sizeof(Element); byte += line_bytes)
      lines.insert(byte / line_bytes);
    if (count != 0) lines.insert((from + count * sizeof(Element) - 1) / line_bytes);
    return lines;
  }

  // As the packet path finds them (packet_burst_level.cc: run; sluice_choose.h: sluice_flow_line).
  [[nodiscard]] Lines own_lines(std::uint32_t worker) const {
    const std::uint32_t stride = generation().counters_stride;
    const std::uint32_t flows = generation().flows_mask + 1;
    EXPECT_LE((worker + 1) * stride, tables().counters_lines);
    EXPECT_LE((worker + 1) * flows, tables().flows_lines);
    Lines lines = lines_of(tables().counters + worker * stride, stride);
    lines.merge(lines_of(tables().flows + worker * flows, flows));
    return lines;
  }

  void forward(std::uint32_t worker, std::uint32_t now, std::uint8_t flags) {
    sluice_tables tables_of_worker = tables();
    for (std::uint32_t number = 0; number < frames_count;) {
      std::vector<Frame> frames;
      PacketBurst burst;
      burst.count = burst_frames_max;
      burst.headroom_bytes = Frame::headroom_bytes;
      for (std::uint32_t i = 0; i < burst.count; ++i) frames.emplace_back(number++, flags);
      for (std::uint32_t i = 0; i < burst.count; ++i) {
        burst.data[i] = frames[i].data();
        burst.bytes[i] = Frame::bytes;
      }
      burst_function()(&tables_of_worker, worker, now, &burst);
    }
  }

  // Flows entered, then refreshed in the next tick.
  [[nodiscard]] Lines written_by(std::uint32_t worker) {
    const std::vector<std::uint8_t> before(begin(), begin() + sizes_.bytes());
    const std::uint64_t hits = read_totals(tables()).flow_hits;
    forward(worker, 10, SLUICE_TCP_SYN);
    forward(worker, 11, SLUICE_TCP_ACK);
    EXPECT_GT(read_totals(tables()).flow_hits, hits) << "worker " << worker << " does not find its own flows";
    Lines lines;
    for (std::size_t i = 0; i < before.size(); ++i)
      if (begin()[i] != before[i]) lines.insert(i / line_bytes);
    return lines;
  }

  static constexpr std::uint32_t frames_count = 4096;
  ForwardingModel model_ = model_of_everything();
  ImageSizes sizes_ = image_sizes_for(model_, ImageOptions{workers()});
  ImageMemory memory_{sizes_};
  ImageWriter writer_{memory_.tables(), ImageOptions{workers()}, [] {}};
};

bool are_disjoint(const Lines& one, const Lines& other) {
  return std::none_of(one.begin(), one.end(), [&other](std::size_t line) { return other.contains(line); });
}

TEST_P(LayoutTest, TheImageBeginsOnALine) {
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(begin()) % line_bytes, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tables().counters) % line_bytes, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tables().flows) % line_bytes, 0u);
}

TEST_P(LayoutTest, AWorkersLinesAreItsOwn) {
  Lines all;
  std::size_t sum = 0;
  for (std::uint32_t worker = 0; worker < workers(); ++worker) {
    Lines own = own_lines(worker);
    sum += own.size();
    all.merge(own);
  }
  EXPECT_EQ(all.size(), sum);
  EXPECT_EQ(sum, std::size_t{workers()} * (generation().counters_stride + generation().flows_mask + 1));
}

TEST_P(LayoutTest, TheCountersOfAWorkerHoldAllItCounts) {
  const std::size_t services_end = SLUICE_COUNTERS_SERVICES + model_.services.size() / SLUICE_TRAFFIC_PER_LINE + 1;
  const std::size_t backends_lines = tables().backends_lines / SLUICE_TRAFFIC_PER_LINE;
  EXPECT_LE(services_end, generation().counters_backends);
  EXPECT_LE(generation().counters_backends + backends_lines, generation().counters_stride);
}

TEST_P(LayoutTest, NoLineIsWrittenByTwoWorkers) {
  std::vector<Lines> written;
  for (std::uint32_t worker = 0; worker < workers(); ++worker) {
    written.push_back(written_by(worker));
    const Lines own = own_lines(worker);
    EXPECT_TRUE(std::includes(own.begin(), own.end(), written[worker].begin(), written[worker].end()))
        << "worker " << worker << " writes beyond its lines";
    for (std::uint32_t other = 0; other < worker; ++other)
      EXPECT_TRUE(are_disjoint(written[worker], written[other])) << "workers " << other << " and " << worker;
    // Head, reasons, services, backends, flows: something of each, or nothing has been shown.
    EXPECT_GT(written[worker].size(), 3 + model_.services.size() / SLUICE_TRAFFIC_PER_LINE + 8);
  }
  const ImageTotals totals = read_totals(tables());
  EXPECT_EQ(totals.rx_packets, std::uint64_t{2} * frames_count * workers());
  EXPECT_GT(totals.flow_inserts, 0u);
  EXPECT_GT(totals.reasons[SLUICE_REASON_no_backend], 0u);
}

INSTANTIATE_TEST_SUITE_P(Workers, LayoutTest, ::testing::Values(2, 3, 16));

// As WorkerSet makes them.
TEST(WorkerLayout, WorkersShareNoLine) {
  std::vector<std::unique_ptr<Worker>> workers;
  WorkerOptions options;
  options.tsc_hz = 1000000000;
  for (std::uint32_t i = 0; i < 16; ++i) {
    options.number = i;
    workers.push_back(std::make_unique<Worker>(options));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(workers.back().get()) % worker_alignment, 0u);
  }
}

}  // namespace
}  // namespace sluice
