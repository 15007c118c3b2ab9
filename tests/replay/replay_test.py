# SPDX-License-Identifier: Apache-2.0
"""What goes in, what comes out, what is counted. The packet path itself is tests/packets' business."""
import pytest
from scapy.all import (ARP, GRE, ICMP, IP, UDP, TCP, Dot1Q, Ether, IPv6, PcapNgWriter, PcapReader, PcapWriter, Raw, rdpcap,
                       wrpcap)

MACS = {"src": "02:00:00:00:00:09", "dst": "02:00:00:00:00:08"}
BACKENDS = {"web1": "10.0.1.11", "web2": "10.0.1.12", "web3": "10.0.1.13"}


def at(packet, seconds):
    packet.time = seconds
    return packet


def tcp4(port, to="203.0.113.10", flags="A", payload=b"data", **fields):
    return Ether(**MACS) / IP(src="198.51.100.7", dst=to, ttl=64, **fields) / TCP(sport=port, dport=80, flags=flags) / Raw(payload)


def udp4(port, to="203.0.113.20"):
    return Ether(**MACS) / IP(src="198.51.100.7", dst=to) / UDP(sport=port, dport=7777) / Raw(b"game")


def site_frames():
    """One frame of each kind, with the reason it must meet."""
    good = tcp4(5000)
    bad_sum = Ether(bytes(good))
    bad_sum[IP].chksum ^= 0x0101
    return [
        (tcp4(5000), "forwarded"),
        (tcp4(5001), "forwarded"),
        (Ether(**MACS) / Dot1Q(vlan=7) / tcp4(5002).payload, "forwarded"),
        (Ether(**MACS) / IPv6(src="2001:db8::7", dst="2001:db8:10::10") / TCP(sport=6000, dport=80), "forwarded"),
        (udp4(5003), "forwarded"),
        (Ether(**MACS) / IP(src="198.51.100.7", dst="203.0.113.10") / ICMP(type=8) / Raw(b"ping"), "echo_replied"),
        (tcp4(5004, payload=b"x" * 1460), "too_big_unanswered"),
        (tcp4(5005, to="203.0.113.30"), "no_backend"),
        (tcp4(5006, to="192.0.2.1"), "not_vip"),
        (Ether(dst="ff:ff:ff:ff:ff:ff", src=MACS["src"]) / ARP(pdst="203.0.113.10"), "not_ip"),
        (bad_sum, "bad_checksum"),
        (Ether(**MACS) / IP(src="198.51.100.7", dst="203.0.113.10") / GRE(), "not_vip"),
    ]


def write_capture(path, frames, **options):
    with PcapWriter(path, **options) as writer:
        for frame in frames:
            writer.write(frame)


def test_counts_explanation_and_output_agree(replay):
    frames = site_frames()
    wrpcap(replay.path("in.pcap"), [frame for frame, _ in frames])
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap", "--explain", "-o", "json")
    assert (ran.code, ran.err, len(ran.warnings)) == (0, "", 1)
    answer = ran.json()
    expected = [reason for _, reason in frames]
    assert [line["reason"] for line in answer["explain"]] == expected
    assert [line["frame"] for line in answer["explain"]] == list(range(1, len(frames) + 1))
    assert answer["reasons"] == {reason: expected.count(reason) for reason in expected}
    assert (answer["frames"], answer["cut"]) == (len(frames), 0)
    assert answer["sent"] + answer["kernel"] + answer["dropped"] == len(frames)
    sent = [line for line in answer["explain"] if line["reason"] in ("forwarded", "echo_replied")]
    assert answer["sent"] == answer["written"] == len(sent) == len(rdpcap(replay.path("out.pcap")))
    by_backend = {b["name"]: b["packets"] for b in answer["backends"]}
    named = [line["backend"] for line in sent if line["backend"]]
    assert by_backend == {name: named.count(name) for name in by_backend}
    assert set(by_backend) == {"web1", "web2", "web3", "six1", "near1", "near2"}


def test_frames_as_they_leave(replay):
    frames = site_frames()
    wrpcap(replay.path("in.pcap"), [at(frame, 1000 + i) for i, (frame, _) in enumerate(frames)])
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap", "--explain", "-o", "json")
    backends = [line["backend"] for line in ran.json()["explain"]]
    out = {int(packet.time) - 1000: packet for packet in rdpcap(replay.path("out.pcap"))}
    assert sorted(out) == [0, 1, 2, 3, 4, 5]
    for number in (0, 1, 2):
        outer, inner = out[number][IP], bytes(out[number][IP].payload)
        assert (outer.src, outer.dst, outer.proto) == ("10.0.0.2", BACKENDS[backends[number]], 4)
        original = frames[number][0][IP].copy()
        original.ttl = 63
        del original.chksum
        assert inner == bytes(original)
        assert (out[number].src, out[number].dst) == ("02:00:00:00:00:01", "02:00:00:00:00:02")
    assert out[2][Dot1Q].vlan == 7
    assert (out[3][IPv6].dst, out[3][UDP].dport) == ("fd00:1::11", 6080)
    assert (out[4][IP].dst, out[4].dst, out[4][IP].ttl) == ("203.0.113.20", "02:00:00:00:00:02", 63)
    assert backends[4] in ("near1", "near2")
    assert (out[5][ICMP].type, out[5][IP].dst, out[5].dst) == (0, "198.51.100.7", MACS["src"])
    assert backends[5] is None


def test_next_hop_by_option(replay):
    wrpcap(replay.path("in.pcap"), [tcp4(1)])
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap", "--mac", "0a:00:00:00:00:0B,0c:00:00:00:00:0d")
    assert (ran.code, ran.err) == (0, "")
    packet = rdpcap(replay.path("out.pcap"))[0]
    assert (packet.src, packet.dst) == ("0a:00:00:00:00:0b", "0c:00:00:00:00:0d")


def test_frames_for_the_kernel_are_written_untouched_if_asked(replay):
    frames = [frame for frame, _ in site_frames()]
    wrpcap(replay.path("in.pcap"), [at(frame, 1000 + i) for i, frame in enumerate(frames)])
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap", "--all", "-o", "json")
    out = {int(packet.time) - 1000: bytes(packet) for packet in rdpcap(replay.path("out.pcap"))}
    assert sorted(out) == [0, 1, 2, 3, 4, 5, 8, 9, 11]
    assert ran.json()["written"] == 9
    for number in (8, 9, 11):
        assert out[number] == bytes(frames[number])


def test_the_same_flow_always_goes_the_same_way_and_many_flows_go_everywhere(replay):
    wrpcap(replay.path("in.pcap"), [tcp4(port) for port in range(2000, 2300)] * 2)
    answer = replay.run("--in", "in.pcap", "--explain", "-o", "json").json()
    chosen = [line["backend"] for line in answer["explain"]]
    assert chosen[:300] == chosen[300:]
    for backend in answer["backends"]:
        if backend["name"].startswith("web"):
            assert 140 < backend["packets"] < 260  # 200 expected; binomial, five standard deviations


def test_time_is_the_captures(replay):
    """Rate limits count seconds of the capture: 3 echo answers each. Time that goes back does not start a new second."""
    echo = Ether(**MACS) / IP(src="198.51.100.7", dst="203.0.113.10") / ICMP(type=8)
    times = [10.0, 10.1, 10.2, 10.3, 11.0, 10.9, 11.2, 11.3, 12.5]
    wrpcap(replay.path("in.pcap"), [at(echo.copy(), second) for second in times])
    answer = replay.run("--in", "in.pcap", "--explain", "-o", "json").json()
    assert [line["reason"] for line in answer["explain"]] == (
        ["echo_replied"] * 3 + ["echo_limited"] + ["echo_replied"] * 3 + ["echo_limited", "echo_replied"])


def test_a_tracked_flow_counts_as_new_once_and_again_after_its_idle_time(replay):
    wrpcap(replay.path("in.pcap"), [at(udp4(1), t) for t in (100, 101, 120, 150, 181)])
    answer = replay.run("--in", "in.pcap", "-o", "json").json()
    near = [b for b in answer["backends"] if b["packets"]]
    assert [(b["packets"], b["new_flows"]) for b in near] == [(5, 2)]


def test_forms_of_captures(replay):
    frames = [at(tcp4(port), 5 + port / 8) for port in range(4)]
    write_capture(replay.path("micro.pcap"), frames)
    write_capture(replay.path("nano.pcap"), frames, nano=True)
    write_capture(replay.path("big-endian.pcap"), frames, endianness=">")
    with PcapNgWriter(replay.path("new.pcapng")) as writer:
        for frame in frames:
            writer.write(frame)
    outputs = {}
    for name in ("micro.pcap", "nano.pcap", "big-endian.pcap", "new.pcapng"):
        ran = replay.run("--in", name, "--out", name + ".out", "-o", "json")
        assert (ran.code, ran.err, ran.json()["reasons"]) == (0, "", {"forwarded": 4})
        outputs[name] = replay.read(name + ".out")
    assert len(set(outputs.values())) == 1
    with PcapReader(replay.path("nano.pcap.out")) as reader:
        assert reader.nano and [float(packet.time) for packet in reader] == [5, 5.125, 5.25, 5.375]


def test_nanoseconds_survive(replay):
    with PcapWriter(replay.path("in.pcap"), nano=True) as writer:
        writer.write_header(None)
        writer.write_packet(bytes(tcp4(1)), sec=1700000000, usec=123456789)
    assert replay.run("--in", "in.pcap", "--out", "out.pcap").code == 0
    with PcapReader(replay.path("out.pcap")) as reader:
        assert int(reader.read_packet().time * 10**9) == 1700000000123456789


def test_standard_input(replay):
    wrpcap(replay.path("in.pcap"), [tcp4(1), tcp4(2)])
    with open(replay.path("in.pcap"), "rb") as file:
        ran = replay.run("--in", "-", "-o", "json", stdin=file)
    assert (ran.code, ran.json()["frames"]) == (0, 2)


def test_no_frames(replay):
    with PcapWriter(replay.path("in.pcap"), linktype=1) as writer:
        writer.write_header(None)
    ran = replay.run("--in", "in.pcap", "--out", "out.pcap", "-o", "json")
    assert (ran.code, ran.err, ran.json()["frames"]) == (0, "", 0)
    assert len(rdpcap(replay.path("out.pcap"))) == 0


def test_the_table(replay):
    wrpcap(replay.path("in.pcap"), [tcp4(1), tcp4(1), tcp4(2, to="192.0.2.1")])
    ran = replay.run("--in", "in.pcap", "--explain")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].split() == ["FRAME", "FLOW", "REASON", "BACKEND"]
    assert lines[1].split()[:5] == ["1", "198.51.100.7:1", "->", "203.0.113.10:80/tcp", "forwarded"]
    assert lines[3].split() == ["3", "198.51.100.7:2", "->", "192.0.2.1:80/tcp", "not_vip", "-"]
    rows = {line.split()[0]: line.split()[1:3] for line in lines[4:] if line}
    assert rows["forwarded"] == ["sent", "2"]
    assert rows["not_vip"] == ["kernel", "1"]
    assert rows["all"] == ["3"]
    assert sum(name in rows for name in BACKENDS) == 1


@pytest.mark.parametrize("frame,flow", [
    (bytes(tcp4(1)), "198.51.100.7:1 -> 203.0.113.10:80/tcp"),
    (bytes(Ether(**MACS) / IPv6(src="2001:db8::7", dst="2001:db8:10::10") / UDP(sport=1, dport=2)),
     "[2001:db8::7]:1 -> [2001:db8:10::10]:2/udp"),
    (bytes(tcp4(1, frag=100)), "198.51.100.7 -> 203.0.113.10/tcp fragment"),
    (bytes(tcp4(1))[:40], "198.51.100.7 -> 203.0.113.10/tcp cut short"),
    (bytes(Ether(**MACS) / IP(src="1.2.3.4", dst="5.6.7.8") / ICMP(type=3)), "1.2.3.4 -> 5.6.7.8/icmp type 3"),
    (bytes(Ether(**MACS) / IP(src="1.2.3.4", dst="5.6.7.8") / GRE()), "1.2.3.4 -> 5.6.7.8/47"),
    (bytes(Ether(**MACS) / ARP()), "ethertype 0x0806"),
    (bytes(tcp4(1))[:30], "unreadable IPv4"),
    (bytes(tcp4(1))[:9], "unreadable Ethernet"),
    (bytes(Ether(**MACS) / Dot1Q() / Dot1Q() / Dot1Q() / IP()), "more than two VLAN tags"),
    (b"", "unreadable Ethernet"),
])
def test_flows_in_words(replay, frame, flow):
    with PcapWriter(replay.path("in.pcap"), linktype=1) as writer:
        writer.write_header(None)
        writer.write_packet(frame, sec=1, usec=0)
    line = replay.run("--in", "in.pcap", "--explain", "-o", "json").json()["explain"][0]
    assert line["flow"] == flow
