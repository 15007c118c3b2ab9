# SPDX-License-Identifier: Apache-2.0
"""Whole generations, under traffic: no packet is lost, none mixes two of them."""
import os

from bed import assert_accounted, assert_nothing_lost, run

SWITCHES = int(os.environ.get("SLUICE_SWITCHES") or 1000)


def test_switches_under_full_traffic(bed):
    """The two generations differ in outer source, destination, encapsulation, GUE port and next hop, so that a packet
    made of both would be seen."""
    run("ip", "-n", bed.balancer, "addr", "add", "10.2.9.2/24", "dev", "eth0")
    for net in ("3", "4"):
        run("ip", "-n", bed.balancer, "route", "add", f"10.{net}.0.0/16", "via", f"10.2.9.{net}")
        run("ip", "-n", bed.balancer, "neigh", "add", f"10.2.9.{net}", "dev", "eth0", "lladdr", f"02:00:00:00:00:0{net}",
            "nud", "permanent")
    one = {"02:00:00:00:00:03 10.2.0.2>10.3.1.2 ipip", "02:00:00:00:00:03 10.2.0.2>10.3.2.2 ipip"}
    other = {"02:00:00:00:00:04 10.2.9.2>10.4.1.2 gue6080", "02:00:00:00:00:04 10.2.9.2>10.4.2.2 gue6080"}
    texts = [bed.config.text()]
    bed.config.source, bed.config.encapsulation = "10.2.9.2", "gue"
    bed.config.backends = {"b1": ("10.4.1.2", 100), "b2": ("10.4.2.2", 300)}
    texts.append(bed.config.text())
    bed.write_config(texts[0])
    bed.start()
    with bed.traffic(pps=1000000) as counts:
        for switch in range(1, SWITCHES + 1):
            bed.write_config(texts[switch % 2])
            answer = bed.ask("reload")
            assert answer == {"ok": True, "generation": switch + 1}, answer
    assert_nothing_lost(counts, SWITCHES)
    assert set(counts["by"]) == one | other, counts
    stats = bed.ask("stats")
    assert_accounted(stats)
    assert stats["drop_packets"] == 0 and stats["tx_packets"] == counts["sent"]
