# SPDX-License-Identifier: Apache-2.0
"""sluice-dpdk ends, is killed, and comes back; what it leaves behind, and what --detach takes away."""
import json
import os
import signal
import time

from bed import assert_nothing_lost, run
from dpdk_bed import RUNTIME


def addresses(bed, interface: str) -> list[str]:
    shown = json.loads(run("ip", "-n", bed.balancer, "-j", "addr", "show", interface).stdout)[0]
    return [one["local"] for one in shown["addr_info"] if one["family"] == "inet"]


def test_comes_back_after_an_end_and_a_kill(bed):
    """The gap is printed, not judged: timings of a busy machine decide nothing."""
    bed.write_config()
    plane = bed.start()
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        with bed.traffic(pps=2000) as counts:
            time.sleep(0.2)
        assert_nothing_lost(counts, 10)
        began = time.monotonic()
        bed.stop(plane, number)
        plane = bed.start()
        print(f"{bed.kind}: {number.name} to ready {time.monotonic() - began:.3f} s")
    with bed.traffic(pps=2000) as counts:
        time.sleep(0.2)
    assert_nothing_lost(counts, 10)
    assert bed.stop(plane) == 0
    bed.assert_nothing_left()


def test_kernel_interface_stays_with_its_addresses(xdp_bed):
    bed = xdp_bed
    bed.write_config()
    plane = bed.start()
    run("ip", "-n", bed.balancer, "addr", "add", "192.0.2.7/32", "dev", "up0")
    for number in (signal.SIGTERM, signal.SIGKILL):
        bed.stop(plane, number)
        assert sorted(addresses(bed, "up0")) == ["10.2.0.2", "192.0.2.7"]
        plane = bed.start()
        shown = json.loads(run("ip", "-n", bed.balancer, "-j", "link", "show", "up0").stdout)[0]
        assert shown["address"] == bed.mac(0) and shown["mtu"] == 1500 and "LOWER_UP" in shown["flags"], shown


def test_detach_of_a_running_process(xdp_bed):
    bed = xdp_bed
    bed.write_config()
    plane = bed.start()
    done = bed.run_plane("--detach")
    assert done.returncode == 0 and "was told to detach" in done.stderr, done
    assert plane.wait(timeout=20) == 0
    assert not bed.has_link("up0")
    bed.assert_nothing_left()


def test_detach_of_what_an_ended_one_left(xdp_bed):
    bed = xdp_bed
    bed.write_config()
    bed.stop(bed.start())
    assert bed.has_link("up0")
    done = bed.run_plane("--detach")
    assert done.returncode == 0 and "removed the kernel interface up0" in done.stderr, done
    assert not bed.has_link("up0")
    again = bed.run_plane("--detach")
    assert again.returncode == 0 and "nothing to detach" in again.stderr, again


def test_what_a_killed_one_left_of_dpdk_is_removed(bed):
    bed.write_config()
    plane = bed.start()
    bed.stop(plane, signal.SIGKILL)
    # nsenter has become sluice-dpdk: same process.
    assert os.path.isdir(f"{RUNTIME}/sluice-dpdk-{plane.pid}")
    plane = bed.start()
    assert bed.stop(plane) == 0
    bed.assert_nothing_left()
