# SPDX-License-Identifier: Apache-2.0
"""Client, balancer and backend host in three namespaces, with a balancer of some lines of Python: what comes from the
client for a VIP is wrapped and sent to the backend host; answers are routed. Sockets are opened inside a namespace and
used from outside, so that one process sees all of it."""
import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = os.environ.get("SLUICE_BUILD", str(REPOSITORY / "build"))
AGENT = f"{BUILD}/dataplane/sluice-backend"
VIP4, VIP6 = "203.0.113.10", "2001:db8:203::10"
CLIENT4, CLIENT6 = "10.1.0.2", "fd00:1::2"
BALANCER4, BALANCER6 = "10.2.0.1", "fd00:2::1"
BACKEND4, BACKEND6 = "10.3.0.2", "fd00:3::2"
PORT = 80
PACKET_OUTGOING = 4
ETH_P_ALL = 3
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command: str, check: bool = True) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert not check or result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


@contextmanager
def inside(namespace: str):
    """The calling thread is in the namespace meanwhile; sockets stay where they were opened."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        assert _libc.setns(there, 0) == 0
        yield
    finally:
        assert _libc.setns(home, 0) == 0
        os.close(home)
        os.close(there)


def wait_for(condition, seconds: float = 10.0, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen in {seconds} s: {what}"
        time.sleep(0.02)


def outer_ipv4(source: str, destination: str, protocol: int, payload: bytes, traffic_class: int = 0) -> bytes:
    """Checksum and length are filled in by the kernel for raw sockets."""
    return struct.pack("!BBHHHBBH4s4s", 0x45, traffic_class, 20 + len(payload), 0, 0x4000, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination)) + payload


def outer_ipv6(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, socket.inet_pton(socket.AF_INET6, source),
                       socket.inet_pton(socket.AF_INET6, destination)) + payload


def gue(protocol: int, inner: bytes, private: bytes = b"") -> bytes:
    header = struct.pack("!BBH", len(private) // 4, protocol, 0) + private
    return struct.pack("!HHHH", 50000, 6080, 8 + len(header) + len(inner), 0) + header + inner


def syn_mss(packet: bytes) -> int | None:
    """The MSS option if this is a SYN-ACK."""
    offset, protocol = ((packet[0] & 15) * 4, packet[9]) if packet[0] >> 4 == 4 else (40, packet[6])
    tcp = packet[offset:]
    if protocol != socket.IPPROTO_TCP or len(tcp) < 20 or tcp[13] & 0x12 != 0x12:
        return None
    options = tcp[20:(tcp[12] >> 4) * 4]
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        if options[0] == 2:
            return struct.unpack("!H", options[2:4])[0]
        options = options[options[1]:]
    return 0


class Balancer(threading.Thread):
    """`form`: ipip, gue or chain (GUE with the longest private data there is), and the outer family."""

    def __init__(self, namespace: str):
        super().__init__(daemon=True)
        self.form, self.outer = "ipip", 4
        self.source4, self.source6 = BALANCER4, BALANCER6
        self.longest = self.too_long = self.wrapped = 0
        self.mss_seen: list[int] = []
        self._ended = threading.Event()
        with inside(namespace):
            self._from_client = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            self._from_client.bind(("client", ETH_P_ALL))
            self._from_client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.send4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self.send6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def wrap(self, packet: bytes) -> bytes:
        protocol = 4 if packet[0] >> 4 == 4 else 41
        payload = packet
        if self.form != "ipip":
            payload = gue(protocol, packet, bytes(20) if self.form == "chain" else b"")
            protocol = socket.IPPROTO_UDP
        if self.outer == 4:
            return outer_ipv4(self.source4, BACKEND4, protocol, payload)
        return outer_ipv6(self.source6, BACKEND6, protocol, payload)

    def send(self, wrapped: bytes) -> None:
        self.longest = max(self.longest, len(wrapped))
        try:
            if self.outer == 4:
                self.send4.sendto(wrapped, (BACKEND4, 0))
            else:
                self.send6.sendto(wrapped, (BACKEND6, 0))
            self.wrapped += 1
        except OSError:
            self.too_long += 1

    def run(self) -> None:
        vips = (socket.inet_aton(VIP4), socket.inet_pton(socket.AF_INET6, VIP6))
        while not self._ended.is_set():
            if not select.select([self._from_client], [], [], 0.1)[0]:
                continue
            packet, where = self._from_client.recvfrom(65536)
            if where[2] == PACKET_OUTGOING:
                mss = syn_mss(packet)
                if mss is not None:
                    self.mss_seen.append(mss)
                continue
            destination = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
            if destination in vips:
                self.send(self.wrap(packet))

    def end(self) -> None:
        self._ended.set()
        self.join()
        for one in (self._from_client, self.send4, self.send6):
            one.close()


class Site:
    def __init__(self, directory: Path, mtu: int = 1500):
        self.directory = directory
        self.pins = f"{directory}/bpf"  # a file system of our own: a fresh machine may have none at /sys/fs/bpf
        self.mtu = mtu
        self.client, self.router, self.backend = (f"sbt{os.getpid()}-{role}" for role in ("c", "r", "b"))
        self.agents: list[subprocess.Popen] = []
        self.agent_log = ""

    def up(self) -> None:
        os.mkdir(self.pins)
        run("mount", "-t", "bpf", "bpf", self.pins)
        for namespace in (self.client, self.router, self.backend):
            run("ip", "netns", "add", namespace)
            for setting in ("ipv4/conf/all/rp_filter=0", "ipv4/conf/default/rp_filter=0", "ipv6/conf/all/accept_dad=0",
                            "ipv6/conf/default/accept_dad=0", "ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1"):
                if namespace != self.router and "forward" in setting:
                    continue
                self.set(namespace, *setting.split("="))
        self._line(self.client, "client", CLIENT4, CLIENT6, "10.1.0.1", "fd00:1::1", 1500)
        self._line(self.backend, "backend", BACKEND4, BACKEND6, "10.3.0.1", "fd00:3::1", self.mtu)
        self.batch(self.router, f"address add {BALANCER4}/32 dev lo", f"address add {BALANCER6}/128 dev lo",
                   f"route add blackhole {VIP4}/32", f"route add blackhole {VIP6}/128")
        self.balancer = Balancer(self.router)
        self.balancer.start()

    def _line(self, namespace: str, port: str, v4: str, v6: str, gateway4: str, gateway6: str, mtu: int) -> None:
        run("ip", "link", "add", "eth0", "netns", namespace, "mtu", str(mtu), "type", "veth", "peer", "name", port,
            "netns", self.router, "mtu", str(mtu))
        for where, device, four, six, routes in (
                (namespace, "eth0", v4, v6, (f"route add default via {gateway4}", f"route add default via {gateway6}")),
                (self.router, port, gateway4, gateway6, ())):
            run("nsenter", f"--net=/run/netns/{where}", "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off",
                "gro", "off")
            self.batch(where, "link set lo up", f"address add {four}/24 dev {device}",
                       f"address add {six}/64 dev {device} nodad", f"link set {device} up")
            self.batch(where, *routes)

    @staticmethod
    def batch(namespace: str, *commands: str) -> None:
        result = subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(commands) + "\n",
                                capture_output=True, text=True, timeout=30)
        assert result.returncode == 0, f"{commands}: {result.stderr}"

    def down(self) -> None:
        if hasattr(self, "balancer"):
            self.balancer.end()
        for agent in self.agents:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
        if os.path.exists(f"/run/netns/{self.backend}"):
            self.command("--detach", check=False)
        for namespace in (self.client, self.router, self.backend):
            run("ip", "netns", "del", namespace, check=False)
        pinned = set(os.listdir(self.pins)) - {"maps.debug", "progs.debug"}  # the kernel's own, in every one
        run("umount", self.pins, check=False)
        assert not pinned, f"pins stayed behind: {pinned}"

    def set(self, namespace: str, name: str, value: str) -> None:
        with inside(namespace), open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write(value)

    def get(self, name: str) -> str:
        with inside(self.backend), open(f"/proc/sys/net/{name}", encoding="ascii") as file:
            return file.read().strip()

    def ip(self, *arguments: str) -> str:
        return run("ip", "-n", self.backend, *arguments)

    def _agent_command(self, *arguments: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.backend}", AGENT, *arguments,
                "--pin-directory", f"{self.pins}/agent", "--state-directory", f"{self.directory}/state"]

    def command(self, *arguments: str, check: bool = True, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        result = subprocess.run([*prefix, *self._agent_command(*arguments)], capture_output=True, text=True, timeout=20)
        assert not check or result.returncode == 0, result.stderr
        return result

    USUAL = ("--interface", "eth0", "--vip", VIP4, "--vip", VIP6, "--allow", "10.2.0.0/16", "--allow", "fd00:2::/32")

    def start_agent(self, *arguments: str, usual: bool = True) -> subprocess.Popen:
        log = self.directory / f"agent-{len(self.agents)}.log"
        with open(log, "w", encoding="utf-8") as output:
            agent = subprocess.Popen(self._agent_command(*(self.USUAL if usual else ()), *arguments), stdout=output,
                                     stderr=subprocess.STDOUT)
        self.agents.append(agent)
        wait_for(lambda: "ready:" in log.read_text() or agent.poll() is not None, what="ready")
        self.agent_log = log.read_text()
        assert agent.poll() is None, self.agent_log
        return agent

    def stop_agent(self, agent: subprocess.Popen, number: int = signal.SIGTERM) -> int:
        agent.send_signal(number)
        return agent.wait(timeout=10)

    def status(self) -> dict:
        return json.loads(self.command("--status", "-o", "json").stdout)

    def reasons(self) -> dict[str, int]:
        status = self.status()
        counts = {reason["name"]: reason["packets"] for reason in status["reasons"]}
        assert sum(counts.values()) == status["rx_packets"]
        return counts
