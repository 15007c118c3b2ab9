# SPDX-License-Identifier: Apache-2.0
"""Real HTTP from the client's namespace, counted by the server that answered. Bounded in requests and in time.

Every connection gets a source port that no connection of this lab has had before (until all have been used), so each is
a flow of its own, drawn independently: that is what makes a share of N requests a binomial draw."""
import asyncio
import errno
import fcntl
import os
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field

FIRST_PORT = 2048
PORTS_COUNT = 63000
BLOCK = 256  # ports reserved at a time, so that two loads side by side never share one


@dataclass(frozen=True)
class Load:
    host: str
    source: str
    port: int = 80
    path: str = "/"
    requests: int | None = None
    seconds: float | None = None
    concurrency: int = 16
    keep_alive: bool = False
    upload_bytes: int = 0
    timeout_seconds: float = 5.0
    keep_flows: bool = False


@dataclass
class Result:
    sent: int = 0
    ok: int = 0
    by_backend: Counter = field(default_factory=Counter)
    errors: Counter = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    body_bytes: int = 0
    seconds: float = 0.0
    flows: list[dict] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return self.sent - self.ok

    def to_json(self) -> dict:
        ordered = sorted(self.latencies)

        def at(share: float) -> float:
            return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 3) if ordered else 0.0

        by_backend = {name: self.by_backend[name] for name in sorted(self.by_backend, key=lambda n: (len(n), n))}
        extra = {"flows": self.flows} if self.flows else {}
        return {"sent": self.sent, "ok": self.ok, "failed": self.failed, "by_backend": by_backend,
                "errors": dict(self.errors), "seconds": round(self.seconds, 3),
                "requests_per_second": round(self.sent / self.seconds) if self.seconds else 0,
                "body_bytes": self.body_bytes,
                "latency_ms": {"p50": at(0.50), "p99": at(0.99), "max": at(1.0)}, **extra}


class Ports:
    """Hands out source ports in turn; the position is kept in a file shared by all loads of the lab."""

    def __init__(self, path: str):
        self._path = path
        self._block: list[int] = []

    def take(self) -> int:
        if not self._block:
            with open(self._path, "a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                position = self._position(file)
                file.truncate(0)
                file.write(struct.pack("<Q", position + BLOCK))
            self._block = self._ports(position)
        return self._block.pop()

    def used(self) -> int:
        """How many ports have been handed out so far, in whole blocks."""
        try:
            with open(self._path, "rb") as file:
                return self._position(file)
        except FileNotFoundError:
            return 0

    def coming(self, count: int) -> list[int]:
        """The ports that the next load will take first, if no other load comes in between."""
        return self._ports(self.used())[::-1][:count]

    @staticmethod
    def _position(file) -> int:
        file.seek(0)
        raw = file.read(8)
        return struct.unpack("<Q", raw)[0] if len(raw) == 8 else 0

    @staticmethod
    def _ports(position: int) -> list[int]:
        return [FIRST_PORT + (position + i) % PORTS_COUNT for i in reversed(range(BLOCK))]


class BadAnswer(Exception):
    """The peer answered, but not with what was asked for."""


class Connection:
    """One connection to the VIP, and HTTP/1.1 as far as needed to check an answer whole."""

    def __init__(self, load: Load, sock: socket.socket):
        self._load = load
        self._socket = sock
        self._rest = b""

    @classmethod
    async def open(cls, load: Load, ports: Ports) -> "Connection":
        family = socket.AF_INET6 if ":" in load.host else socket.AF_INET
        loop = asyncio.get_running_loop()
        while True:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((load.source, ports.take()))
                await loop.sock_connect(sock, (load.host, load.port))
                return cls(load, sock)
            except OSError as error:
                sock.close()
                # Our own end of an earlier connection still rests in TIME_WAIT; nothing was sent.
                if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                    raise
            except BaseException:
                sock.close()
                raise

    def close(self) -> None:
        self._socket.close()

    def source(self) -> str:
        address, port = self._socket.getsockname()[:2]
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    async def request(self) -> tuple[str, int]:
        """Sends one request and reads its whole answer: (backend, bytes of the body)."""
        load, loop = self._load, asyncio.get_running_loop()
        host = f"[{load.host}]" if ":" in load.host else load.host
        method = "POST" if load.upload_bytes else "GET"
        head = (f"{method} {load.path} HTTP/1.1\r\nHost: {host}\r\nConnection: "
                f"{'keep-alive' if load.keep_alive else 'close'}\r\n")
        if load.upload_bytes:
            head += f"Content-Length: {load.upload_bytes}\r\n"
        await loop.sock_sendall(self._socket, head.encode() + b"\r\n" + b"u" * load.upload_bytes)
        status, headers = await self._head()
        length = int(headers.get("content-length", "0"))
        body = await self._body(length)
        if status != 200:
            raise BadAnswer(f"status {status}")
        backend = headers.get("x-backend", "")
        if not backend:
            raise BadAnswer("no X-Backend header")
        if load.path == "/" and body.decode("ascii", "replace").strip() != backend:
            raise BadAnswer("body and header name different backends")
        return backend, length

    async def _more(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._socket, 1 << 18)
        if not data:
            raise BadAnswer("connection closed in the middle of an answer")
        self._rest += data

    async def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._rest:
            await self._more()
        raw, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lines = raw.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        parts = lines[0].split()
        if len(parts) < 2 or not parts[1].isdigit():
            raise BadAnswer("not HTTP")
        return int(parts[1]), headers

    async def _body(self, length: int) -> bytes:
        while len(self._rest) < length:
            await self._more()
        body, self._rest = self._rest[:length], self._rest[length:]
        return body


class Runner:
    def __init__(self, load: Load, ports: Ports):
        self._load = load
        self._ports = ports
        self._deadline = time.monotonic() + load.seconds if load.seconds else None
        self.result = Result()
        self.stopping = False

    def _may_send(self) -> bool:
        if self.stopping or (self._deadline and time.monotonic() >= self._deadline):
            return False
        return self._load.requests is None or self.result.sent < self._load.requests

    async def run(self) -> Result:
        started = time.monotonic()
        await asyncio.gather(*(self._worker() for _ in range(self._load.concurrency)))
        self.result.seconds = time.monotonic() - started
        return self.result

    async def _worker(self) -> None:
        connection: Connection | None = None
        while self._may_send():
            self.result.sent += 1
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._load.timeout_seconds):
                    connection = connection or await Connection.open(self._load, self._ports)
                    backend, length = await connection.request()
                self.result.ok += 1
                self.result.by_backend[backend] += 1
                self.result.body_bytes += length
                if self._load.keep_flows:
                    self.result.flows.append({"source": connection.source(), "backend": backend})
                self.result.latencies.append(time.monotonic() - began)
                failed = False
            except (OSError, BadAnswer, TimeoutError, ValueError) as error:
                self.result.errors[_reason(error)] += 1
                failed = True
            if connection and (failed or not self._load.keep_alive):
                connection.close()
                connection = None
        if connection:
            connection.close()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError):
        return os.strerror(error.errno).lower() if error.errno else str(error)
    return str(error)


def run(load: Load, ports_file: str) -> Result:
    """Runs the load to its end in the namespace the calling thread is in. Ctrl-C ends it early with what it has."""
    runner = Runner(load, Ports(ports_file))

    async def main() -> Result:
        loop = asyncio.get_running_loop()
        for number in (2, 15):  # SIGINT, SIGTERM
            loop.add_signal_handler(number, lambda: setattr(runner, "stopping", True))
        return await runner.run()

    return asyncio.run(main())
