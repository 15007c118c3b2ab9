# SPDX-License-Identifier: Apache-2.0
"""Disks that fail under real sluiced processes: whoever cannot write ends with a clear word, the others carry on, and nothing
that was acknowledged is lost. tests/io/store has every call and every byte of it; this is the whole process."""
import os
import pathlib
import random
import subprocess

import pytest

from cluster_bed import Cluster, wait_for

FAULT = os.environ.get("FSYNC_FAULT", "build/tests/cluster/libfsync_fault.so")
# Every n from 1 to 50 with SLUICE_FSYNC_FAULTS=50.
FAULTS = int(os.environ.get("SLUICE_FSYNC_FAULTS", "6"))
IS_SANITIZED = os.environ.get("CLUSTER_SANITIZED") == "1"


def write(one, value: int) -> bool:
    """Acknowledged or not; a balancer that ends meanwhile acknowledges nothing."""
    try:
        return one.ask("PUT", "/v1/pools/web/backends/b1/weight", {"weight": value})[0] == 200
    except (OSError, ValueError):
        return False
    except Exception as error:  # http.client's own: the connection ended in the middle
        assert "http" in type(error).__module__, error
        return False


def agreed_weight(cluster) -> int:
    wait_for("all caught up", cluster.caught_up)
    shown = {one.ask("GET", "/v1/pools/web/backends/b1?consistency=local")[1]["weight"] for one in cluster.running()}
    assert len(shown) == 1, shown
    return shown.pop()


@pytest.mark.skipif(IS_SANITIZED, reason="the sanitizer's own library has to come first")
def test_fsync_fails_at_the_nth_call(tmp_path):
    numbers = range(1, 51) if FAULTS >= 50 else sorted(random.Random(7).sample(range(1, 51), FAULTS))
    with Cluster(tmp_path, 3) as cluster:
        for number in numbers:
            victim = cluster.leader()
            victim.stop()
            begin = tmp_path / f"begin{number}"
            victim.start(environment={"LD_PRELOAD": FAULT, "FSYNC_FAULT_AT": str(number), "FSYNC_FAULT_FROM": str(begin)})
            wait_for("all caught up", cluster.caught_up)
            others = [one for one in cluster.running() if one is not victim]
            begin.touch()
            last = 0
            for value in range(1, 400):
                if not victim.is_running:
                    break
                if write(random.Random(value).choice(others), value):
                    last = value
            assert victim.process.wait(20) == 1
            text = victim.log.read_text()
            assert "the disk" in text.splitlines()[-1], text[-500:]
            assert write(others[0], last + 1)
            assert agreed_weight(cluster) == last + 1
            victim.start()
            assert agreed_weight(cluster) == last + 1


def test_disk_full(tmp_path):
    with Cluster(tmp_path, 3) as cluster:
        victim = cluster.balancers[2]
        victim.stop()
        data = victim.folder / "data"
        kept = {path.name: path.read_bytes() for path in data.iterdir()}
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", data], check=True)
        try:
            for name, content in kept.items():
                (data / name).write_bytes(content)
            victim.start()
            wait_for("all caught up", cluster.caught_up)
            ballast = os.open(data / "ballast", os.O_WRONLY | os.O_CREAT)
            try:
                while True:
                    os.write(ballast, b"x" * 4096)
            except OSError:
                os.close(ballast)
            last = 0
            for value in range(1, 300):
                if not victim.is_running:
                    break
                if write(cluster.balancers[0], value):
                    last = value
            assert victim.process.wait(20) == 1, "the process must end when its disk is full"
            assert "the disk" in victim.log.read_text().splitlines()[-1]
            assert write(cluster.balancers[0], last + 1)
            (data / "ballast").unlink()
            victim.start()
            assert agreed_weight(cluster) == last + 1
        finally:
            if victim.is_running:
                victim.kill()
            subprocess.run(["umount", data], check=True)


def damage_wal_end(data: pathlib.Path) -> None:
    path = data / "state.db-wal"
    raw = path.read_bytes()
    path.write_bytes(raw[:-100])


def flip(data: pathlib.Path, name: str, part: float) -> None:
    path = data / name
    raw = bytearray(path.read_bytes())
    raw[int(len(raw) * part)] ^= 0x10
    path.write_bytes(raw)


def test_torn_and_flipped_bytes_are_noticed(tmp_path):
    """A balancer starts with what it acknowledged, or not at all and says why; never with something else."""
    damages = [damage_wal_end] + [lambda data, name=name, part=part: flip(data, name, part)
                                  for name in ("state.db", "state.db-wal") for part in (0.2, 0.6, 0.95)]
    refusals = 0
    with Cluster(tmp_path, 3) as cluster:
        victim = cluster.balancers[1]
        for number, damage in enumerate(damages):
            assert write(cluster.balancers[0], 500 + number)
            wait_for("all caught up", cluster.caught_up)
            victim.kill()
            data = victim.folder / "data"
            kept = {path.name: path.read_bytes() for path in data.iterdir()}
            if not (data / "state.db-wal").exists() or (data / "state.db-wal").stat().st_size < 1000:
                damage = damages[1]
            damage(data)
            seen = victim.log.stat().st_size
            victim.start(wait=False)
            wait_for("it says what it found", lambda seen=seen: victim.process.poll() is not None
                     or b"ready:" in victim.log.read_bytes()[seen:])
            if victim.process.poll() is not None:
                said = victim.log.read_text().splitlines()[-1]
                assert "state.db" in said, said
                refusals += 1
                for name, content in kept.items():
                    (data / name).write_bytes(content)
                victim.start()
            assert agreed_weight(cluster) == 500 + number
    assert refusals >= 2, "the damage has hit nothing that matters"


def test_a_newer_versions_state_stays_untouched(tmp_path):
    with Cluster(tmp_path, 1) as cluster:
        one = cluster.balancers[0]
        one.stop()
        path = one.folder / "data" / "state.db"
        raw = bytearray(path.read_bytes())
        raw[60:64] = (10 ** 6).to_bytes(4, "big")  # SQLite's user_version: our format (docs/storage.md)
        path.write_bytes(raw)
        one.start(wait=False)
        assert one.process.wait(20) == 1
        assert "newer" in one.log.read_text().splitlines()[-1]
        assert path.read_bytes() == bytes(raw)
