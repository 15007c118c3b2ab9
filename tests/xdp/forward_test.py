# SPDX-License-Identifier: Apache-2.0
"""What sluice-xdp does on a good day: attach, forward, answer, follow the neighbour table, leave."""
import os
import signal
import time

from bed import VIP, Bed, assert_accounted, assert_nothing_lost, run


def ways(counts: dict) -> set[str]:
    return {way.split(" ", 1)[1] for way in counts["by"]}


def test_forwards_and_accounts_for_every_packet(bed):
    bed.write_config()
    bed.start()
    assert "eth0: native XDP" in bed.log()
    with bed.traffic() as counts:
        time.sleep(1)
    assert_nothing_lost(counts)
    assert ways(counts) == {"10.2.0.2>10.3.1.2 ipip", "10.2.0.2>10.3.2.2 ipip"}
    stats = bed.ask("stats")
    assert_accounted(stats)
    assert stats["tx_packets"] == counts["sent"]
    assert stats["services"][0]["packets"] == counts["sent"]
    assert stats["services"][0]["new_flows"] == 1000
    assert sum(backend["packets"] for backend in stats["backends"]) == counts["sent"]
    assert stats["flow_inserts"] > 0 and stats["flow_hits"] > 0


def test_answers_on_the_control_socket(bed):
    bed.config.backends = {"b1": ("10.3.1.2", 100), "b2": ("10.3.2.2", 300)}
    bed.write_config()
    bed.start()
    assert os.stat(bed.config.socket).st_mode & 0o777 == 0o660
    status = bed.ask("status")
    assert status["interfaces"] == [{"name": "eth0", "mode": "native", "note": ""}]
    assert status["generation"] == 1 and status["services"] == 1 and status["backends"] == 2
    assert status["unresolved"] == [] and 0 < status["memory_bytes"] <= 16 << 20
    members = bed.ask("table", pool="web", owners=True)["pools"][0]
    assert [member["slots"] for member in members["members"]] == [4095, 12286]
    assert len(members["owners"]) == 16381 and set(members["owners"]) == {0, 1}
    assert bed.ask("table", pool="wbe")["exit_code"] == 3
    told = bed.ask("explain", source="198.51.100.1:10000", destination=f"{VIP}:80", protocol="tcp")
    assert told["verdict"] == "forward" and told["vip"] == f"{VIP}:80/tcp" and told["candidates"] == [told["backend"]]
    assert told["remembered"] is False
    with bed.traffic(flows=1) as counts:
        time.sleep(0.2)
    assert_nothing_lost(counts, 10)
    after = bed.ask("explain", source="198.51.100.1:10000", destination=f"{VIP}:80", protocol="tcp")
    assert after["remembered"] is True and after["backend"] == told["backend"]
    address = bed.config.backends[told["backend"]][0]
    assert ways(counts) == {f"10.2.0.2>{address} ipip"}
    assert bed.ask("explain", source="198.51.100.1:1", destination=f"{VIP}:81", protocol="tcp")["reason"] == "not_vip"
    assert bed.ask("explain", source="198.51.100.1", destination=f"{VIP}:81", protocol="tcp")["exit_code"] == 2
    assert 'pool = "web"' in bed.ask("config")["config"]


def test_two_interfaces():
    with Bed(lines=2) as two:
        run("ip", "-n", two.balancer, "route", "add", "10.3.0.0/16", "via", "10.2.1.1")
        two.write_config()
        two.start()
        assert [one["name"] for one in two.ask("status")["interfaces"]] == ["eth0", "eth1"]
        with two.traffic(receive="f1") as counts:
            time.sleep(0.5)
        assert_nothing_lost(counts)
        assert {way.split(" ")[0] for way in counts["by"]} == {"02:00:00:00:01:01"}
        # One interface less, by a reload: its program is gone, the other's stays.
        two.config.interfaces = ["eth0"]
        two.reload()
        assert two.xdp_of("eth1") == "" and two.xdp_of("eth0") == "sluice_balancer"
        two.config.interfaces = ["eth0", "eth1"]
        two.reload()
        assert two.xdp_of("eth1") == "sluice_balancer"


def test_generic_mode(bed):
    bed.config.mode = "generic"
    bed.write_config()
    bed.start()
    assert bed.ask("status")["interfaces"][0]["mode"] == "generic"
    with bed.traffic() as counts:
        time.sleep(0.5)
    assert_nothing_lost(counts)


def test_gue_and_udp(bed):
    bed.config.encapsulation, bed.config.protocol = "gue", "udp"
    bed.write_config()
    bed.start()
    with bed.traffic(protocol="udp") as counts:
        time.sleep(0.3)
    assert_nothing_lost(counts)
    assert ways(counts) == {"10.2.0.2>10.3.1.2 gue6080", "10.2.0.2>10.3.2.2 gue6080"}
    assert bed.ask("stats")["flow_inserts"] == 1000


def test_l2_needs_the_backend_on_the_link(bed):
    bed.config.encapsulation = "l2"
    bed.config.backends = {"near": ("10.2.0.1", 100), "behind": ("10.3.1.2", 100)}
    bed.write_config()
    bed.start()
    status = bed.ask("status")
    assert status["unresolved"] == ["web/behind"]
    assert "same link" in status["unresolved_reasons"]["web/behind"]
    with bed.traffic(flows=1) as counts:
        bed.wait_for(lambda: bed.ask("stats")["rx_packets"] > 20)
    drops = {reason["name"]: reason["packets"] for reason in bed.ask("drops")["reasons"]}
    assert drops["no_next_hop"] == counts["lost"], (counts, drops)


def test_a_changed_mac_is_followed(bed):
    bed.config.backends = {"b1": ("10.3.1.2", 100)}
    bed.write_config()
    bed.start()
    with bed.traffic() as before:
        time.sleep(0.3)
    assert set(before["by"]) == {"02:00:00:00:00:01 10.2.0.2>10.3.1.2 ipip"}
    run("ip", "-n", bed.balancer, "neigh", "replace", "10.2.0.1", "dev", "eth0", "lladdr", "02:00:00:00:00:77", "nud", "permanent")
    # A second is what is promised.
    time.sleep(1)
    with bed.traffic() as after:
        time.sleep(0.3)
    assert set(after["by"]) == {"02:00:00:00:00:77 10.2.0.2>10.3.1.2 ipip"}
    # Our own address may change as well, and the route.
    run("ip", "-n", bed.balancer, "addr", "add", "10.2.9.2/24", "dev", "eth0")
    run("ip", "-n", bed.balancer, "neigh", "replace", "10.2.9.1", "dev", "eth0", "lladdr", "02:00:00:00:00:99", "nud", "permanent")
    run("ip", "-n", bed.balancer, "route", "replace", "10.3.1.0/24", "via", "10.2.9.1")
    time.sleep(1)
    with bed.traffic() as rerouted:
        time.sleep(0.3)
    assert set(rerouted["by"]) == {"02:00:00:00:00:99 10.2.0.2>10.3.1.2 ipip"}


def test_an_unreachable_backend_is_named(bed):
    bed.config.backends = {"b1": ("10.3.1.2", 100), "gone": ("10.2.0.99", 100)}
    bed.write_config()
    bed.start()
    bed.wait_for(lambda: "does not answer ARP" in bed.ask("status")["unresolved_reasons"].get("web/gone", ""))
    run("ip", "-n", bed.balancer, "route", "add", "blackhole", "10.3.1.0/24")
    bed.wait_for(lambda: "web/b1" in bed.ask("status")["unresolved"])
    assert "blackhole" in bed.ask("status")["unresolved_reasons"]["web/b1"]
    run("ip", "-n", bed.balancer, "route", "del", "blackhole", "10.3.1.0/24")
    bed.wait_for(lambda: "web/b1" not in bed.ask("status")["unresolved"])


def test_an_interface_that_comes_back_is_attached_again():
    with Bed(lines=2) as two:
        two.write_config()
        two.start()
        run("ip", "-n", two.balancer, "link", "del", "eth1")
        two.add_line(1)
        two.wait_for(lambda: two.xdp_of("eth1") == "sluice_balancer")


def test_signals(bed):
    bed.write_config()
    plane = bed.start()
    bed.config.backends["b3"] = ("10.3.3.2", 100)
    bed.write_config()
    plane.send_signal(signal.SIGHUP)
    bed.wait_for(lambda: bed.ask("status")["generation"] == 2)
    assert bed.stop(plane, signal.SIGINT) == 0
    assert "stay attached" in bed.log()
    assert bed.xdp_of() == "sluice_balancer" and not os.path.exists(bed.config.socket)
    with bed.traffic() as counts:
        time.sleep(0.3)
    assert_nothing_lost(counts)
    assert len(counts["by"]) == 3


def test_detach_leaves_nothing(bed):
    bed.write_config()
    plane = bed.start()
    assert bed.ask("detach") == {"ok": True}
    assert plane.wait(timeout=30) == 0
    assert bed.xdp_of() == "" and bed.pins() == [] and not os.path.exists(bed.config.socket)
    # Left by a process that is gone.
    bed.stop(bed.start())
    assert bed.xdp_of() == "sluice_balancer"
    assert bed.run_plane("--detach").returncode == 0
    assert bed.xdp_of() == "" and bed.pins() == []
    assert bed.run_plane("--detach").returncode == 0
    # Of a process that runs.
    plane = bed.start()
    assert bed.run_plane("--detach").returncode == 0
    assert plane.wait(timeout=30) == 0
    assert bed.xdp_of() == "" and bed.pins() == []
