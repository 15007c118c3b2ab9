# SPDX-License-Identifier: Apache-2.0
"""A plane that the cluster tells what to forward by, under traffic that counts every packet."""
import os
import signal
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import plane_state  # noqa: E402
from bed import VIP, assert_accounted, assert_nothing_lost, run, seed  # noqa: E402
from plane_state import PlaneClient, Pool, Service  # noqa: E402

SWITCHES = int(os.environ.get("SLUICE_SWITCHES") or 200)
SLOTS = 16381


@pytest.fixture
def cluster(bed):
    """The bed with a plane of a cluster, both ways to the backends known from the start."""
    bed.state_file = f"{bed.directory}/kept/state"
    bed.config.plane_more += f'\ncontrol = "cluster"\nstate_file = "{bed.state_file}"'
    kept = bed.config.text()
    bed.config.text = lambda: kept[kept.index("[plane]"):kept.index("[[pool]]")]
    run("ip", "-n", bed.balancer, "neigh", "replace", "10.2.0.1", "dev", "eth0", "lladdr", "02:00:00:00:00:01", "nud",
        "permanent")
    bed.write_config()
    return bed


def owners(first: int) -> list[int]:
    """One in four slots is member 0's or 1's by turns; the others stay."""
    return [first if slot % 4 == 0 else slot % 2 for slot in range(SLOTS)]


def generation(number: int, phase: str = "active", more: list[Pool] | None = None) -> bytes:
    """Odd and even ones differ in who owns a quarter of the slots. In a prepared one the coming owner is remembered."""
    now, coming = number % 2, (number + 1) % 2
    before = {slot: [coming] for slot in range(0, SLOTS, 4)} if phase == "prepared" else {}
    web = Pool("web", [("b1", "10.3.1.2", 100), ("b2", "10.3.2.2", 100)], slots=SLOTS, owners=owners(now), past=before)
    return plane_state.state(number, [web] + (more or []), [Service("web", VIP, 80, 0)], phase, table_hash=number)


def expected(number: int, phase: str) -> dict:
    return {"ok": True, "generation": number, "phase": phase, "table_hash": f"{number:016x}"}


def published(client: PlaneClient, number: int, phase: str = "active", **more) -> None:
    answer = client.publish(generation(number, phase, **more))
    del answer["image_generation"]
    assert answer == expected(number, phase), answer


def test_prepared_then_active_two_hundred_times(cluster):
    cluster.start()
    assert cluster.ask("status")["cluster"] is None
    with PlaneClient(cluster.config.socket) as client:
        published(client, 1)
        with cluster.traffic(pps=200000) as counts:
            for number in range(2, SWITCHES + 2):
                published(client, number, "prepared")
                published(client, number)
        assert_nothing_lost(counts, SWITCHES)
        assert set(counts["by"]) == {"02:00:00:00:00:01 10.2.0.2>10.3.1.2 ipip", "02:00:00:00:00:01 10.2.0.2>10.3.2.2 ipip"}
        status = client.ask("status")
        assert status["cluster"]["generation"] == SWITCHES + 1 and status["cluster"]["phase"] == "active"
        stats = client.ask("stats")
        assert_accounted(stats)
        assert stats["drop_packets"] == 0 and stats["tx_packets"] == counts["sent"]


def test_refused_states_lose_nothing(cluster):
    cluster.start()
    with PlaneClient(cluster.config.socket) as client:
        published(client, 1)
        good = generation(2)
        with cluster.traffic() as counts:
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                for cut in (1, 40, 100, len(good) - 1):
                    assert not client.publish(good[:cut])["ok"]
                for place in (0, 5, 20000):  # the last of them: a slot of nobody
                    assert not client.publish(good[:place] + b"\xff" + good[place + 1:])["ok"]
            assert client.ask("status")["cluster"]["generation"] == 1
        assert_nothing_lost(counts)
    # Bytes that stop coming, and a client that goes in the middle of them.
    with PlaneClient(cluster.config.socket) as half:
        half.socket.sendall(b'{"op":"publish","bytes":1000000}\nabc')
        assert cluster.ask("version")["ok"]
    assert cluster.ask("status")["cluster"]["generation"] == 1


def wait_for_state_file(bed, content: bytes) -> None:
    def is_kept() -> bool:
        if not os.path.exists(bed.state_file):
            return False
        with open(bed.state_file, "rb") as file:
            return file.read()[8 + 5 * 8:] == content
    bed.wait_for(is_kept)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_restarts_with_what_it_was_told(cluster, number):
    process = cluster.start()
    with PlaneClient(cluster.config.socket) as client:
        published(client, 1)
        published(client, 2, "prepared")
    wait_for_state_file(cluster, generation(2, "prepared"))
    with cluster.traffic(pps=100000) as counts:
        for _ in range(3):
            cluster.stop(process, number)
            process = cluster.start()
            status = cluster.ask("status")
            assert status["cluster"]["generation"] == 2 and status["cluster"]["phase"] == "prepared", status
            assert status["services"] == 1 and status["unresolved"] == [], status
    assert_nothing_lost(counts)
    with PlaneClient(cluster.config.socket) as client:
        published(client, 2)


def test_killed_behind_its_answer(cluster):
    """The state file is written a moment later; what was acknowledged counts all the same."""
    process = cluster.start()
    with PlaneClient(cluster.config.socket) as client:
        published(client, 1)
    with cluster.traffic(pps=100000) as counts:
        for number in range(2, 6):
            for phase in ("prepared", "active"):
                with PlaneClient(cluster.config.socket) as client:
                    published(client, number, phase)
                cluster.stop(process, signal.SIGKILL)
                process = cluster.start()
                status = cluster.ask("status")["cluster"]
                assert (status["generation"], status["phase"]) == (number, phase), status
    assert_nothing_lost(counts)


def test_killed_while_it_publishes(cluster):
    """Whatever it was doing: packets go by the one or the other generation, and the file is whole."""
    import random
    generator = random.Random(seed())
    process = cluster.start()
    big = [Pool(f"big{n}", [(f"x{n}", f"10.4.{n}.2", 1)], slots=65537, first_id=10 + n) for n in range(4)]
    with PlaneClient(cluster.config.socket) as client:
        published(client, 1, more=big)
    wait_for_state_file(cluster, generation(1, more=big))
    with cluster.traffic(pps=100000) as counts:
        for turn in range(8):
            stop = threading.Event()

            def tell() -> None:
                try:
                    with PlaneClient(cluster.config.socket) as client:
                        for number in range(2, 1000):
                            if stop.is_set():
                                return
                            client.publish(generation(number, more=big if turn % 2 else big[:number % 4]))
                except OSError:
                    pass
                except ValueError:  # half an answer
                    pass

            teller = threading.Thread(target=tell)
            teller.start()
            stop.wait(generator.random() * 0.3)
            cluster.stop(process, signal.SIGKILL)
            stop.set()
            teller.join()
            process = cluster.start()
            assert cluster.ask("status")["cluster"]["generation"] >= 1
    assert_nothing_lost(counts)
    assert_accounted(cluster.ask("stats"))


def test_reload_keeps_what_the_cluster_told(cluster):
    cluster.start()
    with PlaneClient(cluster.config.socket) as client:
        published(client, 1)
        with cluster.traffic() as counts:
            text = cluster.config.text() + "icmp_per_second = 7\n"
            cluster.write_config(text)
            assert client.ask("reload")["ok"]
            assert client.ask("status")["cluster"]["generation"] == 1
            cluster.write_config(text.replace('control = "cluster"', 'control = "file"'))
            assert not client.ask("reload")["ok"]
        assert_nothing_lost(counts)
        assert client.ask("status")["fenced"]
        hour_ms = 3_600_000
        until = {"until_ms": time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000 + hour_ms}
        assert client.ask("unfence", **until) == {"ok": True, "fenced": False}
        assert not client.ask("status")["fenced"]
        assert client.ask("fence") == {"ok": True, "fenced": True}
        assert client.ask("status")["fenced"]
