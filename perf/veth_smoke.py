# SPDX-License-Identifier: Apache-2.0
"""sluice-bench veth, tiny (root): every frame arrives, the answer has its shape, and nothing is left behind."""
import json
import os
import signal
import subprocess
import sys
import time

NAMES = ["blind_encap", "tcp4_stateless_1", "tcp4_stateless_many", "tcp4_tracked_1", "tcp4_tracked_many"]
TINY = ["veth", "--packets", "8192", "--rounds", "1", "--flows-exponent", "10", "--backends", "8", "-o", "json"]


def our_programs():
    shown = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=True).stdout
    return [program["id"] for program in json.loads(shown or "[]") if program.get("name") == "sluice_sink"]


def expect(condition, what):
    if not condition:
        sys.exit("veth_smoke: " + what)


def main(bench):
    ran = subprocess.run([bench, *TINY], capture_output=True, text=True, timeout=50, check=False)
    expect(ran.returncode == 0, ran.stderr)
    cases = json.loads(ran.stdout)["cases"]
    expect([case["name"] for case in cases] == NAMES, f"names {cases}")
    for case in cases:
        expect(case["raw_ns"] > 0 and abs(case["raw_ns"] - case["floor_ns"] - case["net_ns"]) < 0.001, f"arithmetic {case}")
        expect("ratio" in case, f"no ratio: {case}")

    # Interrupted in the middle.
    process = subprocess.Popen([bench, "veth", "--rounds", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not our_programs() and time.monotonic() < deadline:
        time.sleep(0.01)
    expect(our_programs(), "it does not start")
    process.send_signal(signal.SIGINT)
    expect(process.wait(20) == -signal.SIGINT, "SIGINT does not end it")
    expect(not {"generator", "balancer"} & set(os.listdir("/sys/class/net")), "interfaces stay")
    # The kernel frees programs a grace period after their last user, and the namespace with the links later still.
    deadline = time.monotonic() + 20
    while our_programs() and time.monotonic() < deadline:
        time.sleep(0.1)
    expect(not our_programs(), "the sink's program stays")


if __name__ == "__main__":
    main(sys.argv[1])
