# SPDX-License-Identifier: Apache-2.0
"""Real HTTP through three balancers, counted: what the load generator says is what the servers have seen."""
import json
import signal
import time

import pytest
from conftest import PLANES, wait_until

from labkit import shares

WEIGHTS = {"b1": 100, "b2": 50, "b3": 200}


@pytest.fixture(scope="module", params=PLANES)
def lab(make_lab, request):
    lab = make_lab()
    lab.run("up", "--plane", request.param, "--backends", 3, "--weights", ",".join(str(weight) for weight in WEIGHTS.values()))
    yield lab
    lab.run("down")
    lab.assert_gone()


@pytest.mark.parametrize("family", [4, 6])
def test_counts_agree_with_the_servers(lab, family):
    before = {name: lab.connections_accepted(name) for name in WEIGHTS}
    result = lab.json("http", "--family", family, "--requests", 1500)
    after = {name: lab.connections_accepted(name) for name in WEIGHTS}
    assert (result["sent"], result["ok"], result["failed"]) == (1500, 1500, 0)
    assert sum(result["by_backend"].values()) == 1500
    assert result["by_backend"] == {name: after[name] - before[name] for name in WEIGHTS}
    assert all(shares.fits(result["by_backend"], WEIGHTS).values()), result["by_backend"]


@pytest.mark.parametrize("family", [4, 6])
def test_large_transfers_arrive_whole(lab, family):
    result = lab.json("http", "--family", family, "--requests", 10, "--path", "/1m.bin", "--concurrency", 2)
    assert result["failed"] == 0 and result["body_bytes"] == 10 << 20
    assert lab.json("http", "--family", family, "--requests", 10, "--upload", 300_000, "--concurrency", 2)["failed"] == 0


@pytest.mark.parametrize("family", [4, 6])
def test_keep_alive_uses_one_connection_per_worker(lab, family):
    before = sum(lab.connections_accepted(name) for name in WEIGHTS)
    result = lab.json("http", "--family", family, "--requests", 400, "--concurrency", 4, "--keep-alive")
    assert result["ok"] == 400
    assert sum(lab.connections_accepted(name) for name in WEIGHTS) - before == 4


def test_duration_bounds_the_load(lab):
    result = lab.json("http", "--duration", 0.5)
    assert result["sent"] > 0 and result["failed"] == 0


def test_flows_never_share_a_source_port(lab):
    flows = [flow["source"] for _ in range(2) for flow in lab.json("http", "--requests", 300, "--flows")["flows"]]
    assert len(flows) == len(set(flows)) == 600


def test_failures_are_counted_and_end_in_exit_code_1(lab):
    result = lab.json("http", "--host", "10.3.1.77", "--requests", 6, "--timeout", 0.5, code=1)
    assert result["failed"] == result["sent"] == 6 and result["by_backend"] == {}
    assert sum(result["errors"].values()) == 6
    missing = lab.json("http", "--path", "/none", "--requests", 5, code=1)
    assert missing["errors"] == {"status 404": 5}


def test_a_stopped_backend_fails_exactly_its_own_share(lab):
    lab.run("stop", "b3")
    assert not lab.json("status", code=1)["healthy"]
    result = lab.json("http", "--requests", 60, "--concurrency", 60, "--timeout", 1, code=1)
    assert "b3" not in result["by_backend"]
    assert result["failed"] > 0 and result["ok"] + result["failed"] == 60
    lab.run("start", "b3")
    assert lab.json("status")["healthy"]
    assert lab.json("http", "--requests", 200)["failed"] == 0


def test_weight_changes_take_effect_and_bad_ones_change_nothing(lab):
    try:
        assert lab.json("weight", "b1", 0)["weights"]["b1"] == 0
        assert "b1" not in lab.json("http", "--requests", 300)["by_backend"]
        lab.run("weight", "b1", 65536, code=2)
        lab.run("weight", "b9", 10, code=3)
        assert {node["name"]: node["weight"] for node in lab.json("status")["nodes"] if "weight" in node} == {**WEIGHTS, "b1": 0}
    finally:
        lab.run("weight", "b1", WEIGHTS["b1"])
    counts = lab.json("http", "--requests", 1500)["by_backend"]
    assert all(shares.fits(counts, WEIGHTS).values()), counts


@pytest.mark.parametrize("family", [4, 6])
def test_living_connections_survive_weight_changes(lab, family):
    """Connections that last over the changes stay with their servers: the balancer remembers them."""
    before = sum(lab.connections_accepted(name) for name in WEIGHTS)
    load = lab.start("http", "--json", "--family", family, "--duration", 60, "--keep-alive", "--concurrency", 64)
    try:
        wait_until(lambda: sum(lab.connections_accepted(name) for name in WEIGHTS) >= before + 32 or load.poll() is not None,
                   "connections stand")
        for weight in (20, 400, WEIGHTS["b2"]):
            lab.run("weight", "b2", weight)
            time.sleep(0.2)  # for requests on them in this state; how many does not matter
        assert load.poll() is None
    finally:
        load.send_signal(signal.SIGINT)
        output = load.communicate(timeout=30)[0]
    result = json.loads(output)
    assert result["sent"] > 64 and result["failed"] == 0, result


def test_exec_runs_in_the_namespace_with_our_programs_at_hand(lab):
    assert lab.run("exec", "lb1", "--", "sh", "-c", "exit 7", code=7).stdout == ""
    assert "10.2.1.2" in lab.execute("lb1", "ip", "-4", "address", "show")
    assert lab.execute("lb1", "sh", "-c", "echo $SLUICE_SOCKET").strip() == f"/run/sluice-lab/{lab.name}/lb1/plane.sock"
    assert json.loads(lab.execute("lb1", "sluice", "stats", "-o", "json"))["rx_packets"] > 0
    lab.run("exec", "lb7", "--", "true", code=3)


def test_forwarding_outlives_the_plane_process(make_lab):
    """Of XDP: its programs are the kernel's."""
    lab = make_lab()
    lab.run("up", "--balancers", 1, "--backends", 2)
    lab.run("stop", "lb1", "--kill")
    assert lab.json("http", "--requests", 200)["failed"] == 0
    lab.run("start", "lb1")
    assert lab.json("http", "--requests", 200)["failed"] == 0
    lab.run("down")


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("encapsulation", ["ipip", "gue"])
@pytest.mark.parametrize("underlay", [4, 6])
def test_every_tunnel_carries_both_families(make_lab, plane, encapsulation, underlay):
    """Of a file, too: one balancer is enough to say so."""
    lab = make_lab()
    lab.run("up", "--plane", plane, "--control", "file", "--balancers", 1, "--backends", 2, "--encapsulation", encapsulation,
            "--underlay", underlay)
    for family in (4, 6):
        assert lab.json("http", "--family", family, "--requests", 100)["failed"] == 0
        assert lab.json("http", "--family", family, "--requests", 4, "--upload", 200_000)["failed"] == 0
    assert lab.json("weight", "b1", 0)["balancers"]["lb1"]["generation"] > 1
    assert set(lab.json("http", "--requests", 50)["by_backend"]) == {"b2"}
    lab.run("down")
    lab.assert_gone()


def test_two_labs_side_by_side(make_lab):
    first, second = make_lab(), make_lab()
    first.run("up", "--balancers", 1, "--backends", 2)
    second.run("up", "--backends", 3, "--balancers", 2)
    loads = [(lab, family, lab.start("http", "--json", "--requests", 300, "--family", family))
             for lab in (first, second) for family in (4, 6)]
    for lab, family, load in loads:
        result = json.loads(load.communicate(timeout=50)[0])
        assert (load.returncode, result["ok"]) == (0, 300)
        assert set(result["by_backend"]) == ({"b1", "b2"} if lab is first else {"b1", "b2", "b3"})
    received = [json.loads(second.execute(node, "sluice", "stats", "-o", "json"))["rx_packets"] for node in ("lb1", "lb2")]
    assert all(count > 300 for count in received), received  # the router spread the flows over both
    first.run("down")
    first.assert_gone()
    assert second.json("http", "--requests", 100)["failed"] == 0
    second.run("down")
    second.assert_gone()
