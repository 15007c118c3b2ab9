# SPDX-License-Identifier: Apache-2.0
"""The cluster's end of a plane's control socket, for tests: states as bytes (docs/control-socket.md) and `publish`."""
import dataclasses
import hashlib
import ipaddress
import json
import socket
import struct

ENCAPSULATIONS = {"ipip": 0, "gue": 1, "l2": 2}
PHASES = {"prepared": 1, "active": 2}
NONE = 0x7FFF


def text(value: str | bytes) -> bytes:
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<I", len(raw)) + raw


def address(value: str) -> bytes:
    packed = ipaddress.ip_address(value)
    return bytes([packed.version]) + packed.packed


@dataclasses.dataclass
class Pool:
    name: str
    members: list  # of (name, address, weight); the id of a backend is its position in the state + 1
    encapsulation: str = "ipip"
    gue_port: int = 6080
    mtu: int = 1500
    slots: int = 16381
    owners: list | None = None  # member index per slot; None: in turns by weight; []: nobody
    past: dict = dataclasses.field(default_factory=dict)  # slot -> member indices, the youngest first
    first_id: int = 1

    def column(self) -> list:
        if self.owners is not None:
            return self.owners
        turns = [i for i, (_, _, weight) in enumerate(self.members) for _ in range(weight)]
        return [turns[slot * 7919 % len(turns)] for slot in range(self.slots)] if turns else []

    def encoded(self) -> bytes:
        out = text(self.name) + struct.pack("<BHHIBI", ENCAPSULATIONS[self.encapsulation], self.gue_port, self.mtu,
                                            self.slots, 0, len(self.members))
        for i, (name, where, weight) in enumerate(self.members):
            out += text(name) + address(where) + struct.pack("<HIB", weight, self.first_id + i, 1)
        owners = self.column()
        table = struct.pack(f"<{len(owners)}H", *owners) + struct.pack("<I", len(self.past))
        for slot, before in sorted(self.past.items()):
            table += struct.pack("<I3H", slot, *(before + [NONE] * 3)[:3])
        # Any name that no other table has.
        out += hashlib.sha256(table).digest()[:8]
        return out + (b"\1" + table if owners else b"\0")


@dataclasses.dataclass
class Service:
    name: str
    address: str
    port: int
    pool: int
    protocol: int = 6
    track: bool = True

    def encoded(self) -> bytes:
        return text(self.name) + address(self.address) + struct.pack("<HBIBBB", self.port, self.protocol, self.pool,
                                                                     self.track, False, False)


def state(generation: int, pools: list[Pool], services: list[Service], phase: str = "active", table_hash: int = 1,
          hash_key: bytes = bytes(range(16))) -> bytes:
    """In full: nothing is taken to be known."""
    out = b"SLST" + struct.pack("<HQBQ", 2, generation, PHASES[phase], table_hash) + hash_key
    out += struct.pack("<I", len(pools)) + b"".join(b"\1" + text(pool.encoded()) for pool in pools)
    return out + b"\1" + text(struct.pack("<I", len(services)) + b"".join(one.encoded() for one in services))


class PlaneClient:
    """One connection, kept open."""

    def __init__(self, path: str, seconds: float = 30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.answers = self.socket.makefile("rb")

    def __enter__(self) -> "PlaneClient":
        return self

    def __exit__(self, *_) -> None:
        self.answers.close()
        self.socket.close()

    def ask(self, op: str, **members) -> dict:
        self.socket.sendall(json.dumps({"op": op, **members}).encode() + b"\n")
        return json.loads(self.answers.readline())

    def publish(self, content: bytes) -> dict:
        self.socket.sendall(json.dumps({"op": "publish", "bytes": len(content)}).encode() + b"\n" + content)
        return json.loads(self.answers.readline())
