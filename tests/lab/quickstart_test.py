# SPDX-License-Identifier: Apache-2.0
"""The README's first command: a verdict that holds, and no trace afterwards, however it ends."""
import json
import os
import signal
import subprocess

import pytest
from conftest import BUILD, PLANES, REPOSITORY, wait_until

QUICKSTART = str(REPOSITORY / "tools" / "quickstart")


def _start(lab, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen([QUICKSTART, "--name", lab.name, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env={**os.environ, "SLUICE_BUILD": BUILD})


def _start_built(lab, *arguments: str) -> subprocess.Popen:
    """Without its steps that install and compile: what is there, is used."""
    program = f"""
import sys
sys.path.insert(0, {str(REPOSITORY / 'tools')!r})
from labkit import quickstart
quickstart.build = lambda screen, planes: None
sys.exit(quickstart.main(["--name", {lab.name!r}, *sys.argv[1:]]))"""
    return subprocess.Popen(["/usr/bin/python3", "-B", "-c", program, *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={**os.environ, "SLUICE_BUILD": lab.build})


@pytest.mark.parametrize("plane", [*PLANES, "mixed"] if "dpdk" in PLANES else PLANES)
def test_every_check_holds_and_nothing_is_left(make_lab, plane):
    lab = make_lab()
    run = _start(lab, "--json", "--plane", plane)
    output, screen = run.communicate(timeout=100)
    report = json.loads(output)
    assert run.returncode == 0 and report["ok"], screen
    names = [check["name"] for check in report["checks"]]
    assert len(names) == len(set(names)) >= 20
    assert {"a cluster of all balancers, one table in every plane", "the change is live on every plane", "another balancer leads",
            "requests while the cluster lost its leader: none failed"} <= set(names)
    assert ("requests while sluice-xdp was dead: none failed" in names) is (plane != "dpdk")
    assert ("sluice-dpdk forwards again after its restart" in names) is (plane != "xdp")
    assert set(report["shares"]) == {"by weight", "after the change"}
    assert "\x1b" not in screen  # not a terminal: no escapes
    assert len(screen.splitlines()) <= 50 and max(len(line) for line in screen.splitlines()) <= 79
    lab.assert_gone()


def test_a_balancer_that_ignores_weights_fails_the_verdict(make_lab, tmp_path):
    """The same programs, but one that hides the site's weights from the cluster: the checks of shares must see it."""
    for name in ("bpf", "controlplane", "dataplane", "build.ninja"):
        os.symlink(f"{BUILD}/{name}", tmp_path / name)
    os.mkdir(tmp_path / "tools")
    wrapper = tmp_path / "tools" / "sluice"
    wrapper.write_text(f"""#!/bin/sh
test "$1 $2" != "config apply" || sed -i 's/weight = [0-9]*/weight = 100/' "$3"
exec {BUILD}/tools/sluice "$@"
""")
    wrapper.chmod(0o755)
    lab = make_lab(build=str(tmp_path))
    run = _start_built(lab, "--json")
    output, screen = run.communicate(timeout=100)
    assert run.returncode == 1, screen
    failed = {check["name"] for check in json.loads(output)["checks"] if not check["ok"]}
    assert failed == {"shares by weight, IPv4", "shares by weight, IPv6", "shares after the change, IPv4",
                      "shares after the change, IPv6"}
    lab.assert_gone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_it_leaves_nothing(make_lab, number):
    lab = make_lab()
    run = _start_built(lab)
    wait_until(lambda: os.path.exists(f"/run/sluice-lab/{lab.name}/ports") or run.poll() is not None, "traffic flows", 60)
    assert run.poll() is None
    run.send_signal(number)
    run.communicate(timeout=30)
    assert run.returncode == 128 + number
    lab.assert_gone()


def test_without_root_it_says_what_to_do():
    run = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", QUICKSTART], capture_output=True, text=True, timeout=30)
    assert run.returncode == 5 and "sudo tools/quickstart" in run.stderr
