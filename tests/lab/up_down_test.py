# SPDX-License-Identifier: Apache-2.0
"""A lab comes up whole or not at all, and goes without a trace, however it ends."""
import json
import os
import signal
import subprocess

import pytest
from conftest import SIGNALS, wait_until


def test_comes_up_whole_and_leaves_nothing(make_lab):
    lab = make_lab()
    made = lab.json("up", "--balancers", 2, "--backends", 3)
    assert made["created"] and made["healthy"]
    assert sorted(node["name"] for node in made["nodes"]) == ["b1", "b2", "b3", "client", "lb1", "lb2"]
    assert {node["name"]: node["role"] for node in made["cluster"]["nodes"]} == {"lb1": "leader", "lb2": "voter"}
    assert sorted(lab.namespaces()) == sorted(f"sluice-{lab.name}-{n}" for n in
                                              ("b1", "b2", "b3", "client", "lb1", "lb2", "router"))
    status = lab.json("status")
    assert status["healthy"]
    assert all(process["alive"] for node in status["nodes"] for process in node["processes"])
    traces = lab.traces()
    assert len(traces["mounts"]) == 7 + 5 and traces["processes"]  # namespaces, and a private bpffs per balancer and backend

    assert lab.json("down")["removed"] == [lab.name]
    lab.assert_gone()


def test_up_again_changes_nothing(make_lab):
    lab = make_lab()
    first = lab.json("up", "--backends", 2, "--balancers", 1)
    second = lab.json("up", "--backends", 2, "--balancers", 1)
    assert first["created"] and not second["created"]
    assert first["nodes"] == second["nodes"]
    refused = lab.run("up", "--backends", 3, "--balancers", 1, code=4)
    assert "backends 2 instead of 3" in refused.stderr
    assert lab.json("status")["nodes"] == first["nodes"]


def test_down_of_nothing_is_fine_and_status_of_nothing_is_not(make_lab):
    lab = make_lab()
    assert lab.json("down")["removed"] == []
    lab.run("status", code=3)
    lab.run("http", code=3)
    lab.assert_gone()


@pytest.mark.parametrize("wrong", [["--balancers", "0"], ["--balancers", "8"], ["--backends", "201"], ["--weights", "1,2"], ["--weights", "70000"],
                                   ["--mtu", "9000"], ["--plane", "mixed", "--balancers", "1"],
                                   ["--plane", "dpdk", "--port", "af_packet", "--mtu", "1600"]])
def test_impossible_options_make_nothing(make_lab, wrong):
    lab = make_lab()
    complaint = lab.run("up", *wrong, code=2).stderr
    assert complaint.startswith("lab: ") and "hint: " in complaint
    lab.assert_gone()


@pytest.mark.parametrize("agent, says", [("echo loading; echo the map is too large >&2; exit 3", "the map is too large"),
                                         ("exit 0", "its log is empty")])
def test_a_program_that_fails_takes_the_lab_down_and_is_quoted(make_lab, fake_build, agent, says):
    lab = make_lab(build=fake_build(agent=agent))
    complaint = lab.run("up", "--backends", 2, code=1).stderr
    assert "sluice-backend on b1 ended before it was ready" in complaint
    assert says in complaint
    lab.assert_gone()


def test_a_missing_program_is_named_before_anything_is_made(make_lab, tmp_path):
    lab = make_lab(build=str(tmp_path))
    assert "dataplane/sluice-xdp is missing" in lab.run("up", code=3).stderr
    assert "dataplane/sluice-dpdk is missing" in lab.run("up", "--plane", "dpdk", code=3).stderr
    (tmp_path / "dataplane").mkdir()
    (tmp_path / "dataplane" / "sluice-xdp").symlink_to("/bin/true")
    assert "controlplane/sluiced is missing" in lab.run("up", code=3).stderr
    lab.assert_gone()


def _interrupt(lab, number: int, ready) -> subprocess.Popen:
    up = lab.start("up", "--backends", 4)
    wait_until(lambda: ready() or up.poll() is not None, "the lab is half made")
    assert up.poll() is None, up.communicate()
    up.send_signal(number)
    up.communicate(timeout=30)
    return up


def _processes(lab) -> int:
    try:
        with open(f"/run/sluice-lab/{lab.name}/state.json", encoding="utf-8") as file:
            return len(json.load(file)["processes"])
    except (FileNotFoundError, json.JSONDecodeError):
        return 0


def _stages(lab):
    """How far `up` has come when it is hit."""
    return {"first": lambda: len(lab.namespaces()) >= 1, "network": lambda: len(lab.namespaces()) >= 4,
            "processes": lambda: _processes(lab) >= 3, "waiting": lambda: _processes(lab) >= 11}


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("stage", ["first", "network", "processes", "waiting"])
def test_interrupted_up_leaves_nothing(make_lab, fake_build, stage, number):
    lab = make_lab(build=fake_build(plane="exec sleep 600"))  # never ready, so there is time to interrupt
    up = _interrupt(lab, number, _stages(lab)[stage])
    assert up.returncode == 128 + number
    lab.assert_gone()


@pytest.mark.parametrize("stage", ["first", "network", "processes", "waiting"])
def test_down_cleans_up_after_a_killed_up(make_lab, fake_build, stage):
    lab = make_lab(build=fake_build(plane="exec sleep 600"))
    up = _interrupt(lab, signal.SIGKILL, _stages(lab)[stage])
    assert up.returncode == -signal.SIGKILL
    assert any(lab.traces().values())
    lab.run("down")
    lab.assert_gone()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_cluster_that_does_not_come_together_is_no_obstacle(make_lab, fake_build, number):
    lab = make_lab(build=fake_build())  # its sluiced says that it is ready and does nothing
    up = lab.start("up", "--backends", 1)
    wait_until(lambda: _processes(lab) == 2 + 3 + 3 or up.poll() is not None, "a leader is waited for")
    assert up.poll() is None, up.communicate()
    up.send_signal(number)
    up.communicate(timeout=30)
    if number == signal.SIGKILL:
        lab.run("down")
    lab.assert_gone()


def test_a_sluiced_that_fails_is_quoted(make_lab, fake_build):
    lab = make_lab(build=fake_build(control="echo the disk is full >&2; exit 1"))
    complaint = lab.run("up", "--backends", 1, code=1).stderr
    assert "sluiced on lb1 ended before it was ready" in complaint and "the disk is full" in complaint
    lab.assert_gone()


def test_up_replaces_what_a_killed_up_has_left(make_lab, fake_build):
    lab = make_lab(build=fake_build(plane="exec sleep 600"))
    _interrupt(lab, signal.SIGKILL, _stages(lab)["processes"])
    lab.build = fake_build()
    assert lab.json("up", "--backends", 1, "--control", "file")["created"]
    lab.run("down")
    lab.assert_gone()


def test_programs_that_ignore_sigterm_and_orphaned_children_go_too(make_lab, fake_build):
    stubborn = "trap '' TERM; sleep 600 & echo ready: fake; while :; do sleep 600; done"
    lab = make_lab(build=fake_build(agent=stubborn))
    lab.run("up", "--backends", 1, "--control", "file")
    leader = next(process["pid"] for node in lab.json("status")["nodes"] if node["name"] == "b1"
                  for process in node["processes"] if process["role"] == "agent")
    os.kill(leader, signal.SIGKILL)  # its child lives on, in a session whose leader is dead
    assert lab.traces()["processes"]
    lab.run("down")
    lab.assert_gone()


def test_a_recycled_pid_is_never_signalled(make_lab, fake_build):
    """The state file names a living process of ours, but with another start time: it must survive `down`."""
    lab = make_lab(build=fake_build())
    lab.run("up", "--backends", 1, "--control", "file")
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as bystander:
        path = f"/run/sluice-lab/{lab.name}/state.json"
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
        state["processes"].append({**state["processes"][0], "pid": bystander.pid})
        with open(path, "w", encoding="utf-8") as file:
            json.dump(state, file)
        lab.run("down")
        assert bystander.poll() is None
        bystander.kill()
    lab.assert_gone()


def test_a_shell_of_the_user_is_reported_and_left_alone(make_lab, fake_build):
    lab = make_lab(build=fake_build())
    lab.run("up", "--backends", 1, "--control", "file")
    guest = lab.start("exec", "b1", "--", "sleep", "600")
    wait_until(lambda: guest.poll() is None and os.path.exists(f"/proc/{guest.pid}/comm")
               and open(f"/proc/{guest.pid}/comm", encoding="ascii").read().strip() == "sleep", "the guest runs")
    told = lab.json("down")
    assert [one["pid"] for one in told["guests"]] == [guest.pid]
    assert guest.poll() is None
    guest.kill()
    guest.communicate()
    lab.assert_gone()


def test_names_that_begin_alike_are_different_labs(make_lab, fake_build):
    build = fake_build()
    short = make_lab(build=build)
    longer = make_lab(build=build)
    longer.name = f"{short.name}-b1"
    short.run("up", "--backends", 1, "--balancers", 1, "--control", "file")
    longer.run("up", "--backends", 1, "--balancers", 1, "--control", "file")
    short.run("down")
    assert longer.json("status")["healthy"] and len(longer.namespaces()) == 4
    longer.run("down")
    longer.assert_gone()
    short.assert_gone()
