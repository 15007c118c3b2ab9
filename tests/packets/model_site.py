# SPDX-License-Identifier: Apache-2.0
"""What a balancer knows before a packet comes: configuration, keyed hash, slot tables, services, flow table.

Second implementation for tests, written from docs/packet-path.md and the comments that page points to, as slowly and
plainly as possible. Nothing is shared with dataplane/.
"""
import ipaddress
import pathlib
import struct
import sys
import tomllib
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "slots"))
from reference import maglev, siphash24  # noqa: E402  (another person's model of the slot tables)

MASK64 = (1 << 64) - 1
TCP, UDP = 6, 17
FLOWS_PER_BUCKET = 8
UDP_IDLE_TICKS = 30


def derive_key(secret):
    """Word i of {offset, service, source_port, destination x4, source x4, mix x2} = SipHash-2-4(secret, i)."""
    words = [siphash24(secret, struct.pack("<Q", i)) for i in range(13)]
    return {
        "offset": words[0],
        "service": words[1],
        "source_port": words[2],
        "destination": words[3:7],
        "source": words[7:11],
        "mix": [words[11] | 1, words[12] | 1],
    }


def mix(key, x):
    x ^= x >> 32
    return x * key["mix"][0] & MASK64


def memory_hash(key, flow):
    flow ^= flow >> 29
    flow = flow * key["mix"][1] & MASK64
    return flow ^ flow >> 32


def flow_hash(key, source, destination, protocol, source_port, destination_port):
    """Addresses as wire bytes; ports as numbers."""
    kind = 1 if len(source) == 4 else 2
    word = destination_port | protocol << 16 | kind << 24
    total = key["offset"] + key["service"] * word + key["source_port"] * source_port
    for multipliers, address in (("destination", destination), ("source", source)):
        for i, (part,) in enumerate(struct.iter_unpack("<I", address)):
            total += key[multipliers][i] * part
    return mix(key, total & MASK64)


@dataclass(frozen=True)
class Backend:
    """Two pools that reach one host the same way have the same backend."""

    address: bytes
    encapsulation: str
    gue_port: int
    source: bytes = field(compare=False)
    inner_mtu: int = field(compare=False)
    member: str = field(compare=False)
    id: int = field(compare=False, default=0)

    # How the test bench reaches backends: packet_site.h has the same rule.
    @property
    def next_hop(self):
        """(destination MAC, source MAC, interface), or None while unresolved."""
        if "silent" in self.member:
            return None
        interface = int(self.member.rpartition("-if")[2]) if "-if" in self.member else 0
        return b"\x02\xbe" + self.address[-4:], bytes.fromhex("020a00000001"), interface


@dataclass
class Pool:
    name: str
    gue_port: int
    members: list  # Backend
    slots: list  # member index per slot; [] = nobody is eligible
    past: dict  # slot -> member indices, youngest first
    chain: bool


@dataclass
class Service:
    name: str
    address: bytes
    port: int
    protocol: int
    pool: Pool
    track: bool
    fragments: bool
    unreachable: bool


def outer_bytes(encapsulation, is_v4):
    return {"l2": 0, "ipip": 20 if is_v4 else 40, "gue": 32 if is_v4 else 52}[encapsulation]


def make_pool(table, plane, churn):
    chain = table["name"] in churn
    encapsulation = table.get("encapsulation", "ipip")
    gue_port = table.get("gue_port", 6080)
    members, weights = [], {}
    for place, member in enumerate(table.get("backends", table.get("backend", []))):
        address = ipaddress.ip_address(member["address"])
        is_v4 = address.version == 4
        source = plane.get("source_ipv4" if is_v4 else "source_ipv6", "::")
        less = outer_bytes(encapsulation, is_v4)
        if chain and encapsulation != "l2":
            less = outer_bytes("gue", is_v4) + 20
        members.append(
            Backend(
                address.packed,
                encapsulation,
                gue_port if encapsulation == "gue" else 0,
                ipaddress.ip_address(source).packed,
                table.get("mtu", 1500) - less,
                member["name"],
                0xB0000001 + place if chain else 0,
            )
        )
        weights[member["name"]] = member.get("weight", 100)
    slots_count = table.get("slots", 65537)
    places = {backend.member: place for place, backend in enumerate(members)}
    slots = [places[name] for name in maglev(weights, slots_count)]
    return Pool(table["name"], gue_port, members, slots, churned(slots, len(members)) if chain else {}, chain)


def churned(slots, members_count):
    """The previous owners that the test bench makes up for a pool that runs the second chance: packet_site.h has the
    same rule. Every third slot is stable; the others have one to three, as far as there are other members."""
    past = {}
    for slot, owner in enumerate(slots):
        count = min(1 + slot // 4 % 3, members_count - 1)
        if slot % 3 != 0 and count > 0:
            past[slot] = [(owner + 1 + (slot + i) % (members_count - 1)) % members_count for i in range(count)]
    return past


class FlowTable:
    """Buckets of eight. The time of an entry is unbounded here (12 bits in the image)."""

    def __init__(self, entries, key):
        self.key = key
        self.buckets_count = entries // FLOWS_PER_BUCKET
        self.buckets = {}

    def place(self, flow):
        memory = memory_hash(self.key, flow)
        bucket = self.buckets.setdefault(memory % self.buckets_count, [None] * FLOWS_PER_BUCKET)
        return bucket, (memory >> 24) & 0xFFFFFFFF

    def find(self, flow, counts):
        bucket, tag = self.place(flow)
        return next((entry for entry in bucket if entry and entry["tag"] == tag and counts(entry)), None)

    def keep(self, backends):
        for bucket in self.buckets.values():
            bucket[:] = [entry if entry and entry["backend"] in backends else None for entry in bucket]

    def knows(self, flow):
        return self.find(flow, lambda entry: True) is not None

    def enter(self, flow, backend, tick):
        bucket, tag = self.place(flow)
        own = [i for i, entry in enumerate(bucket) if entry and entry["tag"] == tag]
        empty = [i for i, entry in enumerate(bucket) if entry is None]
        oldest = min(range(FLOWS_PER_BUCKET), key=lambda i: bucket[i]["time"] if bucket[i] else tick)
        bucket[(own + empty + [oldest])[0]] = {"tag": tag, "backend": backend, "time": tick}


class Site:
    """One published configuration. A line `#! second-chance POOL` gives that pool chains (packet_site.h)."""

    def __init__(self, text):
        config = tomllib.loads(text)
        churn = {line.split()[2] for line in text.splitlines() if line.startswith("#! second-chance ")}
        plane = config.get("plane", {})
        self.key = derive_key(bytes.fromhex(config["hash_key"]))
        self.flows_per_cpu = plane.get("flows_per_cpu", 262144)
        self.inserts_per_tick = plane.get("new_flows_per_second", 200000)
        self.icmp_per_tick = plane.get("icmp_per_second", 1000)
        pools = {table["name"]: make_pool(table, plane, churn) for table in config.get("pool", [])}
        self.alive = {backend for pool in pools.values() for backend in pool.members}
        self.services = [
            Service(
                table["name"],
                ipaddress.ip_address(table["address"]).packed,
                table["port"],
                {"tcp": TCP, "udp": UDP}[table["protocol"]],
                pools[table["pool"]],
                table.get("track", True) and not table.get("fragments", False),
                table.get("fragments", False),
                table.get("unreachable", False),
            )
            for table in config["service"]
        ]

    def service(self, address, port, protocol):
        exact = [s for s in self.services if (s.address, s.port, s.protocol) == (address, port, protocol)]
        anywhere = [s for s in self.services if (s.address, s.port, s.protocol) == (address, 0, protocol)]
        return (exact + anywhere + [None])[0]

    def at_address(self, address, protocol=None):
        """The services of (address, protocol), or of the address whatever the protocol."""
        return [s for s in self.services if s.address == address and protocol in (None, s.protocol)]
