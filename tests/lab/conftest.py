# SPDX-License-Identifier: Apache-2.0
"""A lab of our own per test, under a name that nobody else has, and a look at everything it might leave behind."""
import glob
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(REPOSITORY / "tools"))

from labkit.plan import VIP4, VIP_PORT  # noqa: E402

LAB = str(REPOSITORY / "tools" / "lab")
BUILD = os.environ.get("SLUICE_BUILD", str(REPOSITORY / "build"))
# A build without DPDK has no sluice-dpdk (meson says which there are); a plane that should be there is not passed over.
PLANES = os.environ.get("SLUICE_PLANES", "xdp dpdk").split()


class Lab:
    """tools/lab as a user calls it."""

    def __init__(self, name: str, build: str = BUILD):
        self.name = name
        self.build = build
        self._looks: Counter[str] = Counter()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "SLUICE_BUILD": self.build}

    def command(self, command: str, *arguments) -> list[str]:
        return [LAB, command, "--name", self.name, *(str(argument) for argument in arguments)]

    def run(self, command: str, *arguments, code: int = 0) -> subprocess.CompletedProcess:
        result = subprocess.run(self.command(command, *arguments), capture_output=True, text=True, timeout=55,
                                env=self._environment())
        assert result.returncode == code, f"{command} {arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, command: str, *arguments, code: int = 0) -> dict:
        return json.loads(self.run(command, "--json", *arguments, code=code).stdout)

    def start(self, command: str, *arguments) -> subprocess.Popen:
        return subprocess.Popen(self.command(command, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self._environment())

    def execute(self, node: str, *command: str) -> str:
        return self.run("exec", node, "--", *command).stdout

    def connections_accepted(self, backend: str) -> int:
        """What the backend's web server has accepted, not what the load generator says. (The kernel's own PassiveOpens is
        no count of connections: two CPUs that take one handshake's last two packets both count it, and one gives way.)"""
        ask = f"exec 3<>/dev/tcp/{VIP4}/{VIP_PORT}; printf 'GET /accepts HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
        answer = self.execute(backend, "bash", "-c", ask)
        self._looks[backend] += 1  # each look is itself a connection
        return int(answer.split("server accepts handled requests")[1].split()[0]) - self._looks[backend]

    def namespaces(self) -> list[str]:
        return [os.path.basename(path) for path in glob.glob(f"/run/netns/sluice-{self.name}-*")]

    def traces(self) -> dict[str, list[str]]:
        """Everything of this lab there is on the machine."""
        directory = f"/run/sluice-lab/{self.name}"
        mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines()
                  if f"{directory}/" in line or f"/sluice-{self.name}-" in line]
        processes = []
        for path in glob.glob("/proc/[0-9]*"):
            try:
                environment = Path(path, "environ").read_bytes().split(b"\0")  # empty for zombies
                if f"SLUICE_LAB={self.name}".encode() in environment:
                    processes.append(Path(path, "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                pass
        return {"namespaces": self.namespaces(), "mounts": mounts, "processes": processes,
                "files": glob.glob(f"{directory}*")}

    def assert_gone(self) -> None:
        assert not any(self.traces().values()), self.traces()


@pytest.fixture(scope="session")
def need_root():
    if os.geteuid() != 0:
        pytest.exit("the lab needs root", returncode=77)  # meson: skipped


@pytest.fixture(scope="session")
def make_lab(need_root):
    """A factory of labs; all are taken down at the end, whatever has happened to them."""
    made: list[Lab] = []

    def make(suffix: str = "", build: str = BUILD) -> Lab:
        lab = Lab(f"t{os.getpid()}-{len(made)}{suffix}", build)
        made.append(lab)
        return lab

    yield make
    for lab in made:
        subprocess.run([LAB, "down", "--name", lab.name], capture_output=True, timeout=60)


@pytest.fixture
def fake_build(tmp_path):
    """A build directory whose programs are shell scripts: for what must happen when programs misbehave. They make no
    cluster: `up` gets further than starting them with --control file only."""
    fine = "echo ready: fake; exec sleep 600"

    def make(agent: str = fine, plane: str = fine, control: str = fine) -> str:
        subprocess.run(["cp", "--parents", "bpf/pass.bpf.o", "bpf/queue.bpf.o", str(tmp_path)], cwd=BUILD, check=True)
        (tmp_path / "tools").mkdir(exist_ok=True)
        if not (tmp_path / "tools" / "sluice").exists():
            (tmp_path / "tools" / "sluice").symlink_to(f"{BUILD}/tools/sluice")
        for name, body in (("dataplane/sluice-backend", agent), ("dataplane/sluice-xdp", plane), ("controlplane/sluiced", control)):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(tmp_path)
    return make


def wait_until(condition, what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"gave up waiting until {what}"
        time.sleep(0.005)


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
