# SPDX-License-Identifier: Apache-2.0
"""Captures that are none, or not whole: what, where, what next; and an exit code."""
import os
import random
import struct

import pytest
from scapy.all import IP, TCP, Ether, PcapWriter, Raw, rdpcap, wrpcap


def frames(count, payload=b"data"):
    return [Ether(src="02:00:00:00:00:09", dst="02:00:00:00:00:08") / IP(src="198.51.100.7", dst="203.0.113.10") /
            TCP(sport=port, dport=80, flags="A") / Raw(payload) for port in range(1, count + 1)]


def test_not_a_capture(replay):
    replay.write("in.pcap", "GET / HTTP/1.1\r\n\r\n")
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("sluice-replay: in.pcap: not a capture file (unknown file format); give a pcap or pcapng")
    assert ran.err.count("\n") == 1
    assert not os.path.exists(replay.path("out.pcap"))


@pytest.mark.parametrize("count", [0, 3, 23])
def test_an_incomplete_file_header(replay, count):
    wrpcap(replay.path("whole.pcap"), frames(1))
    replay.write("in.pcap", replay.read("whole.pcap")[:count])
    ran = replay.run("--in", "in.pcap")
    assert (ran.code, ran.out) == (2, "")
    assert "in.pcap: not a capture file (truncated dump file" in ran.err


def test_another_link_type(replay):
    with PcapWriter(replay.path("in.pcap"), linktype=113) as writer:
        writer.write_header(None)
        writer.write_packet(b"x" * 64)
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap")
    assert (ran.code, ran.out) == (2, "")
    assert 'in.pcap: link type LINUX_SLL (113), but the packet path takes Ethernet frames; capture on one' in ran.err


@pytest.mark.parametrize("kept", [60, 8, 0])
def test_a_truncated_file_keeps_what_came_before(replay, kept):
    wrpcap(replay.path("whole.pcap"), frames(5))
    whole = replay.read("whole.pcap")
    record = (len(whole) - 24) // 5
    place = 24 + 3 * record + kept
    replay.write("in.pcap", whole[:place])
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap", "--explain", "-o", "json")
    assert ran.json()["reasons"] == {"forwarded": 3}
    assert len(ran.json()["explain"]) == 3
    assert len(rdpcap(replay.path("out.pcap"))) == 3
    if kept == 0:  # ends between two frames: nothing can tell
        assert (ran.code, ran.err) == (0, "")
        return
    assert ran.code == 1
    assert ran.err.startswith(f"sluice-replay: in.pcap: damaged after frame 3 (at byte {place}): truncated dump file")
    assert ran.err.count("\n") == 1


def test_cut_frames_are_counted_and_not_processed(replay):
    whole = frames(6, b"x" * 200)
    with PcapWriter(replay.path("in.pcap"), linktype=1) as writer:
        writer.write_header(None)
        for number, frame in enumerate(whole):
            kept = 96 if number in (1, 4) else len(frame)
            writer.write_packet(bytes(frame)[:kept], sec=1, usec=number, caplen=kept, wirelen=len(frame))
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap", "--all", "--explain", "-o", "json")
    answer = ran.json()
    assert ran.code == 0
    assert (answer["frames"], answer["cut"], answer["reasons"]) == (6, 2, {"forwarded": 4})
    assert [line["reason"] for line in answer["explain"]] == ["forwarded", "cut", "forwarded", "forwarded", "cut", "forwarded"]
    assert answer["explain"][1]["flow"] == "198.51.100.7:2 -> 203.0.113.10:80/tcp"
    assert len(rdpcap(replay.path("out.pcap"))) == 4
    table = replay.run("--in", "in.pcap").out.splitlines()
    assert [line.split()[:4] for line in table if line.startswith("cut")] == [["cut", "not", "run", "2"]]


def test_no_such_file(replay):
    wrpcap(replay.path("in.pcap"), frames(1))
    ran = replay.run("--in", "none.pcap")
    assert (ran.code, ran.err) == (3, "sluice-replay: none.pcap: cannot open it: No such file or directory\n")
    ran = replay.run("--in", "in.pcap", config="none.toml")
    assert (ran.code, ran.err) == (3, "sluice-replay: none.toml: cannot read it: No such file or directory\n")
    ran = replay.run("--in", "in.pcap", "--out", "no/such/out.pcap")
    assert (ran.code, ran.out) == (3, "")
    ran = replay.run("--in", ".")
    assert (ran.code, ran.out) == (2, "")


def test_a_faulty_configuration(replay):
    wrpcap(replay.path("in.pcap"), frames(1))
    replay.write("bad.toml", 'hash_key = "00"\n')
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap", config="bad.toml")
    assert (ran.code, ran.out) == (2, "")
    assert "bad.toml:1:12: " in ran.err
    assert not os.path.exists(replay.path("out.pcap"))


@pytest.mark.parametrize("name", ["in.pcap", "site.toml", "link.pcap"])
def test_the_output_is_no_input(replay, name):
    wrpcap(replay.path("in.pcap"), frames(1))
    os.symlink("in.pcap", replay.path("link.pcap"))
    before = replay.read(name)
    ran = replay.run("--in", "in.pcap", "--out", name)
    assert (ran.code, ran.out) == (2, "")
    assert "which it would overwrite" in ran.err
    assert replay.read(name) == before


def test_a_full_disk(replay):
    wrpcap(replay.path("in.pcap"), frames(300))
    ran = replay.run("--in", "in.pcap", "--out", "/dev/full", "-o", "json")
    assert (ran.code, ran.json()["reasons"]) == (1, {"forwarded": 300})
    assert "/dev/full: cannot write to it" in ran.err


@pytest.mark.parametrize("mac", ["", "02:00:00:00:00:01", "02:00:00:00:00:01,00:00:00:00:00:00", "02:00:00:00:00:01,02-00-00-00-00-02",
                                 "2:0:0:0:0:1,02:00:00:00:00:02", "02:00:00:00:00:01,02:00:00:00:00:0g", ","])
def test_bad_macs(replay, mac):
    wrpcap(replay.path("in.pcap"), frames(1))
    ran = replay.run("--in", "in.pcap", "--mac", mac)
    assert (ran.code, ran.out) == (2, "")


def test_bad_options(replay):
    assert replay.run("--in", "in.pcap", "--slow").code == 2
    assert replay.run().code == 2
    assert replay.run("--help").code == 0


def test_random_damage_never_ends_in_a_signal(replay):
    seed = int(os.environ.get("SLUICE_SEED", random.randrange(2**32)))
    print("SLUICE_SEED =", seed)
    source = random.Random(seed)
    wrpcap(replay.path("whole.pcap"), frames(8))
    whole = replay.read("whole.pcap")
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(source.randint(1, 6)):
            place = source.randrange(len(damaged))
            damaged[place:place + 4] = struct.pack("<I", source.choice([0, 1, 0xffffffff, source.getrandbits(32)]))
        replay.write("in.pcap", bytes(damaged))
        ran = replay.run("--in", "in.pcap", "--out", "out.pcap", "--explain", "-o", "json")
        assert ran.code in (0, 1, 2), (ran.code, ran.err)
        if ran.out:
            answer = ran.json()
            assert answer["sent"] + answer["kernel"] + answer["dropped"] + answer["cut"] == answer["frames"]
