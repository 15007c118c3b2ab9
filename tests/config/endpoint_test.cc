// SPDX-License-Identifier: Apache-2.0
#include "endpoint.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Endpoint, BothFamiliesWithAndWithoutProtocol) {
  const Endpoint v4 = parse_endpoint("203.0.113.10:443").value();
  EXPECT_EQ(v4.address.to_string(), "203.0.113.10");
  EXPECT_EQ(v4.port, PortHost(443));
  EXPECT_FALSE(v4.protocol.has_value());
  EXPECT_EQ(parse_endpoint("203.0.113.10:0/udp").value().protocol, Protocol::udp);
  const Endpoint v6 = parse_endpoint("[2001:db8::10]:65535/tcp").value();
  EXPECT_EQ(v6.address.to_string(), "2001:db8::10");
  EXPECT_EQ(v6.port, PortHost(65535));
  EXPECT_EQ(v6.protocol, Protocol::tcp);
}

TEST(Endpoint, RefusesEverythingElse) {
  for (const char* text : {"",
                           ":",
                           "203.0.113.10",
                           "203.0.113.10:",
                           "203.0.113.10:65536",
                           "203.0.113.10:-1",
                           "203.0.113.10:8x",
                           "203.0.113.10: 80",
                           "[203.0.113.10]:80",
                           "2001:db8::1:80",
                           "[2001:db8::1]",
                           "[2001:db8::1]80",
                           "[2001:db8::1]:",
                           "[]:80",
                           "[:80",
                           "]:80",
                           "host:80",
                           "203.0.113.10:80/",
                           "203.0.113.10:80/sctp",
                           "203.0.113.10:80/tcp/udp",
                           "[[2001:db8::1]]:80",
                           "[2001:db8::1]]:80"}) {
    const auto parsed = parse_endpoint(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_NE(parsed.error().context.find("allowed: "), std::string::npos) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
  }
}

TEST(Endpoint, PrintsWhatItParses) {
  EXPECT_EQ(to_text(IpAddress::parse("2001:db8::1").value(), PortHost(80)), "[2001:db8::1]:80");
  EXPECT_EQ(to_text(IpAddress::parse("10.0.0.1").value(), PortHost(80)), "10.0.0.1:80");
  EXPECT_EQ(service_address_text(IpAddress::parse("10.0.0.1").value(), PortHost(0), Protocol::udp), "10.0.0.1:*/udp");
}

}  // namespace
}  // namespace sluice
