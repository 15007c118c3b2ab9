# SPDX-License-Identifier: Apache-2.0
"""Servers, clients and packets of the backend tests."""
import contextlib
import hashlib
import os
import socket
import struct
import threading
import time

from host_site import PORT, Site, inside


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Server(threading.Thread):
    """Reads everything, answers with its SHA-256 and the same bytes again."""

    def __init__(self, namespace: str, address: str):
        super().__init__(daemon=True)
        with inside(namespace):
            self._listener = socket.socket(family(address))
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((address, PORT))
            self._listener.listen(64)
        self._listener.settimeout(0.2)
        self._ended = False
        self.start()

    def run(self):
        while not self._ended:
            try:
                connection = self._listener.accept()[0]
            except TimeoutError:
                continue
            with connection, contextlib.suppress(TimeoutError, ConnectionError):
                connection.settimeout(3)
                content = b""
                while piece := connection.recv(1 << 16):
                    content += piece
                connection.sendall(hashlib.sha256(content).digest() + content)

    def end(self):
        self._ended = True
        self.join()
        self._listener.close()


def exchange(site: Site, address: str, size: int) -> None:
    """One connection of the client, `size` bytes each way."""
    content = os.urandom(size)
    with inside(site.client):
        connection = socket.socket(family(address))
    with connection:
        connection.settimeout(20)
        connection.connect((address, PORT))
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    assert answer == hashlib.sha256(content).digest() + content


def udp_receiver(site: Site, address: str) -> socket.socket:
    with inside(site.backend):
        receiver = socket.socket(family(address), socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        receiver.bind((address, PORT))
    receiver.setblocking(False)
    return receiver


def received(receiver: socket.socket) -> int:
    count = 0
    while True:
        try:
            receiver.recv(2048)
        except BlockingIOError:
            return count
        count += 1


def udp_packet(number: int = 0) -> bytes:
    """Checksum 0: not used."""
    payload = struct.pack("!I", number)
    return struct.pack("!HHHH", 4444, PORT, 8 + len(payload), 0) + payload


def kernel_checksum(packet: bytes) -> bytes:
    """The inner header's checksum; raw sockets fill in the outer one's only."""
    total = sum(struct.unpack("!10H", packet[:20]))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return packet[:10] + struct.pack("!H", ~total & 0xffff) + packet[12:]


def arp_answered(site: Site, address: str) -> bool:
    with inside(site.router):
        asking = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        asking.bind(("backend", 0x0806))
    with asking:
        asking.settimeout(0.5)
        mac = asking.getsockname()[4]
        asking.send(b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + mac +
                    socket.inet_aton("10.3.0.1") + bytes(6) + socket.inet_aton(address))
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                answer = asking.recv(128)
            except TimeoutError:
                return False
            if answer[20:22] == b"\x00\x02" and answer[28:32] == socket.inet_aton(address):
                return True
    return False
