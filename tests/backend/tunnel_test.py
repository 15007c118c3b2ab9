# SPDX-License-Identifier: Apache-2.0
"""Packets through sluice-backend with real TCP: what arrives, what is advertised, what a restart costs. Needs root."""
import signal
import socket
import threading
import time

import pytest
from host_site import BACKEND4, BALANCER4, CLIENT4, PORT, VIP4, VIP6, inside, outer_ipv4, wait_for
from host_traffic import Server, exchange, kernel_checksum, received, udp_packet, udp_receiver

FORMS = [(form, outer) for form in ("ipip", "gue", "chain") for outer in (4, 6)]


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_tcp_through_every_tunnel(site, mode):
    site.start_agent("--mode", mode)
    assert f"eth0 {mode}" in site.agent_log
    servers = [Server(site.backend, VIP4), Server(site.backend, VIP6)]
    before = site.reasons()
    for site.balancer.form, site.balancer.outer in FORMS:
        for address in (VIP4, VIP6):
            exchange(site, address, 300_000)
    for server in servers:
        server.end()
    after = site.reasons()
    assert after["delivered"] - before["delivered"] == site.balancer.wrapped > 2000
    assert [after[name] for name in ("tunnel_source", "tunnel_inner", "tunnel_malformed")] == [0, 0, 0]


def test_clients_leave_room_for_the_tunnel(site):
    """Full segments through the longest outer header are exactly as long as the path allows, and none is longer."""
    site.start_agent()
    servers = [Server(site.backend, VIP4), Server(site.backend, VIP6)]
    site.balancer.form, site.balancer.outer = "chain", 6
    for address, mss in ((VIP4, 1500 - 72 - 40), (VIP6, 1500 - 72 - 60)):
        site.balancer.mss_seen.clear()
        site.balancer.longest = 0
        exchange(site, address, 300_000)
        assert site.balancer.mss_seen == [mss]
        assert site.balancer.longest == 1500
    for server in servers:
        server.end()
    assert site.balancer.too_long == 0


def test_without_the_option_segments_would_not_fit(site):
    """The other side of the test above: with --mss none the kernel's own MSS is advertised."""
    site.start_agent("--mss", "none")
    server = Server(site.backend, VIP4)
    site.balancer.form, site.balancer.outer = "chain", 6
    with pytest.raises((TimeoutError, AssertionError)):
        with inside(site.client):
            connection = socket.socket(socket.AF_INET)
        with connection:
            connection.settimeout(2)
            connection.connect((VIP4, PORT))
            connection.sendall(bytes(100_000))
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1)
    assert site.balancer.mss_seen == [1460]
    assert site.balancer.too_long > 0
    server.end()


@pytest.mark.parametrize("arguments, expected", [
    (("--mss", "1200"), [1200, 1180]),
    # Balancers of IPv4 only: the outer header is 20 bytes shorter.
    (("--interface", "eth0", "--vip", VIP4, "--vip", VIP6, "--allow", "10.2.0.0/16"), [1500 - 52 - 40, 1500 - 52 - 60]),
])
def test_mss_as_asked(site, arguments, expected):
    site.start_agent(*arguments, usual="--allow" not in arguments)
    servers = [Server(site.backend, VIP4), Server(site.backend, VIP6)]
    for address in (VIP4, VIP6):
        exchange(site, address, 10_000)
    for server in servers:
        server.end()
    assert site.balancer.mss_seen == expected


def test_routes_follow_the_main_table(site):
    site.start_agent()
    table = ("route", "show", "table", "6080")
    assert "advmss 1388" in site.ip(*table)
    site.ip("route", "add", "198.51.100.0/24", "via", "10.3.0.1")
    site.ip("route", "add", "198.18.0.0/15", "nexthop", "via", "10.3.0.1", "weight", "1", "nexthop", "via", "10.3.0.9")
    site.ip("-6", "route", "add", "2001:db8:77::/48", "via", "fd00:3::1")
    wait_for(lambda: "198.51.100.0/24 via 10.3.0.1" in site.ip(*table), what="a new route in the VIPs' table")
    wait_for(lambda: "198.18.0.0/15" in site.ip(*table), what="a multipath route in the VIPs' table")
    wait_for(lambda: "2001:db8:77::/48" in site.ip("-6", *table), what="an IPv6 route in the VIPs' table")
    site.ip("route", "del", "198.51.100.0/24")
    wait_for(lambda: "198.51.100.0/24" not in site.ip(*table), what="the route gone again")
    # A smaller path: the MSS follows.
    site.ip("link", "set", "eth0", "mtu", "1400")
    wait_for(lambda: "advmss 1288" in site.ip(*table) and "advmss 1388" not in site.ip(*table), what="the new MSS")
    assert "198.18.0.0/15" in site.ip(*table)


def test_addresses_of_the_host_follow(site):
    site.start_agent()
    packet = outer_ipv4(BALANCER4, "10.3.0.77", 4, outer_ipv4(CLIENT4, VIP4, 17, bytes(8)))

    def reached() -> bool:
        before = site.reasons()["delivered"]
        site.balancer.send4.sendto(packet, ("10.3.0.77", 0))
        time.sleep(0.05)
        return site.reasons()["delivered"] > before

    site.ip("address", "add", "10.3.0.77/24", "dev", "eth0")
    wait_for(reached, what="tunnel packets to an address that came later")
    site.ip("address", "del", "10.3.0.77/24", "dev", "eth0")
    site.ip("route", "add", "local", "10.3.0.77", "dev", "lo")  # so that the balancer still gets an ARP answer
    wait_for(lambda: not reached(), what="no tunnel end any more")


def test_forged_sources_reach_nothing(site):
    site.start_agent()
    receiver = udp_receiver(site, VIP4)
    inner = kernel_checksum(outer_ipv4(CLIENT4, VIP4, socket.IPPROTO_UDP, udp_packet()))
    before = site.reasons()
    for index in range(500):
        source = f"10.{index % 2 * 8 + 1}.{index % 256}.{index % 250 + 1}"
        site.balancer.send4.sendto(outer_ipv4(source, BACKEND4, 4, inner), (BACKEND4, 0))
    wait_for(lambda: site.reasons()["tunnel_source"] - before["tunnel_source"] == 500, what="500 counted as strangers'")
    assert received(receiver) == 0
    # The same packet from a balancer does arrive: the test can tell.
    site.balancer.send4.sendto(outer_ipv4(BALANCER4, BACKEND4, 4, inner), (BACKEND4, 0))
    wait_for(lambda: received(receiver) == 1, what="the balancer's packet")
    # To an address of this host that is no VIP: not delivered either.
    inner = kernel_checksum(outer_ipv4(CLIENT4, BACKEND4, socket.IPPROTO_UDP, udp_packet()))
    site.balancer.send4.sendto(outer_ipv4(BALANCER4, BACKEND4, 4, inner), (BACKEND4, 0))
    wait_for(lambda: site.reasons()["tunnel_inner"] == 1, what="tunnel_inner")
    receiver.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
def test_restart_loses_no_packet(site, number):
    """Datagrams all the while; the agent goes and comes back five times."""
    agent = site.start_agent()
    receiver = udp_receiver(site, VIP4)
    inner = kernel_checksum(outer_ipv4(CLIENT4, VIP4, socket.IPPROTO_UDP, udp_packet()))
    packet = outer_ipv4(BALANCER4, BACKEND4, 4, inner)
    ended = threading.Event()
    sent = [0]

    def send():
        while not ended.is_set():
            site.balancer.send4.sendto(packet, (BACKEND4, 0))
            sent[0] += 1
            time.sleep(0.0002)

    sender = threading.Thread(target=send)
    sender.start()
    got = 0
    for _ in range(5):
        site.stop_agent(agent, number)
        time.sleep(0.1)
        agent = site.start_agent()
        assert "taken over" in site.agent_log
        got += received(receiver)
    ended.set()
    sender.join()
    time.sleep(0.2)
    got += received(receiver)
    assert got == sent[0] > 500
    assert site.reasons()["delivered"] >= sent[0]  # counters go on over restarts
    receiver.close()


@pytest.mark.parametrize("site", [{"mtu": 9000}], indirect=True)
def test_native_refused_at_a_large_mtu(site):
    """veth takes native XDP up to one page; auto says why it does not, native stops."""
    refused = site.command(*site.USUAL, "--mode", "native", check=False)
    assert refused.returncode == 1 and "MTU 9000" in refused.stderr and refused.stderr.count("\n") == 1
    site.start_agent()
    assert "eth0 generic (" in site.agent_log and "MTU 9000" in site.agent_log
    server = Server(site.backend, VIP4)
    exchange(site, VIP4, 100_000)
    server.end()
