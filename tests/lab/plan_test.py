# SPDX-License-Identifier: Apache-2.0
"""The pure parts of the lab: plan and statistics."""
import os
import random
import sys
from math import comb
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from labkit import plan, probe, shares  # noqa: E402
from labkit.errors import LabError  # noqa: E402


def test_addresses_and_names_are_all_different():
    made = plan.Plan(plan.Options(balancers=200, backends=200, control="file").checked())
    for field in ("namespace", "port", "address4", "address6", "gateway4", "gateway6"):
        values = [getattr(node, field) for node in made.nodes]
        assert len(values) == len(set(values)) == 401
    macs = [plan.mac(address) for node in made.nodes for address in (node.address4, node.gateway4)]
    assert len(set(macs)) == 802


def test_interface_names_fit_the_kernel():
    made = plan.Plan(plan.Options(balancers=200, backends=200, control="file").checked())
    assert max(len(node.port) for node in made.nodes) < 16


@pytest.mark.parametrize("namespace, lab, belongs", [
    ("sluice-a-lb1", "a", True), ("sluice-a-router", "a", True), ("sluice-a-b12", "a", True),
    ("sluice-a-b1-b1", "a", False), ("sluice-a-b1-b1", "a-b1", True), ("sluice-ab-b1", "a", False),
    ("xsluice-a-b1", "a", False), ("sluice-a-", "a", False)])
def test_a_namespace_belongs_to_one_lab(namespace, lab, belongs):
    assert plan.namespace_belongs(namespace, lab) is belongs


def test_mixed_planes_take_turns_and_need_two():
    made = plan.Plan(plan.Options(plane="mixed").checked())
    assert [node.plane for node in made.balancers] == ["xdp", "dpdk", "xdp"]
    assert [node.plane for node in plan.Plan(plan.Options(plane="mixed", balancers=2).checked()).balancers] == ["xdp", "dpdk"]
    assert [node.plane for node in plan.Plan(plan.Options().checked()).balancers] == ["xdp"] * 3
    with pytest.raises(LabError, match="--balancers 1"):
        plan.Options(plane="mixed", balancers=1).checked()


def test_a_cluster_has_no_more_members_than_may_vote():
    assert len(plan.Plan(plan.Options(balancers=7).checked()).balancers) == 7
    with pytest.raises(LabError, match="--balancers 8") as refused:
        plan.Options(balancers=8).checked()
    assert "--control file" in refused.value.hint
    assert len(plan.Plan(plan.Options(balancers=8, control="file").checked()).balancers) == 8


@pytest.mark.parametrize("port, interface", [("af_xdp", "up0"), ("af_packet", "eth0")])
def test_the_hosts_addresses_are_where_its_own_packets_come_in(port, interface):
    balancer = plan.Plan(plan.Options(plane="dpdk", port=port).checked()).balancers[0]
    commands = plan.line_commands(balancer, "router")
    assert f"addr add 10.2.1.2/24 dev {interface}" in commands and "link set eth0 up" in commands
    assert all(command.endswith(f"dev {interface}") for command in plan.gateway_commands(balancer))
    assert any(command.startswith("tuntap add dev up0") for command in commands) is (port == "af_xdp")


def _probes(text: str) -> list[probe.Probe]:
    """A probe every 10 ms: '+' came through, '-' did not."""
    return [probe.Probe(index / 100, mark == "+") for index, mark in enumerate(text)]


@pytest.mark.parametrize("seen, lengths", [
    ("++++", []), ("+++---+++", [30]), ("---+++", [30]),
    ("++-+-+-+++", [50]),                            # half of them by another balancer: one outage
    ("+-" + 30 * "+" + "--+", [10, 20]),             # far apart: two
    ("++---", [20]), ("-", [0]), ("", [])])
def test_outages_reach_to_the_first_that_comes_through(seen, lengths):
    found = probe.outages(_probes(seen))
    assert [outage["ms"] for outage in found] == lengths
    assert sum(outage["lost"] for outage in found) == seen.count("-")
    assert all(outage["ended"] for outage in found) is not seen.endswith("-")


def test_several_balancers_are_a_group_of_nexthops_and_one_is_plain():
    def routes(balancers: int) -> list[str]:
        made = plan.Plan(plan.Options(balancers=balancers).checked())
        return [command for command in plan.router_commands(made) if command.startswith(("nexthop", "route"))]

    assert "route add 203.0.113.10/32 nhid 4001" in routes(1)
    assert "nexthop add id 4000 group 4001/4002/4003" in routes(3)
    assert "route add 2001:db8:203::10/128 nhid 6000" in routes(3)


def test_the_tail_is_the_exact_binomial():
    for draws, share in ((20, 0.25), (31, 0.5), (12, 0.9)):
        def exact(low: int, high: int) -> float:
            return sum(comb(draws, k) * share**k * (1 - share)**(draws - k) for k in range(low, high + 1))
        for count in range(draws + 1):
            one_side = exact(count, draws) if count > draws * share else exact(0, count)
            assert shares.tail(count, draws, share) == pytest.approx(min(1.0, 2 * one_side), rel=1e-9)


def _draw(rng: random.Random, weights: dict[str, int], draws: int) -> dict[str, int]:
    picked = rng.choices(list(weights), list(weights.values()), k=draws)
    return {name: picked.count(name) for name in weights}


def test_true_shares_fit_and_wrong_ones_are_found_out():
    seed = int(os.environ.get("SLUICE_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SLUICE_SEED={seed}")
    rng = random.Random(seed)
    weights = {"b1": 100, "b2": 100, "b3": 50, "b4": 150}
    for _ in range(300):  # 1200 looks at a false alarm of 1e-8 each
        assert all(shares.fits(_draw(rng, weights, 4000), weights).values())
    # What quickstart must notice: weights ignored, or a change of b4 to 25 that did not happen.
    for truth, claim in (({**weights, "b3": 100, "b4": 100}, weights), (weights, {**weights, "b4": 25})):
        for _ in range(100):
            assert not all(shares.fits(_draw(rng, truth, 4000), claim).values())


def test_edges_of_fits():
    assert not all(shares.fits({}, {"b1": 1}).values())                  # no draw says nothing, which is no success
    assert shares.fits({"b1": 10}, {"b1": 1, "b2": 0}) == {"b1": True, "b2": True}
    assert shares.fits({"b1": 10, "b2": 1}, {"b1": 1, "b2": 0})["b2"] is False
    assert shares.fits({"b1": 10, "stranger": 1}, {"b1": 1})["stranger"] is False


def test_tolerance_is_where_fits_changes_its_mind():
    draws, share = 4000, 0.25
    margin = shares.tolerance(draws, share)
    inside, outside = round(draws * (share + margin - 0.005)), round(draws * (share + margin + 0.005))
    assert shares.tail(inside, draws, share) >= shares.FALSE_ALARM > shares.tail(outside, draws, share)


def test_bars_have_the_asked_width():
    for share in (0.0, 0.001, 0.37, 0.999, 1.0, 1.5):
        assert len(shares.bar(share, 16)) == 16
    assert shares.bar(1.0, 4) == "████" and shares.bar(0.0, 4) == "    "
