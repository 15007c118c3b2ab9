# SPDX-License-Identifier: Apache-2.0
"""sluice-bench dpdk, tiny: the cases that the documents name are there, and all of them come on the report's page."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

NAMES = {"io", "macswap", "5tswap", "parse_blind_encap", "tcp4_stateless_1k", "tcp4_stateless_1m", "tcp4_stateless_8m",
         "tcp4_tracked_64k", "tcp4_tracked_1m", "tcp4_tracked_1m_noprefetch", "tcp4_tracked_1m_staged_unfetched",
         "tcp4_rte_hash_1m", "tcp6_stateless_1m", "gue_stateless_1m", "pcap_1k_io", "pcap_1k_5tswap", "pcap_1k_sluice"}
TINY = ["--bursts", "64", "--flows-max", "1024", "--memory", "ordinary", "-o", "json"]


def expect(condition, what):
    if not condition:
        sys.exit("dpdk_smoke: " + what)


def run(command):
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def is_positive(value):
    return isinstance(value, (int, float)) and 0 < value < float("inf")


def check_result(result):
    cases = {case["name"]: case for case in result["cases"]}
    expect(len(cases) == len(result["cases"]), "a name twice")
    expect(NAMES <= set(cases), f"missing: {sorted(NAMES - set(cases))}")
    for name, case in cases.items():
        for key in ("ticks", "ticks_median", "ratio"):
            expect(is_positive(case[key]), f"{name}: {key} is {case[key]}")
    expect(cases["parse_blind_encap"]["ratio"] == 1, "the yardstick is not 1")


def main(bench):
    with tempfile.TemporaryDirectory(prefix="dpdk-smoke-") as directory:
        capture = os.path.join(directory, "flows.pcap")
        ran = run([bench, "dpdk", *TINY, "--rounds", "1", "--write-pcap", capture])
        expect(ran.returncode == 0, ran.stderr)
        result = json.loads(ran.stdout)
        check_result(result)
        # A file header, and 1,000 frames of 64 bytes.
        expect(os.path.getsize(capture) == 24 + 1000 * (16 + 64), f"a capture of {os.path.getsize(capture)} bytes")

        file = os.path.join(directory, "dpdk.json")
        with open(file, "w", encoding="utf-8") as out:
            out.write(ran.stdout)
        report = run([bench, "report", file])
        expect(report.returncode == 0, report.stderr)
        absent = [case["name"] for case in result["cases"] if f">{case['name']}<" not in report.stdout]
        expect(not absent, f"not on the page: {absent}")

        nowhere = os.path.join(directory, "none", "flows.pcap")
        refused = run([bench, "dpdk", "--write-pcap", nowhere])
        expect(refused.returncode == 1 and refused.stderr.count("\n") == 1 and nowhere in refused.stderr, refused.stderr)

    # Ended in the middle.
    with subprocess.Popen([bench, "dpdk", *TINY, "--rounds", "1000"], stdout=subprocess.DEVNULL) as process:
        runtime = f"{'/var/run' if os.geteuid() == 0 else os.environ.get('XDG_RUNTIME_DIR', '/tmp')}/dpdk"
        own = f"{runtime}/sluice-dpdk-{process.pid}"
        deadline = time.monotonic() + 30
        while not os.path.exists(own) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        expect(os.path.exists(own), "it does not start")
        time.sleep(0.5)  # DPDK is up, or at least on its way
        process.send_signal(signal.SIGTERM)
        expect(process.wait(60) == 128 + signal.SIGTERM, f"SIGTERM: ended with {process.returncode}")
        expect(not os.path.exists(own), f"{own} stays")


if __name__ == "__main__":
    main(sys.argv[1])
