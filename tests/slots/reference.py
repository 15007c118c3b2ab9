#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of dataplane/core/slots a second time, as slowly and plainly as possible.

Written from the texts of maglev.h, slot_quotas.h, slot_step.h and slot_table.h with fractions, sorting and lists of
names instead of their counting and packing. Reads and prints what slot_script.cc does.
"""
import struct
import sys
from fractions import Fraction

MASK = (1 << 64) - 1
OWNERS_LIMIT = 4


class Refused(Exception):
    pass


def rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def siphash24(key, data):
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & MASK
            v[1] = rotate(v[1], 13) ^ v[0]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[3]) & MASK
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & MASK
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & MASK
            v[1] = rotate(v[1], 17) ^ v[2]
            v[2] = rotate(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def quotas(weights, slots_count):
    """name -> slots, by largest remainder; equal remainders in identity order."""
    total = sum(weights.values())
    if total == 0:
        return dict.fromkeys(weights, 0)
    exact = {name: Fraction(weight * slots_count, total) for name, weight in weights.items()}
    quota = {name: int(share) for name, share in exact.items()}
    left = slots_count - sum(quota.values())
    for name in sorted(weights, key=lambda name: (quota[name] - exact[name], name.encode()))[:left]:
        quota[name] += 1
    return quota


def turns(weights, counts):
    """Names in the order they take a slot."""
    if sum(counts.values()) == 0:
        return []
    heaviest = max(weights.values())
    last = heaviest * sum(counts.values()) // sum(weights.values()) + 2
    keyed = []
    for place, name in enumerate(sorted(weights, key=str.encode)):
        for turn in range(1, counts[name] + 1):
            keyed.append((min(-(-turn * heaviest // weights[name]), last), place, name))
    return [name for _, _, name in sorted(keyed)]


def maglev(weights, slots_count):
    """[name per slot]; [] if nobody has a weight."""
    order = turns(weights, quotas(weights, slots_count))
    if not order:
        return []
    table = [None] * slots_count
    walk = {}
    for name in weights:
        offset = siphash24(b"sluice-maglev-of", name.encode()) % slots_count
        skip = siphash24(b"sluice-maglev-sk", name.encode()) % (slots_count - 1) + 1
        walk[name] = iter([(offset + i * skip) % slots_count for i in range(slots_count)])
    for name in order:
        table[next(slot for slot in walk[name] if table[slot] is None)] = name
    return table


class Table:
    def __init__(self, slots_count, owners_max):
        self.slots_count, self.owners_max = slots_count, owners_max
        self.lists = []  # per slot: names, current first
        self.ids = {}  # name -> id
        self.given = {}  # name -> weight, of the last step
        self.empty = True

    def step(self, weights):
        taken = set(self.ids.values())
        free = (number for number in range(1 << 15) if number not in taken)
        for name in sorted(weights, key=str.encode):
            if name not in self.ids:
                self.ids[name] = next(free)
        self.given = dict(weights)
        self.empty = sum(weights.values()) == 0
        report = (0, 0, 0)
        if not self.empty and not self.lists:
            self.lists = [[name] for name in maglev(weights, self.slots_count)]
            report = (self.slots_count, 0, self.slots_count)
        elif not self.empty:
            report = self.follow()
        self.release()
        return report

    def follow(self):
        quota = quotas(self.given, self.slots_count)
        held = [owners[0] for owners in self.lists]
        names = set(self.ids)
        excess = {name: held.count(name) - quota.get(name, 0) for name in names}
        minimum = sum(-count for count in excess.values() if count < 0)
        stride = max(1, self.slots_count * 40503 // 65536)
        visit = [i * stride % self.slots_count for i in range(self.slots_count)]
        lengths = [len(owners) for owners in self.lists]
        moved = set()

        def move(slot, name):
            owners = self.lists[slot]
            excess[owners[0]] -= 1
            excess[name] += 1
            self.lists[slot] = ([name] + [owner for owner in owners if owner != name])[: self.owners_max]
            moved.add(slot)

        for length in (4, 3, 2):
            for slot in visit:
                owners = self.lists[slot]
                if lengths[slot] != length or excess[owners[0]] <= 0:
                    continue
                short = [name for name in owners[1:] if excess[name] < 0]
                if short:
                    move(slot, short[0])
        returned = len(moved)

        deficits = {name: max(0, -count) for name, count in excess.items()}
        receivers = turns(deficits, deficits)
        for length in (1, 2, 3, 4):
            for slot in visit:
                if slot not in moved and lengths[slot] == length and excess[self.lists[slot][0]] > 0:
                    move(slot, receivers.pop(0))
        assert not receivers
        return len(moved), returned, minimum

    def release(self):
        listed = {name for owners in self.lists for name in owners}
        self.ids = {name: number for name, number in self.ids.items() if name in listed or name in self.given}

    def forget(self, name):
        if name not in self.ids:
            raise Refused(f"no member is named '{name}'")
        self.lists = [owners[:1] + [owner for owner in owners[1:] if owner != name] for owners in self.lists]
        self.release()

    def hash(self):
        data = struct.pack("<IBBI", self.slots_count, self.owners_max, self.empty, len(self.ids))
        for name, number in sorted(self.ids.items(), key=lambda item: item[1]):
            identity = name.encode()
            data += struct.pack("<HBII", number, name in self.given, self.given.get(name, 0), len(identity)) + identity
        for owners in self.lists:
            data += struct.pack(f"<B{len(owners)}H", len(owners), *(self.ids[name] for name in owners))
        return siphash24(b"sluice-table-v01", data)


def rows(table, wanted):
    return [f"{slot}: " + " < ".join(owners) for slot, owners in enumerate(table.lists) if wanted(owners)]


def id_rows(table):
    lines = []
    for name, number in sorted(table.ids.items(), key=lambda item: item[1]):
        first = sum(owners[0] == name for owners in table.lists)
        listed = sum(name in owners for owners in table.lists)
        slots = 0 if table.empty else first
        gone = "" if name in table.given else " gone"
        weight = table.given.get(name, 0)
        lines.append(f"{number} {name} weight {weight} slots {slots} remembered {listed - slots}{gone}")
    return lines


def assignments(words):
    return {name: int(number) for name, number in (word.split("=") for word in words)}


def run(script):
    """The output of a script, as a list of lines."""
    table, out = Table(13, 3), []
    for line in script.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        out.append(f"> {line}")
        try:
            if words[0] == "pool":
                options = assignments(words[1:])
                table = Table(options.get("slots", 65537), options.get("owners", 3))
                out.append("empty")
            elif words[0] == "fill":
                filled = maglev(assignments(words[1:]), table.slots_count)
                out += [f"{slot}: {name}" for slot, name in enumerate(filled)] or ["empty"]
            elif words[0] == "step":
                moved, returned, minimum = table.step(assignments(words[1:]))
                out.append("empty" if table.empty else f"moved {moved}, returned {returned}, minimum {minimum}")
            elif words[0] == "forget":
                table.forget(words[1])
                out.append("forgotten")
            elif words[0] == "table":
                out += ["empty"] if table.empty else rows(table, lambda owners: True)
            elif words[0] == "unstable":
                out += [] if table.empty else rows(table, lambda owners: len(owners) > 1)
            elif words[0] == "ids":
                out += id_rows(table)
            elif words[0] == "hash":
                out.append(f"{table.hash():016x}")
        except Refused as refused:
            out.append(f"error: {refused}")
    return out


if __name__ == "__main__":
    print("\n".join(run(sys.stdin.read())))
