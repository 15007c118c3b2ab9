# SPDX-License-Identifier: Apache-2.0
"""For how long does nothing come through? A new connection to the VIP every 5 ms, and which of them had to ask twice.

A connection whose SYN is lost still comes to be a second later, by the kernel's repetition: so the socket is asked how
often it repeated. That tells a lost packet from a slow answer, however busy the machine is."""
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass

from .http_load import Ports

INTERVAL = 0.005
# Losses closer than this are one outage. With several balancers some probes come through all the while, by the others: of
# 40 probes in this time none goes to the one that is out once in 10^12 (two balancers) or 10^7 (three).
TOGETHER = 0.2
LAST_ANSWERS = 0.5  # how long the last ones are waited for; a SYN is repeated after 1 s
_total_retrans = 100  # offset in struct tcp_info of linux/tcp.h, part of the kernel's ABI since 2.6


@dataclass
class Probe:
    sent: float  # seconds since the first one
    came_through: bool = False


def outages(probes: list[Probe]) -> list[dict]:
    """Each from the first probe lost to the next one that came through after the last one lost."""
    found: list[list[int]] = []
    for index, probe in enumerate(probes):
        if probe.came_through:
            continue
        if found and probe.sent - probes[found[-1][1]].sent <= TOGETHER:
            found[-1][1] = index
        else:
            found.append([index, index])
    result = []
    for first, last in found:
        end = probes[min(last + 1, len(probes) - 1)].sent
        result.append({"at_seconds": round(probes[first].sent, 3), "ms": round((end - probes[first].sent) * 1000),
                       "lost": sum(not probe.came_through for probe in probes[first:last + 1]),
                       "ended": last + 1 < len(probes)})
    return result


def to_json(probes: list[Probe]) -> dict:
    found = outages(probes)
    return {"sent": len(probes), "lost": sum(not probe.came_through for probe in probes), "outages": found,
            "longest_ms": max((outage["ms"] for outage in found), default=0)}


class Prober:
    def __init__(self, host: str, source: str, port: int, ports_file: str):
        self._target = (host, port)
        self._source = source
        self._ports = Ports(ports_file)
        self._poll = select.epoll()
        self._open: dict[int, tuple[socket.socket, Probe]] = {}
        self._began = time.monotonic()
        self.probes: list[Probe] = []
        self.stopping = False

    def run(self, seconds: float) -> list[Probe]:
        self._began = due = time.monotonic()
        while not self.stopping and due < self._began + seconds:
            self._collect(due)
            self._send()
            due = max(due + INTERVAL, time.monotonic())  # what was missed is not caught up with: no burst after a pause
        deadline = time.monotonic() + LAST_ANSWERS
        while self._open and time.monotonic() < deadline:
            self._collect(min(deadline, time.monotonic() + INTERVAL))
        for sock, _ in self._open.values():
            sock.close()
        return self.probes

    def _send(self) -> None:
        sock = socket.socket(socket.AF_INET6 if ":" in self._source else socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes by a reset: no TIME_WAIT
        try:
            sock.bind((self._source, self._ports.take()))
        except OSError:
            sock.close()  # an earlier connection rests on this port; the next probe takes the next one
            return
        probe = Probe(time.monotonic() - self._began)
        sock.connect_ex(self._target)
        self._open[sock.fileno()] = (sock, probe)
        self._poll.register(sock, select.EPOLLOUT)
        self.probes.append(probe)

    def _collect(self, until: float) -> None:
        """Takes answers as they come, until that time."""
        while True:
            left = max(0.0, until - time.monotonic())
            for handle, events in self._poll.poll(left):
                sock, probe = self._open.pop(handle)
                self._poll.unregister(handle)
                info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
                repeated = struct.unpack_from("=I", info, _total_retrans)[0]
                probe.came_through = not events & (select.EPOLLERR | select.EPOLLHUP) and repeated == 0
                sock.close()
            if left == 0.0:
                return


def run(host: str, source: str, port: int, seconds: float, ports_file: str) -> dict:
    """Probes in the namespace the calling thread is in. Ctrl-C ends it early with what it has."""
    prober = Prober(host, source, port, ports_file)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(prober, "stopping", True))
    return to_json(prober.run(seconds))
