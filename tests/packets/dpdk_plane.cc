// SPDX-License-Identifier: Apache-2.0
#include "dpdk_plane.h"

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

namespace sluice {
namespace {

constexpr std::uint32_t buffers_count = 1023;
constexpr std::uint16_t port_mtu = 9216;
constexpr unsigned ring_frames = 1024;
// packet_site.h: members named -ifN are behind interface N; the second ring port stands for all of them.
constexpr std::uint32_t interfaces_max = 16;
constexpr std::uint32_t pieces_max = 5;

// The verdicts of the burst under way, as the packet path gave them. The worker knows no such thing as an observer.
std::vector<sluice_verdict>& burst_verdicts() {
  static std::vector<sluice_verdict> verdicts;
  return verdicts;
}

void process_and_note(sluice_tables* tables, std::uint32_t worker, std::uint32_t now, PacketBurst* burst) {
  // A header byte that was not written shows.
  for (std::uint32_t i = 0; i < burst->count; ++i)
    std::fill(burst->data[i] - burst->headroom_bytes, burst->data[i], std::uint8_t{0xff});
  burst_function()(tables, worker, now, burst);
  // The worker is given what the packet path says, told at once or not.
  PacketBurst told = *burst;
  settle(&told);
  burst_verdicts().insert(burst_verdicts().end(), told.verdicts, told.verdicts + told.count);
}

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().context);
  return std::move(*result);
}

}  // namespace

DpdkPlane::DpdkPlane(const ImageSizes& sizes, FramePieces pieces)
    : pieces_(pieces), image_(must(DpdkImage::create(sizes, MemoryKind::ordinary))), epochs_(workers_count) {
  EalOptions options;
  options.memory_bytes = packet_pool_bytes(buffers_count, port_mtu);
  eal_.emplace(must(Eal::start(options)));
  pool_ = must(make_packet_pool(buffers_count, port_mtu));
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::runtime_error("no pair of sockets");
  kernel_ = UniqueFd(ends[0]);
  worker_kernel_ = UniqueFd(ends[1]);
  open_ports();
  attach(image_.tables(), workers_count, used_worker);
}

DpdkPlane::~DpdkPlane() {
  poller_.reset();
  ports_.clear();
  for (const Rings& rings : rings_) {
    rte_ring_free(rings.in);
    rte_ring_free(rings.out);
  }
  pool_.reset();
}

void DpdkPlane::open_ports() {
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    const std::string name = "sluice_test" + std::to_string(i);
    rings_[i].in = rte_ring_create((name + "_in").c_str(), ring_frames, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    rings_[i].out = rte_ring_create((name + "_out").c_str(), ring_frames, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (rings_[i].in == nullptr || rings_[i].out == nullptr ||
        rte_eth_from_rings(name.c_str(), &rings_[i].in, 1, &rings_[i].out, 1, 0) < 0)
      throw std::runtime_error("no ring port");
    PortOptions options;
    options.device = "net_ring_" + name;
    options.mtu = port_mtu;
    ports_.push_back(must(Port::open(options, pool_.get())));
    if (Status started = ports_.back().start(); !started) throw std::runtime_error(started.error().context);
  }
}

void DpdkPlane::make_worker() {
  WorkerOptions options;
  options.number = used_worker;
  options.ports.push_back({ports_[0].id(), 0, {0}, worker_kernel_.get()});
  options.ports.resize(interfaces_max, {ports_[1].id(), 0, {}, -1});
  options.pool = pool_.get();
  options.tables = &live_tables_;
  options.epochs = &epochs_;
  options.process = process_and_note;
  options.tsc_hz = rte_get_tsc_hz();
  poller_ = std::make_unique<Worker>(options);
}

void DpdkPlane::reset() {
  PacketPlane::reset();
  live_tables_.store(&image_.tables());
  make_worker();
}

rte_mbuf* DpdkPlane::buffer_of(std::span<const std::uint8_t> frame) {
  if (pieces_ == FramePieces::some) return buffer_in_pieces(frame);
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_.get());
  char* place = mbuf == nullptr ? nullptr : rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size()));
  if (place == nullptr) throw std::runtime_error("no buffer for a frame of " + std::to_string(frame.size()));
  std::copy(frame.begin(), frame.end(), reinterpret_cast<std::uint8_t*>(place));
  return mbuf;
}

// Pieces may be empty. Every other chain begins in a buffer without tail room, and cannot be joined in place.
rte_mbuf* DpdkPlane::buffer_in_pieces(std::span<const std::uint8_t> frame) {
  const auto below = [this](std::size_t bound) {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(random_ >> 33) % bound;
  };
  const std::size_t pieces = 1 + below(pieces_max);
  const bool full = below(2) == 0;
  rte_mbuf* first = nullptr;
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    const std::size_t bytes = piece + 1 == pieces ? frame.size() : below(frame.size() + 1);
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_.get());
    if (mbuf == nullptr) throw std::runtime_error("no buffers for a frame in pieces");
    if (full && piece == 0) mbuf->data_off = static_cast<std::uint16_t>(mbuf->buf_len - bytes);
    char* place = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes));
    std::copy_n(frame.begin(), bytes, reinterpret_cast<std::uint8_t*>(place));
    frame = frame.subspan(bytes);
    if (first == nullptr)
      first = mbuf;
    else if (rte_pktmbuf_chain(first, mbuf) != 0)
      throw std::runtime_error("cannot chain buffers");
  }
  return first;
}

PacketVerdict DpdkPlane::run(std::span<const std::uint8_t> frame) {
  const Frame one(frame.begin(), frame.end());
  return run_burst({&one, 1}).front();
}

std::vector<PacketVerdict> DpdkPlane::run_burst(std::span<const Frame> frames) {
  std::array<void*, burst_frames_max> buffers{};
  for (std::size_t i = 0; i < frames.size(); ++i) buffers[i] = buffer_of(frames[i]);
  const auto count = static_cast<unsigned>(frames.size());
  if (rte_ring_enqueue_bulk(rings_[0].in, buffers.data(), count, nullptr) != count)
    throw std::runtime_error("the ring is full");
  burst_verdicts().clear();
  const std::uint32_t polled = poller_->poll_once(tick_);
  if (polled != count || burst_verdicts().size() != frames.size())
    throw std::runtime_error("of " + std::to_string(count) + " frames " + std::to_string(polled) + " were polled and " +
                             std::to_string(burst_verdicts().size()) + " judged");
  std::vector<PacketVerdict> verdicts;
  for (std::size_t i = 0; i < frames.size(); ++i) verdicts.push_back(collect(burst_verdicts()[i], outputs_[i]));
  expect_empty();
  return verdicts;
}

// Frames of one way come out in the order they went in.
PacketVerdict DpdkPlane::collect(const sluice_verdict& verdict, Bytes& output) {
  PacketVerdict result{verdict.reason, 0, false, {}};
  switch (sluice_class_of(verdict.reason)) {
    case SLUICE_CLASS_TX:
      result.interface = verdict.interface;
      result.sent = take_sent(verdict.interface == 0 ? 0 : 1, output);
      break;
    case SLUICE_CLASS_KERNEL:
      result.sent = take_kernel(output);
      break;
    case SLUICE_CLASS_DROP:
      break;
  }
  if (result.sent) result.output = output;
  return result;
}

bool DpdkPlane::take_sent(std::uint32_t port, Bytes& output) {
  void* taken = nullptr;
  if (rte_ring_dequeue(rings_[port].out, &taken) != 0) return false;
  auto* mbuf = static_cast<rte_mbuf*>(taken);
  const auto* bytes = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  output.assign(bytes, bytes + mbuf->data_len);
  const bool is_whole = mbuf->nb_segs == 1 && mbuf->pkt_len == mbuf->data_len;
  rte_pktmbuf_free(mbuf);
  return is_whole;
}

bool DpdkPlane::take_kernel(Bytes& output) {
  output.resize(port_mtu + 64u);
  const ssize_t bytes = recv(kernel_.get(), output.data(), output.size(), 0);
  if (bytes < 0) return false;
  output.resize(static_cast<std::size_t>(bytes));
  return true;
}

// Nothing was sent that no verdict speaks of, and no buffer has been forgotten.
void DpdkPlane::expect_empty() {
  std::uint8_t byte = 0;
  for (const Rings& rings : rings_) {
    if (rte_ring_count(rings.in) != 0 || rte_ring_count(rings.out) != 0)
      throw std::runtime_error("more frames were sent than verdicts say");
  }
  if (recv(kernel_.get(), &byte, 1, 0) >= 0)
    throw std::runtime_error("more frames went to the kernel than verdicts say");
  if (rte_mempool_in_use_count(pool_.get()) != 0)
    throw std::runtime_error(std::to_string(rte_mempool_in_use_count(pool_.get())) + " buffers are lost");
}

}  // namespace sluice
