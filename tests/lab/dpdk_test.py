# SPDX-License-Identifier: Apache-2.0
"""A lab whose balancers run sluice-dpdk, alone and beside sluice-xdp. What either plane does is in http_test.py."""
import json
import os
import signal
import time

import pytest
from conftest import wait_until

from labkit import servers, shares, state
from labkit.http_load import Ports
from labkit.plan import CLIENT4, CLIENT6, VIP4, VIP6, VIP_PORT

WEIGHTS = {"b1": 100, "b2": 50, "b3": 200}
SHARES_REQUESTS = 20_000  # 0.02 is then more than five standard deviations of the largest share
FLOWS = 200  # a block of ports, so that the next ones are known
RUNTIME = servers.DPDK_RUNTIME
RESTART_SECONDS_MAX = 5  # what no machine is too busy for; the figure that counts is printed
EXCHANGES = 1000
# A server that sends back what it gets, for one connection; and its client, which takes turns with it.
ECHO_SERVER = """
import socket, sys
server = socket.create_server((sys.argv[1], 7), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print("listening", flush=True)
connection, _ = server.accept()
while data := connection.recv(4096):
    connection.sendall(data)
"""
ECHO_CLIENT = """
import os, socket, sys
connection = socket.create_connection((sys.argv[1], 7), timeout=20)
for _ in range(int(sys.argv[2])):
    sent, back = os.urandom(1000), b""
    connection.sendall(sent)
    while len(back) < len(sent):
        piece = connection.recv(4096)
        assert piece, "closed"
        back += piece
    assert back == sent
"""


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab()
    lab.run("up", "--plane", "dpdk", "--balancers", 1, "--backends", 3, "--weights", ",".join(str(weight) for weight in WEIGHTS.values()))
    yield lab
    lab.run("down")
    lab.assert_gone()


def status(lab, node: str) -> dict:
    return servers.ask_plane(state.load(lab.name), node, {"op": "status"})


def plane_pid(lab, node: str = "lb1") -> int:
    described = next(one for one in lab.json("status")["nodes"] if one["name"] == node)
    return described["processes"][0]["pid"]


def has_xdp_program(lab) -> bool:
    return "xdp" in json.loads(lab.execute("lb1", "ip", "-j", "link", "show", "eth0"))[0]


def end(load, seconds: float = 30) -> dict:
    load.send_signal(signal.SIGINT)
    return json.loads(load.communicate(timeout=seconds)[0])


@pytest.mark.parametrize("family", [4, 6])
def test_shares_are_the_weights(lab, family):
    before = {name: lab.connections_accepted(name) for name in WEIGHTS}
    result = lab.json("http", "--family", family, "--requests", SHARES_REQUESTS)
    after = {name: lab.connections_accepted(name) for name in WEIGHTS}
    counts = result["by_backend"]
    print(f"IPv{family}: {result['requests_per_second']} requests/s, {counts}")
    assert (result["ok"], result["failed"]) == (SHARES_REQUESTS, 0), result
    assert counts == {name: after[name] - before[name] for name in WEIGHTS}
    assert all(shares.fits(counts, WEIGHTS).values()), counts
    for name, wanted in shares.expected_shares(WEIGHTS).items():
        assert abs(counts[name] / SHARES_REQUESTS - wanted) <= 0.02, (name, counts)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_restart_under_load(lab, number):
    """Connections that stand outlive it, new ones wait; a program that a killed process left on eth0 is no obstacle."""
    before = sum(lab.connections_accepted(name) for name in WEIGHTS)
    standing = lab.start("http", "--json", "--duration", 60, "--keep-alive", "--concurrency", 32)
    wait_until(lambda: sum(lab.connections_accepted(name) for name in WEIGHTS) >= before + 32 or standing.poll() is not None,
               "connections stand")
    probe = lab.start("probe", "--json", "--duration", 60)
    first_port = Ports(f"/run/sluice-lab/{lab.name}/ports").used()
    wait_until(lambda: Ports(f"/run/sluice-lab/{lab.name}/ports").used() > first_port or probe.poll() is not None, "probes go")
    time.sleep(0.2)
    assert "forwards nothing" in lab.run("stop", "lb1", *(["--kill"] if number == signal.SIGKILL else [])).stdout
    assert has_xdp_program(lab) is (number == signal.SIGKILL)
    lab.run("start", "lb1")
    time.sleep(0.5)
    probed, stood = end(probe), end(standing)
    print(f"{number.name}: {probed['longest_ms']} ms without forwarding, {probed['lost']} of {probed['sent']} connections waited")
    assert stood["failed"] == 0 and stood["sent"] > 32, stood
    assert 0 < probed["longest_ms"] <= RESTART_SECONDS_MAX * 1000, probed
    assert all(outage["ended"] for outage in probed["outages"]), probed
    for family in (4, 6):
        assert lab.json("http", "--family", family, "--requests", 300)["failed"] == 0


def test_a_stopped_one_forwards_nothing(lab):
    lab.run("stop", "lb1")
    stopped = lab.json("status", code=1)
    assert not stopped["healthy"]
    probed = lab.json("probe", "--duration", 0.2, code=1)
    assert probed["lost"] == probed["sent"] > 0 and not probed["outages"][-1]["ended"]
    lab.run("start", "lb1")
    assert lab.json("probe", "--duration", 0.2)["lost"] == 0


@pytest.mark.parametrize("family", [4, 6])
def test_the_balancers_own_connections_pass_beside(lab, family):
    """An administrator's ssh, so to say: by the port, the kernel interface, and back, while the VIP is busy."""
    address = "10.2.1.2" if family == 4 else "fd00:2:1::2"
    before = status(lab, "lb1")["counts"]
    server = lab.start("exec", "lb1", "--", "/usr/bin/python3", "-c", ECHO_SERVER, address)
    load = lab.start("http", "--json", "--duration", 60, "--family", family)
    try:
        assert server.stdout.readline() == "listening\n", server.communicate()
        lab.run("exec", "client", "--", "/usr/bin/python3", "-c", ECHO_CLIENT, address, EXCHANGES)
        assert server.wait(timeout=20) == 0 and load.poll() is None
    finally:
        server.kill()
        server.communicate()
        result = end(load)
    after = status(lab, "lb1")["counts"]
    assert result["failed"] == 0 and result["sent"] > 0, result
    assert after["kernel_up"] - before["kernel_up"] >= EXCHANGES and after["kernel_down"] - before["kernel_down"] >= EXCHANGES
    assert after["kernel_up_lost"] == before["kernel_up_lost"] and after["tx_unsent"] == before["tx_unsent"], after


def test_both_planes_choose_the_same(make_lab):
    lab = make_lab()
    made = lab.json("up", "--plane", "mixed", "--balancers", 2, "--backends", 3)
    assert {node["name"]: node["plane"] for node in made["nodes"] if "plane" in node} == {"lb1": "xdp", "lb2": "dpdk"}
    known = state.load(lab.name)
    assert {node: status(lab, node)["plane"] for node in ("lb1", "lb2")} == {"lb1": "xdp", "lb2": "dpdk"}
    for family, client, vip in ((4, CLIENT4, VIP4), (6, f"[{CLIENT6}]", f"[{VIP6}]")):
        sources = [f"{client}:{port}" for port in Ports(known.ports_file).coming(FLOWS)]
        told = {node: {source: servers.ask_plane(known, node, {"op": "explain", "source": source, "protocol": "tcp",
                                                               "destination": f"{vip}:{VIP_PORT}"})["backend"]
                       for source in sources} for node in ("lb1", "lb2")}
        assert told["lb1"] == told["lb2"] and len(set(told["lb1"].values())) == 3
        before = [servers.ask_plane(known, node, {"op": "stats"})["tx_packets"] for node in ("lb1", "lb2")]
        went = lab.json("http", "--family", family, "--requests", FLOWS, "--concurrency", 1, "--flows")["flows"]
        after = [servers.ask_plane(known, node, {"op": "stats"})["tx_packets"] for node in ("lb1", "lb2")]
        assert {flow["source"]: flow["backend"] for flow in went} == told["lb1"]
        assert all(new - old > FLOWS for old, new in zip(before, after)), (before, after)  # each had flows to forward
    assert "programs in the kernel forward on" in lab.run("stop", "lb1").stdout
    lab.run("start", "lb1")
    lab.run("down")
    lab.assert_gone()


def test_three_at_once_by_af_packet(make_lab):
    """As many workers as fit and more; by this driver the kernel keeps eth0 and its addresses."""
    lab = make_lab()
    lab.run("up", "--plane", "dpdk", "--port", "af_packet", "--balancers", 3, "--backends", 2)
    assert "10.2.3.2" in lab.execute("lb3", "ip", "-4", "address", "show", "eth0")
    for family in (4, 6):
        assert lab.json("http", "--family", family, "--requests", 600)["failed"] == 0
        assert lab.json("http", "--family", family, "--requests", 4, "--upload", 200_000)["failed"] == 0
    assert lab.json("weight", "b1", 0)["weights"]["b1"] == 0
    assert set(lab.json("http", "--requests", 300)["by_backend"]) == {"b2"}
    for node in ("lb1", "lb2", "lb3"):
        assert servers.ask_plane(state.load(lab.name), node, {"op": "stats"})["tx_packets"] > 300
    lab.run("down")
    lab.assert_gone()


@pytest.mark.parametrize("how", ["down", "stop --kill", "crash"])
def test_nothing_is_left_of_it(make_lab, how):
    lab = make_lab()
    lab.run("up", "--plane", "dpdk", "--balancers", 1, "--backends", 1)
    pid = plane_pid(lab)
    assert os.path.isdir(f"{RUNTIME}/sluice-dpdk-{pid}")
    if how == "stop --kill":
        lab.run("stop", "lb1", "--kill")
        assert not os.path.exists(f"{RUNTIME}/sluice-dpdk-{pid}")
    if how == "crash":
        os.kill(pid, signal.SIGKILL)
    lab.run("down")
    lab.assert_gone()
    assert not os.path.exists(f"{RUNTIME}/sluice-dpdk-{pid}")
