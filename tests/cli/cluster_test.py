# SPDX-License-Identifier: Apache-2.0
"""The commands that ask the cluster, against the real API server over a cluster in memory (tests/api). What they print
stands in screens/; SLUICE_WRITE_SCREENS=1 writes it anew, and the diff is for reading."""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

from conftest import SLUICE, run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "api"))
from demo import CLUSTER, Authority, Demo  # noqa: E402

SCREENS = pathlib.Path(__file__).resolve().parent / "screens"


class Cli:
    """sluice against the demo; keeps what a terminal would have shown."""

    def __init__(self, demo):
        self.demo = demo
        self.shown = ""

    def __call__(self, *words, code=0, **options):
        ran = run(*words, "--address", self.demo.socket, **options)
        self.shown += f"$ sluice {' '.join(words)}\n{ran.out}{ran.err}"
        if ran.code != 0:
            self.shown += f"[exit code {ran.code}]\n"
        assert ran.code == code, ran.out + ran.err
        return ran


@pytest.fixture
def sluice(tmp_path):
    with Demo(tmp_path) as demo:
        yield Cli(demo)


def check_screen(name, shown):
    # Hashes depend on the layout of what is hashed; that they are hashes is enough here.
    shown = re.sub(r"\b[0-9a-f]{64}\b", "H" * 64, re.sub(r"\b[0-9a-f]{16}\b", "H" * 16, shown))
    path = SCREENS / (name + ".txt")
    if os.environ.get("SLUICE_WRITE_SCREENS"):
        path.write_text(shown)
    assert shown == path.read_text()


def test_reading(sluice):
    for words in (["cluster", "status"], ["cluster", "members"], ["node", "list"], ["node", "list", "-o", "wide"],
                  ["node", "show", "lb2"], ["service", "list"], ["service", "show", "http"], ["pool", "list", "-o", "wide"],
                  ["pool", "show", "web"], ["backend", "list"], ["backend", "list", "web", "-o", "wide"],
                  ["backend", "show", "web/b1"], ["table", "show", "web"], ["config", "show"],
                  ["explain", "198.51.100.7:1234", "203.0.113.10:80"]):
        sluice(*words)
    check_screen("reading", sluice.shown)


def test_a_day_of_an_operator(sluice):
    sluice("backend", "weight", "web/b1", "50", "--wait", "-m", "half of it")
    sluice("backend", "weight", "web/b1", "+10")
    sluice("backend", "weight", "web/b1", "-20")
    sluice("backend", "weight", "web/b1", "50%")
    sluice("backend", "weight", "web/b2", "50", "--dry-run")
    sluice("backend", "add", "web/b3", "10.0.1.13", "--weight", "20")
    sluice("backend", "set", "web/b3", "--ip", "10.0.1.23")
    sluice("backend", "list", "web")
    sluice("backend", "remove", "web/b3", "--force")
    sluice("pool", "add", "dns", "--encapsulation", "gue", "--slots", "16381")
    sluice("service", "add", "dns", "203.0.113.53:53/udp", "--pool", "dns")
    sluice("service", "set", "dns", "--no-track")
    sluice("service", "show", "dns")
    sluice("service", "remove", "dns")
    sluice("pool", "remove", "dns")
    sluice("config", "history")
    sluice("config", "rollback", "1")
    sluice("backend", "list", "web")
    sluice("audit", "list")
    sluice("audit", "verify")
    sluice("events", "--kind", "write")
    check_screen("operator", sluice.shown)


def test_refusals(sluice):
    sluice("backend", "weight", "web/b11", "50", code=3)
    sluice("service", "show", "htp", code=3)
    sluice("node", "show", "lb9", code=3)
    sluice("backend", "weight", "b1", "50", code=2)
    sluice("backend", "weight", "web/b1", "lots", code=2)
    sluice("service", "add", "x", "203.0.113.10", "--pool", "web", code=2)
    sluice("service", "set", "http", code=2)
    sluice("backend", "weight", "web/b1", "50")
    sluice("backend", "weight", "web/b1", "60", "--base-revision", "1", code=4)
    sluice("service", "add", "http", "203.0.113.99:80", "--pool", "web", code=4)
    sluice("config", "apply", "-", code=5,
           input='service = []\n[[pool]]\nname = "web"\nbackends = []\n')
    sluice.demo.tell("live 2")
    sluice("backend", "weight", "web/b1", "70", "--wait", "--wait-timeout", "1s", code=7)
    sluice.demo.tell("leader 0")
    sluice("backend", "weight", "web/b1", "80", code=6)
    sluice("service", "list", code=6)
    sluice("service", "list", "--local")
    sluice("cluster", "status", code=8)
    check_screen("refusals", sluice.shown)


def test_cluster_status_as_json_is_what_scripts_rely_on(sluice):
    answer = sluice("cluster", "status", "-o", "json").json()
    assert list(answer)[:3] == ["leader", "term", "nodes"]
    assert (answer["leader"], answer["term"]) == ("lb1", 7)
    assert [list(node)[:7] for node in answer["nodes"]] == 3 * [
        ["name", "role", "applied", "generation", "table_hash", "plane", "live"]]
    assert answer["nodes"][1]["role"] == "voter" and answer["nodes"][1]["live"] is True
    sluice.demo.tell("leader 0")
    answer = sluice("cluster", "status", "-o", "json", code=8).json()
    assert answer["leader"] is None


FILE = """[[pool]]
name = "web"
slots = 16381
backends = [ { name = "b1", address = "10.0.1.11", weight = 100 }, { name = "b2", address = "10.0.1.12", weight = 50 } ]
[[pool]]
name = "spare"
slots = 16381
backends = []
[[service]]
name = "http"
address = "203.0.113.10"
port = 80
protocol = "tcp"
pool = "web"
"""


def test_applying_a_file(sluice, tmp_path):
    site = tmp_path / "site.toml"
    site.write_text(FILE)
    os.chdir(tmp_path)
    sluice("config", "diff", "site.toml", code=1)
    sluice("plan", "site.toml")
    sluice("config", "apply", "site.toml", "--dry-run")
    sluice("config", "apply", "site.toml", "--wait", "--confirm-within", "2m")
    sluice("config", "diff", "site.toml")
    sluice("config", "confirm")
    sluice("config", "confirm", code=3)
    sluice.demo.tell("advance 600000")
    sluice("config", "diff", "site.toml")
    site.write_text(FILE.replace("weight = 50", "wieght = 50"))
    sluice("config", "apply", "site.toml", code=2)
    sluice("config", "diff", "site.toml", code=2)
    site.write_text(FILE.replace("weight = 50", "weight = 70"))
    sluice("config", "apply", "site.toml", "--confirm-within", "10s")
    sluice.demo.tell("advance 10000")
    sluice("backend", "show", "web/b2")
    check_screen("apply", sluice.shown)


def test_members(sluice):
    sluice("cluster", "add", "lb4", "192.0.2.4:7946", "--id", "44")
    sluice("cluster", "members")
    sluice("cluster", "promote", "lb4")
    sluice("cluster", "transfer", "lb2")
    sluice("cluster", "status", code=8)  # lb4 has no plane yet, and four voters are no better than three
    sluice("cluster", "remove", "lb4")
    sluice("cluster", "remove", "lb4", code=3)
    check_screen("members", sluice.shown)


def test_snapshot_is_written_whole_and_for_its_owner_alone(sluice, tmp_path):
    target = tmp_path / "snapshot"
    sluice("cluster", "snapshot", "save", str(target))
    assert target.stat().st_mode & 0o777 == 0o600 and target.stat().st_size > 100
    assert not (tmp_path / "snapshot.part").exists()
    sluice("cluster", "snapshot", "save", str(tmp_path / "none" / "x"), code=1)


def test_following_events(sluice):
    process = subprocess.Popen([SLUICE, "events", "--follow", "-o", "json", "--address", sluice.demo.socket],
                               stdout=subprocess.PIPE, text=True)
    try:
        while True:  # until it listens
            sluice.demo.tell("event health web/b1 is down")
            time.sleep(0.05)
            os.set_blocking(process.stdout.fileno(), False)
            line = process.stdout.readline()
            if line:
                break
        assert json.loads(line)["text"] == "web/b1 is down"
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_audit_that_was_altered_does_not_verify(tmp_path):
    # The answer of the API, with one word changed on its way: what a forger in the node could do.
    with Demo(tmp_path) as demo:
        demo.ask("PUT", "/v1/pools/web/backends/b1/weight", {"weight": 5})
        answer = demo.ask("GET", "/v1/audit")[2]
    answer["entries"][0]["author"]["name"] = "mallory"
    from fake_api import FakeApi  # pylint: disable=import-outside-toplevel
    (tmp_path / "fake").mkdir()
    with FakeApi(tmp_path / "fake", json.dumps(answer)) as fake:
        ran = run("audit", "verify", "--address", fake.path)
    assert ran.code == 1
    assert "1" in ran.err and ran.out == ""


@pytest.mark.parametrize("answer", ["", "[]", "nothing", '{"nodes": 7}'])
def test_an_api_that_answers_nonsense_is_no_crash(tmp_path, answer):
    from fake_api import FakeApi  # pylint: disable=import-outside-toplevel
    with FakeApi(tmp_path, answer) as fake:
        ran = run("node", "list", "--address", fake.path)
    assert ran.code in (0, 1)


def test_nobody_there(tmp_path):
    ran = run("service", "list", "--address", str(tmp_path / "none"))
    assert (ran.code, ran.out) == (6, "")
    assert "no API answers at" in ran.err and "is sluiced running?" in ran.err
    assert run("service", "list", "--address", "nonsense").code == 2
    ran = run("service", "list", "--address", "127.0.0.1:1")
    assert ran.code == 2 and "--cert, --key and --ca" in ran.err


def test_an_api_that_says_nothing_ends_after_the_timeout(sluice):
    sluice.demo.tell("silent 1")
    begin = time.monotonic()
    sluice("backend", "weight", "web/b1", "9", "--timeout", "0.5", code=7)
    assert time.monotonic() - begin < 10


def test_the_address_may_stand_in_the_environment(tmp_path):
    with Demo(tmp_path) as demo:
        assert run("service", "list", environment={"SLUICE_API": demo.socket}).code == 0


def test_where_the_environment_names_both_the_cluster_is_asked(tmp_path):
    nowhere = str(tmp_path / "no-plane.sock")
    with Demo(tmp_path) as demo:
        both = {"SLUICE_API": demo.socket, "SLUICE_SOCKET": nowhere}
        assert run("config", "show", environment=both).code == 0
        assert run("config", "show", "--socket", nowhere, environment=both).code == 6
        assert run("config", "show", environment={"SLUICE_SOCKET": nowhere}).code == 6


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def test_mutual_tls(tmp_path, authority):
    node = authority.issue("node", f"sluice://{CLUSTER}/node/0000000000000001")
    admin = authority.issue("alice", f"sluice://{CLUSTER}/role/admin/alice")
    viewer = authority.issue("bob", f"sluice://{CLUSTER}/role/viewer/bob")
    foreign = authority.issue("eve", "sluice://beef/role/admin/eve")
    with Demo(tmp_path, [CLUSTER, *node, authority.certificate]) as demo:
        def at(pair, *words):
            return run(*words, "--address", f"127.0.0.1:{demo.port}", "--cert", pair[0], "--key", pair[1], "--ca",
                       authority.certificate)
        assert at(admin, "backend", "weight", "web/b1", "50").code == 0
        assert at(viewer, "service", "list").code == 0
        ran = at(viewer, "backend", "weight", "web/b1", "60")
        assert ran.code == 1 and "bob is viewer, and this needs operator" in ran.err
        ran = at(foreign, "service", "list")
        assert ran.code == 6 and "is no node of cluster beef" in ran.err
        other = Authority(tmp_path, "other").issue("mallory", f"sluice://{CLUSTER}/role/admin/mallory")
        assert at(other, "service", "list").code == 6
        assert at((str(tmp_path / "none"), viewer[1]), "service", "list").code == 2


def test_a_server_that_is_no_node_is_not_talked_to(tmp_path, authority):
    fake_node = authority.issue("fake", f"sluice://{CLUSTER}/role/admin/mallory")
    admin = authority.issue("alice", f"sluice://{CLUSTER}/role/admin/alice")
    with Demo(tmp_path, [CLUSTER, *fake_node, authority.certificate]) as demo:
        ran = run("backend", "weight", "web/b1", "50", "--address", f"127.0.0.1:{demo.port}", "--cert", admin[0], "--key",
                  admin[1], "--ca", authority.certificate)
        assert ran.code == 6 and "is no node of cluster" in ran.err
        assert demo.ask("GET", "/v1/cluster")[2]["revision"] == 1
