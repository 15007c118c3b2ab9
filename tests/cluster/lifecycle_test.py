# SPDX-License-Identifier: Apache-2.0
"""What an operator does with a cluster in its life: joining, leaving, replacing a dead one, backup, restore, recovery, restarts."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from cluster_bed import SLUICED, Balancer, Cluster, free_ports, sluice, wait_for


@pytest.fixture(scope="module")
def trio(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("trio"), 3) as cluster:
        yield cluster


def weight(one, backend="b1", consistency="local"):
    return one.ask("GET", f"/v1/pools/web/backends/{backend}?consistency={consistency}")[1]["weight"]


def another(cluster, name):
    """A balancer more, not started yet."""
    cluster.issue(name)
    one = Balancer(cluster.folder, cluster.certs, name, free_ports(1)[0])
    cluster.balancers.append(one)
    return one


def test_status_has_what_scripts_rely_on(trio):
    wait_for("all caught up", trio.caught_up)
    status = json.loads(trio.balancers[1].sluice("cluster", "status", "-o", "json"))
    assert {"leader", "term", "nodes"} <= status.keys()
    assert [node["name"] for node in status["nodes"]] == ["lb1", "lb2", "lb3"]
    assert all({"name", "role", "applied", "generation", "table_hash", "plane", "live"} <= node.keys() for node in status["nodes"])
    assert all(node["live"] for node in status["nodes"])
    assert status["leader"] in ("lb1", "lb2", "lb3")
    assert len(trio.table_hashes()) == 1


def test_any_balancer_takes_writes_and_reads_what_was_written(trio):
    for number, one in enumerate(trio.balancers):
        one.sluice("backend", "weight", "web/b2", str(50 + number))
        for other in trio.balancers:
            assert other.ask("GET", "/v1/pools/web/backends/b2")[1]["weight"] == 50 + number


def test_the_leader_hands_over_when_it_is_stopped(trio):
    leader = trio.leader()
    assert leader.stop() == 0
    assert "is asked to lead" in leader.log.read_text()
    trio.leader(but=leader.name).sluice("backend", "weight", "web/b3", "33")
    leader.start()
    wait_for("all caught up", trio.caught_up)
    assert weight(leader, "b3") == 33


def test_all_killed_at_once_and_nothing_is_lost(trio):
    trio.leader().sluice("backend", "weight", "web/b4", "44")
    for one in trio.balancers:
        one.kill()
    for one in trio.balancers:
        one.start()
    wait_for("all caught up", trio.caught_up)
    assert [weight(one, "b4") for one in trio.balancers] == [44] * 3
    assert len(trio.table_hashes()) == 1


def test_without_a_quorum_writes_are_refused_at_once_with_the_reason(trio):
    stays = trio.balancers[0]
    for one in trio.balancers[1:]:
        one.pause()
    wait_for("there is no leader", lambda: stays.status()["leader"] is None)
    said = stays.sluice("backend", "weight", "web/b1", "1", code=6)
    assert "1 of 3 voting balancers" in said and "2 are needed" in said and "forwarding goes on" in said, said
    assert stays.ask("GET", "/v1/pools/web?consistency=local")[0] == 200
    assert stays.ask("GET", "/v1/pools/web")[0] == 503
    for one in trio.balancers[1:]:
        one.resume()
    wait_for("it goes on", lambda: stays.ask("PUT", "/v1/pools/web/backends/b1/weight", {"weight": 10})[0] == 200)


def test_stale_revisions_and_unknown_names(trio):
    one = trio.leader()
    revision = one.status()["revision"]
    said = one.sluice("backend", "weight", "web/b1", "5", "--base-revision", "1", code=4)
    assert "revision 1" in said and str(revision) in said, said
    assert '"web"' in one.sluice("backend", "weight", "wbe/b1", "5", code=3)
    assert '"b1"' in one.sluice("backend", "weight", "web/b11", "5", code=3)


def test_a_file_that_deletes_too_much_is_refused(trio, tmp_path):
    one = trio.leader()
    text = one.sluice("config", "show")
    kept = [line for line in text.splitlines() if not any(f'"b{i}"' in line for i in (1, 2, 3, 4))]
    path = tmp_path / "less.toml"
    path.write_text("\n".join(kept) + "\n")
    before = one.status()["revision"]
    said = one.sluice("config", "apply", path, code=5)
    assert "--force" in said, said
    assert one.status()["revision"] == before


def test_join_leave_and_replace_a_dead_one(tmp_path):
    with Cluster(tmp_path, 3) as cluster:
        fourth = another(cluster, "lb4")
        fourth.start()
        assert f"sluice cluster add lb4 127.0.0.1:{fourth.port} --id {fourth.node_id}" in fourth.log.read_text()
        cluster.join(fourth)
        assert "4 voters survive no more failures than 3" in fourth.sluice("cluster", "status")
        wait_for("all caught up", cluster.caught_up)
        # lb2 dies for good; it is removed, and a new one with its name and a new certificate takes its place.
        dead = cluster.named("lb2")
        dead.kill()
        cluster.leader(but="lb2").sluice("cluster", "remove", "lb2")
        wait_for("lb2 has left", lambda: "lb2" not in cluster.voters(fourth))
        cluster.balancers.remove(dead)
        shutil.rmtree(dead.folder)
        cluster.issue("lb2", "--force")
        replacement = Balancer(cluster.folder, cluster.certs, "lb2", free_ports(1)[0])
        cluster.balancers.append(replacement)
        replacement.start()
        cluster.join(replacement)
        wait_for("all caught up", cluster.caught_up)
        assert len(cluster.table_hashes()) == 1
        # One that leaves alive is not needed, and does not disturb.
        leaving = cluster.named("lb4")
        term = cluster.leader().status()["term"]
        cluster.leader().sluice("cluster", "remove", "lb4")
        wait_for("lb4 has left", lambda: "lb4" not in cluster.voters(cluster.named("lb1")))
        if leaving.is_running:
            wait_for("lb4 has noticed", lambda: leaving.status()["leader"] is None)
            leaving.sluice("backend", "weight", "web/b1", "9", code=6)
            leaving.kill()
        assert cluster.named("lb1").ask("PUT", "/v1/pools/web/backends/b1/weight", {"weight": 77})[0] == 200
        assert cluster.named("lb1").status()["term"] <= term + 2


def test_backup_and_restore(tmp_path):
    backup = tmp_path / "backup"
    with Cluster(tmp_path, 3) as cluster:
        cluster.leader().sluice("backend", "weight", "web/b5", "55", "-m", "before the backup")
        cluster.leader().sluice("cluster", "snapshot", "save", backup)
        cluster.leader().sluice("backend", "weight", "web/b5", "56")
        owners = cluster.table_hashes()
    assert backup.stat().st_mode & 0o777 == 0o600
    # Everything is gone but the authority and the backup: a balancer of a new certificate goes on from it.
    cluster.balancers.clear()
    one = another(cluster, "lb9")
    assert "only member" in sluice("cluster", "snapshot", "restore", backup, "--config", one.config)
    try:
        one.start()
        wait_for("it leads", lambda: one.status()["leader"] == "lb9")
        assert weight(one, "b5", "consistent") == 55
        assert "unbroken" in one.sluice("audit", "verify")
        two = another(cluster, "lb8")
        two.start()
        cluster.join(two)
        wait_for("all caught up", cluster.caught_up)
        assert len(cluster.table_hashes()) == 1 and owners
        # Twice is once too many, and damaged ones are none.
        sluice("cluster", "snapshot", "restore", backup, "--config", one.config, code=4)
    finally:
        cluster.__exit__()
    raw = bytearray(backup.read_bytes())
    raw[len(raw) // 2] ^= 1
    backup.write_bytes(raw)
    three = another(cluster, "lb7")
    assert str(backup) in sluice("cluster", "snapshot", "restore", backup, "--config", three.config, code=1)
    assert not (three.folder / "data" / "state.db").exists()


def test_recovery_of_a_lost_quorum(tmp_path):
    with Cluster(tmp_path, 3) as cluster:
        cluster.leader().sluice("backend", "weight", "web/b6", "66")
        wait_for("all caught up", cluster.caught_up)
        stays = cluster.balancers[2]
        assert "another process" in sluice("cluster", "recover", "--config", stays.config, code=4)
        for one in cluster.balancers:
            one.kill()
        assert "only member" in sluice("cluster", "recover", "--config", stays.config)
        stays.start()
        wait_for("it leads", lambda: stays.status()["leader"] == stays.name)
        assert weight(stays, "b6", "consistent") == 66
        stays.sluice("backend", "weight", "web/b6", "67")
        # The others come back from the dead: they belong to nothing any more, and disturb nobody.
        for one in cluster.balancers[:2]:
            one.start()
        stays.sluice("backend", "weight", "web/b6", "68")
        assert [node["name"] for node in stays.status()["nodes"]] == [stays.name]
        assert weight(stays, "b6", "consistent") == 68


def test_two_clusters_never_talk(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with Cluster(tmp_path / "a", 1) as mine, Cluster(tmp_path / "b", 1) as other:
        stranger = other.balancers[0]
        mine.balancers[0].sluice("cluster", "add", "stranger", f"127.0.0.1:{stranger.port}", "--id", stranger.node_id)
        before = stranger.status()
        wait_for("it is tried", lambda: "stranger" in mine.balancers[0].log.read_text())
        after = stranger.status()
        assert (after["term"], after["revision"], len(after["nodes"])) == (before["term"], before["revision"], 1)
        assert mine.voters(mine.balancers[0]) == ["lb1"]


def test_the_file_of_the_documentation_is_good(tmp_path):
    text = (pathlib.Path(__file__).parents[2] / "docs" / "cluster.md").read_text()
    path = tmp_path / "sluiced.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0])
    ran = subprocess.run([SLUICED, "--check", "--config", path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_bad_files_are_refused_and_nothing_is_begun(tmp_path):
    with Cluster(tmp_path, 1) as cluster:
        one = cluster.balancers[0]
        second = subprocess.run([SLUICED, "--config", one.config], capture_output=True, text=True, check=False)
        assert second.returncode == 4 and "another process" in second.stderr, second.stderr
        text = one.config.read_text()
        cases = {'name = "lb1"': ('name = "lb2"', "certificate of \"lb1\""), "listen": ("lisen", "lisen"),
                 "election_ms = 200": ("election_ms = 60", "at least")}
        for before, (after, said) in cases.items():
            bad = tmp_path / "bad.toml"
            bad.write_text(text.replace(before, after, 1))
            ran = subprocess.run([SLUICED, "--config", bad], capture_output=True, text=True, timeout=20, check=False)
            assert ran.returncode in (1, 2, 4) and said in ran.stderr, (after, ran.returncode, ran.stderr)
        one.stop()
        # Another cluster's certificate over this state.
        other = tmp_path / "other"
        other.mkdir()
        sluice("cert", "init", "--dir", other)
        sluice("cert", "issue", "lb1", "--node", "--dir", other)
        foreign = tmp_path / "foreign.toml"
        foreign.write_text(text.replace(str(cluster.certs), str(other)))
        state = (one.folder / "data" / "state.db").read_bytes()
        ran = subprocess.run([SLUICED, "--config", foreign], capture_output=True, text=True, timeout=20, check=False)
        assert ran.returncode == 4, ran.stderr
        assert (one.folder / "data" / "state.db").read_bytes() == state


def test_certificates_are_read_again(tmp_path):
    with Cluster(tmp_path, 3) as cluster:
        for one in cluster.balancers:
            sluice("cert", "renew", cluster.certs / f"{one.name}.crt", "--dir", cluster.certs)
            one.process.send_signal(signal.SIGHUP)
            wait_for("it has read them", lambda one=one: "certificates read again" in one.log.read_text())
        restarted = cluster.balancers[1]
        restarted.kill()
        restarted.start()
        wait_for("all caught up", cluster.caught_up)
        (cluster.certs / "lb1.crt").write_text("no certificate")
        cluster.named("lb1").process.send_signal(signal.SIGHUP)
        wait_for("it says so", lambda: "the old certificates stay" in cluster.named("lb1").log.read_text())
        assert os.path.exists(cluster.named("lb1").socket)
        cluster.leader().sluice("backend", "weight", "web/b1", "12")
