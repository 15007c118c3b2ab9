# SPDX-License-Identifier: Apache-2.0
"""The XDP plane's test bed with sluice-dpdk in it. kind af_packet: the port shares eth0 with the kernel. kind af_xdp:
the port has eth0, and the kernel has up0 with eth0's address."""
import os
import subprocess

import bed as xdp_bed
from bed import Bed, run

PLANE = f"{xdp_bed.BUILD}/dataplane/sluice-dpdk"
RUNTIME = "/var/run/dpdk"


def runtime_directories() -> set[str]:
    """Of any sluice-dpdk: other tests may run theirs."""
    names = os.listdir(RUNTIME) if os.path.isdir(RUNTIME) else []
    return {name for name in names if name.startswith("sluice-dpdk-")}


class DpdkBed(Bed):
    far_end_passes = False

    def __init__(self, kind: str, lines: int = 1):
        super().__init__(lines)
        self.kind = kind
        self.workers = 1
        self.dpdk_more = ""
        self.runtime_before = runtime_directories()
        self.ports = [self.port(n) for n in range(lines)]

    def __exit__(self, *_) -> None:
        # A killed one would leave its directory until the next is started.
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    pass
        super().__exit__()

    def port(self, n: int) -> str:
        kernel = f', kernel_interface = "up{n}"' if self.kind == "af_xdp" else ""
        # The default's 512 frames are full before a worker that shares its CPU is back from waiting for it.
        more = ",framecnt=4096" if self.kind == "af_packet" else ""
        return f'{{ device = "net_{self.kind}{n},iface=eth{n}{more}"{kernel} }}'

    def host_interface(self, n: int = 0) -> str:
        return f"up{n}" if self.kind == "af_xdp" else f"eth{n}"

    def add_line(self, n: int) -> None:
        super().add_line(n)
        # A port sees what is on the cable: checksums that a real one would complete are missing there.
        offloads = [word for name in ("tx", "tso", "gso", "gro") for word in (name, "off")]
        run(*self.enter(self.far), "ethtool", "-K", f"f{n}", *offloads)
        run(*self.enter(self.balancer), "ethtool", "-K", f"eth{n}", *offloads)
        if self.kind == "af_xdp":
            # As an administrator would beforehand; sluice-dpdk takes over what is there.
            run("ip", "-n", self.balancer, "tuntap", "add", f"up{n}", "mode", "tap", "multi_queue")
            run("ip", "-n", self.balancer, "addr", "del", f"10.2.{n}.2/24", "dev", f"eth{n}")
            run("ip", "-n", self.balancer, "addr", "add", f"10.2.{n}.2/24", "dev", f"up{n}")
            run("ip", "-n", self.balancer, "link", "set", f"up{n}", "up")

    def write_config(self, text: str | None = None) -> None:
        self.config.plane_more = "flows_per_cpu = 16384\n[plane.dpdk]\nports = [ " + ", ".join(self.ports) + " ]\n" \
            f"workers = {self.workers}\n{self.dpdk_more}"
        super().write_config(text)

    def plane_command(self, *arguments: str) -> list[str]:
        return [*self.enter(self.balancer), PLANE, "--config", self.config_file, *arguments]

    def start(self, wait: bool = True) -> subprocess.Popen:
        process = super().start(wait)
        # Ready does not mean that every backend has answered: on a busy machine that may take longer.
        if wait:
            self.wait_for(lambda: not self.ask("status")["unresolved"])
        return process

    def refusal(self) -> str:
        """The one line that a start which ends with exit code 1 says."""
        self.write_config()
        ended = self.run_plane()
        assert ended.returncode == 1, ended
        beside = ("sluice-dpdk: memory: ", "sluice-dpdk: warning: ")
        lines = [line for line in ended.stderr.splitlines() if not line.startswith(beside)]
        print(lines)
        assert len(lines) == 1 and ended.stdout == "", ended
        self.assert_nothing_left()
        return lines[0]

    def has_link(self, name: str) -> bool:
        return run("ip", "-n", self.balancer, "link", "show", name, check=False).returncode == 0

    def assert_nothing_left(self) -> None:
        left = [name for name in runtime_directories() - self.runtime_before
                if not os.path.exists(f"/proc/{name.rsplit('-', 1)[1]}")]
        assert not left, left
        assert self.xdp_of("eth0") == "", "an XDP program is still on eth0"
        shown = run("ip", "-n", self.balancer, "link", "show", "eth0").stdout
        assert "PROMISC" not in shown, shown
