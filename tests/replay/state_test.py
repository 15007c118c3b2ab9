# SPDX-License-Identifier: Apache-2.0
"""What a plane of a cluster was told, replayed: the same verdicts as of a file that says the same."""
import os
import struct
import sys

from scapy.all import IP, TCP, Ether, wrpcap

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "support"), os.path.join(TESTS, "slots")]
import plane_state  # noqa: E402
import reference  # noqa: E402
from plane_state import Pool, Service  # noqa: E402

PLANE = '[plane]\nsource_ipv4 = "10.0.0.2"\nflows_per_cpu = 1024\ncontrol = "cluster"\n'
MEMBERS = [("web1", "10.0.1.11", 100), ("web2", "10.0.1.12", 50), ("web3", "10.0.1.13", 100)]
FILE = """hash_key = "000102030405060708090a0b0c0d0e0f"
[plane]
source_ipv4 = "10.0.0.2"
flows_per_cpu = 1024
[[pool]]
name = "web"
slots = 16381
backends = [ { name = "web1", address = "10.0.1.11" }, { name = "web2", address = "10.0.1.12", weight = 50 },
             { name = "web3", address = "10.0.1.13" } ]
[[service]]
name = "http"
address = "203.0.113.10"
port = 80
protocol = "tcp"
pool = "web"
"""


def record(state: bytes, sequence: int) -> bytes:
    head = struct.pack("<QQQQ", sequence, 0, len(state), reference.siphash24(b"sluice-kept-0001", state))
    return head + struct.pack("<Q", reference.siphash24(b"sluice-kept-0001", head)) + state


def saved(state: bytes, sequence: int = 1) -> bytes:
    return b"SLUICEST" + record(state, sequence)


def write(replay) -> bytes:
    weights = {name: weight for name, _, weight in MEMBERS}
    names = [name for name, _, _ in MEMBERS]
    owners = [names.index(name) for name in reference.maglev(weights, 16381)]
    content = saved(plane_state.state(3, [Pool("web", MEMBERS, owners=owners)], [Service("http", "203.0.113.10", 80, 0)]))
    replay.write("plane.toml", PLANE)
    replay.write("file.toml", FILE)
    replay.write("state", content)
    wrpcap(replay.path("in.pcap"), [Ether() / IP(src="198.51.100.7", dst="203.0.113.10") / TCP(sport=port, dport=80)
                                    for port in range(2000, 2300)])
    return content


def test_a_state_does_what_a_file_does(replay):
    write(replay)
    told = replay.run("--in", "in.pcap", "--state", "state", "--explain", "-o", "json", "--out", "told.pcap", config="plane.toml")
    filed = replay.run("--in", "in.pcap", "--explain", "-o", "json", "--out", "filed.pcap", config="file.toml")
    assert (told.code, filed.code) == (0, 0), told.err
    assert told.json() == filed.json()
    assert told.json()["reasons"] == {"forwarded": 300}
    assert replay.read("told.pcap") == replay.read("filed.pcap")


def test_what_came_since_counts(replay):
    content = write(replay)
    nothing = plane_state.state(2, [], [])
    replay.write("state", saved(nothing))
    replay.write("state.changes-4", record(nothing, 1) + record(content[48:], 2))
    ran = replay.run("--in", "in.pcap", "--state", "state", "-o", "json", config="plane.toml")
    assert ran.code == 0 and ran.json()["reasons"] == {"forwarded": 300}, ran.err
    # The state file has them already.
    replay.write("state", saved(nothing, 2))
    ran = replay.run("--in", "in.pcap", "--state", "state", "-o", "json", config="plane.toml")
    assert ran.code == 0 and "forwarded" not in ran.json()["reasons"], ran.err


def test_refusals(replay):
    content = write(replay)
    assert "name the plane's state file" in replay.run("--in", "in.pcap", config="plane.toml").err
    assert "leave out --state" in replay.run("--in", "in.pcap", "--state", "state", config="file.toml").err
    assert replay.run("--in", "in.pcap", "--state", "none", config="plane.toml").code == 3
    replay.write("bad", content[:-1] + b"x")
    ran = replay.run("--in", "in.pcap", "--state", "bad", config="plane.toml")
    assert ran.code == 2 and "the saved state is damaged" in ran.err
    same = replay.run("--in", "in.pcap", "--state", "state", "--out", "state", config="plane.toml")
    assert same.code == 2 and replay.read("state") == content
