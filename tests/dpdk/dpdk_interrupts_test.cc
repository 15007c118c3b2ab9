// SPDX-License-Identifier: Apache-2.0
// A port that can wake its worker, and one that cannot. Root: net_tap makes an interface.
#include "port_interrupts.h"

#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "eal.h"
#include "packet_pool.h"
#include "port.h"
#include "unique_fd.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

// Only ever waited for in vain or cut short, so it decides nothing on a slow machine.
constexpr milliseconds long_time{5000};

// Made and freed by main(): it must not outlive EAL.
rte_mempool* the_pool = nullptr;

Port open_port(const std::string& device) {
  PortOptions options;
  options.device = device;
  options.interrupts = true;
  Port port = Port::open(options, the_pool).value();
  EXPECT_TRUE(port.start());
  return port;
}

std::string tap_name(int number) {
  return "slt" + std::to_string(getpid() % 100000) + "-" + std::to_string(number);
}

// A name of its own each: EAL makes a virtual device once.
Port open_tap(int number) {
  return open_port("net_tap" + std::to_string(number) + ",iface=" + tap_name(number));
}

// The kernel's end of the tap: quiet by itself, and a socket to send by.
UniqueFd open_kernel_end(int number) {
  std::ofstream("/proc/sys/net/ipv6/conf/" + tap_name(number) + "/disable_ipv6") << "1";
  UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(tap_name(number).c_str()));
  EXPECT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return socket;
}

void drain(std::uint16_t port) {
  std::array<rte_mbuf*, 32> mbufs{};
  for (int quiet = 0; quiet < 20;) {
    const std::uint16_t count = rte_eth_rx_burst(port, 0, mbufs.data(), mbufs.size());
    rte_pktmbuf_free_bulk(mbufs.data(), count);
    quiet = count == 0 ? quiet + 1 : 0;
    std::this_thread::sleep_for(milliseconds(1));
  }
}

TEST(PortInterrupts, AFrameEndsTheWait) {
  const Port port = open_tap(1);
  const UniqueFd kernel = open_kernel_end(1);
  PortInterrupts interrupts;
  ASSERT_TRUE(interrupts.arm({{port.id(), 0}}, {}));
  drain(port.id());
  EXPECT_FALSE(interrupts.wait(milliseconds(20)));
  std::thread sender([&kernel] {
    std::this_thread::sleep_for(milliseconds(20));
    std::array<std::uint8_t, 60> frame{};
    EXPECT_EQ(send(kernel.get(), frame.data(), frame.size(), 0), 60);
  });
  EXPECT_TRUE(interrupts.wait(long_time));
  sender.join();
  drain(port.id());
  EXPECT_FALSE(interrupts.wait(milliseconds(20)));
}

TEST(PortInterrupts, ADescriptorEndsTheWaitToo) {
  const Port port = open_tap(2);
  const UniqueFd kernel = open_kernel_end(2);
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends.data()), 0);
  const UniqueFd one(ends[0]);
  const UniqueFd other(ends[1]);
  PortInterrupts interrupts;
  ASSERT_TRUE(interrupts.arm({{port.id(), 0}}, {one.get()}));
  drain(port.id());
  EXPECT_EQ(write(other.get(), "x", 1), 1);
  EXPECT_TRUE(interrupts.wait(long_time));
}

TEST(PortInterrupts, APortWithoutThemIsPolled) {
  const Port port = open_port("net_null_intr");
  PortInterrupts interrupts;
  EXPECT_FALSE(interrupts.arm({{port.id(), 0}}, {}));
  EXPECT_FALSE(interrupts.wait(milliseconds(1)));
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  sluice::EalOptions options;
  options.memory_bytes = sluice::packet_pool_bytes(2048, 1500);
  const auto eal = sluice::Eal::start(options);
  if (!eal) {
    std::fprintf(stderr, "%s\n", eal.error().context.c_str());
    return 1;
  }
  const sluice::PacketPool pool = sluice::make_packet_pool(2048, 1500).value();
  sluice::the_pool = pool.get();
  return RUN_ALL_TESTS();
}
