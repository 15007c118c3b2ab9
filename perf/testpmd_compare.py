#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole loop of the DPDK plane against DPDK's own dpdk-testpmd, over the same capture, on the same core, in turns.

    sudo perf/testpmd_compare.py build/tools/sluice-bench

testpmd states a mean over a stretch of time, so sluice-bench's means over as many bursts are compared with it. Of a
round's stretches the best one counts; of the rounds the best one, and the middle one. Both get their packets from
net_pcap with infinite_rx, a port that copies each packet, and give them back to it: what differs is the work on a
packet."""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

# sluice-bench's cases -> lines of the table.
OURS = {"pcap_1k_io": "sluice-bench io", "pcap_1k_5tswap": "sluice-bench 5tswap", "pcap_1k_sluice": "sluice"}
MODES = ("io", "5tswap")
PACKET_BUFFERS = 18432  # as many as sluice-bench takes
HUGE_PAGES = 256  # of 2 MiB: those buffers and DPDK's own needs are a third of that
PAGES_FILE = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
RUNTIME = os.path.join("/var/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp"), "dpdk")
PROMPT = b"testpmd> "


class Failure(Exception):
    """One line for the user."""


def read_number(path):
    with open(path, encoding="ascii") as file:
        return int(file.read())


def write_number(path, number):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(number))


class HugePages:
    """Reserved meanwhile, and given back."""

    def __init__(self, kind):
        self.before = None
        self.is_huge = kind != "ordinary" and self._reserve()
        if kind == "huge" and not self.is_huge:
            raise Failure(f"the kernel gave too few huge pages: {HUGE_PAGES} of 2 MiB are needed; be root and free "
                          "memory, or use --memory auto")

    def _reserve(self):
        free_file = PAGES_FILE.replace("nr_", "free_")
        try:
            before = read_number(PAGES_FILE)
            if read_number(free_file) < HUGE_PAGES:
                write_number(PAGES_FILE, before + HUGE_PAGES - read_number(free_file))
                self.before = before
            enough = read_number(free_file) >= HUGE_PAGES
        except OSError:
            enough = False
        if not enough:
            self.release()
        return enough

    def release(self):
        if self.before is not None:
            write_number(PAGES_FILE, self.before)
            self.before = None


class Testpmd:
    """One dpdk-testpmd in one mode. Everything that it leaves goes with it."""

    def __init__(self, settings, mode, is_huge):
        self.prefix = f"testpmd-compare-{os.getpid()}"
        first, last = settings.cpus[0], settings.cpu
        memory = ["--in-memory"] if is_huge else ["--no-huge", "-m", "256"]
        device = f"net_pcap0,rx_pcap={settings.pcap},infinite_rx=1"
        # A main thread that waits for commands, and one that forwards. --no-pci: no card of the machine is touched.
        self.process = subprocess.Popen(
            ["dpdk-testpmd", "--lcores", f"0@{first},1@{last}", "--no-pci", "--no-telemetry", *memory, "--file-prefix",
             self.prefix, "--vdev", device, "--", "--interactive", f"--forward-mode={mode}", "--port-topology=loop",
             "--nb-cores=1", "--burst=32", f"--total-num-mbufs={PACKET_BUFFERS}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        shutil.rmtree(os.path.join(RUNTIME, self.prefix), ignore_errors=True)
        try:
            os.rmdir(RUNTIME)  # if nobody else needs it
        except OSError:
            pass

    def command(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait_for_prompt(self, seconds_max=20):
        os.set_blocking(self.process.stdout.fileno(), False)
        deadline = time.monotonic() + seconds_max
        while PROMPT not in self.output:
            self.output += self.process.stdout.read() or b""
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure("dpdk-testpmd does not start: " + last_line(self.output))
            time.sleep(0.01)
        os.set_blocking(self.process.stdout.fileno(), True)

    def measure(self, stretches, seconds):
        """Ticks per packet of each stretch."""
        self.wait_for_prompt()
        self.command("set record-core-cycles on")  # counts nothing sensible if it comes after start
        for _ in range(stretches):
            self.command("start")
            time.sleep(seconds)
            self.command("stop")
            time.sleep(0.05)
        self.command("quit")
        try:
            self.output += self.process.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            raise Failure("dpdk-testpmd does not end") from None
        ticks = ticks_of(self.output.decode(errors="replace"))
        if self.process.returncode != 0 or len(ticks) != stretches:
            raise Failure(f"dpdk-testpmd: {len(ticks)} figures of {stretches}; its last line: {last_line(self.output)}")
        return ticks


def last_line(output):
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def ticks_of(text):
    """What its stop command says, if packets went and none was lost."""
    # The prompt is written past the buffer of everything else, and may come in the middle of a number.
    text = re.sub(r"testpmd> [^\n]*\n", "", text)
    ticks = []
    for stretch in text.split("Forward statistics for port")[1:]:
        packets = re.search(r"RX-packets: (\d+).*?TX-packets: (\d+)", stretch, re.DOTALL)
        cycles = re.search(r"CPU cycles/packet=([\d.]+) ", stretch)
        if packets and cycles and int(packets[1]) > 0 and packets[1] == packets[2]:
            ticks.append(float(cycles[1]))
    return ticks


def ours(settings, is_huge):
    """One round of sluice-bench: ({line: mean}, what it ran on). Writes the capture too."""
    command = [settings.bench, "dpdk", "--only", "pcap", "--rounds", str(settings.stretches), "--bursts",
               str(settings.bursts), "--memory", "huge" if is_huge else "ordinary", "--cpu", str(settings.cpu),
               "--write-pcap", settings.pcap, "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        try:
            output, errors = bench.communicate(timeout=300)
        finally:
            if bench.poll() is None:
                bench.terminate()  # not kill: it gives huge pages back
    if bench.returncode != 0:
        raise Failure(errors.strip() or f"sluice-bench ended with {bench.returncode}")
    result = json.loads(output)
    return {OURS[case["name"]]: case["ticks_mean"] for case in result["cases"] if case["name"] in OURS}, result


def measure(settings):
    pages = HugePages(settings.memory)
    rounds = {}
    try:
        for _ in range(settings.rounds):
            means, about = ours(settings, pages.is_huge)
            for line, mean in means.items():
                rounds.setdefault(line, []).append(mean)
            for mode in MODES:
                with Testpmd(settings, mode, pages.is_huge) as testpmd:
                    stretches = testpmd.measure(settings.stretches, settings.seconds)
                rounds.setdefault("testpmd " + mode, []).append(min(stretches))
    finally:
        pages.release()
    lines = {line: {"best": min(values), "median": statistics.median(values)} for line, values in rounds.items()}
    yard = lines["testpmd 5tswap"]
    ratio = {kind: lines["sluice"][kind] / yard[kind] for kind in ("best", "median")}
    about = {key: about[key] for key in ("cpu", "level", "memory", "burst", "tsc_hz")}
    return {**about, "rounds": settings.rounds, "lines": lines, "ratio": ratio}


def print_table(result):
    print(f"Whole loop over net_pcap (1,000 flows, 64 B): {result['cpu']}, {result['level']}, {result['memory']}, bursts "
          f"of {result['burst']}, {result['rounds']} rounds in turns\n")
    print(f"{'TICKS PER PACKET':<22} {'BEST':>8} {'MEDIAN':>8}")
    for line in ("testpmd io", "testpmd 5tswap", *OURS.values()):
        print(f"{line:<22} {result['lines'][line]['best']:>8.1f} {result['lines'][line]['median']:>8.1f}")
    print(f"{'sluice / 5tswap':<22} {result['ratio']['best']:>8.2f} {result['ratio']['median']:>8.2f}   of testpmd's")


def settings_of(arguments):
    parser = argparse.ArgumentParser(description="sluice-bench's whole loop over net_pcap against dpdk-testpmd's")
    parser.add_argument("bench", help="build/tools/sluice-bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stretches", type=int, default=5, help="of each loop per round; the best one counts")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a stretch of testpmd")
    parser.add_argument("--bursts", type=int, default=100000, help="of a stretch of sluice-bench")
    parser.add_argument("--memory", choices=("auto", "huge", "ordinary"), default="auto")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    settings = parser.parse_args(arguments)
    if not (1 <= settings.rounds <= 1000 and 1 <= settings.stretches <= 100 and 0.01 <= settings.seconds <= 60):
        parser.error("allowed: 1 to 1000 rounds, 1 to 100 stretches of 0.01 to 60 seconds")
    if shutil.which("dpdk-testpmd") is None:
        raise Failure("there is no dpdk-testpmd; it is in Debian's package dpdk-dev")
    settings.cpus = sorted(os.sched_getaffinity(0))
    settings.cpu = settings.cpus[-1]
    return settings


def main(arguments):
    # An end by signal cleans up like any other.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        settings = settings_of(arguments)
        with tempfile.TemporaryDirectory(prefix="testpmd-compare-") as directory:
            settings.pcap = os.path.join(directory, "flows.pcap")
            result = measure(settings)
    except (Failure, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"testpmd_compare: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    if settings.output == "json":
        print(json.dumps(result))
    else:
        print_table(result)


if __name__ == "__main__":
    main(sys.argv[1:])
