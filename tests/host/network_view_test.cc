// SPDX-License-Identifier: Apache-2.0
// Messages of the kernel, made by hand, whole and cut short.
#include "network_view.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>

#include <cstring>
#include <random>

#include "test_seed.h"

namespace sluice {
namespace {

constexpr MacAddress mac = {2, 0, 0, 0, 0, 9};

void put_link(NetlinkMessage<ifinfomsg>& message) {
  message->ifi_index = 7;
  message->ifi_type = ARPHRD_ETHER;
  message->ifi_flags = IFF_UP;
  mnl_attr_put_strz(&message.header(), IFLA_IFNAME, "eth0");
  mnl_attr_put_u32(&message.header(), IFLA_MTU, 1500);
  mnl_attr_put(&message.header(), IFLA_ADDRESS, mac.size(), mac.data());
}

void put_neighbour(NetlinkMessage<ndmsg>& message) {
  const IpAddress address = IpAddress::parse("2001:db8::1").value();
  message->ndm_family = AF_INET6;
  message->ndm_ifindex = 7;
  message->ndm_state = NUD_STALE;
  mnl_attr_put(&message.header(), NDA_DST, 16, address.bytes().data());
  mnl_attr_put(&message.header(), NDA_LLADDR, mac.size(), mac.data());
}

TEST(NetworkView, Link) {
  NetlinkMessage<ifinfomsg> message(RTM_NEWLINK, 0);
  put_link(message);
  const auto link = parse_link(message.header());
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "eth0");
  EXPECT_EQ(link->index, 7U);
  EXPECT_EQ(link->mtu, 1500U);
  EXPECT_TRUE(link->is_up && link->is_ethernet);
  EXPECT_EQ(to_string(link->mac), "02:00:00:00:00:09");
  EXPECT_FALSE(parse_neighbour(message.header()));
  message->ifi_family = AF_BRIDGE;
  EXPECT_FALSE(parse_link(message.header()));
}

TEST(NetworkView, Neighbour) {
  NetlinkMessage<ndmsg> message(RTM_NEWNEIGH, 0);
  put_neighbour(message);
  const auto neighbour = parse_neighbour(message.header());
  ASSERT_TRUE(neighbour);
  EXPECT_EQ(neighbour->key, (NeighbourKey{7, IpAddress::parse("2001:db8::1").value()}));
  EXPECT_EQ(neighbour->mac, mac);
  EXPECT_TRUE(neighbour->is_valid());
  message->ndm_state = NUD_FAILED;
  EXPECT_FALSE(parse_neighbour(message.header())->is_valid());
  message->ndm_family = AF_BRIDGE;
  EXPECT_FALSE(parse_neighbour(message.header()));
}

// The kernel does not send these, but nothing here may read past a message's end.
TEST(NetworkView, DamagedMessages) {
  std::mt19937_64 random(testing::seed());
  for (int round = 0; round < 20000; ++round) {
    NetlinkMessage<ifinfomsg> link(RTM_NEWLINK, 0);
    put_link(link);
    NetlinkMessage<ndmsg> neighbour(RTM_NEWNEIGH, 0);
    put_neighbour(neighbour);
    for (nlmsghdr* header : {&link.header(), &neighbour.header()}) {
      // Of its own size exactly, so that a sanitizer sees a step too far.
      const auto bytes = sizeof(nlmsghdr) + random() % (header->nlmsg_len - sizeof(nlmsghdr) + 1);
      std::vector<std::uint64_t> copy((bytes + 7) / 8);
      std::memcpy(copy.data(), header, bytes);
      auto* damaged = reinterpret_cast<nlmsghdr*>(copy.data());
      damaged->nlmsg_len = static_cast<std::uint32_t>(bytes);
      auto* raw = reinterpret_cast<std::uint8_t*>(copy.data());
      if (bytes > sizeof(nlmsghdr))
        raw[sizeof(nlmsghdr) + random() % (bytes - sizeof(nlmsghdr))] = static_cast<std::uint8_t>(random());
      [[maybe_unused]] const auto link_or_none = parse_link(*damaged);
      [[maybe_unused]] const auto neighbour_or_none = parse_neighbour(*damaged);
    }
  }
}

}  // namespace
}  // namespace sluice
