# SPDX-License-Identifier: Apache-2.0
"""The commands that ask a plane, against a fake one (docs/control-socket.md)."""
import os
import socket
import time

import pytest

from conftest import run
from fake_plane import FakePlane


@pytest.fixture
def plane(tmp_path):
    """plane(answer): a fake plane that is gone when the test ends; `.run(*words)` runs sluice against it."""
    started = []

    def start(answer):
        one = FakePlane(tmp_path, answer)
        started.append(one.__enter__())
        one.run = lambda *words: run(*words, "--socket", one.path)
        return one

    yield start
    for one in started:
        one.__exit__()


STATUS = {"ok": True, "version": "0.1.0", "plane": "xdp", "generation": 42, "updated_seconds": 200,
          "uptime_seconds": 90000, "config_file": "/etc/sluice/sluice.toml", "services": 2, "pools": 1, "backends": 4,
          "interfaces": [{"name": "eth0", "mode": "native", "note": ""},
                         {"name": "eth1", "mode": "generic", "note": "driver has no XDP"}],
          "unresolved": [], "memory_bytes": 5000000}


def test_status(plane):
    one = plane(lambda request: STATUS)
    ran = one.run("status")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == ("plane       xdp 0.1.0, up 25 h 0 min\n"
                       "generation  42, for 3 min\n"
                       "config      /etc/sluice/sluice.toml\n"
                       "interfaces  eth0 (native), eth1 (generic: driver has no XDP)\n"
                       "serves      2 services, 1 pool, 4 backends\n"
                       "memory      4.8 MiB\n")
    assert one.requests == [{"op": "status"}]
    expected = {key: value for key, value in STATUS.items() if key != "ok"}
    assert one.run("status", "-o", "json").json() == expected


def test_status_of_a_plane_of_a_cluster(plane):
    told = {"generation": 1234, "phase": "active", "table_hash": "00f1c2d3e4a5b697", "age_seconds": 200}
    answers = iter([dict(STATUS, source="cluster", cluster=told, fenced=False),
                    dict(STATUS, source="cluster", cluster=told, fenced=True),
                    dict(STATUS, source="cluster", cluster=None, fenced=False)])
    one = plane(lambda request: next(answers))
    assert "cluster     generation 1,234, active, for 3 min\n" in one.run("status").out
    assert "; fenced: the others do not wait for this balancer\n" in one.run("status").out
    assert "cluster     has told it nothing yet\n" in one.run("status").out


def test_status_is_degraded_while_a_backend_has_no_next_hop(plane):
    answer = dict(STATUS, unresolved=["web/b1", "web/b2"], unresolved_reasons={"web/b1": "no route to 10.0.1.11"})
    ran = plane(lambda request: answer).run("status")
    assert ran.code == 8
    assert "web/b1: no route to 10.0.1.11; its packets drop as no_next_hop\n" in ran.out
    assert "web/b2: no link-layer address yet; its packets drop as no_next_hop\n" in ran.out


STATS = {"ok": True, "generation": 7, "rx_packets": 1000, "rx_bytes": 1500000, "tx_packets": 900, "kernel_packets": 60,
         "drop_packets": 40, "flow_hits": 800, "flow_inserts": 12, "flow_inserts_limited": 1, "flow_evictions": 0,
         "services": [{"name": "web", "address": "203.0.113.10", "port": 80, "protocol": "tcp", "pool": "web",
                       "packets": 1234567, "bytes": 1536, "new_flows": 5, "drops": 0},
                      {"name": "any6", "address": "2001:db8::1", "port": 0, "protocol": "udp", "pool": "web",
                       "packets": 0, "bytes": 0, "new_flows": 0, "drops": 0}],
         "backends": [{"pool": "web", "name": "b1", "address": "10.0.1.11", "weight": 100, "packets": 600,
                       "bytes": 0, "new_flows": 0},
                      {"pool": "web", "name": "b2", "address": "10.0.1.12", "weight": 50, "packets": 300,
                       "bytes": 0, "new_flows": 0}]}


def test_stats(plane):
    ran = plane(lambda request: STATS).run("stats")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "PACKETS              COUNT  OF RECEIVED\n"
        "received             1,000      1.4 MiB\n"
        "sent to backends       900        90.0%\n"
        "left to the kernel      60         6.0%\n"
        "dropped                 40         4.0%\n"
        "found in flow table    800        80.0%\n"
        "\n"
        "flow table: 12 entered, 1 above the rate limit, 0 evicted\n"
        "\n"
        "SERVICE  ADDRESS              POOL    PACKETS    BYTES  NEW FLOWS  DROPS\n"
        "web      203.0.113.10:80/tcp  web   1,234,567  1.5 KiB          5      0\n"
        "any6     [2001:db8::1]:*/udp  web           0      0 B          0      0\n"
        "\n"
        "BACKEND  ADDRESS    WEIGHT  PACKETS  OF POOL  BYTES  NEW FLOWS\n"
        "web/b1   10.0.1.11     100      600    66.7%    0 B          0\n"
        "web/b2   10.0.1.12      50      300    33.3%    0 B          0\n")


DROPS = {"ok": True, "rx_packets": 2000,
         "reasons": [{"name": "forwarded", "class": "tx", "packets": 1900, "text": "sent to a backend"},
                     {"name": "bad_length", "class": "drop", "packets": 30, "text": "a length contradicts"},
                     {"name": "no_backend", "class": "drop", "packets": 70, "text": "the pool is empty"},
                     {"name": "loop_source", "class": "drop", "packets": 0, "text": "spoofed"}]}


def test_drops_shows_what_happened_largest_first(plane):
    one = plane(lambda request: DROPS)
    assert one.run("drops").out == (
        "REASON      PACKETS  OF RECEIVED  MEANS\n"
        "no_backend       70         3.5%  the pool is empty\n"
        "bad_length       30         1.5%  a length contradicts\n"
        "\n"
        "100 of 2,000 received packets dropped (5.0%)\n")
    everything = one.run("drops", "--all").out.splitlines()
    assert [line.split()[:2] for line in everything[1:5]] == [
        ["forwarded", "tx"], ["no_backend", "drop"], ["bad_length", "drop"], ["loop_source", "drop"]]
    assert one.run("drops", "-o", "json").json()["reasons"] == DROPS["reasons"]


def test_explain_asks_and_passes_the_answer_on(plane):
    answer = {"vip": "203.0.113.10:80/tcp", "service": "web", "pool": "web", "slot": 5, "slots": 65537,
              "generation": 9, "backend": "b1", "backend_address": "10.0.1.11", "candidates": ["b1", "b2"],
              "verdict": "forward", "reason": "forwarded", "reason_text": "sent to a backend", "remembered": True}
    one = plane(lambda request: dict(answer, ok=True))
    ran = one.run("explain", "[2001:db8::7]:1000", "[2001:db8::10]:53/udp", "-o", "json")
    assert one.requests == [{"op": "explain", "source": "[2001:db8::7]:1000", "destination": "[2001:db8::10]:53",
                             "protocol": "udp"}]
    assert ran.json() == answer
    out = one.run("explain", "198.51.100.7:1", "203.0.113.10:80").out
    assert "backend     b1 10.0.1.11, remembered by the flow table\n" in out
    assert "candidates  b1, then b2\n" in out


def test_table_of_the_running_plane(plane):
    pool = {"name": "web", "slots": 16381, "members": [{"name": "b1", "address": "10.0.1.11", "weight": 3, "slots": 2},
                                                       {"name": "b2", "address": "10.0.1.12", "weight": 1, "slots": 1}]}
    one = plane(lambda request: {"ok": True, "generation": 3,
                                 "pools": [dict(pool, owners=[0, 1, 0]) if request.get("owners") else pool]})
    assert "b1       10.0.1.11       3  75.000%  66.667%      2\n" in one.run("table", "show").out
    assert one.run("table", "export", "web").out == "slot,backend\n0,b1\n1,b2\n2,b1\n"
    assert one.requests == [{"op": "table"}, {"op": "table", "pool": "web", "owners": True}]


def test_plan_and_diff_against_the_running_configuration(plane, site, changed_site):
    with open(site, encoding="utf-8") as file:
        text = file.read()
    one = plane(lambda request: {"ok": True, "config": text})
    assert one.run("config", "diff", site).code == 0
    ran = one.run("config", "diff", changed_site)
    assert (ran.code, ran.out.splitlines()[0]) == (1, "~ backend web/web2  weight 100 -> 50")
    assert one.run("plan", changed_site, "-o", "json").json() == run("plan", "-c", site, changed_site, "-o", "json").json()
    assert one.run("config", "show").out == run("config", "show", site).out
    assert {request["op"] for request in one.requests} == {"config"}


def test_version_with_a_plane(plane):
    answer = {"ok": True, "version": "0.1.0", "plane": "xdp", "image_version": 1, "hash_version": 1}
    assert "plane   xdp 0.1.0 (image 1, hash 1)\n" in plane(lambda request: answer).run("version").out


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_refusal_keeps_its_exit_code_and_words(plane, code):
    ran = plane(lambda request: {"ok": False, "error": "no pool \"x\"", "exit_code": code}).run("table", "show", "x")
    assert (ran.code, ran.out, ran.err) == (code, "", 'error: no pool "x"\n')


@pytest.mark.parametrize("answer", [{"ok": False, "error": "no", "exit_code": 0}, {"ok": False, "error": "no"},
                                    {"ok": False, "error": "no", "exit_code": 99}, {"ok": "yes", "error": "no"},
                                    {"error": "no"}])
def test_a_refusal_is_never_a_success(plane, answer):
    assert plane(lambda request: answer).run("status").code == 1


@pytest.mark.parametrize("answer", [b"\n", b"HTTP/1.1 400 Bad Request\n", b"[1]\n", b"\xff\xfe\n", b"{\n"])
def test_answers_that_are_no_objects(plane, answer):
    ran = plane(lambda request: answer).run("status")
    assert (ran.code, ran.out) == (1, "")
    assert "is not a JSON object; is it the socket of a Sluice plane?" in ran.err


@pytest.mark.parametrize("answer", [
    {"ok": True}, {"ok": True, "generation": "x", "interfaces": 5, "unresolved": {}, "services": [1, None], "reasons": [[]],
                   "pools": [{}, 7], "backends": "x", "candidates": [1, None], "slot": -1, "slots": 1e300}])
@pytest.mark.parametrize("words", [["status"], ["stats"], ["drops", "--all"], ["version"], ["table", "show"],
                                   ["table", "export", "web"], ["explain", "1.2.3.4:1", "5.6.7.8:2"]])
def test_answers_of_another_version_do_not_crash(plane, words, answer):
    one = plane(lambda request: answer)
    for extra in ([], ["-o", "json"]):
        assert one.run(*words, *extra).code in (0, 3)


def test_a_plane_that_closes_without_an_answer(plane):
    ran = plane(lambda request: None).run("status")
    assert ran.code == 6
    assert "closed the connection without an answer" in ran.err


def test_a_silent_plane_times_out(plane):
    one = plane(lambda request: "silence")
    start = time.monotonic()
    ran = one.run("status", "--timeout", "0.2")
    assert ran.code == 7
    assert time.monotonic() - start < 10
    assert ran.err == f"error: the plane at {one.path} did not answer within 0.2 s; try again with --timeout SECONDS\n"


def test_no_plane(tmp_path, site):
    path = str(tmp_path / "none.sock")
    for words in (["status"], ["stats"], ["drops"], ["table", "show"], ["explain", "1.2.3.4:1", "5.6.7.8:2"],
                  ["plan", site], ["config", "diff", site]):
        ran = run(*words, "--socket", path)
        assert (ran.code, ran.out) == (6, "")
        assert ran.err == (f"error: no plane answers at {path}: No such file or directory; is sluice-xdp running? "
                           "(--socket PATH names another socket)\n")


def test_a_socket_nobody_listens_on(tmp_path):
    path = str(tmp_path / "dead.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(path)
    ran = run("status", "--socket", path)
    assert ran.code == 6
    assert "Connection refused" in ran.err
    assert os.path.exists(path)


def test_a_path_too_long_for_a_socket():
    assert run("status", "--socket", "/" + "x" * 200).code == 6


def test_a_large_answer_arrives_whole(plane):
    owners = [index % 2 for index in range(655373)]
    pool = {"name": "web", "slots": 655373, "owners": owners,
            "members": [{"name": "b1", "address": "10.0.1.11", "weight": 1, "slots": 1},
                        {"name": "b2", "address": "10.0.1.12", "weight": 1, "slots": 1}]}
    ran = plane(lambda request: {"ok": True, "generation": 1, "pools": [pool]}).run("table", "export", "web", "-o", "json")
    assert ran.json()["owners"] == owners
