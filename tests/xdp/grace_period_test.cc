// SPDX-License-Identifier: Apache-2.0
// Whether a wait for running XDP programs is one: programs of 50 microseconds and more run on all CPUs, and none that
// was under way when the wait began may be under way when it ends.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "cpu_visit.h"
#include "grace_period.h"

namespace sluice {
namespace {

struct RunCount {
  std::uint64_t began;
  std::uint64_t ended;
  std::uint64_t unused[6];
};
constexpr std::size_t cpus_max = 256;  // of slow.bpf.c

std::uint64_t load(const std::uint64_t& value) {
  return __atomic_load_n(&value, __ATOMIC_SEQ_CST);
}

// A veth in a network namespace of this process, with the slow program at one end and senders at the other.
class Site {
 public:
  Site() {
    if (unshare(CLONE_NEWNET) != 0) abort();
    run("ip link add slow0 type veth peer name slow1 && ip link set slow0 up && ip link set slow1 up");
    const char* path = std::getenv("SLOW_OBJECT");
    object_ = bpf_object__open(path);
    if (object_ == nullptr || bpf_object__load(object_) != 0) abort();
    const int program = bpf_program__fd(bpf_object__find_program_by_name(object_, "sluice_slow"));
    if (bpf_xdp_attach(static_cast<int>(if_nametoindex("slow0")), program, XDP_FLAGS_DRV_MODE, nullptr) != 0) abort();
    const int map = bpf_object__find_map_fd_by_name(object_, "run_counts");
    void* memory = mmap(nullptr, sizeof(RunCount) * cpus_max, PROT_READ, MAP_SHARED, map, 0);
    if (memory == MAP_FAILED) abort();
    counts_ = static_cast<const RunCount*>(memory);
    for (unsigned cpu = 0; cpu < std::thread::hardware_concurrency(); ++cpu)
      senders_.emplace_back([this, cpu] { send_on(cpu); });
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  ~Site() {
    is_over_ = true;
    for (std::thread& sender : senders_) sender.join();
    bpf_object__close(object_);
  }

  struct Seen {
    unsigned under_way = 0;  // waits that began while a program ran on another CPU
    unsigned too_soon = 0;   // ... and ended before it
  };
  Seen watch(unsigned rounds, const std::function<void()>& wait) {
    Seen seen;
    for (unsigned round = 0; round < rounds; ++round) {
      std::array<std::uint64_t, cpus_max> began{};
      bool is_under_way = false;
      for (std::size_t cpu = 0; cpu < cpus_max; ++cpu) {
        const std::uint64_t ended = load(counts_[cpu].ended);
        began[cpu] = load(counts_[cpu].began);
        is_under_way = is_under_way || began[cpu] != ended;
      }
      wait();
      bool is_too_soon = false;
      for (std::size_t cpu = 0; cpu < cpus_max; ++cpu)
        is_too_soon = is_too_soon || load(counts_[cpu].ended) < began[cpu];
      seen.under_way += is_under_way ? 1 : 0;
      seen.too_soon += is_too_soon ? 1 : 0;
    }
    return seen;
  }

 private:
  static void run(const std::string& command) {
    if (std::system(command.c_str()) != 0) abort();
  }

  void send_on(unsigned cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)sched_setaffinity(0, sizeof one, &one);
    const int raw = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_nametoindex("slow1"));
    std::array<char, 64> frame{};
    frame.fill(2);
    while (!is_over_.load(std::memory_order_relaxed))
      (void)sendto(raw, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    close(raw);
  }

  bpf_object* object_ = nullptr;
  const RunCount* counts_ = nullptr;
  std::atomic<bool> is_over_{false};
  std::vector<std::thread> senders_;
};

// Waits that met a program under way; fewer say nothing.
constexpr unsigned planned = 200;
constexpr unsigned rounds_max = 20000;

TEST(GracePeriod, NothingThatWasUnderWayIsUnderWayAfterwards) {
  Site site;
  const Result<GracePeriod> grace = GracePeriod::create();
  ASSERT_TRUE(grace) << grace.error().context;
  ASSERT_TRUE(visit_all_cpus()) << "this machine would fall back to RCU";
  Site::Seen sum;
  for (unsigned round = 0; round < rounds_max && sum.under_way < planned; ++round) {
    const Site::Seen seen = site.watch(1, [&grace] { grace->wait(); });
    sum.under_way += seen.under_way;
    sum.too_soon += seen.too_soon;
  }
  EXPECT_EQ(sum.too_soon, 0U);
  EXPECT_GE(sum.under_way, planned);
}

// That the test above could fail: this is what it would see of no wait at all.
TEST(GracePeriod, WithoutAWaitSomeAreStillUnderWay) {
  Site site;
  Site::Seen sum;
  for (unsigned round = 0; round < rounds_max && sum.too_soon < 20; ++round) {
    const Site::Seen seen = site.watch(1, [] {});
    sum.too_soon += seen.too_soon;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  EXPECT_GE(sum.too_soon, 20U);
}

}  // namespace
}  // namespace sluice
