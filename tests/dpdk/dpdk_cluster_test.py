# SPDX-License-Identifier: Apache-2.0
"""sluice-dpdk told by the cluster: generations under traffic, growth from nothing, and a start from what was kept."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import plane_state  # noqa: E402
from bed import VIP, assert_accounted, assert_nothing_lost  # noqa: E402
from plane_state import PlaneClient, Pool, Service  # noqa: E402

SLOTS = 16381


def as_cluster(bed) -> None:
    bed.write_config()
    text = bed.config.text()
    more = f'control = "cluster"\nstate_file = "{bed.directory}/kept/state"\n'
    plane = text[text.index("[plane]"):text.index("[[pool]]")]
    bed.cluster_text = plane.replace("pin_directory", more + "pin_directory")
    bed.write_config(bed.cluster_text)


def generation(number: int, phase: str, mtu: int = 1500) -> bytes:
    owners = [(number + slot) % 2 if slot % 4 == 0 else slot % 2 for slot in range(SLOTS)]
    before = {slot: [1 - owners[slot]] for slot in range(0, SLOTS, 4)} if phase == "prepared" else {}
    pool = Pool("web", [("b1", "10.3.1.2", 100), ("b2", "10.3.2.2", 100)], slots=SLOTS, owners=owners, past=before, mtu=mtu)
    return plane_state.state(number, [pool], [Service("web", VIP, 80, 0)], phase)


def resolved(bed) -> None:
    bed.wait_for(lambda: not bed.ask("status")["unresolved"])


def test_is_told_and_starts_again_with_it(bed):
    as_cluster(bed)
    process = bed.start()
    assert bed.ask("status")["services"] == 0
    with PlaneClient(bed.config.socket) as client:
        assert client.publish(generation(1, "active"))["ok"]
        resolved(bed)
        with bed.traffic(pps=2000) as counts:
            for number in range(2, 30):
                for phase in ("prepared", "active"):
                    answer = client.publish(generation(number, phase))
                    assert (answer["ok"], answer["generation"], answer["phase"]) == (True, number, phase), answer
        assert_nothing_lost(counts, 10)
        refused = client.publish(generation(30, "active", mtu=1501))
        assert not refused["ok"] and "raise mtu of the port" in refused["error"], refused
        assert client.ask("status")["cluster"]["generation"] == 29
        assert_accounted(client.ask("stats"))
    assert bed.stop(process, signal.SIGTERM) == 0
    bed.start()
    assert bed.ask("status")["cluster"]["generation"] == 29
    with bed.traffic(pps=2000) as counts:
        time.sleep(0.2)
    assert_nothing_lost(counts, 10)


def test_killed_behind_its_answer(bed):
    """The state file is written a moment later; what was acknowledged counts all the same."""
    as_cluster(bed)
    process = bed.start()
    for number, phase in ((1, "active"), (2, "prepared"), (2, "active")):
        with PlaneClient(bed.config.socket) as client:
            assert client.publish(generation(number, phase))["ok"]
        bed.stop(process, signal.SIGKILL)
        process = bed.start()
        status = bed.ask("status")["cluster"]
        assert (status["generation"], status["phase"]) == (number, phase), status
