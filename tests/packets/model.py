# SPDX-License-Identifier: Apache-2.0
"""A slow, clear, independent model of one balancer: docs/packet-path.md, rule by rule.

Balancer(text).verdict(frame, tick) -> Verdict(reason, output, interface). Section numbers below are that page's.
"""
import struct
from collections import Counter
from dataclasses import dataclass, field

from model_site import TCP, UDP, UDP_IDLE_TICKS, FlowTable, Site, flow_hash

ICMP, ICMP6 = 1, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION)
EXTENSIONS_MAX, EXTENSION_BYTES_MAX = 8, 256
QUOTE_BYTES = 304
CHAIN_MAX = 3

KERNEL = {"not_ip", "not_vip", "vlan_depth", "ext_headers", "unparsed"}
ANSWERED = {"echo_replied", "too_big_replied", "unreachable_replied"}
FORWARDED = {"forwarded", "forwarded_icmp_error"}
PLANE_REASONS = (
    "forwarded forwarded_icmp_error echo_replied too_big_replied unreachable_replied not_ip not_vip vlan_depth "
    "ext_headers unparsed bad_length bad_checksum ttl_expired bad_source fragment_refused fragment_tiny no_backend "
    "no_next_hop too_big_unanswered echo_limited too_big_limited unreachable_limited icmp_malformed"
).split()


@dataclass
class Verdict:
    reason: str
    output: bytes = None  # None: dropped. Kernel: the frame untouched
    interface: int = 0  # 0: out the way it came


class Done(Exception):
    """A packet's way ends here."""

    def __init__(self, reason, output=None, interface=0):
        super().__init__(reason)
        self.verdict = Verdict(reason, output, interface)


def word(data, offset):
    return struct.unpack_from(">H", data, offset)[0]


def checksum(data):
    """RFC 1071; 0 if the data holds its own right checksum."""
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def adjusted(old_checksum, old_word, new_word):
    """RFC 1624, equation 3."""
    total = (old_checksum ^ 0xFFFF) + (old_word ^ 0xFFFF) + new_word
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@dataclass
class Packet:
    frame: bytes
    l3: int  # offset of the IP header
    is_v4: bool
    total: int = 0  # T
    transport: int = 0  # offset from l3
    protocol: int = 0
    source: bytes = b""
    destination: bytes = b""
    options: bool = False  # IPv4 options or IPv6 extension headers
    header_bytes: int = 0  # IPv4's H
    fault: str = None
    first_fragment: bool = False
    later_fragment: bool = False
    truncated: bool = False
    shape: str = ""
    source_port: int = 0
    destination_port: int = 0
    syn: bool = False

    @property
    def ip(self):
        return self.frame[self.l3 :]

    @property
    def room(self):
        return len(self.frame) - self.l3

    @property
    def available(self):
        return max(self.total - self.transport, 0)

    @property
    def ttl(self):
        return self.ip[8 if self.is_v4 else 7]

    @property
    def traffic_class(self):
        return self.ip[1] if self.is_v4 else word(self.ip, 0) >> 4 & 0xFF

    @property
    def icmp(self):
        return ICMP if self.is_v4 else ICMP6

    def in_frame(self, count):
        """Are `count` bytes of transport in the frame?"""
        return self.room - self.transport >= count


# --- sections 1 to 4: parse -------------------------------------------------------------------------------------------


def parse_frame(frame):
    if len(frame) < 14:
        raise Done("unparsed")
    end, tags = 14, 0
    while (ethertype := word(frame, end - 2)) in (0x8100, 0x88A8):
        if tags == 2:
            raise Done("vlan_depth")
        if len(frame) < end + 4:
            raise Done("unparsed")
        end, tags = end + 4, tags + 1
    if ethertype not in (0x0800, 0x86DD):
        raise Done("not_ip")
    return parse_ip(frame, end, ethertype == 0x0800, quoted=False)


def parse_ip(frame, l3, is_v4, quoted):
    packet = Packet(frame, l3, is_v4)
    if packet.room < (20 if is_v4 else 40) or packet.ip[0] >> 4 != (4 if is_v4 else 6):
        raise Done("unparsed")
    if is_v4:
        parse_v4(packet)
    else:
        parse_v6(packet)
    if packet.truncated:
        packet.shape = "truncated"
    else:
        parse_transport(packet, quoted)
    return packet


def parse_v4(packet):
    ip = packet.ip
    packet.header_bytes = (ip[0] & 0xF) * 4
    packet.total, packet.protocol = word(ip, 2), ip[9]
    packet.source, packet.destination = ip[12:16], ip[16:20]
    packet.options = packet.header_bytes > 20
    packet.transport = packet.header_bytes
    if packet.total < packet.header_bytes or packet.total > packet.room or packet.header_bytes < 20:
        packet.fault = "bad_length"
    if packet.header_bytes < 20:
        if packet.protocol not in (TCP, UDP):
            raise Done("not_vip")
        packet.truncated = True
        return
    offset, more = word(ip, 6) & 0x1FFF, ip[6] & 0x20
    packet.later_fragment = offset != 0
    packet.first_fragment = offset == 0 and more != 0


def parse_v6(packet):
    ip = packet.ip
    packet.total = min(40 + word(ip, 4), 65535)
    packet.source, packet.destination = ip[8:24], ip[24:40]
    if packet.total > packet.room:
        packet.fault = "bad_length"
    following, at, walked = ip[6], 40, 0
    while following in EXTENSIONS and not packet.later_fragment:
        if walked == EXTENSIONS_MAX:
            raise Done("ext_headers")
        if len(ip) < at + 8:
            raise Done("unparsed")
        if following == ROUTING and ip[at + 3] != 0:
            raise Done("ext_headers")
        length = (ip[at + 1] + 1) * 8
        if following == AUTHENTICATION:
            length = (ip[at + 1] + 2) * 4
        if following == FRAGMENT:
            length = 8
            fragment = word(ip, at + 2)
            packet.later_fragment = fragment >> 3 != 0
            # A chain with two fragment headers: one that says "first fragment" is enough.
            packet.first_fragment |= fragment >> 3 == 0 and fragment & 1 != 0
        at, walked, following = at + length, walked + 1, ip[at]
        if at > 40 + EXTENSION_BYTES_MAX:
            raise Done("ext_headers")
    packet.options = walked > 0
    packet.transport, packet.protocol = at, following


def parse_transport(packet, quoted):
    protocol, at, ip = packet.protocol, packet.transport, packet.ip
    if protocol not in (TCP, UDP, packet.icmp):
        raise Done("not_vip")
    if protocol == packet.icmp:
        parse_icmp(packet)
        return
    if packet.later_fragment:
        packet.shape = "portless"
        return
    header_bytes = 20 if protocol == TCP else 8
    if not packet.in_frame(8 if quoted else header_bytes):
        packet.shape = "truncated"
        return
    packet.shape = "flow"
    packet.source_port, packet.destination_port = word(ip, at), word(ip, at + 2)
    if quoted:
        return
    available = packet.available
    short = available < header_bytes
    if protocol == TCP:
        data_offset, flags = ip[at + 12] >> 4, ip[at + 13]
        packet.syn = flags & 0x12 == 0x02
        if data_offset < 5:
            packet.fault = "bad_length"
        short = short or data_offset * 4 > available
    else:
        udp_length = word(ip, at + 4)
        if udp_length < 8 or (udp_length > available and not packet.first_fragment):
            packet.fault = "bad_length"
    if short:
        packet.fault = "fragment_tiny" if packet.first_fragment else "bad_length"


def parse_icmp(packet):
    if packet.first_fragment or packet.later_fragment:
        raise Done("not_vip")
    if not packet.in_frame(8):
        raise Done("unparsed")
    if packet.available < 8:
        packet.fault = "bad_length"
    packet.shape = "icmp"


@dataclass
class Flow:
    """What is hashed and asked of the flow table."""

    source: bytes
    destination: bytes
    protocol: int
    source_port: int
    destination_port: int
    syn: bool = False
    looks_only: bool = False  # an ICMP error


@dataclass
class Traffic:
    packets: int = 0
    bytes: int = 0
    new_flows: int = 0


@dataclass
class Counters:
    rx: int = 0
    reasons: Counter = field(default_factory=Counter)
    services: dict = field(default_factory=dict)


class Balancer:
    def __init__(self, text):
        self.generation = 0
        self.counters = Counters()
        self.flows = None
        self.inserts, self.answers = Counter(), Counter()  # by tick
        self.publish(text)

    def publish(self, text):
        self.site = Site(text)
        self.generation += 1
        self.flows = self.flows or FlowTable(self.site.flows_per_cpu, self.site.key)
        # A backend that comes back later starts without the flows it had.
        self.flows.keep(self.site.alive)

    def verdict(self, frame, tick=0):
        self.tick = tick
        self.counters.rx += 1
        try:
            self.handle(parse_frame(frame))
        except Done as done:
            verdict = done.verdict
        if verdict.reason in KERNEL:
            verdict.output = frame
        self.counters.reasons[verdict.reason] += 1
        return verdict

    # --- section 5: which service -------------------------------------------------------------------------------------

    def handle(self, packet):
        {"flow": self.flow, "portless": self.portless, "truncated": self.cut_short, "icmp": self.icmp_message}[
            packet.shape
        ](packet)

    def flow(self, packet):
        service = self.site.service(packet.destination, packet.destination_port, packet.protocol)
        if service is None:
            raise Done("not_vip")
        self.judge(packet)
        if packet.first_fragment and not service.fragments:
            raise Done("fragment_refused")
        ports = (0, 0) if service.fragments else (packet.source_port, packet.destination_port)
        self.forward(packet, service, Flow(packet.source, packet.destination, packet.protocol, *ports, packet.syn))

    def portless(self, packet):
        services = self.site.at_address(packet.destination, packet.protocol)
        if not services:
            raise Done("not_vip")
        self.judge(packet)
        allowing = [service for service in services if service.fragments]
        if not allowing:
            raise Done("fragment_refused")
        self.forward(packet, allowing[0], Flow(packet.source, packet.destination, packet.protocol, 0, 0))

    def cut_short(self, packet):
        if not self.site.at_address(packet.destination, packet.protocol):
            raise Done("not_vip")
        raise Done(packet.fault or ("fragment_tiny" if packet.first_fragment else "bad_length"))

    def icmp_message(self, packet):
        kind, code = packet.ip[packet.transport : packet.transport + 2]
        if kind == (8 if packet.is_v4 else 128) and code == 0:
            self.echo(packet)
        elif kind in ((3, 11, 12) if packet.is_v4 else (1, 2, 3, 4)):
            self.icmp_error(packet)
        raise Done("not_vip")

    def judge(self, packet):
        if packet.fault:
            raise Done(packet.fault)
        source = packet.source
        if packet.is_v4:
            if checksum(packet.ip[: packet.header_bytes]) != 0:
                raise Done("bad_checksum")
            unfit = source[0] in (0, 127) or source[0] >= 224
        else:
            unfit = source[0] == 255 or source in (bytes(16), bytes(15) + b"\1")
        if unfit or source == packet.destination:
            raise Done("bad_source")

    # --- section 6: forward -------------------------------------------------------------------------------------------

    def forward(self, packet, service, flow):
        if packet.ttl <= 1:
            raise Done("ttl_expired")
        flow_value = flow_hash(
            self.site.key, flow.source, flow.destination, flow.protocol, flow.source_port, flow.destination_port
        )
        backend, chain, enters = self.choose(service, flow, flow_value)
        if backend is None:
            if service.unreachable and packet.shape == "flow":
                self.answer_error(packet, (3, 3) if packet.is_v4 else (1, 4), 0, "unreachable")
            raise Done("no_backend")
        if packet.total > backend.inner_mtu:
            if packet.shape == "icmp" or (packet.is_v4 and not packet.ip[6] & 0x40):
                raise Done("too_big_unanswered")
            self.answer_error(packet, (3, 4) if packet.is_v4 else (2, 0), backend.inner_mtu, "too_big")
        if backend.next_hop is None:
            raise Done("no_next_hop")
        entered = enters and self.enter_flow(flow_value, backend)
        traffic = self.counters.services.setdefault(service.name, Traffic())
        traffic.packets += 1
        traffic.bytes += packet.total
        traffic.new_flows += 1 if flow.syn or (entered and flow.protocol == UDP) else 0
        destination_mac, source_mac, interface = backend.next_hop
        ethertype, outer = self.outer(packet, backend, service.pool, flow_value, chain)
        tags = packet.frame[12 : packet.l3 - 2]
        output = destination_mac + source_mac + tags + ethertype + outer + self.hopped(packet)
        raise Done("forwarded_icmp_error" if packet.shape == "icmp" else "forwarded", output, interface)

    def enter_flow(self, flow_value, backend):
        """Only what takes a place away from others counts against the tick's limit."""
        if not self.flows.knows(flow_value):
            if self.inserts[self.tick] >= self.site.inserts_per_tick:
                return False
            self.inserts[self.tick] += 1
        self.flows.enter(flow_value, backend, self.tick)
        return True

    def hopped(self, packet):
        """All bytes from the IP header on, one hop further."""
        ip = bytearray(packet.ip)
        ip[8 if packet.is_v4 else 7] -= 1
        if packet.is_v4:
            (old,) = struct.unpack_from("<H", ip, 10)
            new = old + 1 if old + 1 < 65535 else (old + 2) % 65536
            struct.pack_into("<H", ip, 10, new)
        return bytes(ip)

    def outer(self, packet, backend, pool, flow_value, chain):
        """(ethertype, outer header)."""
        is_v4 = len(backend.address) == 4
        if backend.encapsulation == "l2" and not chain:
            return packet.frame[packet.l3 - 2 : packet.l3], b""
        inner_protocol = 4 if packet.is_v4 else 41
        between, protocol = b"", inner_protocol
        if backend.encapsulation == "gue" or chain:
            trailer = b""
            if chain:
                trailer = struct.pack(">IBBBB", self.generation & 0xFFFFFFFF, 0, len(chain), 0, 0)
                trailer += b"".join(struct.pack(">I", other.id) for other in chain)
            gue = bytes([len(trailer) // 4, inner_protocol, 0, 0]) + trailer
            source_port = 0xC000 + (flow_value >> 32 & 0x3FFF)
            length = 8 + len(gue) + packet.total
            between = struct.pack(">HHHH", source_port, pool.gue_port, length, 0) + gue
            protocol = UDP
        payload = len(between) + packet.total
        if is_v4:
            header = ipv4_header(packet.traffic_class, payload, protocol, backend.source, backend.address)
            return b"\x08\x00", header + between
        label = flow_value >> 28 & 0xFFFFF
        header = ipv6_header(packet.traffic_class, label, payload, protocol, backend.source, backend.address)
        return b"\x86\xdd", header + between

    # --- section 7: which backend -------------------------------------------------------------------------------------

    def choose(self, service, flow, flow_value):
        """(backend or None, chain, does the flow enter the flow table if it is forwarded?)."""
        pool, found = service.pool, None
        if service.track and not flow.syn:
            found = self.flows.find(flow_value, lambda entry: self.entry_counts(entry, flow))
        owner = slot = None
        if pool.slots:
            slot = (flow_value >> 32) * len(pool.slots) >> 32
            owner = pool.members[pool.slots[slot]]
        if found and not flow.looks_only:
            found["time"] = self.tick
        backend = found["backend"] if found else owner
        enters = service.track and not found and not flow.looks_only and (flow.syn or flow.protocol == UDP)
        chain = []
        if slot in pool.past and pool.chain and not flow.syn:
            candidates = [owner] + [pool.members[member] for member in pool.past[slot]]
            chain = [other for other in candidates if other != backend and other in self.site.alive][:CHAIN_MAX]
        return backend, chain, enters

    def entry_counts(self, entry, flow):
        if entry["backend"] not in self.site.alive:
            return False
        return flow.protocol != UDP or self.tick - entry["time"] <= UDP_IDLE_TICKS

    # --- section 8: ICMP errors ---------------------------------------------------------------------------------------

    def icmp_error(self, packet):
        try:
            quote = parse_ip(packet.frame, packet.l3 + packet.transport + 8, packet.is_v4, quoted=True)
        except Done:
            raise Done("not_vip") from None
        if quote.shape != "flow":
            raise Done("not_vip")
        service = self.site.service(quote.source, quote.source_port, quote.protocol)
        if service is None:
            raise Done("not_vip")
        self.judge(packet)
        if quote.source != packet.destination:
            raise Done("icmp_malformed")
        ports = (0, 0) if service.fragments else (quote.destination_port, quote.source_port)
        flow = Flow(quote.destination, quote.source, quote.protocol, *ports, looks_only=True)
        self.forward(packet, service, flow)

    # --- section 9: answers -------------------------------------------------------------------------------------------

    def spend_answer(self, what):
        if self.answers[self.tick] >= self.site.icmp_per_tick:
            raise Done(what + "_limited")
        self.answers[self.tick] += 1

    def returned(self, packet, ip):
        frame = packet.frame
        return frame[6:12] + frame[0:6] + frame[12 : packet.l3] + ip

    def echo(self, packet):
        if not self.site.at_address(packet.destination):
            raise Done("not_vip")
        if packet.options:
            raise Done("not_vip")
        self.judge(packet)
        self.spend_answer("echo")
        ip, at = bytearray(packet.ip), packet.transport
        if packet.is_v4:
            ip[12:20] = packet.destination + packet.source
            before = word(ip, 8)
            ip[8] = 64
            struct.pack_into(">H", ip, 10, adjusted(word(ip, 10), before, word(ip, 8)))
        else:
            ip[8:40] = packet.destination + packet.source
            ip[7] = 64
        before = word(ip, at)
        ip[at] = 0 if packet.is_v4 else 129
        struct.pack_into(">H", ip, at + 2, adjusted(word(ip, at + 2), before, word(ip, at)))
        raise Done("echo_replied", self.returned(packet, bytes(ip)))

    def answer_error(self, packet, type_and_code, second_word, what):
        self.spend_answer(what)
        quote = packet.ip[: min(packet.total, QUOTE_BYTES)]
        message = bytes(type_and_code) + b"\0\0" + struct.pack(">I", second_word) + quote
        pseudo = b""
        if packet.is_v4:
            header = ipv4_header(0xC0, len(message), ICMP, packet.destination, packet.source)
        else:
            header = ipv6_header(0, 0, len(message), ICMP6, packet.destination, packet.source)
            pseudo = packet.destination + packet.source + struct.pack(">II", len(message), ICMP6)
        message = message[:2] + struct.pack(">H", checksum(pseudo + message)) + message[4:]
        raise Done(what + "_replied", self.returned(packet, header + message))


def ipv4_header(tos, payload, protocol, source, destination):
    def header(check):
        fixed = struct.pack(">BBHHHBBH", 0x45, tos, 20 + payload, 0, 0x4000, 64, protocol, check)
        return fixed + source + destination

    return header(checksum(header(0)))


def ipv6_header(traffic_class, label, payload, following, source, destination):
    return struct.pack(">IHBB", 6 << 28 | traffic_class << 20 | label, payload, following, 64) + source + destination
