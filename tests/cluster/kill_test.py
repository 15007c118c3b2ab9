# SPDX-License-Identifier: Apache-2.0
"""The leader is killed, again and again, while clients write: nothing acknowledged is lost, and what clients saw has one order.
SLUICE_KILLS=200 is the long form."""
import json
import os
import statistics
import subprocess
import time

from cluster_bed import ELECTION_MS, Cluster, wait_for

KILLS = int(os.environ.get("SLUICE_KILLS", "6"))
LOAD = os.environ.get("CLUSTER_LOAD", "build/tests/cluster/cluster_load")
BACKENDS = 4
CLIENTS = 6


def test_killed_leaders(tmp_path):
    gaps_ms = []
    with Cluster(tmp_path, 3, BACKENDS) as cluster:
        seconds = 2.0 * KILLS + 4
        load = subprocess.Popen([LOAD, str(seconds), str(CLIENTS), str(BACKENDS), *(one.socket for one in cluster.balancers)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            while len(gaps_ms) < KILLS and load.poll() is None:
                time.sleep(0.3)
                victim = cluster.leader()
                victim.kill()
                began = time.monotonic()
                cluster.leader(but=victim.name)
                gaps_ms.append((time.monotonic() - began) * 1000)
                victim.start()
                wait_for("all have the same", lambda: victim.status()["leader"])
            out, err = load.communicate(timeout=seconds + 60)
        finally:
            load.kill()
            load.wait()
        report = json.loads(out.splitlines()[-1])
        wait_for("all caught up", cluster.caught_up)
        assert len(cluster.table_hashes()) == 1
        median = statistics.median(gaps_ms)
        print(json.dumps({"kills": len(gaps_ms), "new_leader_ms_median": round(median), "new_leader_ms_max": round(max(gaps_ms)),
                          "upper_election_timeout_ms": 2 * ELECTION_MS, **report}))
        assert load.returncode == 0, out + err
        # A run that did not reach its load says nothing.
        assert len(gaps_ms) == KILLS
        assert report["acknowledged_writes"] > 50 * KILLS, report
        assert cluster.leader().sluice("audit", "verify")
