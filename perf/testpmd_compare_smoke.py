# SPDX-License-Identifier: Apache-2.0
"""testpmd_compare.py, tiny: both have run, and nothing is left behind, not even if it is ended in the middle."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

TINY = ["--rounds", "1", "--stretches", "2", "--seconds", "0.05", "--bursts", "256", "--memory", "ordinary"]
LINES = {"testpmd io", "testpmd 5tswap", "sluice-bench io", "sluice-bench 5tswap", "sluice"}


def expect(condition, what):
    if not condition:
        sys.exit("testpmd_compare_smoke: " + what)


def testpmd_of(pid):
    """Processes of dpdk-testpmd that the comparison with this process id has started."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"dpdk-testpmd") and f"testpmd-compare-{pid}".encode() in words:
            found.append(process)
    return found


def expect_nothing_left(pid, directory):
    expect(not testpmd_of(pid), "a testpmd stays")
    expect(not os.listdir(directory), f"files stay: {os.listdir(directory)}")
    for runtime in ("/var/run/dpdk", os.path.join(directory, "dpdk")):
        expect(not os.path.exists(os.path.join(runtime, f"testpmd-compare-{pid}")), f"{runtime} is not cleared")


def main(compare, bench):
    with tempfile.TemporaryDirectory(prefix="compare-smoke-") as directory:
        environment = {**os.environ, "TMPDIR": directory}
        command = [sys.executable, "-B", compare, bench, *TINY, "-o", "json"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            output = process.communicate(timeout=60)[0]
        expect(process.returncode == 0, f"ended with {process.returncode}")
        result = json.loads(output)
        expect(set(result["lines"]) == LINES, f"lines: {sorted(result['lines'])}")
        for line, values in result["lines"].items():
            expect(0 < values["best"] <= values["median"], f"{line}: {values}")
        expect(result["ratio"]["best"] > 0 and result["ratio"]["median"] > 0, f"ratio: {result['ratio']}")
        expect_nothing_left(process.pid, directory)

        long = [sys.executable, "-B", compare, bench, *TINY, "--seconds", "30"]
        with subprocess.Popen(long, env=environment, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 30
            while not testpmd_of(process.pid) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            expect(testpmd_of(process.pid), "testpmd does not start")
            process.send_signal(signal.SIGTERM)
            expect(process.wait(20) == 128 + signal.SIGTERM, f"SIGTERM: ended with {process.returncode}")
        expect_nothing_left(process.pid, directory)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
