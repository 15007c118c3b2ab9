# SPDX-License-Identifier: Apache-2.0
"""The cluster of a lab under traffic: what is changed reaches every plane, and what dies takes no packet along."""
import json
import os
import signal
import subprocess
import time

import pytest
from conftest import BUILD, PLANES, wait_until

from labkit import cluster, servers, shares, state
from labkit.http_load import BLOCK, Ports

WEIGHTS = {"b1": 100, "b2": 50, "b3": 200}
MEMBERS = {"name", "role", "applied", "generation", "table_hash", "plane", "live"}
CHANGES = 500
EXIT_UNREACHABLE = 6  # docs/cli.md
# Of sluiced stopped under traffic. SLUICE_LONG: as long as the promise is.
PAUSE_SECONDS = 60 if os.environ.get("SLUICE_LONG") else 5
# What a busy machine may take; promised are 1 s (a write is refused), 2 s (many changes), 0.6 s (a leader). All are printed.
REFUSED_SECONDS_MAX = 5.0
APPLY_SECONDS_MAX = 20.0
ELECTION_SECONDS_MAX = 10.0


@pytest.fixture(scope="module", params=PLANES)
def lab(make_lab, request):
    lab = make_lab()
    lab.run("up", "--plane", request.param, "--backends", 3, "--weights", ",".join(str(weight) for weight in WEIGHTS.values()))
    yield lab
    lab.run("down")
    lab.assert_gone()


def sluice(lab, node: str, *words, code: int = 0) -> dict:
    """On a balancer, without a flag that says where things are."""
    ran = lab.run("exec", node, "--", "sluice", *words, "-o", "json", code=code)
    return json.loads(ran.stdout) if ran.stdout else {}


def status(lab) -> dict:
    """As soon as a balancer knows a leader, its word; also where the lab is not healthy."""
    told = cluster.status(state.load(lab.name))
    assert told is not None, "no sluiced answers"
    return told


def sluice_status(lab, node: str) -> dict:
    """By that balancer, whatever it thinks of the cluster."""
    ran = subprocess.run([f"{BUILD}/tools/sluice", "cluster", "status", "-o", "json", "--address",
                          cluster.api_path(state.load(lab.name), node)], capture_output=True, text=True, timeout=30)
    return json.loads(ran.stdout or '{"leader": null}')


def is_fenced(lab, node: str) -> bool:
    """As its plane says."""
    return servers.ask_plane(state.load(lab.name), node, {"op": "status"})["fenced"]


def control(lab, node: str) -> int:
    described = next(one for one in lab.json("status")["nodes"] if one["name"] == node)
    return next(one["pid"] for one in described["processes"] if one["role"] == "control")


def live_planes(lab) -> int:
    told = cluster.status(state.load(lab.name))
    return sum(node["live"] and node["generation"] == told["generation"] for node in told["nodes"]) if told else 0


class Traffic:
    """New connections over both families, connections that stand, and one every 5 ms that says if a packet was lost."""

    def __init__(self, lab):
        self._ports = Ports(f"/run/sluice-lab/{lab.name}/ports")
        used = self._ports.used()
        self._runs = {"new4": lab.start("http", "--json", "--duration", 300),
                      "new6": lab.start("http", "--json", "--duration", 300, "--family", 6),
                      "standing": lab.start("http", "--json", "--duration", 300, "--keep-alive", "--concurrency", 32),
                      "probe": lab.start("probe", "--json", "--duration", 300)}
        wait_until(lambda: self._ports.used() >= used + len(self._runs) * BLOCK or not self.runs(), "traffic flows")

    def runs(self) -> bool:
        return all(run.poll() is None for run in self._runs.values())

    def more(self) -> None:
        """Waits until some more of it has gone."""
        used = self._ports.used()
        wait_until(lambda: self._ports.used() >= used + 3 * BLOCK or not self.runs(), "traffic goes on")

    def end(self) -> dict:
        assert self.runs(), "a load ended by itself"
        return self._stop()

    def _stop(self) -> dict:
        for run in self._runs.values():
            if run.poll() is None:
                run.send_signal(signal.SIGINT)
        return {name: json.loads(run.communicate(timeout=60)[0] or "{}") for name, run in self._runs.items()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if any(run.poll() is None for run in self._runs.values()):
            self._stop()


def assert_nothing_lost(result: dict, what: str) -> None:
    sent = {name: one["sent"] for name, one in result.items()}
    print(f"{what}: {sent} sent, probe: {result['probe']['lost']} lost {result['probe']['outages']}")
    assert all(count > 0 for count in sent.values()), result
    assert {name: one["errors"] for name, one in result.items() if one.get("failed")} == {}, result
    assert result["probe"]["lost"] == 0, result["probe"]


def test_up_has_formed_it(lab):
    told = sluice(lab, "lb2", "cluster", "status")
    assert {"leader", "term", "nodes"} <= set(told)
    assert all(MEMBERS <= set(node) for node in told["nodes"])
    assert [node["name"] for node in told["nodes"]] == ["lb1", "lb2", "lb3"]
    assert sorted(node["role"] for node in told["nodes"]) == ["leader", "voter", "voter"]
    assert len({(node["generation"], node["table_hash"]) for node in told["nodes"]}) == 1
    assert all(node["live"] and node["plane"] in PLANES for node in told["nodes"])
    assert told["leader"] in ("lb1", "lb2", "lb3") and told["term"] > 0
    assert "live on 3/3 planes" in lab.run("status").stdout


def test_every_command_works_without_flags(lab):
    for words in (["service", "list"], ["backend", "list"], ["table", "show"], ["stats"], ["drops"], ["status"], ["node", "list"],
                  ["audit", "list"], ["config", "history"], ["explain", "10.1.0.2:4000", "203.0.113.10:80"]):
        sluice(lab, "lb3", *words)
    lab.run("exec", "lb1", "--", "sh", "-c", "test -z \"$SLUICE_CONFIG\" && sluice config show | grep -q 'name = \"web4\"'")


@pytest.mark.parametrize("family", [4, 6])
def test_balancers_share_the_flows_and_a_flow_stays_on_one(lab, family):
    def received() -> list[int]:
        return [sluice(lab, node, "stats")["tx_packets"] for node in ("lb1", "lb2", "lb3")]

    before = received()
    assert lab.json("http", "--family", family, "--requests", 600)["failed"] == 0
    spread = [new - old for old, new in zip(before, received())]
    assert all(count > 600 for count in spread), spread
    before = received()
    assert lab.json("http", "--family", family, "--requests", 300, "--keep-alive", "--concurrency", 1)["failed"] == 0
    one = sorted(new - old for old, new in zip(before, received()))
    assert one[:2] == [0, 0] and one[2] > 300, one


def test_a_weight_is_live_on_every_plane_and_seen_in_the_shares(lab):
    try:
        said = lab.run("exec", "lb3", "--", "sluice", "backend", "weight", "web/b3", "10", "--wait").stdout
        assert "live on 3/3 planes" in said
        counts = lab.json("http", "--requests", 2000)["by_backend"]
        assert all(shares.fits(counts, {**WEIGHTS, "b3": 10}).values()), counts
        assert not all(shares.fits(counts, WEIGHTS).values()), counts
        weights = {node["name"]: node["weight"] for node in lab.json("status")["nodes"] if "weight" in node}
        assert weights == {**WEIGHTS, "b3": 10}
        assert "weight    10" in lab.run("http", "--requests", 10).stdout  # the lab asks, and does not remember
    finally:
        changed = lab.json("weight", "b3", WEIGHTS["b3"])
    assert changed["cluster"]["live"]["live"] == changed["cluster"]["live"]["planes"] == 3 and changed["weights"] == WEIGHTS


def test_the_leader_is_killed(lab):
    leader = status(lab)["leader"]
    with Traffic(lab) as traffic:
        began = time.monotonic()
        assert lab.json("stop", leader, "--role", "control", "--kill")["stopped"] == ["control"]
        known = state.load(lab.name)
        wait_until(lambda: (cluster.status(known) or {}).get("leader") not in (None, leader), "another one leads",
                   ELECTION_SECONDS_MAX)
        print(f"a leader again after {(time.monotonic() - began) * 1000:.0f} ms")
        receipt = cluster.ask(known, "backend", "weight", "web/b1", "90", "--wait")
        assert receipt["live"] == {"generation": receipt["generation"], "live": 2, "planes": 3}
        traffic.more()
        lab.run("start", leader)
        wait_until(lambda: live_planes(lab) == 3, "all three have the generation")
        cluster.ask(known, "backend", "weight", "web/b1", str(WEIGHTS["b1"]), "--wait")
        traffic.more()
        result = traffic.end()
    assert_nothing_lost(result, "leader killed")
    assert lab.json("status")["healthy"]


def test_a_sluiced_that_hangs(lab):
    leader = status(lab)["leader"]
    hanging = control(lab, leader)
    other = "lb1" if leader != "lb1" else "lb2"
    with Traffic(lab) as traffic:
        os.kill(hanging, signal.SIGSTOP)
        try:
            assert not is_fenced(lab, leader)  # its lease is not over
            time.sleep(PAUSE_SECONDS)
            # Nobody else can tell its plane; the others' planes go on.
            assert is_fenced(lab, leader) and not is_fenced(lab, other)
            sluice(lab, other, "backend", "weight", "web/b2", "60", "--wait")
            traffic.more()
        finally:
            os.kill(hanging, signal.SIGCONT)
        # Until it has heard of the others' leader it takes itself for one: what it says of the cluster is old.
        wait_until(lambda: sluice_status(lab, leader)["leader"] not in (None, leader), "it knows who leads")
        wait_until(lambda: live_planes(lab) == 3, "all three have the generation")
        wait_until(lambda: not is_fenced(lab, leader), "its plane has a lease again")
        sluice(lab, other, "backend", "weight", "web/b2", str(WEIGHTS["b2"]), "--wait")
        traffic.more()
        result = traffic.end()
    assert_nothing_lost(result, f"sluiced stopped for {PAUSE_SECONDS} s")


def test_two_of_three_are_gone(lab):
    alone = status(lab)["leader"]
    gone = [node for node in ("lb1", "lb2", "lb3") if node != alone]
    with Traffic(lab) as traffic:
        for node in gone:
            lab.run("stop", node, "--role", "control", "--kill")
        began = time.monotonic()
        wait_until(lambda: status(lab)["leader"] is None and status(lab)["reachable"] == 1, "it knows that it is alone",
                   ELECTION_SECONDS_MAX)
        print(f"alone, and knows it after {(time.monotonic() - began) * 1000:.0f} ms")
        began = time.monotonic()
        refused = subprocess.run([f"{BUILD}/tools/sluice", "backend", "weight", "web/b1", "1", "--address",
                                  cluster.api_path(state.load(lab.name), alone)], capture_output=True, text=True, timeout=30)
        took = time.monotonic() - began
        print(f"refused after {took * 1000:.0f} ms: {refused.stderr.strip()}")
        assert refused.returncode == EXIT_UNREACHABLE and "1 of 3 voting balancers" in refused.stderr, refused
        assert took <= REFUSED_SECONDS_MAX
        assert sluice(lab, alone, "backend", "list", "web", "--local")["backends"]
        traffic.more()
        assert not lab.json("status", code=1)["healthy"]
        for node in gone:
            lab.run("start", node)
        traffic.more()
        result = traffic.end()
    assert_nothing_lost(result, "two of three gone")
    assert {one["name"]: one["weight"] for one in sluice(lab, alone, "backend", "list", "web")["backends"]} == WEIGHTS


def _site(lab, weight: int) -> str:
    """The lab's own, and a pool of many backends that no service uses: it moves, and packets do not care."""
    known = state.load(lab.name)
    many = "\n".join(f'  {{ name = "m{i}", address = "10.9.{i // 250}.{1 + i % 250}", weight = {weight} }},'
                     for i in range(CHANGES))
    path = f"/run/sluice-lab/{lab.name}/many.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(servers.site_text(known) + f'\n[[pool]]\nname = "many"\nslots = 65537\nbackends = [\n{many}\n]\n'
                   f'\n[[service]]\nname = "many"\naddress = "203.0.113.99"\nport = 80\nprotocol = "tcp"\npool = "many"\n')
    return path


def test_five_hundred_changes_by_one_file(lab):
    known = state.load(lab.name)
    cluster.ask(known, "config", "apply", _site(lab, 100), "--wait", "--wait-timeout", "60s")
    with Traffic(lab) as traffic:
        traffic.more()
        before = status(lab)["generation"]
        path = _site(lab, 50)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for i in range(0, CHANGES, 2):  # not the same for all, or no share would change
            text = text.replace(f'name = "m{i}", address = "10.9.{i // 250}.{1 + i % 250}", weight = 50',
                                f'name = "m{i}", address = "10.9.{i // 250}.{1 + i % 250}", weight = {10 + i % 80}')
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        began = time.monotonic()
        receipt = cluster.ask(known, "config", "apply", path, "--wait", "--wait-timeout", "60s")
        took = time.monotonic() - began
        generations = receipt["live"]["generation"] - before
        print(f"{CHANGES} changes: {generations} generation(s), {took * 1000:.0f} ms")
        assert receipt["live"]["live"] == receipt["live"]["planes"] == 3 and 1 <= generations <= 3
        assert took <= APPLY_SECONDS_MAX
        traffic.more()
        result = traffic.end()
    assert_nothing_lost(result, f"{CHANGES} changes")


def test_over_ipv6_and_with_two(make_lab):
    """Balancers talk by the family of the tunnels; two are a cluster, with a warning."""
    lab = make_lab()
    said = lab.run("up", "--balancers", 2, "--backends", 1, "--underlay", 6, "--encapsulation", "gue").stdout
    assert "2 voters survive no more failures than 1" in said
    told = sluice(lab, "lb1", "cluster", "status")
    assert [node["address"] for node in told["nodes"]] == ["[fd00:2:1::2]:7471", "[fd00:2:2::2]:7471"]
    assert lab.json("http", "--requests", 100)["failed"] == 0
    lab.run("down")
    lab.assert_gone()
