# SPDX-License-Identifier: Apache-2.0
"""sluice cert: a cluster's certificates, and what openssl says of them."""
import os
import shutil
import stat
import subprocess

import pytest

from conftest import run


@pytest.fixture
def folder(tmp_path):
    ran = run("cert", "init", "--dir", str(tmp_path), "--cluster-id", "c1")
    assert ran.code == 0, ran.err
    return tmp_path


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_init_makes_an_authority_and_keeps_it(folder):
    assert (mode(folder / "ca.key"), mode(folder / "ca.crt")) == (0o600, 0o644)
    before = (folder / "ca.key").read_bytes()
    ran = run("cert", "init", "--dir", str(folder))
    assert ran.code == 4
    assert "kept; --force replaces it" in ran.err
    assert (folder / "ca.key").read_bytes() == before
    ran = run("cert", "init", "--dir", str(folder), "--force", "-o", "json")
    assert ran.code == 0
    assert (folder / "ca.key").read_bytes() != before
    assert len(ran.json()["cluster_id"]) == 32


def test_issue_renew_show(folder):
    ran = run("cert", "issue", "lb1", "--node", "--node-id", "ab", "--host", "192.0.2.1", "--dir", str(folder), "-o", "json")
    assert ran.code == 0, ran.err
    made = ran.json()
    assert (made["uri"], made["kind"], made["hosts"]) == ("sluice://c1/node/00000000000000ab", "node", ["lb1", "192.0.2.1"])
    assert made["files"] == [str(folder / "lb1.crt"), str(folder / "lb1.key")]
    assert mode(folder / "lb1.key") == 0o600
    out = tmp = folder / "elsewhere"
    tmp.mkdir()
    ran = run("cert", "issue", "alice", "--role", "operator", "--days", "10", "--dir", str(folder), "--out", str(out))
    assert ran.code == 0, ran.err
    assert "operator alice of cluster c1" in ran.out
    # Ten days are less than thirty.
    ran = run("cert", "show", str(out / "alice.crt"), str(folder / "lb1.crt"), str(folder / "ca.crt"))
    assert ran.code == 8
    assert "node 00000000000000ab" in ran.out and "operator alice" in ran.out and "authority" in ran.out
    key = (out / "alice.key").read_bytes()
    ran = run("cert", "renew", str(out / "alice.crt"), "--dir", str(folder))
    assert ran.code == 0, ran.err
    assert (out / "alice.key").read_bytes() == key
    ran = run("cert", "show", str(out / "alice.crt"), "-o", "json")
    assert ran.code == 0
    assert ran.json()[0]["days_left"] in (364, 365)
    assert ran.json()[0]["role"] == "operator"


def test_issue_keeps_what_is_there(folder):
    words = ("cert", "issue", "lb1", "--node", "--dir", str(folder))
    assert run(*words).code == 0
    before = (folder / "lb1.key").read_bytes()
    assert run(*words).code == 4
    assert (folder / "lb1.key").read_bytes() == before
    os.remove(folder / "lb1.key")
    assert run(*words).code == 4
    assert not (folder / "lb1.key").exists()
    assert run(*words, "--force").code == 0


@pytest.mark.parametrize("words, code, said", [
    (("issue", "lb1"), 2, "either --node or --role"),
    (("issue", "lb1", "--node", "--role", "admin"), 2, "either --node or --role"),
    (("issue", "al", "--role", "operater"), 2, "did you mean \"operator\""),
    (("issue", "al", "--role", "viewer", "--node-id", "1"), 2, "--node-id is for --node"),
    (("issue", "lb1", "--node", "--node-id", "xyz"), 2, "is no node id"),
    (("issue", "a/b", "--node"), 2, "is no name for a certificate"),
    (("issue", "ca", "--node"), 2, "the authority's own name"),
    (("issue", "lb1", "--node", "--host", "a,b"), 2, "neither a host name nor an address"),
    (("issue", "lb1", "--node", "--days", "0"), 2, "--days"),
    (("renew", "{dir}/ca.crt"), 2, "not renewed by itself"),
    (("renew", "{dir}/none.crt"), 3, "No such file"),
])
def test_wrong_words(folder, words, code, said):
    ran = run("cert", *(word.format(dir=folder) for word in words), "--dir", str(folder))
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert sorted(os.listdir(folder)) == ["ca.crt", "ca.key"]


def test_without_an_authority(tmp_path):
    ran = run("cert", "issue", "lb1", "--node", "--dir", str(tmp_path))
    assert ran.code == 3
    assert "sluice cert init" in ran.err
    assert run("cert", "show", __file__).code == 2


def test_a_key_that_others_may_read_is_not_used(folder):
    os.chmod(folder / "ca.key", 0o644)
    ran = run("cert", "issue", "lb1", "--node", "--dir", str(folder))
    assert ran.code == 1
    assert "chmod 600" in ran.err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_openssl_agrees(folder):
    assert run("cert", "issue", "lb1", "--node", "--dir", str(folder)).code == 0
    assert run("cert", "issue", "bob", "--role", "viewer", "--dir", str(folder)).code == 0

    def verify(purpose, name):
        return subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(folder / "ca.crt"),
                               str(folder / name)], capture_output=True, text=True, check=False)

    for purpose, name, good in (("sslserver", "lb1.crt", True), ("sslclient", "lb1.crt", True), ("sslclient", "bob.crt", True),
                                ("sslserver", "bob.crt", False)):
        ran = verify(purpose, name)
        assert (ran.returncode == 0) == good, ran.stdout + ran.stderr
