// SPDX-License-Identifier: Apache-2.0
#include "ip_address.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("203.0.113.10").value().to_string(), "203.0.113.10");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0::1").value().to_string(), "2001:db8::1");
}

TEST(IpAddress, RefusesWhatOtherParsersGuessAt) {
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "010.0.0.1", "256.0.0.1", "1.2.3.4/24", "fe80::1%eth0", "::g"}) {
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
  }
}

TEST(IpAddress, FamiliesNeverCompareEqual) {
  EXPECT_NE(IpAddress::parse("0.0.0.0").value(), IpAddress::parse("::").value());
}

TEST(IpAddress, OrderIsThatOfTheBytes) {
  const std::array texts = {"0.0.0.0", "0.0.0.1", "1.0.0.0",   "10.0.0.2", "10.0.1.0", "255.255.255.255", "::",
                            "::1",     "::ff00",  "0:0:0:1::", "1::",      "1::1",     "fe80::1",         "ffff::"};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t k = 0; k < texts.size(); ++k) {
      const IpAddress a = IpAddress::parse(texts[i]).value();
      const IpAddress b = IpAddress::parse(texts[k]).value();
      EXPECT_EQ(a <=> b, i <=> k) << texts[i] << " and " << texts[k];
      EXPECT_EQ(a == b, i == k);
    }
  }
}

TEST(IpAddress, ClassifiesMulticastAndLoopback) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.1").value().is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1").value().is_multicast());
  EXPECT_TRUE(IpAddress::parse("127.8.8.8").value().is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1").value().is_loopback());
  EXPECT_FALSE(IpAddress::parse("2001:db8::1").value().is_loopback());
}

}  // namespace
}  // namespace sluice
