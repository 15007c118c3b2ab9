# SPDX-License-Identifier: Apache-2.0
"""No packet is lost while sluice-xdp is killed, restarted, upgraded or outgrows its arrays."""
import os
import random
import shutil
import signal
import time

import bed as bed_module
from bed import BIG_POOL, assert_accounted, assert_nothing_lost, seed


def sets_of(bed):
    return [pin for pin in bed.pins() if pin.startswith("sluice/set-") and pin.count("/") == 1]


def test_killed_and_restarted_ten_times(bed):
    bed.write_config()
    plane = bed.start()
    received = 0
    with bed.traffic() as counts:
        for _ in range(10):
            bed.stop(plane, signal.SIGKILL)
            time.sleep(0.05)
            assert bed.xdp_of() == "sluice_balancer"
            plane = bed.start()
            now = bed.ask("stats")["rx_packets"]
            assert now >= received
            received = now
    assert_nothing_lost(counts)
    assert bed.ask("status")["generation"] == 11
    stats = bed.ask("stats")
    assert_accounted(stats)
    assert stats["tx_packets"] == counts["sent"]
    assert [pin for pin in bed.pins() if pin.count("/") == 2 and "program" in pin] == ["sluice/set-1/program-11"]


def test_killed_at_any_moment_of_a_start(bed):
    """Also in the middle of moving to larger arrays, and back."""
    chance = random.Random(seed())
    bed.write_config()
    plane = bed.start()
    texts = []
    for slots, more in ((16381, ""), (65537, ""), (16381, BIG_POOL)):
        bed.config.slots, bed.config.more = slots, more
        texts.append(bed.config.text())
    with bed.traffic() as counts:
        for _ in range(25):
            bed.stop(plane, signal.SIGKILL)
            bed.write_config(chance.choice(texts))
            plane = bed.start(wait=False)
            time.sleep(chance.uniform(0.0, 0.5))
            if chance.random() < 0.3:
                plane.send_signal(signal.SIGHUP)
                time.sleep(chance.uniform(0.0, 0.1))
        bed.stop(plane, signal.SIGKILL)
        bed.start()
    assert_nothing_lost(counts)
    stats = bed.ask("stats")
    assert_accounted(stats)
    assert stats["tx_packets"] == counts["sent"]
    programs = [pin for pin in bed.pins() if "/program-" in pin and pin.count("/") == 2]
    assert len(sets_of(bed)) == 1 and len(programs) == 1 and not any("unfinished" in pin for pin in bed.pins())


def test_counts_of_several_sets_add_up(bed):
    """Two processes in a row die right after their switch to larger arrays: nobody has taken over any counts yet."""
    bed.write_config()
    plane = bed.start()
    with bed.traffic() as counts:
        time.sleep(0.3)
        bed.stop(plane)
        for slots, more in ((65537, ""), (16381, BIG_POOL)):
            bed.config.slots, bed.config.more = slots, more
            bed.write_config()
            died = bed.run_plane(preload=bed_module.DIE_AFTER_SWITCH)
            assert died.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), died
            time.sleep(0.3)
        assert sets_of(bed) == ["sluice/set-1", "sluice/set-2", "sluice/set-3"]
        bed.start()
        time.sleep(0.3)
    assert_nothing_lost(counts)
    stats = bed.ask("stats")
    assert_accounted(stats)
    assert stats["tx_packets"] == counts["sent"] and stats["services"][0]["packets"] == counts["sent"]
    assert sets_of(bed) == ["sluice/set-3"]


def test_upgrade_replaces_the_program(bed):
    """Another executable, same maps: what an upgrade of the package does."""
    bed.write_config()
    plane = bed.start()
    copy = f"{bed.directory}/sluice-xdp-next"
    shutil.copy(bed_module.PLANE, copy)
    with bed.traffic() as counts:
        bed.stop(plane)
        original, bed_module.PLANE = bed_module.PLANE, copy
        try:
            bed.start()
        finally:
            bed_module.PLANE = original
    assert_nothing_lost(counts, 10)
    assert "program replaced in place" in bed.log()


def test_grows_under_traffic(bed):
    bed.write_config()
    bed.start()
    told = {}
    with bed.traffic() as counts:
        time.sleep(0.5)
        before = bed.ask("stats")
        bed.config.more = BIG_POOL
        bed.reload()
        after = bed.ask("stats")
        assert after["rx_packets"] >= before["rx_packets"]
        assert after["services"][0]["packets"] >= before["services"][0]["packets"]
        assert after["backends"][0]["packets"] >= before["backends"][0]["packets"]
        time.sleep(0.2)
        for port in range(10000, 10020):
            told[port] = bed.ask("explain", source=f"198.51.100.1:{port}", destination="203.0.113.10:80", protocol="tcp")
    assert_nothing_lost(counts)
    # Flows were entered by their SYN, which came before: they have moved along.
    assert all(one["remembered"] for one in told.values()), told
    stats = bed.ask("stats")
    assert_accounted(stats)
    assert stats["tx_packets"] == counts["sent"] and stats["services"][0]["packets"] == counts["sent"]
    assert stats["services"][0]["new_flows"] == 1000
    assert bed.ask("status")["generation"] == 2
    assert os.listdir(f"{bed.directory}/bpf/sluice") in (["links", "set-2"], ["set-2", "links"])


def test_tracked_flows_stay_across_growth(bed):
    """A drained backend keeps its flows, in the larger arrays too."""
    bed.write_config()
    bed.start()
    with bed.traffic() as counts:
        time.sleep(0.3)
        bed.config.backends["b1"] = ("10.3.1.2", 0)
        bed.reload()
        first = bed.ask("stats")["backends"][0]
        bed.config.more = BIG_POOL
        bed.reload()
        assert bed.ask("status")["generation"] == 3
        second = bed.ask("stats")["backends"][0]
        time.sleep(0.3)
        third = bed.ask("stats")["backends"][0]
    assert_nothing_lost(counts)
    assert first["packets"] < second["packets"] < third["packets"]


def test_restart_with_a_larger_configuration(bed):
    bed.write_config()
    plane = bed.start()
    with bed.traffic() as counts:
        time.sleep(0.2)
        before = bed.ask("stats")["rx_packets"]
        bed.stop(plane)
        bed.config.more = BIG_POOL
        bed.write_config()
        bed.start()
        assert bed.ask("stats")["rx_packets"] >= before
    assert_nothing_lost(counts)
    assert bed.ask("stats")["tx_packets"] == counts["sent"]
