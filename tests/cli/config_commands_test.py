# SPDX-License-Identifier: Apache-2.0
"""config, explain, plan and table on files: no plane needed."""
import glob
import os

import pytest

from conftest import BAD, EXAMPLES, run


def test_good_files_pass(site):
    for name in ("site.toml", "minimal.toml", "dpdk.toml"):
        ran = run("config", "check", os.path.join(EXAMPLES, name))
        assert (ran.code, ran.err) == (0, "")
    assert run("config", "check", site).out == site + ": ok: 5 services, 3 pools, 8 backends (1 with weight 0)\n"


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(BAD, "*.toml"))), ids=os.path.basename)
def test_bad_files_exit_2_with_every_fault_in_its_place(path):
    with open(path[:-len(".toml")] + ".expect", encoding="utf-8") as file:
        expected = file.read().splitlines()
    ran = run("config", "check", os.path.basename(path), cwd=BAD)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[:-1] == expected
    assert ran.err.splitlines()[-1].startswith("error: " + os.path.basename(path) + " has ")
    # The same as data; and the other commands refuse the file in the same words.
    ran = run("config", "check", "-o", "json", os.path.basename(path), cwd=BAD)
    assert ran.code == 2
    answer = ran.json()
    assert answer["ok"] is False
    assert [f'{answer["file"]}:{e["line"]}:{e["column"]}: {e["message"]}' for e in answer["errors"]] == expected
    ran = run("table", "show", "-c", os.path.basename(path), cwd=BAD)
    assert (ran.code, ran.err.splitlines()[:-1]) == (2, expected)


def test_warnings_do_not_fail(tmp_path, site):
    with open(site, encoding="utf-8") as file:
        text = file.read()
    path = tmp_path / "c.toml"
    path.write_text(text + '\n[[pool]]\nname = "idle"\nbackends = []\n')
    ran = run("config", "check", str(path))
    assert ran.code == 0
    line = text.count("\n") + 2
    assert ran.err == f'{path}:{line}:1: warning: pool "idle": no service uses it\n'
    answer = run("config", "check", "-o", "json", str(path)).json()
    assert answer["warnings"] == [{"line": line, "column": 1, "message": 'pool "idle": no service uses it'}]


def test_a_file_from_standard_input(site):
    with open(site, "rb") as file:
        assert run("config", "check", "-", stdin=file).code == 0
    ran = run("config", "check", "-")
    assert (ran.code, ran.err.splitlines()[0][:6]) == (2, "-:1:1:")


def test_files_that_cannot_be_read(tmp_path):
    ran = run("config", "check", str(tmp_path / "absent.toml"))
    assert ran.code == 3
    assert ran.err == (f'error: cannot read "{tmp_path}/absent.toml": No such file or directory; '
                       "give the path of a configuration file, or - for standard input\n")
    ran = run("config", "check", str(tmp_path))
    assert ran.code == 1
    assert "Is a directory" in ran.err


def test_show_round_trips_and_keeps_the_secret(tmp_path, site):
    shown = run("config", "show", site).out
    assert "8f1d3b6c5a09e2747b1c90d4e6f8a253" not in shown
    full = run("config", "show", "--with-secret", site).out
    path = tmp_path / "canonical.toml"
    path.write_text(full)
    assert run("config", "diff", site, str(path)).code == 0
    assert run("config", "show", "--with-secret", str(path)).out == full


def test_diff_says_what_differs_and_exits_1(site, changed_site):
    ran = run("config", "diff", site, changed_site)
    assert (ran.code, ran.err) == (1, "")
    assert ran.out == ("~ backend web/web2  weight 100 -> 50\n\n"
                       "1 difference: 0 added, 1 changed, 0 removed\n")
    ran = run("config", "diff", site, site)
    assert (ran.code, ran.out) == (0, "no difference\n")
    assert run("config", "diff", "-o", "json", site, changed_site).json() == {
        "equal": False,
        "changes": [{"change": "changed", "object": "backend", "name": "web/web2",
                     "fields": [{"field": "weight", "before": "100", "after": "50"}]}]}


def test_diff_failures_are_above_1(site, tmp_path):
    assert run("config", "diff", site, str(tmp_path / "absent")).code == 3
    assert run("config", "diff", site, str(tmp_path)).code == 2
    assert run("config", "diff", os.path.join(BAD, "mtu.toml"), site).code == 2


EXPLAIN_KEYS = {"vip", "pool", "slot", "generation", "backend", "candidates", "verdict", "reason"}


def explain(site, source, destination):
    ran = run("explain", "-c", site, source, destination, "-o", "json")
    assert ran.code == 0
    assert EXPLAIN_KEYS <= set(ran.json())
    return ran.json()


def test_explain_agrees_with_the_exported_table(site):
    table = run("table", "export", "web", "-c", site, "-o", "json").json()
    seen = set()
    for port in range(20000, 20040):
        answer = explain(site, f"198.51.100.7:{port}", "203.0.113.10:443/tcp")
        assert (answer["vip"], answer["service"], answer["pool"]) == ("203.0.113.10:443/tcp", "https", "web")
        assert 0 <= answer["slot"] < 65537
        assert answer["backend"] == table["members"][table["owners"][answer["slot"]]]["name"]
        assert answer["candidates"] == [answer["backend"]]
        assert (answer["verdict"], answer["reason"]) == ("forward", "forwarded")
        assert answer["generation"] >= 1
        seen.add(answer["backend"])
    assert seen == {"web1", "web2", "web3"}  # web4 has weight 0


def test_explain_knows_any_port_families_and_protocols(site):
    assert explain(site, "198.51.100.7:1", "203.0.113.20:4242/udp")["vip"] == "203.0.113.20:*/udp"
    assert explain(site, "[2001:db8::7]:1", "[2001:db8:10::10]:443")["service"] == "https6"
    # Fragments allowed: the ports do not count.
    slots = {explain(site, f"198.51.100.7:{port}", "203.0.113.53:53/udp")["slot"] for port in (1, 2, 3)}
    assert len(slots) == 1


def test_explain_of_what_is_not_served(site, tmp_path):
    answer = explain(site, "198.51.100.7:1", "203.0.113.10:444/tcp")
    assert (answer["verdict"], answer["reason"]) == ("kernel", "not_vip")
    assert all(answer[key] is None for key in ("vip", "pool", "slot", "backend"))
    assert answer["candidates"] == []
    empty = tmp_path / "empty.toml"
    empty.write_text('hash_key = "000102030405060708090a0b0c0d0e0f"\n[[pool]]\nname = "web"\nbackends = []\n'
                     '[[service]]\nname = "web"\naddress = "203.0.113.10"\nport = 80\nprotocol = "tcp"\npool = "web"\n')
    answer = explain(str(empty), "198.51.100.7:1", "203.0.113.10:80")
    assert (answer["verdict"], answer["reason"], answer["backend"]) == ("drop", "no_backend", None)
    assert answer["pool"] == "web"


def test_explain_as_text(site):
    ran = run("explain", "-c", site, "198.51.100.7:41234", "203.0.113.10:443/tcp")
    lines = dict(line.split(None, 1) for line in ran.out.splitlines())
    assert lines["flow"] == "198.51.100.7:41234 -> 203.0.113.10:443/tcp"
    assert lines["service"] == "https 203.0.113.10:443/tcp"
    assert lines["slot"].endswith(" of 65,537")
    assert lines["verdict"] == "forward (forwarded: sent to a backend)"


@pytest.mark.parametrize("source,destination,message", [
    ("198.51.100.7", "203.0.113.10:80", '"198.51.100.7" is not ADDRESS:PORT: the port is missing'),
    ("198.51.100.7:1", "2001:db8::1:80", '"2001:db8::1:80" is not ADDRESS:PORT: an IPv6 address needs brackets'),
    ("198.51.100.7:1", "203.0.113.10:80/sctp", 'protocol "sctp" is unknown'),
    ("198.51.100.7:1", "[2001:db8::1]:80", "are of different families"),
    ("198.51.100.7:1/udp", "203.0.113.10:80/tcp", "name different protocols"),
])
def test_explain_refuses_malformed_flows(site, source, destination, message):
    ran = run("explain", "-c", site, source, destination)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err and "allowed: " in ran.err
    assert ran.err.count("\n") == 1


def test_plan_counts_what_the_tables_say(site, changed_site):
    ran = run("plan", "-c", site, changed_site, "-o", "json")
    assert ran.code == 0
    pool = ran.json()["pools"][0]
    before = run("table", "export", "web", "-c", site, "-o", "json").json()
    after = run("table", "export", "web", "-c", changed_site, "-o", "json").json()
    moved = sum(a != b for a, b in zip(before["owners"], after["owners"]))
    assert pool["moved"] == moved > 0
    gains = [max(0, after["members"][i]["slots"] - before["members"][i]["slots"]) for i in range(4)]
    assert pool["minimum"] == sum(gains)
    assert pool["moved_percent"] == pytest.approx(100 * moved / 65537, abs=1e-3)
    assert [b["slots_after"] for b in pool["backends"]] == [m["slots"] for m in after["members"]]
    assert ran.json()["pools"][1]["moved"] == 0


def test_plan_as_text(site, changed_site):
    out = run("plan", "-c", site, changed_site).out
    assert "pool web  65,537 slots\n" in out
    assert "100 -> 50" in out
    assert "the fewest possible are" in out
    assert out.count("moves nothing") == 2
    services = out[out.index("SERVICE"):]
    assert "https" in services and "game" not in services
    assert "no service's flows move" in run("plan", "-c", site, site).out


def test_table_show_and_export(site):
    out = run("table", "show", "-c", site).out
    assert [line for line in out.splitlines() if line.startswith("pool ")] == [
        "pool web  65,537 slots, 4 backends", "pool dns  16,381 slots, 2 backends", "pool near  65,537 slots, 2 backends"]
    answer = run("table", "show", "web", "-c", site, "-o", "json").json()
    assert [pool["name"] for pool in answer["pools"]] == ["web"]
    assert sum(member["slots"] for member in answer["pools"][0]["members"]) == 65537
    exported = run("table", "export", "dns", "-c", site).out.splitlines()
    assert exported[0] == "slot,backend"
    assert len(exported) == 16382
    assert {line.split(",")[1] for line in exported[1:]} == {"ns1", "ns2"}


def test_unknown_pool_exits_3_with_a_suggestion(site):
    for verb in ("show", "export"):
        ran = run("table", verb, "wbe", "-c", site)
        assert (ran.code, ran.out) == (3, "")
        assert ran.err == f'error: no pool "wbe" in {site}; did you mean "web"?\n'


def test_a_truncated_file_is_never_taken_for_a_changed_number(tmp_path, site):
    with open(site, "rb") as file:
        text = file.read()
    end = text.index(b"port = 443") + len(b"port = 44")
    path = tmp_path / "cut.toml"
    path.write_bytes(text[:end])
    ran = run("config", "check", str(path))
    assert ran.code == 2
    assert "digits may have been cut off" in ran.err


def test_arbitrary_files_never_crash():
    for path in ("/bin/true", "/etc/passwd", "/dev/null"):
        ran = run("config", "check", path)
        assert ran.code == 2, ran.err
        assert ran.err.startswith(path + ":")
