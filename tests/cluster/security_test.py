# SPDX-License-Identifier: Apache-2.0
"""Whoever does not belong to a cluster changes nothing in it, ends none of its processes and slows nobody down: wrong
certificates, another cluster's, random bytes, a thousand half-requests, against real processes."""
import json
import os
import random
import socket
import ssl
import time

import pytest

from cluster_bed import Cluster, sluice, wait_for

SEED = int(os.environ.get("SLUICE_SEED", "0")) or random.SystemRandom().randrange(1, 2 ** 32)


@pytest.fixture(scope="module")
def trio(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("trio"), 3, with_tls_api=True) as cluster:
        sluice("cert", "issue", "alice", "--role", "operator", "--dir", cluster.certs)
        sluice("cert", "issue", "vera", "--role", "viewer", "--dir", cluster.certs)
        yield cluster


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Certificates of another cluster, for the same names."""
    folder = tmp_path_factory.mktemp("stranger")
    sluice("cert", "init", "--dir", folder)
    sluice("cert", "issue", "lb1", "--node", "--dir", folder)
    sluice("cert", "issue", "alice", "--role", "admin", "--dir", folder)
    return folder


def state_of(cluster):
    wait_for("all caught up", cluster.caught_up)
    status = cluster.balancers[0].status()
    return status["revision"], status["generation"], status["term"], [node["name"] for node in status["nodes"]]


@pytest.fixture(autouse=True)
def unharmed(trio):
    before = state_of(trio)
    yield
    assert all(one.is_running for one in trio.balancers)
    assert state_of(trio) == before


def handshake(port: int, certificate=None) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10))


def is_turned_away(port: int, certificate=None, sent: bytes = b"GET /v1/cluster HTTP/1.1\r\nHost: x\r\n\r\n") -> bool:
    """No byte of an answer, which TLS 1.3 shows only after the client believes to be connected."""
    try:
        with handshake(port, certificate) as connection:
            connection.sendall(sent)
            return connection.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def test_certificates_that_are_none_of_the_clusters(trio, stranger):
    one = trio.balancers[0]
    for port in (one.port, one.api_port):
        assert is_turned_away(port)
        assert is_turned_away(port, stranger / "lb1")
        assert is_turned_away(port, stranger / "alice")
    # Of the cluster, but people are no balancers.
    assert is_turned_away(one.port, trio.certs / "alice")


def test_roles_of_the_clusters_own_certificates(trio):
    one = trio.balancers[0]
    for name, reason in (("vera", "vera is viewer, and this needs operator"), ("lb2", "has no role here")):
        said = sluice("backend", "weight", "web/b1", "7", "--address", f"127.0.0.1:{one.api_port}", "--cert", trio.certs / f"{name}.crt",
                      "--key", trio.certs / f"{name}.key", "--ca", trio.certs / "ca.crt", code=1)
        assert reason in said, said
    shown = sluice("backend", "list", "--address", f"127.0.0.1:{one.api_port}", "--cert", trio.certs / "alice.crt",
                   "--key", trio.certs / "alice.key", "--ca", trio.certs / "ca.crt")
    assert "b1" in shown


def test_random_bytes(trio):
    print(f"SLUICE_SEED={SEED}")
    rng = random.Random(SEED)
    for _ in range(200):
        one = rng.choice(trio.balancers)
        port = rng.choice((one.port, one.api_port))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            try:
                connection.sendall(rng.randbytes(rng.randrange(1, 2000)))
            except ConnectionError:
                pass
    for _ in range(50):  # and within a connection that belongs
        one = rng.choice(trio.balancers[1:])
        try:
            with handshake(one.port, trio.certs / "lb1") as connection:
                connection.sendall(rng.randbytes(rng.randrange(1, 5000)))
                connection.recv(1)
        except (ssl.SSLError, ConnectionError, TimeoutError):
            pass
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(one.socket)
            try:
                connection.sendall(rng.randbytes(rng.randrange(1, 5000)))
            except ConnectionError:
                pass


def test_a_thousand_slow_half_requests(trio):
    one = trio.balancers[0]
    slow = []
    took_ms = []
    try:
        for number in range(1000):
            half = socket.create_connection(("127.0.0.1", (one.api_port, one.port)[number % 2]), timeout=10)
            half.setblocking(False)
            half.send(b"\x16\x03\x01\x02\x00\x01\x00"[: 1 + number % 7])
            slow.append(half)
            if number % 5 == 0:
                began = time.monotonic()
                assert one.ask("GET", "/v1/pools/web/backends/b1")[0] == 200
                took_ms.append((time.monotonic() - began) * 1000)
    finally:
        for half in slow:
            half.close()
    took_ms.sort()
    print(json.dumps({"good_requests": len(took_ms), "p50_ms": round(took_ms[len(took_ms) // 2], 2),
                      "p99_ms": round(took_ms[int(len(took_ms) * 0.99)], 2)}))
    assert len(took_ms) == 200
