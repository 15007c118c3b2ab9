# SPDX-License-Identifier: Apache-2.0
"""A test bed for sluice-xdp: a balancer's namespace, the far ends of its lines, and traffic that counts every packet."""
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

BUILD = os.environ.get("SLUICE_BUILD") or os.path.join(os.path.dirname(__file__), "../../build")
PLANE = f"{BUILD}/dataplane/sluice-xdp"
TRAFFIC = f"{BUILD}/tests/xdp/xdp_traffic"
PASS = f"{BUILD}/bpf/pass.bpf.o"
DIE_AFTER_SWITCH = f"{BUILD}/tests/xdp/libdie_after_switch.so"
VIP = "203.0.113.10"
_numbers = itertools.count()
READY_SECONDS = 30  # for a busy machine; nothing is decided by it
# More than arrays of the usual size hold (Config.more).
BIG_POOL = """
[[pool]]
name = "big"
slots = 655373
backends = [ { name = "b9", address = "10.3.9.2" } ]
[[service]]
name = "big"
address = "203.0.113.11"
port = 80
protocol = "tcp"
pool = "big"
"""


def seed() -> int:
    """Printed by pytest when a test fails; SLUICE_SEED repeats it."""
    value = int(os.environ.get("SLUICE_SEED") or random.SystemRandom().randrange(2**32))
    print(f"SLUICE_SEED={value}")
    return value


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert not check or result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result


class Config:
    """A configuration file as Python values."""

    def __init__(self, bed: "Bed"):
        self.interfaces = list(bed.interfaces)
        self.mode = "auto"
        self.source = "10.2.0.2"
        self.socket = f"{bed.directory}/plane.sock"
        self.pins = f"{bed.directory}/bpf/sluice"
        self.plane_more = "flows_per_cpu = 16384"
        self.encapsulation = "ipip"
        self.pool_more = ""
        self.slots = 16381
        self.backends = {"b1": ("10.3.1.2", 100), "b2": ("10.3.2.2", 100)}
        self.more = ""
        self.track = True
        self.protocol = "tcp"

    def text(self) -> str:
        backends = ",\n".join(f'  {{ name = "{name}", address = "{address}", weight = {weight} }}'
                              for name, (address, weight) in self.backends.items())
        names = ", ".join(f'"{name}"' for name in self.interfaces)
        return f"""\
hash_key = "000102030405060708090a0b0c0d0e0f"
[plane]
interfaces = [{names}]
mode = "{self.mode}"
source_ipv4 = "{self.source}"
control_socket = "{self.socket}"
pin_directory = "{self.pins}"
{self.plane_more}
[[pool]]
name = "web"
encapsulation = "{self.encapsulation}"
slots = {self.slots}
{self.pool_more}
backends = [
{backends}
]
[[service]]
name = "web"
address = "{VIP}"
port = 80
protocol = "{self.protocol}"
pool = "web"
track = {"true" if self.track else "false"}
{self.more}
"""


class Bed:
    """Interface ethN of the balancer is 10.2.N.2; its far end fN is 10.2.N.1 and carries a program that passes all: a
    veth hands on what XDP_TX and redirects send only if the receiving end has one."""

    far_end_passes = True

    def __init__(self, lines: int = 1, mtu: int = 1500):
        self.name = f"sluice-t-xdp-{os.getpid()}-{next(_numbers)}"
        self.balancer, self.far = f"{self.name}-lb", f"{self.name}-far"
        self.interfaces = [f"eth{n}" for n in range(lines)]
        self.mtu = mtu
        self.directory = tempfile.mkdtemp(prefix="sluice-t-xdp-")
        self.config_file = f"{self.directory}/sluice.toml"
        self.log_file = f"{self.directory}/log"
        self.processes: list[subprocess.Popen] = []
        self.config = Config(self)

    def __enter__(self) -> "Bed":
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self) -> None:
        os.mkdir(f"{self.directory}/bpf")
        run("mount", "-t", "bpf", "bpf", f"{self.directory}/bpf")
        for space in (self.balancer, self.far):
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
            for key in ("all", "default"):
                run(*self.enter(space), "sysctl", "-qw", f"net.ipv6.conf.{key}.disable_ipv6=1")
        for n in range(len(self.interfaces)):
            self.add_line(n)
        run("ip", "-n", self.balancer, "route", "add", "default", "via", "10.2.0.1")

    def add_line(self, n: int) -> None:
        run("ip", "-n", self.balancer, "link", "add", f"eth{n}", "address", self.mac(n), "mtu", str(self.mtu), "type",
            "veth", "peer", "name", f"f{n}", "address", f"02:00:00:00:0{n}:01", "mtu", str(self.mtu), "netns", self.far)
        run("ip", "-n", self.balancer, "addr", "add", f"10.2.{n}.2/24", "dev", f"eth{n}")
        run("ip", "-n", self.far, "addr", "add", f"10.2.{n}.1/24", "dev", f"f{n}")
        run("ip", "-n", self.balancer, "link", "set", f"eth{n}", "up")
        run("ip", "-n", self.far, "link", "set", f"f{n}", "up")
        if self.far_end_passes and self.mtu <= 3400:
            run("ip", "-n", self.far, "link", "set", "dev", f"f{n}", "xdp", "obj", PASS, "sec", "xdp")

    def __exit__(self, *_) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for space in (self.balancer, self.far):
            if os.path.exists(f"/run/netns/{space}"):
                run("ip", "netns", "del", space, check=False)
        run("umount", "-l", f"{self.directory}/bpf", check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    @staticmethod
    def mac(n: int) -> str:
        return f"02:00:00:00:0{n}:02"

    @staticmethod
    def enter(space: str) -> list[str]:
        # Not `ip netns exec`: it remounts /sys and hides pins.
        return ["nsenter", f"--net=/run/netns/{space}"]

    def write_config(self, text: str | None = None) -> None:
        temporary = self.config_file + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(self.config.text() if text is None else text)
        os.replace(temporary, self.config_file)

    def plane_command(self, *arguments: str) -> list[str]:
        return [*self.enter(self.balancer), PLANE, "--config", self.config_file, *arguments]

    def start(self, wait: bool = True) -> subprocess.Popen:
        with open(self.log_file, "a", encoding="utf-8") as log:
            offset = log.tell()
            process = subprocess.Popen(self.plane_command(), stdout=log, stderr=log)
        self.processes.append(process)
        if wait:
            self.wait_for(lambda: "ready: " in self.log()[offset:] or process.poll() is not None)
            assert process.poll() is None, self.log()
        return process

    def run_plane(self, *arguments: str, preload: str = "") -> subprocess.CompletedProcess:
        """For a start that is expected to end by itself."""
        preloaded = ["env", f"LD_PRELOAD={preload}"] if preload else []
        return run("timeout", "30", *preloaded, *self.plane_command(*arguments), check=False)

    def log(self) -> str:
        with open(self.log_file, encoding="utf-8") as file:
            return file.read()

    @staticmethod
    def wait_for(condition, seconds: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.005)

    @staticmethod
    def stop(process: subprocess.Popen, number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(timeout=30)

    def ask(self, op: str, **members) -> dict:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(self.config.socket)
            connection.sendall(json.dumps({"op": op, **members}).encode() + b"\n")
            return json.loads(connection.makefile("rb").readline())

    def reload(self) -> dict:
        self.write_config()
        answer = self.ask("reload")
        assert answer["ok"], answer
        return answer

    @contextmanager
    def traffic(self, receive: str = "f0", pps: int = 40000, protocol: str = "tcp", flows: int = 1000):
        """Packets from the far end of eth0 to the VIP for as long as the block runs, and for a tenth of a second at least:
        of a block that is over sooner a few packets would say nothing. The counts come into the dict."""
        command = ["timeout", "300", *self.enter(self.far), TRAFFIC, "--send", "f0", "--receive", receive, "--mac",
                   self.mac(0), "--vip", VIP, "--port", "80", "--protocol", protocol, "--flows", str(flows), "--pps", str(pps)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout.readline() == "sending\n"
        counts: dict = {}
        began = time.monotonic()
        yield counts
        time.sleep(max(0.0, began + 0.1 - time.monotonic()))
        process.stdin.close()
        counts |= json.loads(process.stdout.read())
        assert process.wait(timeout=30) == 0

    def xdp_of(self, interface: str = "eth0") -> str:
        link = json.loads(run("ip", "-n", self.balancer, "-j", "link", "show", interface).stdout)[0]
        return link.get("xdp", {}).get("prog", {}).get("name", "") or ("some" if "xdp" in link else "")

    def pins(self) -> list[str]:
        """Everything below the pin directory, and it. Others of its file system (iproute2 makes some) are not ours."""
        root = f"{self.directory}/bpf"
        return sorted(os.path.relpath(os.path.join(place, name), root) for place, folders, files in os.walk(root)
                      for name in folders + files if (os.path.join(place, name) + "/").startswith(f"{root}/sluice/"))


def assert_nothing_lost(counts: dict, at_least: int = 100) -> None:
    assert counts["sent"] >= at_least, counts
    assert counts["lost"] == 0 and counts["stalls"] == 0, counts
    assert counts["duplicates"] == 0, counts


def assert_accounted(stats: dict) -> None:
    assert stats["rx_packets"] == stats["tx_packets"] + stats["kernel_packets"] + stats["drop_packets"], stats
