# SPDX-License-Identifier: Apache-2.0
"""sluice-dpdk on a virtual cable: forwards, answers, reloads, grows, leaves the host its own traffic."""
import signal
import subprocess
import sys
import time

import pytest
from bed import BIG_POOL, VIP, assert_accounted, assert_nothing_lost, run
from dpdk_bed import DpdkBed

FREE_HUGE_PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
HUGE_PAGES_NEEDED = 64  # 52 for packets, the rest for the image
# A server that sends back what it gets, for one connection; and its client, with the number of bytes.
ECHO_SERVER = """
import socket
server = socket.create_server(("10.2.0.2", 8080))
print("listening", flush=True)
connection, _ = server.accept()
while data := connection.recv(65536):
    connection.sendall(data)
connection.close()
"""
ECHO_CLIENT = """
import socket, sys, threading
data = bytes(i * 7 % 256 for i in range(1 << 20))
connection = socket.create_connection(("10.2.0.2", 8080), timeout=20)
def send():
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
back = b""
while piece := connection.recv(65536):
    back += piece
sys.exit(back != data)
"""


def ways(counts: dict) -> set[str]:
    return {way.split(" ", 1)[1] for way in counts["by"]}


def test_forwards_and_accounts_for_every_packet(bed):
    bed.write_config()
    plane = bed.start()
    with bed.traffic(pps=5000) as counts:
        time.sleep(1)
    assert_nothing_lost(counts)
    assert ways(counts) == {"10.2.0.2>10.3.1.2 ipip", "10.2.0.2>10.3.2.2 ipip"}
    stats = bed.ask("stats")
    assert_accounted(stats)
    assert stats["tx_packets"] == counts["sent"]
    assert stats["services"][0]["new_flows"] == 1000
    status = bed.ask("status")
    assert status["plane"] == "dpdk" and status["counts"]["tx_unsent"] == 0 and status["unresolved"] == []
    assert [one["name"] for one in status["interfaces"]] == [bed.host_interface()]
    told = bed.ask("explain", source="198.51.100.1:10000", destination=f"{VIP}:80", protocol="tcp")
    assert told["verdict"] == "forward" and told["remembered"] is True
    assert bed.stop(plane) == 0
    bed.assert_nothing_left()


def test_the_hosts_own_connections_pass_beside(bed):
    """ARP both ways, and a megabyte there and back by TCP, while packets to the VIP are forwarded."""
    bed.write_config()
    bed.start()
    server = subprocess.Popen([*bed.enter(bed.balancer), sys.executable, "-c", ECHO_SERVER], stdout=subprocess.PIPE,
                              text=True)
    bed.processes.append(server)
    assert server.stdout.readline() == "listening\n"
    run("ip", "-n", bed.far, "neigh", "flush", "all")
    with bed.traffic(pps=2000) as counts:
        run("timeout", "60", *bed.enter(bed.far), sys.executable, "-c", ECHO_CLIENT)
    assert_nothing_lost(counts, 1)
    assert server.wait(timeout=20) == 0
    counts = bed.ask("status")["counts"]
    if bed.kind == "af_xdp":
        assert counts["kernel_up"] > 0 and counts["kernel_down"] > 0, counts
    else:
        assert counts["kernel_up_freed"] > 0 and counts["kernel_down"] == 0, counts
    assert_accounted(bed.ask("stats"))


def test_ipv6_neighbours_are_found_beside(xdp_bed):
    """Neighbour discovery talks to groups, which the port has to take as well."""
    bed = xdp_bed
    for space, interface in ((bed.balancer, "up0"), (bed.far, "f0")):
        run(*bed.enter(space), "sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=0")
    bed.write_config()
    bed.start()
    run("ip", "-n", bed.balancer, "addr", "add", "fd00::2/64", "dev", "up0", "nodad")
    run("ip", "-n", bed.far, "addr", "add", "fd00::1/64", "dev", "f0", "nodad")
    server = ECHO_SERVER.replace('("10.2.0.2", 8080)', '("fd00::2", 8080), family=socket.AF_INET6')
    client = ECHO_CLIENT.replace("10.2.0.2", "fd00::2")
    process = subprocess.Popen([*bed.enter(bed.balancer), sys.executable, "-c", server], stdout=subprocess.PIPE,
                               text=True)
    bed.processes.append(process)
    assert process.stdout.readline() == "listening\n"
    run("timeout", "60", *bed.enter(bed.far), sys.executable, "-c", client)


def test_follows_a_reload_and_outgrows_its_image(bed):
    bed.write_config()
    bed.start()
    with bed.traffic(pps=5000) as counts:
        time.sleep(0.5)
        before = bed.ask("stats")
        memory = bed.ask("status")["memory_bytes"]
        bed.config.more = BIG_POOL
        bed.reload()
        after = bed.ask("stats")
        assert after["rx_packets"] >= before["rx_packets"]
        assert after["services"][0]["packets"] >= before["services"][0]["packets"]
        assert bed.ask("status")["memory_bytes"] > memory
        time.sleep(0.2)
        told = bed.ask("explain", source="198.51.100.1:10000", destination=f"{VIP}:80", protocol="tcp")
    assert_nothing_lost(counts)
    assert told["remembered"] is True  # by a SYN before the image grew
    stats = bed.ask("stats")
    assert_accounted(stats)
    assert stats["tx_packets"] == counts["sent"] and stats["services"][0]["new_flows"] == 1000
    assert bed.ask("status")["generation"] == 2


def test_refuses_a_reload_of_what_is_fixed(bed):
    bed.write_config()
    process = bed.start()
    bed.dpdk_more = "packet_buffers = 20000"
    bed.write_config()
    answer = bed.ask("reload")
    assert not answer["ok"] and "[plane.dpdk] has changed" in answer["error"] and "restart it" in answer["error"]
    bed.dpdk_more = ""
    bed.config.pool_more = "mtu = 1501"
    bed.write_config()
    answer = bed.ask("reload")
    assert not answer["ok"] and 'pool "web" sends packets of up to 1501 bytes' in answer["error"]
    assert bed.ask("status")["generation"] == 1
    process.send_signal(signal.SIGHUP)
    bed.wait_for(lambda: bed.log().count("reload refused") == 3)


def test_two_ports():
    """In by one, out by the other."""
    for kind in ("af_packet", "af_xdp"):
        with DpdkBed(kind, lines=2) as bed:
            run("ip", "-n", bed.balancer, "route", "add", "10.3.0.0/16", "via", "10.2.1.1")
            bed.write_config()
            bed.start()
            with bed.traffic(receive="f1", pps=5000) as counts:
                time.sleep(0.3)
            assert_nothing_lost(counts, 50)
            assert bed.ask("status")["unresolved"] == []


def test_two_workers_on_two_queues():
    with DpdkBed("af_packet") as bed:
        bed.workers = 2
        bed.ports = ['{ device = "net_af_packet0,iface=eth0,qpairs=2,framecnt=4096" }']
        bed.write_config()
        bed.start()
        assert "every CPU is a worker's" in bed.log() or "workers on CPU" in bed.log()
        with bed.traffic(pps=3000) as counts:
            time.sleep(0.5)
        assert_nothing_lost(counts, 50)
        stats = bed.ask("stats")
        assert_accounted(stats)
        assert stats["tx_packets"] == counts["sent"]


def test_huge_pages_if_there_are_any(bed):
    """Reserving them is not a test's business."""
    with open(FREE_HUGE_PAGES, encoding="utf-8") as file:
        if int(file.read()) < HUGE_PAGES_NEEDED:
            pytest.skip(f"fewer than {HUGE_PAGES_NEEDED} free huge pages")
    bed.dpdk_more = 'memory = "huge"'
    bed.write_config()
    plane = bed.start()
    assert "huge-page memory" in bed.log()
    with bed.traffic(pps=2000) as counts:
        time.sleep(0.2)
    assert_nothing_lost(counts, 10)
    bed.config.more = BIG_POOL
    bed.reload()
    with bed.traffic(pps=2000) as counts:
        time.sleep(0.2)
    assert_nothing_lost(counts, 10)
    assert bed.stop(plane) == 0
    bed.assert_nothing_left()
